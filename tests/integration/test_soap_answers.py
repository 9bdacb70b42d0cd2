"""SOAP: what a service says and what becomes of it: wrong values, faults, cuts, calls whose outcome nobody told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from lxml import etree
from servers import soap

from connectors.soap.documents import KEPT
from orderhub.connector import Connector, Outcome, OutcomeState
from orderhub.connector_registry import registry
from orderhub.documents import Party
from orderhub.errors import (
    ConnectorError,
    ConnectorProtocolError,
    ConnectorRefused,
    ConnectorUnavailable,
)
from orderhub.services.folder import DataFolder
from orderhub.testing import load_item, sample_order

pytestmark = pytest.mark.integration
ORDERS = "{urn:orderhub:test:orders}"
Make = Callable[..., Connector[Any]]
BY_PARAMETERS = soap.LOAD | {"mapping": None, "parameters": soap.PARAMETERS}


@pytest.fixture(scope="module")
def server(project_data: DataFolder) -> Iterator[soap.Exchange]:
    with soap.running(project_data.path / "cache") as running:
        yield running


@pytest.fixture
def exchange(server: soap.Exchange) -> soap.Exchange:
    server.reset()
    KEPT.clear()
    return server


@pytest.fixture
def make(exchange: soap.Exchange) -> Iterator[Make]:
    made: list[Connector[Any]] = []

    def build(
        name: str = "open", *, url: str | None = None, write: Any = None, **more: Any
    ) -> Connector[Any]:
        settings = {
            "connection": "exchange",
            "pull": soap.PULL,
            "load": BY_PARAMETERS,
            "find": soap.FIND,
            "faults": soap.FAULTS,
            "http": soap.HTTP,
        }
        ports = soap.ports_of(url or exchange.wsdl(name), write=write)
        made.append(registry().create("soap", settings | more, ports))
        return made[-1]

    yield build
    for connector in made:
        connector.close()


def numbers(data: bytes | None) -> list[str]:
    assert data is not None
    return [str(found.text) for found in etree.fromstring(data).iter(f"{ORDERS}number")]


def one(outcomes: list[Outcome]) -> Outcome:
    [outcome] = outcomes
    return outcome


ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>'
PAGE = '<OrderPage xmlns="urn:orderhub:test:exchange">{}</OrderPage>'


# What is fetched


@pytest.mark.parametrize("name", ["open", "open12"])
def test_pages_follow_the_mark(exchange: soap.Exchange, make: Make, name: str) -> None:
    """SOAP 1.1 and 1.2."""
    exchange.put(*(soap.order(f"P-{number}") for number in range(5)))
    pages = list(make(name, pull=soap.PULL | {"page_size": 2}).pull("orders", None))
    assert [numbers(page.data) for page in pages] == [["P-0", "P-1"], ["P-2", "P-3"], ["P-4"]]
    exchange.put(soap.order("P-5"))
    [later] = make(name).pull("orders", pages[-1].bookmark)
    assert numbers(later.data) == ["P-5"]
    assert list(make(name).pull("orders", later.bookmark)) == []
    assert make(name).waiting("orders", None)
    assert not make(name).waiting("orders", later.bookmark)


def test_a_record_by_itself_is_known_again_in_whatever_page_it_comes(
    exchange: soap.Exchange, make: Make
) -> None:
    pull = soap.PULL | {"one_by_one": True, "arrival": "order/@sequence"}
    exchange.put(soap.order("R-0"), soap.order("R-1"))
    first = list(make(pull=pull).pull("orders", None))
    exchange.put(soap.order("R-2"))
    again = list(make(pull=pull | {"page_size": 2}).pull("orders", None))
    assert [page.arrival for page in again][:2] == [page.arrival for page in first]
    assert [numbers(page.data) for page in again] == [["R-0"], ["R-1"], ["R-2"]]


WRONG = [
    ({"issuedOn": ""}, "/OrderPage/order[2]/issuedOn", "date"),
    ({"deliverOn": ""}, "/OrderPage/order[2]/deliverOn", "date"),
    ({"issuedOn": "02.11.2026"}, "/OrderPage/order[2]/issuedOn", "02.11.2026"),
    ({"currency": "Euro"}, "/OrderPage/order[2]/currency", "pattern"),
    (
        {"line": [{"position": 1, "gtin": "1", "quantity": 1, "unit": "XXX", "price": "1"}]},
        "line/unit",
        "'XXX'",
    ),
    (
        {"line": [{"position": 1, "gtin": "1", "quantity": 1, "unit": "C62"}]},
        "/OrderPage/order[2]/line",
        "price",
    ),
    (
        {"line": [{"position": 0, "gtin": "1", "quantity": 1, "unit": "C62", "price": "1"}]},
        "line/position",
        "'0'",
    ),
    (
        {"line": [{"position": 1, "gtin": "1", "quantity": "1,5", "unit": "C62", "price": "1"}]},
        "quantity",
        "1,5",
    ),
]


@pytest.mark.parametrize(("change", "place", "said"), WRONG)
def test_a_wrong_value_is_named_with_its_place_and_the_others_go_on(
    exchange: soap.Exchange, make: Make, change: dict[str, Any], place: str, said: str
) -> None:
    """zeep reads an empty date as nothing, and takes any text where the schema has a list of words."""
    exchange.put(soap.order("W-0"), soap.order("W-1", **change), soap.order("W-2"))
    pages = list(make().pull("orders", None))
    bad = [page for page in pages if page.problem]
    good = [page for page in pages if not page.problem]
    assert [numbers(page.data) for page in bad] == [["W-1"]]
    assert [numbers(page.data) for page in good] == [["W-0", "W-2"]]
    problem = bad[0].problem or ""
    assert place in problem
    assert said in problem
    assert "{urn" not in problem
    # a crash between the two is no loss: the bookmark moves on with the last of them only
    assert pages[0].bookmark is None
    assert pages[-1].bookmark == {"mark": str(exchange.told()["orders"][-1]["sequence"])}


def test_a_part_of_a_page_keeps_the_prefixes_of_the_envelope(exchange: soap.Exchange, make: Make) -> None:
    """Also those that stand in values only."""
    line = "<t:position>1</t:position><t:gtin>1</t:gtin><t:quantity>1</t:quantity><t:unit>C62</t:unit><t:price>1</t:price>"
    record = (
        '<t:order i:type="q:Order"><t:number>{}</t:number><t:issuedOn>{}</t:issuedOn><t:currency>EUR</t:currency>'
        f"<t:buyer>b</t:buyer><t:supplier>s</t:supplier><t:line>{line}</t:line></t:order>"
    )
    page = record.format("N-0", "2026-11-02") + record.format("N-1", "") + "<mark>1</mark><more>false</more>"
    spaces = (
        'xmlns:q="urn:orderhub:test:orders" xmlns:t="urn:orderhub:test:orders" '
        'xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
    )
    text = ENVELOPE.format(PAGE.format(page)).replace("<s:Envelope ", f"<s:Envelope {spaces} ")
    source = make()
    exchange.does(raw={"text": text})
    bad, good = source.pull("orders", None)
    assert [numbers(bad.data), numbers(good.data)] == [["N-1"], ["N-0"]]
    for part in (bad, good):
        assert b'xmlns:q="urn:orderhub:test:orders"' in (part.data or b"")


def test_without_the_check_the_answer_is_taken_as_it_is(exchange: soap.Exchange, make: Make) -> None:
    exchange.put(soap.order("W-3", issuedOn=""))
    [page] = make(check_answers=False).pull("orders", None)
    assert page.problem is None
    assert numbers(page.data) == ["W-3"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PAGE.format("<mark>3</mark><more>perhaps</more>"), "/OrderPage/more"),
        (PAGE.format("<mark>3</mark>"), "more"),
        ('<Other xmlns="urn:x"/>', "Other"),
    ],
)
def test_an_answer_that_is_wrong_as_a_whole_is_not_taken(
    exchange: soap.Exchange, make: Make, content: str, said: str
) -> None:
    exchange.does(raw={"text": ENVELOPE.format(content)})
    with pytest.raises(ConnectorProtocolError, match="SOAP_ANSWER_INVALID") as caught:
        list(make(pull={"operation": "GetOrders", "mark": None}).pull("orders", None))
    assert said in caught.value.what


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        ({"text": "<html>Sign in</html>", "type": "text/html"}, ConnectorProtocolError),
        ({"text": ""}, ConnectorProtocolError),
        ({"text": ENVELOPE.format("")[:-20]}, ConnectorProtocolError),
        ({"text": "<html>Bad gateway</html>", "status": 502}, ConnectorUnavailable),
        ({"text": "<html>Error</html>", "status": 500}, ConnectorUnavailable),
        ({"text": "no", "status": 404}, ConnectorRefused),
        ({"text": "--b\r\n\r\n--b--", "type": 'multipart/related; boundary="b"'}, ConnectorProtocolError),
    ],
)
def test_what_is_no_soap_is_a_typed_error(
    exchange: soap.Exchange, make: Make, raw: dict[str, Any], error: type[ConnectorError]
) -> None:
    source = make()
    exchange.does(raw=raw)
    with pytest.raises(error) as caught:
        list(source.pull("orders", None))
    assert caught.value.todo


def test_a_page_that_never_ends_is_told(exchange: soap.Exchange, make: Make) -> None:
    number = '<o:order xmlns:o="urn:orderhub:test:orders" sequence="1"/>'
    exchange.does(raw={"text": ENVELOPE.format(PAGE.format(f"{number}<mark>7</mark><more>true</more>"))})
    pull = soap.PULL | {"first_mark": "7"}
    with pytest.raises(ConnectorProtocolError, match="again the mark"):
        list(make(pull=pull, check_answers=False).pull("orders", None))


def test_half_an_answer_is_no_answer(exchange: soap.Exchange, make: Make) -> None:
    exchange.put(soap.order("H-0"))
    exchange.does(half=True)
    with pytest.raises(ConnectorUnavailable):
        list(make().pull("orders", None))
    exchange.does()
    assert len(list(make().pull("orders", None))) == 1


def test_confirmed_is_not_fetched_again(exchange: soap.Exchange, make: Make) -> None:
    """Without any mark: what was confirmed is gone from the next answer."""
    pull = {
        "operation": "GetOrders",
        "parameters": {"limit": "{limit}"},
        "records": "order",
        "more": "more",
        "page_size": 2,
        "confirm": soap.CONFIRM,
    }
    exchange.put(*(soap.order(f"C-{number}") for number in range(5)))
    found: list[str] = []
    source = make(pull=pull)
    for page in source.pull("orders", None):
        found += numbers(page.data)
        source.settle(page, "accepted")  # type: ignore[arg-type]  # as good as the word
    assert found == [f"C-{number}" for number in range(5)]
    assert list(make(pull=pull).pull("orders", None)) == []


def test_the_older_style_with_parameters_is_checked_too(exchange: soap.Exchange, make: Make) -> None:
    pull = {"operation": "GetStock", "parameters": {"item": "4019999011016"}}
    [level] = make("rpc", pull=pull, load=None, find=None).pull("stock", None)
    assert level.data is not None
    assert b"12.5" in level.data
    assert make("rpc", pull=pull, load=None, find=None).check().ok
    exchange.does(level={"level": {"quantity": "12.5", "kind": "LOST", "countedOn": ""}})
    with pytest.raises(ConnectorProtocolError) as caught:
        list(make("rpc", pull=pull, load=None, find=None).pull("stock", None))
    assert "level/kind" in caught.value.what
    assert "level/countedOn" in caught.value.what


# What is submitted


@pytest.mark.parametrize("name", ["open", "open12"])
def test_a_load_by_parameters(exchange: soap.Exchange, make: Make, name: str) -> None:
    item = load_item(sample_order("L-0"))
    outcome = one(make(name).load([item]))
    assert outcome.state is OutcomeState.WRITTEN
    [taken] = exchange.told()["submitted"]
    assert taken["requestId"] == item.key
    assert taken["order"]["number"] == "L-0"
    assert outcome.reference == taken["orderId"]


def test_the_key_is_put_where_the_schema_wants_it_into_what_a_mapping_wrote(
    exchange: soap.Exchange, make: Make
) -> None:
    text = (
        '<SubmitOrder xmlns="urn:orderhub:test:exchange" xmlns:o="urn:orderhub:test:orders"><o:order>'
        "<o:number>M-0</o:number><o:issuedOn>2026-11-02</o:issuedOn><o:currency>EUR</o:currency><o:buyer>b</o:buyer>"
        "<o:supplier>s</o:supplier><o:line><o:position>1</o:position><o:gtin>g</o:gtin><o:quantity>1</o:quantity>"
        "<o:unit>C62</o:unit><o:price>1</o:price></o:line></o:order></SubmitOrder>"
    )

    def write(mapping: str, document: object, given: object = None) -> SimpleNamespace:
        assert mapping == "purchase_order__exchange"
        return SimpleNamespace(tree=text.encode(), data=text.encode(), media_type="application/xml")

    item = load_item(sample_order("M-0"))
    assert one(make(write=write, load=soap.LOAD).load([item])).state is OutcomeState.WRITTEN
    assert exchange.effects([item.key]) == {item.key: 1}


@pytest.mark.parametrize(
    "text", ["</o:number><o:x/>", "]]>&amp;'\"", "{mark}", "x' OR '1'='1", "=cmd|' /C calc'!A0"]
)
def test_a_partners_text_stays_text(exchange: soap.Exchange, make: Make, text: str) -> None:
    item = load_item(sample_order(text), key=f"key {text}")
    assert one(make().load([item])).state is OutcomeState.WRITTEN
    [taken] = exchange.told()["submitted"]
    assert (taken["order"]["number"], taken["requestId"]) == (text, item.key)
    assert list(make().find([item.key])) == [item.key]


def test_what_xml_cannot_hold_is_named_and_not_sent(exchange: soap.Exchange, make: Make) -> None:
    bad = load_item(sample_order("a\x01b"), key="bad")
    assert one(make().load([bad])).code == "SOAP_REQUEST_INVALID"
    assert exchange.told()["submitted"] == []


def test_a_changed_wsdl_is_noticed(exchange: soap.Exchange, make: Make) -> None:
    source = make(keep_seconds=0)
    assert source.check().ok
    assert source.check().ok
    assert [one["url"] for one in exchange.told()["seen"]].count("/open?wsdl") == 2


def test_a_request_that_does_not_fit_is_named_and_not_sent(exchange: soap.Exchange, make: Make) -> None:
    order = sample_order("I-0")
    bad = load_item(msgspec.structs.replace(order, currency="euros"))
    good = load_item(sample_order("I-1"))
    rejected, written = make().load([bad, good])
    assert rejected.state is OutcomeState.REJECTED
    assert rejected.code == "SOAP_REQUEST_INVALID"
    assert "/SubmitOrder/order/currency" in (rejected.reason or "")
    assert written.state is OutcomeState.WRITTEN
    missing = load_item(msgspec.structs.replace(order, buyer=Party(name="no number")))
    assert "buyer" in (one(make().load([missing])).reason or "")
    assert list(exchange.effects([bad.key, good.key, missing.key])) == [good.key]


FAULT_CASES = [
    ({"where": "Client", "text": "The date is in the past."}, OutcomeState.REJECTED, "past"),
    (
        {"where": "Server", "text": "No.", "code": "SUPPLIER_UNKNOWN"},
        OutcomeState.REJECTED,
        "SUPPLIER_UNKNOWN",
    ),
    ({"where": "Server", "text": "No.", "code": "SOMETHING"}, OutcomeState.REJECTED, "SOMETHING"),
    ({"where": "Server", "text": "Null pointer."}, OutcomeState.UNCLEAR, "Null pointer"),
]


@pytest.mark.parametrize(("fault", "state", "said"), FAULT_CASES)
def test_a_fault_says_no_or_says_nothing(
    exchange: soap.Exchange, make: Make, fault: dict[str, str], state: OutcomeState, said: str
) -> None:
    """The third: the WSDL declares this fault's detail for the operation, so the service itself said no."""
    target = make()
    exchange.does(fault=fault)
    outcome = one(target.load([load_item(sample_order("F-0"))]))
    assert outcome.state is state, outcome
    assert said in (outcome.reason or "")


def test_a_busy_service_is_asked_again_later(exchange: soap.Exchange, make: Make) -> None:
    target = make()
    exchange.does(fault={"where": "Server", "text": "Too many.", "code": "BUSY"})
    with pytest.raises(ConnectorUnavailable, match="BUSY") as caught:
        target.load([load_item(sample_order("F-1"))])
    assert caught.value.retryable
    with pytest.raises(ConnectorUnavailable):
        list(target.pull("orders", None))


def test_after_a_time_out_the_order_is_looked_up_and_not_sent_twice(
    exchange: soap.Exchange, make: Make
) -> None:
    """The server took the order and never answered."""
    patient = {**soap.HTTP, "timeout_seconds": 30}
    settings = {"load": BY_PARAMETERS | {"idempotent": False}, "http": patient}
    assert make(**settings).check().ok, "the documents are here before anything is slow"
    items = [load_item(sample_order(f"T-{number}")) for number in range(3)]
    exchange.does(then="hang", forgetful=True)
    quick = {**patient, "timeout_seconds": 3, "retry": {"attempts": 1}}
    outcomes = make(**settings | {"http": quick}).load(items)
    assert {outcome.state for outcome in outcomes} == {OutcomeState.UNCLEAR}
    assert exchange.effects([item.key for item in items]) == {items[0].key: 1}
    exchange.does(forgetful=True)
    found = make(**settings).find([item.key for item in items])
    assert list(found) == [items[0].key]
    assert found[items[0].key].state is OutcomeState.UNCHANGED
    again = make(**settings).load(items)
    assert [outcome.state for outcome in again] == ["unchanged", "written", "written"]
    assert exchange.effects([item.key for item in items]) == {item.key: 1 for item in items}


def test_a_cut_after_the_server_took_it_is_mended_by_the_key(exchange: soap.Exchange, make: Make) -> None:
    item = load_item(sample_order("T-9"))
    with exchange.cut(0, after=True) as failure:
        target = make(find=None)
        outcome = one(target.load([item]))
    assert failure.happened
    assert outcome.state is OutcomeState.UNCHANGED
    assert exchange.effects([item.key]) == {item.key: 1}


def test_an_answer_that_does_not_fit_leaves_the_outcome_unclear(exchange: soap.Exchange, make: Make) -> None:
    exchange.does(status="PERHAPS")
    item = load_item(sample_order("T-8"))
    outcome = one(make().load([item]))
    assert outcome.state is OutcomeState.UNCLEAR
    assert "/SubmitAnswer/status" in (outcome.reason or "")
    assert list(make().find([item.key])) == [item.key]


# The WSDL


def test_schemas_that_do_not_say_what_they_import_are_understood(exchange: soap.Exchange, make: Make) -> None:
    """Many a WSDL names a namespace that another of its schemas has, and does not say where."""
    types = (soap.FOLDER / "types.xsd").read_text().partition("?>")[2]
    whole = '<xs:import namespace="urn:orderhub:test:orders" schemaLocation="types.xsd"/>'

    def inline(text: str) -> str:
        changed = text.replace(whole, '<xs:import namespace="urn:orderhub:test:orders"/>')
        return changed.replace("<types>", f"<types>{types}")

    exchange.put(soap.order("Q-0"), soap.order("Q-1", issuedOn=""))
    with soap.served(exchange, inline) as wsdl:
        pages = list(make(url=wsdl).pull("orders", None))
    assert [bool(page.problem) for page in pages] == [True, False]


def test_what_every_other_wsdl_imports_is_there_already(exchange: soap.Exchange, make: Make) -> None:
    """The arrays of SOAP encoding and the attributes of XML come from the web in other programs, each time."""
    encoding = "http://schemas.xmlsoap.org/soap/encoding/"
    types = (
        f'<xs:import namespace="{encoding}"/><xs:import namespace="http://www.w3.org/XML/1998/namespace"/>'
        f'<xs:complexType name="List"><xs:complexContent><xs:restriction xmlns:e="{encoding}" base="e:Array">'
        '<xs:attribute ref="e:arrayType" xmlns:w="http://schemas.xmlsoap.org/wsdl/" w:arrayType="xs:string[]"/>'
        '</xs:restriction></xs:complexContent></xs:complexType><xs:element name="Listed"><xs:complexType><xs:sequence>'
        '<xs:element name="list" type="x:List"/></xs:sequence><xs:attribute ref="xml:lang"/></xs:complexType></xs:element>'
    )
    first = '<xs:element name="Ping">'
    with soap.served(exchange, lambda text: text.replace(first, types + first, 1)) as wsdl:
        health = make(url=wsdl).check()
    assert health.ok, health.sentence


def test_a_schema_that_contradicts_itself_is_told(exchange: soap.Exchange, make: Make) -> None:
    with soap.served(exchange, lambda text: text.replace('ref="t:order"/>', 'ref="t:Missing"/>')) as wsdl:
        health = make(url=wsdl).check()
    assert not health.ok
    assert "Missing" in health.sentence


def test_settings_that_could_send_twice_are_refused(make: Make) -> None:
    with pytest.raises(Exception, match="needs find"):
        make(load=BY_PARAMETERS | {"idempotent": False}, find=None)
