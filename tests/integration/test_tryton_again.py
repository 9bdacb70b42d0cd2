"""Orders that Tryton has already, in whatever state loaders and people left them: none is ordered twice."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import erp_support
import msgspec
import pytest
from erp_support import make, people
from tryton_orders import changed_line, create_draft, numbered, order

from orderhub.connector import Connector, LoadItem, Outcome, OutcomeState
from orderhub.documents import Line, PurchaseOrder
from orderhub.services.tryton.rpc import Session
from orderhub.testing import load_item

pytestmark = pytest.mark.integration
__all__ = ["make", "order", "people"]
replace = msgspec.structs.replace


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
