"""Documents written to an API: once each, whatever happens to the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from servers.rest import RestServer

from connectors.rest.connector import RestConnector
from connectors.rest.filling import ABSENT, fill, fill_params, fill_path
from connectors.rest.settings import RestSettings
from orderhub.connector import Capability, LoadItem, OutcomeState
from orderhub.errors import ConnectorRefused
from orderhub.testing import load_item, sample_order

Make = Callable[..., RestConnector]

FIND = {"path": "/orders", "params": {"external_id": "{key}"}, "records": "data", "key": "external_id"}
TARGET: dict[str, Any] = {
    "path": "/orders",
    "mapping": "purchase_order__rest",
    "key": "external_id",
    "reference": "id",
    "find": FIND,
}


def orders(count: int, start: str = "R") -> list[LoadItem]:
    return [load_item(sample_order(f"{start}-{number}")) for number in range(count)]


def there(server: RestServer) -> Counter[str]:
    return Counter(order["external_id"] for order in server.state()["orders"])


def test_what_is_there_was_made_by_the_mapping_with_the_hub_s_key(server: RestServer, make: Make) -> None:
    [item] = orders(1)
    [outcome] = make(target=TARGET).load([item])
    assert (outcome.state, outcome.reference) == (OutcomeState.WRITTEN, "PO-00001")
    [order] = server.state()["orders"]
    assert order["supplier"] == "Nordwerk Schrauben GmbH"
    assert order["external_id"] == item.key


def test_a_time_out_after_the_commit_is_looked_up_and_not_sent_again(server: RestServer, make: Make) -> None:
    server.fault("POST", "/orders", after=True, stall=60)
    connector = make(target=TARGET, http={"timeout_seconds": 5})
    outcomes = connector.load(orders(3))
    assert [outcome.state for outcome in outcomes] == [OutcomeState.WRITTEN] * 3
    assert outcomes[0].reference == "PO-00001"
    assert set(there(server).values()) == {1}
    assert server.state()["asked"].count("POST /orders") == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_of_the_server_is_unclear_until_it_was_looked_up(
    server: RestServer, make: Make, status: int
) -> None:
    server.fault("POST", "/orders", status=status)
    connector = make(target=TARGET)
    [outcome] = connector.load(orders(1))
    assert outcome.state is OutcomeState.UNCLEAR
    assert server.state()["asked"].count("POST /orders") == 1
    assert connector.find([outcome.key]) == {}
    [again] = connector.load(orders(1))
    assert again.state is OutcomeState.WRITTEN
    assert set(there(server).values()) == {1}


def test_an_answer_that_cannot_be_read_does_not_lose_the_order(server: RestServer, make: Make) -> None:
    server.fault("POST", "/orders", after=True, status=201, body="<html>thanks</html>")
    [outcome] = make(target=TARGET | {"error": "error"}).load(orders(1))
    assert (outcome.state, outcome.reference) == (OutcomeState.WRITTEN, "PO-00001")


def test_too_many_requests_are_sent_again_and_written_once(server: RestServer, make: Make) -> None:
    server.fault("POST", "/orders", count=2, status=429, headers={"Retry-After": "0"})
    outcomes = make(target=TARGET).load(orders(2))
    assert [outcome.state for outcome in outcomes] == [OutcomeState.WRITTEN] * 2
    assert set(there(server).values()) == {1}


def test_a_header_with_the_key_lets_a_lost_answer_be_asked_for_again(server: RestServer, make: Make) -> None:
    target = {**TARGET, "find": None, "idempotency_header": "Idempotency-Key", "repeatable": True}
    server.fault("POST", "/orders", after=True, stall=60)
    connector = make(target=target, http={"timeout_seconds": 5})
    assert Capability.FIND not in connector.capabilities
    outcomes = connector.load(orders(2))
    assert [(o.state, o.reference) for o in outcomes] == [
        (OutcomeState.WRITTEN, "PO-00001"),
        (OutcomeState.WRITTEN, "PO-00002"),
    ]
    assert set(there(server).values()) == {1}
    assert {order["idempotency"] for order in server.state()["orders"]} == {item.key for item in orders(2)}


def test_a_key_with_other_letters_goes_into_a_header_as_its_digest(server: RestServer, make: Make) -> None:
    target = {**TARGET, "idempotency_header": "Idempotency-Key"}
    item = load_item(sample_order("采购-1"))
    connector = make(target=target)
    assert connector.load([item])[0].state is OutcomeState.WRITTEN
    assert connector.load([item])[0].state is OutcomeState.UNCHANGED
    [order] = server.state()["orders"]
    assert order["external_id"] == item.key
    assert len(order["idempotency"]) == 64


def test_a_refused_order_says_why_and_the_others_go_on(server: RestServer, make: Make) -> None:
    bad = load_item(sample_order("X-bad"))
    first, refused, last = make(target=TARGET).load([*orders(1), bad, *orders(2)[1:]])
    assert (first.state, last.state) == (OutcomeState.WRITTEN, OutcomeState.WRITTEN)
    assert (refused.state, refused.code) == (OutcomeState.REJECTED, "REST_REJECTED")
    assert "not acceptable" in (refused.reason or "")


def test_missing_rights_stop_everything_before_anything_happened(server: RestServer, make: Make) -> None:
    server.fault("POST", "/orders", count=99, status=403)
    with pytest.raises(ConnectorRefused):
        make(target=TARGET).load(orders(2))


def test_what_was_not_sent_any_more_is_not_lost(server: RestServer, make: Make) -> None:
    server.fault("GET", "/orders", skip=1, count=99, status=503)
    connector = make(target=TARGET)
    outcomes = connector.load(orders(3))
    assert [outcome.state for outcome in outcomes] == [
        OutcomeState.WRITTEN,
        OutcomeState.UNCLEAR,
        OutcomeState.UNCLEAR,
    ]
    server.set(faults=[])
    assert [one.state for one in connector.load(orders(3))] == [
        OutcomeState.UNCHANGED,
        OutcomeState.WRITTEN,
        OutcomeState.WRITTEN,
    ]
    assert set(there(server).values()) == {1}


def test_a_server_that_compares_loosely_finds_no_other_order(server: RestServer, make: Make) -> None:
    connector = make(target=TARGET)
    [item] = orders(1)
    connector.load([item])
    assert set(connector.find([item.key, item.key.upper(), item.key[:-1], "%", ""])) == {item.key}


def test_an_order_is_found_by_its_address_too(server: RestServer, make: Make) -> None:
    find = {"path": "/orders/{key}", "key": "number", "reference": "id"}
    connector = make(target={**TARGET, "find": find})
    item = load_item(sample_order("A-1"), key="A-1")
    assert connector.find(["A-1", "../token", "a/b"]) == {}
    connector.load([item])
    assert connector.find(["A-1"])["A-1"].reference == "PO-00001"


# ERPs by declaration, against descriptions of their interfaces that are played back

ERPNEXT = {
    "path": "/api/resource/Purchase%20Order",
    "mapping": "purchase_order__erpnext",
    "key": "orderhub_key",
    "reference": "data.name",
    "rejected": [417],
    "find": {
        "path": "/api/resource/Purchase%20Order",
        "params": {"filters": [["orderhub_key", "=", "{key}"]], "fields": ["name", "orderhub_key"]},
        "records": "data",
        "key": "orderhub_key",
        "reference": "name",
    },
}
ERPNEXT_SIGN_IN = {
    "user": "key",
    "secret": "secret",
    "extra": {
        "auth": "api_key",
        "api_key_header": "Authorization",
        "api_key_prefix": "token",
        "api_key_user": True,
    },
}


def nameless(item: LoadItem) -> LoadItem:
    order: Any = item.document
    supplier = msgspec.structs.replace(order.supplier, name=None)
    return msgspec.structs.replace(item, document=msgspec.structs.replace(order, supplier=supplier))


def test_an_erp_in_the_style_of_erpnext(server: RestServer, make: Make) -> None:
    """By a description of ERPNext's REST interface, played back; ERPNext itself was never asked."""
    connector = make(target=ERPNEXT, **ERPNEXT_SIGN_IN)
    awkward = load_item(sample_order("E-1"), key='a"]], ["x", "=", "y')
    first, second = connector.load([*orders(1), awkward])
    assert (first.state, first.reference) == (OutcomeState.WRITTEN, "PUR-ORD-2026-00001")
    assert second.state is OutcomeState.WRITTEN
    assert [one.state for one in connector.load([*orders(1), awkward])] == [OutcomeState.UNCHANGED] * 2
    [refused] = connector.load([nameless(load_item(sample_order("E-2")))])
    assert refused.state is OutcomeState.REJECTED
    assert "Could not find Supplier" in (refused.reason or "")
    [wrong] = [make(target=ERPNEXT, **{**ERPNEXT_SIGN_IN, "secret": "other"})]
    with pytest.raises(ConnectorRefused, match="401"):
        wrong.load(orders(2)[1:])


def test_records_of_an_erp_in_the_style_of_erpnext(server: RestServer, make: Make) -> None:
    for number in range(5):
        server.arrive(f"r{number}", b"x")
    source = {
        "path": "/api/resource/Supplier",
        "params": {
            "filters": [["updated_at", ">=", "{since}"]],
            "fields": ["*"],
            "order_by": "updated_at asc",
        },
        "records": "data",
        "paging": {"by": "offset", "param": "limit_start", "size_param": "limit_page_length", "size": 2},
        "incremental": {"field": "updated_at", "ordered": True},
    }
    [one] = make(source=source).pull("suppliers", None)
    assert (one.data or b"").count(b'"name"') == 5
    server.arrive("r5", b"x")
    [more] = make(source=source).pull("suppliers", one.bookmark)
    assert (more.data or b"").count(b'"name"') == 1


def odoo(model: str, method: str, *args: Any, **options: Any) -> dict[str, Any]:
    """The body of a call of Odoo's external interface."""
    call = ["{database}", 2, "{secret}", model, method, list(args), options]
    params = {"service": "object", "method": "execute_kw", "args": call}
    return {"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}


ODOO = {
    "path": "/jsonrpc",
    "mapping": "purchase_order__odoo",
    "key": "origin",
    "body": odoo("purchase.order", "create", "{document}"),
    "reference": "result",
    "error": "error",
    "find": {
        "method": "POST",
        "path": "/jsonrpc",
        "body": odoo("purchase.order", "search_read", [["origin", "=", "{key}"]], fields=["id", "origin"]),
        "records": "result",
        "key": "origin",
        "reference": "id",
        "error": "error",
    },
}


def test_an_erp_in_the_style_of_odoo(server: RestServer, make: Make) -> None:
    """By a description of Odoo's JSON-RPC, played back; Odoo itself was never asked. Its errors come with status 200."""

    def write(mapping: str, document: Any, given: Any = None) -> Any:
        return type(
            "Written", (), {"tree": {"partner_ref": document.supplier.name}, "data": b"", "media_type": ""}
        )()

    sign_in: dict[str, Any] = {
        "secret": "secret",
        "extra": {"auth": "none", "database": "acme"},
        "resources": {"write": write},
    }
    connector = make(target=ODOO, **sign_in)
    [written] = connector.load(orders(1))
    assert (written.state, written.reference) == (OutcomeState.WRITTEN, "1")
    assert connector.load(orders(1))[0].state is OutcomeState.UNCHANGED
    [refused] = connector.load([nameless(load_item(sample_order("O-2")))])
    assert (refused.state, refused.code) == (OutcomeState.REJECTED, "REST_REJECTED")
    assert "Vendor is missing" in (refused.reason or "")
    wrong = make(target=ODOO, **{**sign_in, "secret": "other"})
    with pytest.raises(ConnectorRefused, match="Access Denied") as caught:
        wrong.load(orders(1))
    assert "other" not in str(caught.value)


def test_records_of_an_erp_in_the_style_of_odoo(server: RestServer, make: Make) -> None:
    for number in range(5):
        server.arrive(f"r{number}", b"x")
    source = {
        "method": "POST",
        "path": "/jsonrpc",
        "body": odoo(
            "res.partner",
            "search_read",
            [["updated_at", ">=", "{since}"]],
            offset="{offset}",
            limit="{limit}",
        ),
        "records": "result",
        "error": "error",
        "paging": {"by": "offset", "size": 2},
        "incremental": {"field": "updated_at"},
    }
    sign_in: dict[str, Any] = {"secret": "secret", "extra": {"auth": "none", "database": "acme"}}
    [one] = make(source=source, **sign_in).pull("partners", None)
    assert (one.data or b"").count(b'"name"') == 5
    assert list(make(source=source, **sign_in).pull("partners", one.bookmark)) == []


# placeholders and settings


def test_placeholders_stay_within_their_place() -> None:
    values = {"key": 'a"&b=c', "since": None, "offset": 4}
    assert fill_params({"filters": [["k", "=", "{key}"]]}, values) == {"filters": '[["k","=","a\\"&b=c"]]'}
    assert fill_params({"since": "{since}", "q": "updated>{since}", "n": "{offset}"}, values) == {"n": "4"}
    assert fill([["at", ">=", "{since}"], ["x", "=", 1]], values) == [["x", "=", 1]]
    assert fill("{since}", values) is ABSENT
    assert fill({"a": "{offset}", "b": "{unknown}", "c": "{offset}/{key}"}, values) == {
        "a": 4,
        "b": "{unknown}",
        "c": '4/a"&b=c',
    }
    assert fill_path("/orders/{key}", {"key": "../../etc?x#y"}) == "/orders/%2E%2E%2F%2E%2E%2Fetc%3Fx%23y"


@pytest.mark.parametrize(
    "change",
    [
        {"find": None},
        {"key": None},
        {"path": "https://evil.example/"},
        {"headers": {"cookie": "x"}},
        {"method": "DELETE"},
    ],
)
def test_a_target_that_could_send_twice_or_elsewhere_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        RestSettings(connection="api", target={**TARGET, **change})
