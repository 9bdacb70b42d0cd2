"""OData: values both ways, tokens and sessions that end, change sets, delta links that run out, links that lead elsewhere."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from servers.line import Line
from servers.mock_sap import PASSWORD, USER, V2, V4, MockSap, mock_sap
from servers.odata4 import Odata4

from connectors.odata.connector import OdataConnector
from connectors.odata.metadata import read_metadata
from connectors.odata.settings import OdataSettings
from connectors.odata.values import Form, from_wire, literal
from orderhub.connector import Credentials, Interchange, LoadItem, OutcomeState
from orderhub.errors import ConnectorProtocolError, ConnectorRefused
from orderhub.testing import PortsForTests, load_item, sample_order
from orderhub.transport.payload import mark_of

Make = Callable[..., OdataConnector]


@pytest.fixture(scope="module")
def sap_process() -> Iterator[MockSap]:
    with mock_sap() as system:
        yield system


@pytest.fixture
def sap(sap_process: MockSap) -> MockSap:
    sap_process.reset()
    return sap_process


@pytest.fixture
def service() -> Iterator[Odata4]:
    service = Odata4()
    yield service
    service.close()


def write(mapping: str, document: Any, given: Any = None) -> Any:
    items = [
        {
            "PurchaseOrderItem": str(line.number * 10),
            "OrderQuantity": line.quantity,
            "NetPriceAmount": Decimal("0.125"),
        }
        for line in document.lines
    ]
    supplier = "12345678901" if document.number.endswith("-bad") else "1"
    tree = {"Supplier": supplier, "PurchaseOrderDate": document.issued_on, "to_PurchaseOrderItem": items}
    return SimpleNamespace(tree=tree, data=b"", media_type="application/json")


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[OdataConnector] = []

    def build(url: str, *, version: str = "4", http: Any = None, **settings: Any) -> OdataConnector:
        quick = {
            "retry": {"attempts": 2, "first_seconds": 0},
            "breaker": {"failures": 1000},
            "timeout_seconds": 60,
        }
        credentials = Credentials(url=url, user=USER, secret=PASSWORD)
        ports = PortsForTests(credentials={"api": credentials}, resources={"write": write})
        checked = OdataSettings.model_validate(
            {"connection": "api", "version": version, "http": {**quick, **(http or {})}, **settings}
        )
        made.append(OdataConnector(checked, ports))
        return made[-1]

    yield build
    for connector in made:
        connector.close()


def target(version: str, batch_size: int = 1) -> dict[str, Any]:
    prefix = "A_" if version == "2" else ""
    return {
        "version": version,
        "service": V2 if version == "2" else V4,
        "target": {
            "set": f"{prefix}PurchaseOrder",
            "mapping": "m",
            "key": {"path": "to_PurchaseOrderItem.0.PurchaseOrderItemText", "length": 40},
            "find": {
                "set": f"{prefix}PurchaseOrderItem",
                "field": "PurchaseOrderItemText",
                "reference": "PurchaseOrder",
            },
            "reference": "PurchaseOrder",
            "batch_size": batch_size,
        },
    }


def orders(count: int, start: str = "O") -> list[LoadItem]:
    return [load_item(sample_order(f"{start}-{number}")) for number in range(count)]


def records(found: list[Interchange]) -> list[Any]:
    return [record for one in found for record in json.loads(one.data or b"[]", parse_float=Decimal)]


# as a target


@pytest.mark.parametrize("version", ["2", "4"])
@pytest.mark.parametrize("batch_size", [1, 5])
def test_an_order_arrives_whole_in_one_request(
    sap: MockSap, make: Make, version: str, batch_size: int
) -> None:
    [item] = orders(1)
    [outcome] = make(sap.url, **target(version, batch_size)).load([item])
    [order] = sap.orders()
    assert (outcome.state, outcome.reference) == (OutcomeState.WRITTEN, order["PurchaseOrder"])
    assert (
        order["PurchaseOrderDate"]
        == f"/Date({int(dt.datetime(2026, 11, 2, tzinfo=dt.UTC).timestamp() * 1000)})/"
    )
    items = order["to_PurchaseOrderItem"]["results"]
    assert [line["OrderQuantity"] for line in items] == ["10.000", "11.000"]
    assert items[0]["PurchaseOrderItemText"] == item.key


@pytest.mark.parametrize("version", ["2", "4"])
def test_in_a_batch_a_refused_order_takes_no_other_along(sap: MockSap, make: Make, version: str) -> None:
    bad = load_item(sample_order("X-bad"))
    first, refused, last = make(sap.url, **target(version, 5)).load([*orders(1), bad, *orders(2)[1:]])
    assert [first.state, last.state] == [OutcomeState.WRITTEN] * 2
    assert (refused.state, refused.code) == (OutcomeState.REJECTED, "ODATA_REJECTED")
    assert "exceeds maximum length" in (refused.reason or "")
    assert "Supplier" in (refused.reason or "")
    assert len(sap.orders()) == 2


def test_a_token_against_forged_requests_that_ended_is_fetched_anew(sap: MockSap, make: Make) -> None:
    connector = make(sap.url, **target("2"))
    connector.load(orders(1))
    sap.reset()  # tokens and sessions end
    outcomes = connector.load(orders(3))
    assert [outcome.state for outcome in outcomes] == [OutcomeState.WRITTEN] * 3
    assert len(sap.orders()) == 3


@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_time_out_after_the_commit_is_looked_up_and_not_sent_again(
    sap: MockSap, make: Make, batch_size: int
) -> None:
    line = Line(sap.url, lambda request: request.startswith(b"POST"))
    try:
        with line.cut(0, after=True):
            outcomes = make(line.url, **target("2", batch_size)).load(orders(3))
    finally:
        line.close()
    assert [outcome.state for outcome in outcomes] == [OutcomeState.WRITTEN] * 3
    assert all(outcome.reference for outcome in outcomes)
    assert len(sap.orders()) == 3


def test_an_error_of_the_server_is_unclear_and_not_sent_again(sap: MockSap, make: Make) -> None:
    sap.fault(method="POST", match="A_PurchaseOrder$", status=500, count=1)
    connector = make(sap.url, **target("2"))
    outcomes = connector.load(orders(2))
    assert [outcome.state for outcome in outcomes] == [OutcomeState.UNCLEAR, OutcomeState.WRITTEN]
    assert [outcome.state for outcome in connector.load(orders(2))] == [
        OutcomeState.WRITTEN,
        OutcomeState.UNCHANGED,
    ]
    assert len(sap.orders()) == 2


def test_a_lock_of_somebody_else_is_waited_for(sap: MockSap, make: Make) -> None:
    sap.fault(method="POST", match="A_PurchaseOrder$", scenario="lock", count=1)
    [outcome] = make(sap.url, **target("2")).load(orders(1))
    assert outcome.state is OutcomeState.WRITTEN


@pytest.mark.parametrize(("scenario", "error"), [("forbidden", ConnectorRefused), ("auth", ConnectorRefused)])
def test_missing_rights_stop_everything_before_anything_happened(
    sap: MockSap, make: Make, scenario: str, error: type[Exception]
) -> None:
    sap.fault(method="POST", match="A_PurchaseOrder$", scenario=scenario)
    with pytest.raises(error):
        make(sap.url, **target("2")).load(orders(2))
    assert sap.orders() == []


def test_settings_are_held_against_the_metadata(sap: MockSap, make: Make) -> None:
    given = target("2")
    assert make(sap.url, **given).check().ok
    given["target"]["set"] = "A_PurchaseOrders"
    assert "no set A_PurchaseOrders; it has A_PurchaseOrder" in make(sap.url, **given).check().sentence
    given = target("2")
    given["target"]["key"] = {"path": "to_PurchaseOrderItem.0.PurchaseOrderItemText", "length": 60}
    assert "has room for 40 letters" in make(sap.url, **given).check().sentence
    given["target"]["key"] = {"path": "to_PurchaseOrderItem.0.Nothing"}
    assert "A_PurchaseOrder has no to_PurchaseOrderItem/Nothing." in make(sap.url, **given).check().sentence
    wrong = make(sap.url, **{**target("2"), "params": {"sap-client": "999"}})
    assert "Client 999" in wrong.check().sentence


# as a source


def test_a_v2_source_gives_dates_in_iso_form_and_decimals_with_all_digits(sap: MockSap, make: Make) -> None:
    make(sap.url, **target("2")).load(orders(3))
    source = {
        "set": "A_PurchaseOrder",
        "expand": ["to_PurchaseOrderItem"],
        "orderby": "PurchaseOrder",
        "paging": "client",
        "page_size": 2,
    }
    found = records(list(make(sap.url, version="2", service=V2, source=source).pull("orders", None)))
    assert len(found) == 3
    assert found[0]["PurchaseOrderDate"] == "2026-11-02"
    assert found[0]["to_PurchaseOrderItem"][0]["OrderQuantity"] == "10.000"
    assert "__metadata" not in json.dumps(found, default=str)


def test_a_v2_source_by_delta_link_of_mock_sap(sap: MockSap, make: Make) -> None:
    """mock-sap tells what changed in the same millisecond once more, and cuts no pages."""
    settings = {
        "service": "/sap/opu/odata/sap/API_PRODUCT_SRV",
        "version": "2",
        "source": {
            "set": "A_Product",
            "select": ["Product", "ProductType", "LastChangeDate"],
            "incremental": {"by": "delta"},
        },
    }
    [first] = make(sap.url, **settings).pull("items", None)
    count = len(records([first]))
    assert count > 1
    service = settings["service"]
    token = sap.http.get(f"{service}/", headers={"X-CSRF-Token": "Fetch"}).headers["X-CSRF-Token"]
    product = records([first])[0]["Product"]
    answer = sap.http.patch(
        f"{service}/A_Product('{product}')", json={"ProductType": "ROH"}, headers={"X-CSRF-Token": token}
    )
    assert answer.status_code == 204, answer.text
    changed = records(list(make(sap.url, **settings).pull("items", first.bookmark)))
    assert {record["Product"] for record in changed} == {product}


@pytest.mark.parametrize("by", [{"by": "delta"}, {"by": "field", "field": "UpdatedAt", "overlap": 5}])
def test_changes_come_once_and_what_was_removed_is_left_out(
    service: Odata4, make: Make, by: dict[str, Any]
) -> None:
    source = {"set": "Records", "incremental": by, "records_per_interchange": 2}
    for number in range(1, 6):
        service.put(number, f"text {number}")
    connector = make(service.url, source=source)
    found = list(connector.pull("records", None))
    assert [record["Id"] for record in records(found)] == [1, 2, 3, 4, 5]
    assert records(found)[0]["Price"] == Decimal("0.10000000000000000000000000001")
    service.put(2, "changed")
    service.remove(3)
    service.put(6, "new")
    assert connector.waiting("records", found[-1].bookmark)
    again = list(make(service.url, source=source).pull("records", found[-1].bookmark))
    assert [record["Content"] for record in records(again)] == ["changed", "new"]
    assert list(connector.pull("records", again[-1].bookmark)) == []


def test_a_delta_link_that_ran_out_means_reading_everything(service: Odata4, make: Make) -> None:
    for number in range(1, 4):
        service.put(number, f"text {number}")
    connector = make(service.url, source={"set": "Records", "incremental": {"by": "delta"}})
    [first] = connector.pull("records", None)
    service.put(4, "new")
    service.forgot = True
    assert [record["Id"] for record in records(list(connector.pull("records", first.bookmark)))] == [
        1,
        2,
        3,
        4,
    ]


def test_a_service_without_delta_links_says_so(service: Odata4, make: Make) -> None:
    service.put(1, "one")
    service.tracks = False
    with pytest.raises(ConnectorProtocolError, match="no delta link"):
        list(
            make(service.url, source={"set": "Records", "incremental": {"by": "delta"}}).pull("records", None)
        )


@pytest.mark.parametrize(
    "link",
    ["http://169.254.169.254/latest", "http://127.0.0.1:1/x", "//evil.example/x", "file:///etc/passwd"],
)
def test_a_link_that_leads_elsewhere_is_refused(service: Odata4, make: Make, link: str) -> None:
    connector = make(service.url, source={"set": "Records", "incremental": {"by": "delta"}})
    with pytest.raises(ConnectorRefused):
        list(connector.pull("records", {"delta": link, "seen": []}))
    assert service.asked == []


# values and $metadata


def test_values_take_the_form_of_the_version() -> None:
    metadata = read_metadata(
        b"""<Edmx><Schema Namespace="n"><EntityType Name="E"><Property Name="D" Type="Edm.Decimal"/><Property Name="I" Type="Edm.Int32"/>
        <Property Name="T" Type="Edm.DateTimeOffset"/><Property Name="S" Type="Edm.String" MaxLength="Max"/><Property Name="Y" Type="Edm.Date"/>
        <NavigationProperty Name="K" Type="Collection(n.E)"/></EntityType>
        <EntityContainer><EntitySet Name="Es" EntityType="n.E"/></EntityContainer></Schema></Edmx>"""
    )
    tree = {
        "D": Decimal("1E+3"),
        "I": "7",
        "T": "2026-11-02",
        "S": 5,
        "Y": dt.date(2026, 11, 2),
        "K": [{"D": Decimal("0.10")}],
        "?": 1,
    }
    entity = metadata.of_set("Es")
    v2, v4 = (Form(metadata, version).wired(tree, entity) for version in "24")
    assert (v2["D"], v2["I"], v2["S"], v2["K"]) == ("1000", 7, "5", {"results": [{"D": "0.10"}]})
    assert v2["T"] == "/Date(1793577600000)/"
    assert (v4["D"], v4["T"], v4["Y"], v4["K"]) == (
        Decimal(1000), "2026-11-02T00:00:00Z", "2026-11-02", [{"D": Decimal("0.10")}],
    )  # fmt: skip
    assert v4["?"] == 1
    assert "?" not in Form(metadata, "4", leave_out_unknown=True).wired(tree, entity)


def test_v2_values_become_plain() -> None:
    record = {
        "__metadata": {"uri": "x"}, "To": {"__deferred": {"uri": "y"}}, "At": "/Date(1793577600001)/", "On": "/Date(1793577600000)/",
        "Far": "/Date(99999999999999999)/", "Time": "PT08H05M00S", "N": "1.50", "Country": "PT", "Kids": {"results": [{"__metadata": {}, "a": None}]},
    }  # fmt: skip
    assert from_wire(record) == {
        "At": "2026-11-02T00:00:00.001000Z", "On": "2026-11-02", "Far": "/Date(99999999999999999)/", "Time": "08:05:00",
        "N": "1.50", "Country": "PT", "Kids": [{"a": None}],
    }  # fmt: skip


def test_values_cannot_leave_their_place_in_a_filter() -> None:
    assert literal("a' or 1 eq 1 or 'b", "Edm.String", "4") == "'a'' or 1 eq 1 or ''b'"
    assert literal("1 or 1 eq 1", "Edm.Int32", "4") == "'1 or 1 eq 1'"
    assert literal("2026-11-02T08:00:00Z", "Edm.DateTime", "2") == "datetime'2026-11-02T08:00:00'"
    assert literal("2026-11-02T09:00:00+01:00", "Edm.DateTimeOffset", "4") == "2026-11-02T08:00:00Z"
    assert literal(Decimal("1.5"), "Edm.Decimal", "2") == "1.5M"


def test_marks_are_keys_or_their_digests() -> None:
    assert mark_of("acme/PO-1/0", 40) == "acme/PO-1/0"
    for key in ("x" * 41, "it's", "采购", " a", ""):
        assert len(mark_of(key, 40)) == 26
        assert mark_of(key, 40).isalnum()
    assert len(mark_of("x" * 41, 12)) == 12


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"<a/>",
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'{"value": []}',
    ],
)
def test_metadata_that_is_none_is_a_sentence(content: bytes) -> None:
    with pytest.raises(ConnectorProtocolError, match="metadata"):
        read_metadata(content)
