"""Orders in a real Tryton: once each whatever happens, and a reason with a field for each that cannot be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import erp_support
import httpx
import msgspec
import pytest
from erp_support import make, people
from tryton_orders import changed_line, numbered, order

from connectors.tryton.connector import TrytonConnector
from orderhub.connector import Connector, Credentials, LoadItem, OutcomeState
from orderhub.connector_registry import registry
from orderhub.documents import Party, PurchaseOrder
from orderhub.documents.demand import Demand
from orderhub.documents.order import LineItem
from orderhub.errors import ConnectorProtocolError, ConnectorRefused
from orderhub.services.endpoints import Endpoints
from orderhub.services.tryton.rpc import Session
from orderhub.testing import PortsForTests, load_item

pytestmark = pytest.mark.integration
__all__ = ["make", "order", "people"]
replace = msgspec.structs.replace


def test_an_order_becomes_a_confirmed_purchase_with_all_it_says(
    make: Callable[..., Connector[Any]], people: Session, order: PurchaseOrder
) -> None:
    order = replace(order, note="Gate 3.\nCall first.")
    [outcome] = make().load([load_item(order)])
    assert outcome.state is OutcomeState.WRITTEN
    [purchase] = erp_support.purchases(people, order.number)
    assert purchase["state"] in erp_support.ORDERED
    assert purchase["number"] == outcome.reference
    assert purchase["comment"].startswith("Gate 3.\nCall first.\n")
    lines = people.read(
        "purchase.line",
        [["purchase", "=", purchase["id"]]],
        ["sequence", "quantity", "unit_price", "product.code", "unit.symbol", "purchase.purchase_date"],
    )
    assert [
        (
            line["product."]["code"],
            line["quantity"],
            line["unit."]["symbol"],
            line["unit_price"],
            line["purchase."]["purchase_date"],
        )
        for line in sorted(lines, key=lambda line: line["sequence"])
    ] == [
        ("OH-10001", 10.0, "u", Decimal("0.1200"), order.issued_on),
        ("OH-10002", 11.0, "u", Decimal("0.2150"), order.issued_on),
    ]


@pytest.mark.parametrize(
    "supplier",
    [Party(code="S1001"), Party(name="Nordwerk Schrauben GmbH"), Party(gln="4999999999980", code="S1001")],
    ids=["code", "name", "code when the GLN is unknown"],
)
@pytest.mark.parametrize(
    "item",
    [LineItem(gtin="04019999011016"), LineItem(buyer_code="OH-10001"), LineItem(supplier_code="NW-M8X40")],
    ids=["GTIN with a leading zero", "our number", "the supplier's number"],
)
def test_suppliers_and_items_are_found_by_whatever_names_them(
    make: Callable[..., Connector[Any]], order: PurchaseOrder, supplier: Party, item: LineItem
) -> None:
    order = replace(changed_line(order, item=item), supplier=supplier)
    [outcome] = make().load([load_item(order)])
    assert outcome.state is OutcomeState.WRITTEN, outcome


def test_what_cannot_be_ordered_is_rejected_at_its_field_and_the_rest_goes_on(
    make: Callable[..., Connector[Any]], people: Session, order: PurchaseOrder
) -> None:
    good = [numbered(order, "-good1"), numbered(order, "-good2")]
    unknown = LineItem(gtin="4019999999990")
    bad: dict[str, tuple[LoadItem, str, str]] = {
        "supplier": (
            numbered(order, "-a", supplier=Party(gln="4999999999980")),
            "TRYTON_SUPPLIER_UNKNOWN",
            "supplier.gln",
        ),
        "item": (
            numbered(replace(order, lines=[order.lines[0], replace(order.lines[1], item=unknown)]), "-b"),
            "TRYTON_ITEM_UNKNOWN",
            "lines[1].item.gtin",
        ),
        "other supplier's code": (
            numbered(changed_line(order, item=LineItem(supplier_code="AR-B20")), "-c"),
            "TRYTON_ITEM_UNKNOWN",
            "lines[0].item.supplier_code",
        ),
        "unit": (
            numbered(changed_line(order, unit="XBX"), "-d"),
            "TRYTON_UNIT_UNKNOWN",
            "lines[0].unit",
        ),
        "unit of another kind": (
            numbered(changed_line(order, unit="KGM"), "-e"),
            "TRYTON_UNIT_MISMATCH",
            "lines[0].unit",
        ),
        "half a piece": (
            numbered(changed_line(order, quantity=Decimal("2.5")), "-f"),
            "TRYTON_QUANTITY_PRECISION",
            "lines[0].quantity",
        ),
        "nothing": (
            numbered(changed_line(order, quantity=Decimal(0)), "-g"),
            "TRYTON_QUANTITY",
            "lines[0].quantity",
        ),
        "price": (
            numbered(changed_line(order, price=Decimal("0.12345")), "-h"),
            "TRYTON_PRICE_PRECISION",
            "lines[0].price",
        ),
        "no price": (
            numbered(changed_line(order, price=None), "-i"),
            "TRYTON_PRICE_MISSING",
            "lines[0].price",
        ),
        "currency": (numbered(order, "-j", currency="XTS"), "TRYTON_CURRENCY_UNKNOWN", "currency"),
        "change": (numbered(order, "-k", function="change"), "TRYTON_FUNCTION_UNSUPPORTED", "function"),
    }
    items = [good[0], *(item for item, _, _ in bad.values()), good[1]]
    outcomes = {outcome.key: outcome for outcome in make().load(items)}
    assert [outcomes[item.key].state for item in good] == [OutcomeState.WRITTEN] * 2
    for name, (item, code, field) in bad.items():
        outcome = outcomes[item.key]
        assert (outcome.state, outcome.code, outcome.field) == (OutcomeState.REJECTED, code, field), name
        assert erp_support.purchases(people, item.document.number) == []


def test_a_price_for_a_thousand_is_a_price_for_one(
    make: Callable[..., Connector[Any]], people: Session, order: PurchaseOrder
) -> None:
    order = changed_line(order, price=Decimal("120.00"), price_base_quantity=Decimal(1000))
    [outcome] = make().load([load_item(order)])
    assert outcome.state is OutcomeState.WRITTEN
    [purchase] = erp_support.purchases(people, order.number)
    prices = people.read("purchase.line", [["purchase", "=", purchase["id"]]], ["unit_price"])
    assert Decimal("0.1200") in [line["unit_price"] for line in prices]


def test_documents_that_tryton_does_not_take_are_rejected(make: Callable[..., Connector[Any]]) -> None:
    day = dt.date(2026, 12, 1)
    demand = Demand(item_number="OH-10001", period_from=day, period_to=day, quantity=Decimal(1), unit="C62")
    item = LoadItem(key="k", identity="i", document=demand, company="c", source=1, load=1)
    [outcome] = make().load([item])
    assert (outcome.state, outcome.code) == (OutcomeState.REJECTED, "TRYTON_DOCUMENT_UNSUPPORTED")


def test_text_that_a_database_cannot_hold_hurts_nobody_else(
    make: Callable[..., Connector[Any]], people: Session, order: PurchaseOrder
) -> None:
    odd = numbered(order, "-odd", note="half \ud800 and \0 nothing")
    lost = numbered(order, "-lost", supplier=Party(code="S\0\ud800"))
    fine, unknown, good = make().load([odd, lost, numbered(order, "-good")])
    assert (fine.state, good.state) == (OutcomeState.WRITTEN, OutcomeState.WRITTEN)
    assert (unknown.state, unknown.field) == (OutcomeState.REJECTED, "supplier.code")


def test_master_data_that_changes_under_a_running_connector(
    make: Callable[..., Connector[Any]], people: Session, order: PurchaseOrder
) -> None:
    """What was found is kept; when Tryton then refuses, it is looked up afresh, and only the culprit is rejected."""
    connector = make()
    with_grit = replace(
        order,
        supplier=Party(code="S1002"),
        lines=[replace(order.lines[0], item=LineItem(buyer_code="OH-10007"), unit="KGM")],
    )
    [outcome] = connector.load([numbered(with_grit, "-before")])
    assert outcome.state is OutcomeState.WRITTEN
    [product] = people.read("product.product", [["code", "=", "OH-10007"]], ["template"])
    people.write("product.template", [product["template"]], {"purchasable": False})
    try:
        items = [numbered(order, f"-{number}") for number in range(5)]
        items.insert(2, numbered(with_grit, "-after"))
        outcomes = connector.load(items)
    finally:
        people.write("product.template", [product["template"]], {"purchasable": True})
    assert [outcome.state for outcome in outcomes].count(OutcomeState.WRITTEN) == 5
    assert (outcomes[2].code, outcomes[2].field) == (
        "TRYTON_ITEM_NOT_PURCHASABLE",
        "lines[0].item.buyer_code",
    )
    [now] = connector.load([items[2]])
    assert now.state is OutcomeState.WRITTEN


def test_a_session_that_ran_out_is_renewed(
    make: Callable[..., Connector[Any]], people: Session, order: PurchaseOrder
) -> None:
    connector = make()
    assert isinstance(connector, TrytonConnector)
    assert connector.check().ok
    assert connector._client is not None
    connector._client._request("common.db.logout", [], effect=False)
    [outcome] = connector.load([load_item(order)])
    assert outcome.state is OutcomeState.WRITTEN


def test_one_request_takes_no_more_than_the_batch_size(
    make: Callable[..., Connector[Any]], order: PurchaseOrder
) -> None:
    items = [numbered(order, f"-{number}") for number in range(7)]
    outcomes = make(batch_size=3).load(items)
    assert [outcome.key for outcome in outcomes] == [item.key for item in items]
    assert {outcome.state for outcome in outcomes} == {OutcomeState.WRITTEN}


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"secret": "wrong"}, ConnectorRefused, "sign-in"),
        ({"user": None}, ConnectorRefused, "no user"),
        ({"url": "ftp://erp"}, ConnectorRefused, "incomplete"),
    ],
    ids=["password", "user", "address"],
)
def test_a_wrong_connection_is_said_plainly(
    erp: Endpoints,
    order: PurchaseOrder,
    change: dict[str, Any],
    error: type[Exception],
    says: str,
) -> None:
    right = erp_support.ports_of(erp).credentials("erp")
    ports = PortsForTests(credentials={"erp": replace(right, **change)})
    connector = registry().create("tryton", {"connection": "erp"}, ports)
    health = connector.check()
    assert not health.ok
    assert says in health.sentence
    assert "wrong" not in health.sentence
    with pytest.raises(error):
        connector.load([load_item(order)])
    connector.close()


def test_a_company_that_the_user_may_not_see_is_refused(make: Callable[..., Connector[Any]]) -> None:
    health = make(company="Nobody Ltd").check()
    assert not health.ok
    assert "Nobody Ltd" in health.sentence
    assert make(company="Orderhub Sample Company").check().ok


def test_something_that_is_no_tryton(order: PurchaseOrder) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="<html>It works!</html>")

    ports = PortsForTests(credentials={"erp": Credentials(url="http://web.invalid/db", user="u", secret="s")})
    connector = registry().create("tryton", {"connection": "erp"}, ports)
    assert isinstance(connector, TrytonConnector)
    client, _ = connector._open()
    client._http = httpx.Client(transport=httpx.MockTransport(answer))
    with pytest.raises(ConnectorProtocolError):
        connector.load([load_item(order)])
    connector.close()
