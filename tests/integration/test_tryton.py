"""Orders in a real Tryton: once each whatever happens, and a reason with a field for each that cannot be."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import erp_support
import httpx
import msgspec
import pytest
from erp_support import make, people

from connectors.tryton.connector import TrytonConnector
from orderhub.connector import Connector, Credentials, LoadItem, Outcome, OutcomeState
from orderhub.connector_registry import registry
from orderhub.documents import Line, Party, PurchaseOrder
from orderhub.documents.demand import Demand
from orderhub.documents.order import LineItem
from orderhub.errors import ConnectorProtocolError, ConnectorRefused
from orderhub.services.endpoints import Endpoints
from orderhub.services.tryton.rpc import Session
from orderhub.testing import PortsForTests, load_item, sample_order

pytestmark = pytest.mark.integration
__all__ = ["make", "people"]
replace = msgspec.structs.replace
_numbers = itertools.count(1)


@pytest.fixture
def order() -> PurchaseOrder:
    return sample_order(f"TT{os.getpid()}x{next(_numbers)}")


def numbered(order: PurchaseOrder, suffix: str, **changes: Any) -> LoadItem:
    return load_item(replace(order, number=f"{order.number}{suffix}", **changes))


def changed_line(order: PurchaseOrder, **changes: Any) -> PurchaseOrder:
    return replace(order, lines=[replace(order.lines[0], **changes), *order.lines[1:]])


def create_draft(people: Session, item: LoadItem, template: dict[str, Any], **marks: Any) -> int:
    """A draft as a loader that died would have left it."""
    line = people.read("purchase.line", [["id", "in", template["lines"]]], ["product", "unit"])[0]
    values = {
        "party": template["party"],
        "currency": template["currency"],
        "invoice_address": people.read("party.party", [["id", "=", template["party"]]], ["addresses"])[0][
            "addresses"
        ][0],
        "reference": item.document.number,
        "description": f"Orderhub {item.identity}",
        "comment": f"Orderhub key: {item.key}",
        "lines": [
            [
                "create",
                [
                    {
                        "product": line["product"],
                        "unit": line["unit"],
                        "quantity": 10.0,
                        "unit_price": Decimal("0.12"),
                    }
                ],
            ]
        ],
        **marks,
    }
    [draft] = people.create("purchase.purchase", [values])
    return draft


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


def test_loaders_at_the_same_moment_make_one_purchase_of_each_order(
    make: Callable[..., Connector[Any]], people: Session, order: PurchaseOrder
) -> None:
    items = [numbered(order, f"-{number}") for number in range(6)]
    loaders = [make() for _ in range(4)]
    for loader in loaders:
        loader.check()
    start = threading.Barrier(len(loaders))
    outcomes: list[list[Outcome]] = []

    def run(loader: Connector[Any], mine: list[LoadItem]) -> None:
        start.wait()
        outcomes.append(loader.load(mine))

    threads = [
        threading.Thread(target=run, args=(loader, items if index % 2 else items[::-1]))
        for index, loader in enumerate(loaders)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == len(loaders)
    # one that gave up in the crowd says so, and its next attempt finds everything there
    said = {outcome.state for batch in outcomes for outcome in batch}
    assert said <= {OutcomeState.WRITTEN, OutcomeState.UNCHANGED, OutcomeState.UNCLEAR}
    again = make().load(items)
    assert {outcome.state for outcome in again} <= {OutcomeState.WRITTEN, OutcomeState.UNCHANGED}
    for item, outcome in zip(items, again, strict=True):
        [purchase] = erp_support.purchases(people, item.document.number)
        assert purchase["number"] == outcome.reference
        assert purchase["state"] in erp_support.ORDERED


def test_what_dead_loaders_left_is_taken_up_and_tidied(
    make: Callable[..., Connector[Any]], people: Session, order: PurchaseOrder
) -> None:
    """Two drafts of one order: the first is kept. A quotation: it is confirmed, and the draft beside it goes."""
    model = numbered(order, "-model")
    make().load([model])
    [template] = erp_support.purchases(people, model.document.number)
    twice, quoted = numbered(order, "-twice"), numbered(order, "-quoted")
    first = create_draft(people, twice, template)
    create_draft(people, twice, template)
    create_draft(people, quoted, template)
    quotation = create_draft(people, quoted, template)
    people.call("model.purchase.purchase.quote", [quotation])
    assert make().find([twice.key, quoted.key]) == {}
    outcomes = make().load([twice, quoted])
    assert [outcome.state for outcome in outcomes] == [OutcomeState.WRITTEN] * 2
    for item, kept in ((twice, first), (quoted, quotation)):
        [purchase] = erp_support.purchases(people, item.document.number)
        assert purchase["id"] == kept
        assert purchase["state"] in erp_support.ORDERED


def test_another_document_of_the_same_order_is_reported_when_it_differs(
    make: Callable[..., Connector[Any]], people: Session, order: PurchaseOrder
) -> None:
    connector = make()
    [first] = connector.load([load_item(order)])
    same = load_item(order, key=f"{order.number}/next")
    other = load_item(changed_line(order, quantity=Decimal(99)), key=f"{order.number}/other")
    [unchanged] = connector.load([same])
    assert (unchanged.state, unchanged.reference) == (OutcomeState.UNCHANGED, first.reference)
    [rejected] = connector.load([other])
    assert (rejected.state, rejected.code) == (OutcomeState.REJECTED, "TRYTON_ORDER_EXISTS")
    assert "line 1: quantity 10.0 instead of 99.0" in (rejected.reason or "")
    assert rejected.reference == first.reference
    both = connector.load([replace(same, key="x"), replace(other, key="y")])
    assert [outcome.state for outcome in both] == [OutcomeState.UNCHANGED, OutcomeState.REJECTED]
    assert len(erp_support.purchases(people, order.number)) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"issued_on": dt.date(2026, 11, 3)}, "order date 2026-11-02 instead of 2026-11-03"),
        (
            {"requested_delivery_on": dt.date(2026, 12, 8)},
            "delivery date 2026-12-01 instead of 2026-12-08; line 1: delivery date 2026-12-01 instead of 2026-12-08",
        ),
        ({"requested_delivery_on": None}, "delivery date 2026-12-01 instead of none"),
        (
            {"lines": dt.date(2026, 12, 8)},
            "another document: line 2: delivery date 2026-12-04 instead of 2026-12-08.",
        ),
        ({"lines": None}, "another document: line 2: delivery date 2026-12-04 instead of 2026-12-01."),
    ],
    ids=["order", "delivery", "no delivery", "line", "no line"],
)
def test_other_dates_are_another_order(
    make: Callable[..., Connector[Any]], order: PurchaseOrder, change: dict[str, Any], says: str
) -> None:
    def dated(on: dt.date | None) -> list[Line]:
        return [order.lines[0], replace(order.lines[1], requested_delivery_on=on)]

    order = replace(order, lines=dated(dt.date(2026, 12, 4)))
    connector = make()
    connector.load([load_item(order)])
    [same] = connector.load([load_item(order, key=f"{order.number}/same")])
    assert same.state is OutcomeState.UNCHANGED, same.reason
    change = {field: dated(value) if field == "lines" else value for field, value in change.items()}
    [outcome] = connector.load([load_item(replace(order, **change), key=f"{order.number}/other")])
    assert (outcome.state, outcome.code) == (OutcomeState.REJECTED, "TRYTON_ORDER_EXISTS")
    assert says in (outcome.reason or "")


def test_a_quotation_of_earlier_content_is_confirmed_only_with_the_same_dates(
    make: Callable[..., Connector[Any]], people: Session, order: PurchaseOrder
) -> None:
    order = replace(order, lines=order.lines[:1])
    model = numbered(order, "-model")
    make().load([model])
    [template] = erp_support.purchases(people, model.document.number)
    dates = {"purchase_date": order.issued_on, "delivery_date": order.requested_delivery_on}
    same, moved = numbered(order, "-same"), numbered(order, "-moved")
    for item, more in ((same, {}), (moved, {"delivery_date": dt.date(2026, 11, 20)})):
        earlier = replace(item, key=f"{item.key}/earlier")
        quotation = create_draft(people, earlier, template, **(dates | more))
        people.call("model.purchase.purchase.quote", [quotation])
    outcomes = make().load([same, moved])
    assert outcomes[0].state is OutcomeState.WRITTEN, outcomes[0].reason
    assert (outcomes[1].state, outcomes[1].code) == (OutcomeState.REJECTED, "TRYTON_ORDER_EXISTS")
    assert "delivery date 2026-11-20 instead of 2026-12-01" in (outcomes[1].reason or "")
    [left] = erp_support.purchases(people, moved.document.number)
    assert left["state"] == "quotation"


def test_another_warehouse_is_another_order(
    make: Callable[..., Connector[Any]], people: Session, order: PurchaseOrder
) -> None:
    make().load([load_item(order)])
    [first] = people.read("stock.location", [["type", "=", "warehouse"]], ["name"])
    zones = ["input_location", "output_location", "storage_location"]
    made = people.create("stock.location", [{"name": zone, "type": "storage"} for zone in zones])
    values = {"name": "Second", "type": "warehouse", **dict(zip(zones, made, strict=True))}
    [second] = people.create("stock.location", [values])
    try:
        [same] = make(warehouse=first["name"]).load([load_item(order, key=f"{order.number}/same")])
        [other] = make(warehouse="Second").load([load_item(order, key=f"{order.number}/other")])
    finally:
        # with two of them Tryton has no default any more
        people.write("stock.location", [second], {"active": False})
    assert same.state is OutcomeState.UNCHANGED, same.reason
    assert (other.state, other.code) == (OutcomeState.REJECTED, "TRYTON_ORDER_EXISTS")
    assert "another warehouse" in (other.reason or "")


def test_what_people_do_in_the_erp_orders_nothing_twice(
    make: Callable[..., Connector[Any]], people: Session, order: PurchaseOrder
) -> None:
    """The key and the order number can be edited away, the identity cannot; a cancelled order is not ordered again."""
    edited, cancelled = numbered(order, "-edited"), numbered(order, "-cancelled")
    outcomes = make().load([edited, cancelled])
    [purchase] = erp_support.purchases(people, edited.document.number)
    people.write("purchase.purchase", [purchase["id"]], {"comment": "ours", "reference": "their number"})
    [again] = make().load([edited])
    assert (again.state, again.reference) == (OutcomeState.UNCHANGED, outcomes[0].reference)

    model = numbered(order, "-model")
    make().load([model])
    [template] = erp_support.purchases(people, model.document.number)
    given_up = numbered(order, "-given-up")
    draft = create_draft(people, given_up, template)
    people.call("model.purchase.purchase.cancel", [draft])
    [outcome] = make().load([given_up])
    assert (outcome.state, outcome.code) == (OutcomeState.REJECTED, "TRYTON_ORDER_CANCELLED")
    assert make().find([given_up.key])[given_up.key].code == "TRYTON_ORDER_CANCELLED"


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
