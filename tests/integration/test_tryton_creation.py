"""Suppliers and products that an order brings into a real Tryton, where the agreement allows it; once each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import erp_support
import msgspec
import pytest
from erp_support import make, mark, people

from orderhub.connector import Connector, LoadItem, Outcome, OutcomeState
from orderhub.documents import Address, Party, PurchaseOrder
from orderhub.documents.order import LineItem
from orderhub.services.tryton.rpc import Session
from orderhub.testing import load_item, sample_order

pytestmark = pytest.mark.integration
__all__ = ["make", "mark", "people"]
replace = msgspec.structs.replace
BOTH = frozenset(("supplier", "item"))


def order_of(mark: str, number: str = "", **changes: Any) -> PurchaseOrder:
    """An order for a supplier and two items that Tryton has never heard of."""
    order = sample_order(f"NEW{mark}{number}")
    lines = [
        replace(
            line,
            item=LineItem(buyer_code=f"I{mark}-{place}", supplier_code=f"S-{place}", name=f"Bolt {place}"),
        )
        for place, line in enumerate(order.lines)
    ]
    supplier = Party(
        code=f"V{mark}",
        name="Neu & Söhne",
        address=Address(street="Am Kai 1", postal_zone="20457", city="Hamburg", country="DE"),
    )
    return replace(order, **({"supplier": supplier, "lines": lines} | changes))


def allowed(order: PurchaseOrder, creates: frozenset[str] = BOTH) -> LoadItem:
    return replace(load_item(order), creates=creates)


def parties(people: Session, code: str) -> list[dict[str, Any]]:
    return people.read("party.party", [["code", "=", code]], ["name", "code", "categories", "addresses"])


def products(people: Session, code: str) -> list[dict[str, Any]]:
    return people.read("product.product", [["code", "=", code]], ["name", "code", "description", "template"])


def test_unknown_master_data_is_created_with_what_the_order_says_and_marked(
    make: Callable[[], Connector[Any]], people: Session, mark: str
) -> None:
    order = order_of(mark)
    [outcome] = make().load([allowed(order)])
    assert outcome.state is OutcomeState.WRITTEN, outcome
    [purchase] = erp_support.purchases(people, order.number)
    assert purchase["state"] in erp_support.ORDERED
    [party] = parties(people, f"V{mark}")
    assert (party["id"], party["name"]) == (purchase["party"], "Neu & Söhne")
    names = people.read("party.category", [["id", "in", party["categories"]]], ["name"])
    assert [row["name"] for row in names] == ["Created by Orderhub"]
    [address] = people.read(
        "party.address", [["id", "in", party["addresses"]]], ["street", "city", "country.code"]
    )
    assert (address["street"], address["city"], address["country."]["code"]) == ("Am Kai 1", "Hamburg", "DE")
    [product] = products(people, f"I{mark}-0")
    assert product["name"] == "Bolt 0"
    assert product["description"].startswith(f"Created by Orderhub for order {order.number}")
    [sold] = people.read(
        "purchase.product_supplier", [["template", "=", product["template"]]], ["party", "code"]
    )
    assert (sold["party"], sold["code"]) == (party["id"], "S-0")

    # the same again, and another order for the same: nothing more is created
    again, other = make().load([allowed(order), allowed(order_of(mark, "-b"))])
    assert (again.state, other.state) == (OutcomeState.UNCHANGED, OutcomeState.WRITTEN)
    assert len(parties(people, f"V{mark}")) == len(products(people, f"I{mark}-0")) == 1


@pytest.mark.parametrize(
    ("creates", "code"),
    [
        (frozenset[str](), "TRYTON_SUPPLIER_UNKNOWN"),
        (frozenset({"item"}), "TRYTON_SUPPLIER_UNKNOWN"),
        (frozenset({"supplier"}), "TRYTON_ITEM_UNKNOWN"),
    ],
    ids=["nothing", "items only", "suppliers only"],
)
def test_only_what_the_agreement_allows_is_created(
    make: Callable[[], Connector[Any]], people: Session, mark: str, creates: frozenset[str], code: str
) -> None:
    [outcome] = make().load([allowed(order_of(mark), creates)])
    assert (outcome.state, outcome.code) == (OutcomeState.REJECTED, code)
    assert bool(parties(people, f"V{mark}")) == ("supplier" in creates)
    assert products(people, f"I{mark}-0") == []


def test_loaders_at_the_same_moment_create_one_of_each(
    make: Callable[[], Connector[Any]], people: Session, mark: str
) -> None:
    loaders = [make() for _ in range(4)]
    items = [[allowed(order_of(mark, f"-{number}{letter}")) for letter in "ab"] for number in range(4)]
    start = threading.Barrier(4)
    outcomes: list[list[Outcome]] = [[] for _ in loaders]

    def work(number: int) -> None:
        start.wait()
        outcomes[number] = loaders[number].load(items[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # one that gave up in the crowd says so, and its next attempt finds everything there
    said = {outcome.state for found in outcomes for outcome in found}
    assert said <= {OutcomeState.WRITTEN, OutcomeState.UNCLEAR}
    again = make().load([item for mine in items for item in mine])
    assert {outcome.state for outcome in again} <= {OutcomeState.WRITTEN, OutcomeState.UNCHANGED}
    assert len(parties(people, f"V{mark}")) == 1
    assert [len(products(people, f"I{mark}-{place}")) for place in range(2)] == [1, 1]


def test_one_batch_with_several_orders_for_the_same_unknown_creates_it_once(
    make: Callable[[], Connector[Any]], people: Session, mark: str
) -> None:
    by_gln = order_of(mark, "-gln", supplier=Party(gln="4999999999997", code=f"V{mark}", name="Neu"))
    outcomes = make().load([allowed(by_gln), *(allowed(order_of(mark, f"-{n}")) for n in range(3))])
    assert {outcome.state for outcome in outcomes} == {OutcomeState.WRITTEN}, outcomes
    assert len(parties(people, f"V{mark}")) == 1


def test_what_cannot_be_created_is_rejected_with_the_reason(
    make: Callable[[], Connector[Any]], people: Session, mark: str
) -> None:
    order = order_of(mark)
    nameless = replace(order, number=f"{order.number}-n", supplier=Party(name="Nobody in particular"))
    odd_unit = replace(
        order,
        number=f"{order.number}-u",
        lines=[replace(order.lines[0], unit="XBX", item=LineItem(buyer_code=f"U{mark}"))],
    )
    by_supplier = replace(
        order,
        number=f"{order.number}-s",
        lines=[replace(order.lines[0], item=LineItem(supplier_code="only"))],
    )
    good = replace(order, number=f"{order.number}-g")
    outcomes = make().load([allowed(each) for each in (nameless, odd_unit, by_supplier, good)])
    assert [outcome.code for outcome in outcomes] == [
        "TRYTON_SUPPLIER_UNKNOWN",
        "TRYTON_ITEM_UNKNOWN",
        "TRYTON_ITEM_UNKNOWN",
        None,
    ]
    assert "no unit for 'XBX'" in (outcomes[1].reason or "")
    assert outcomes[3].state is OutcomeState.WRITTEN
    inactive = products(people, f"I{mark}-0")[0]
    people.write("product.product", [inactive["id"]], {"active": False})
    people.write("party.party", [parties(people, f"V{mark}")[0]["id"]], {"active": False})
    [hidden] = make().load([allowed(replace(order, number=f"{order.number}-h"))])
    assert (hidden.state, hidden.code) == (OutcomeState.REJECTED, "TRYTON_SUPPLIER_UNKNOWN")
    assert "could not be" in (hidden.reason or ""), "people put the party aside: it is not made a second time"


def test_a_price_for_a_thousand_and_a_gtin_are_taken_over(
    make: Callable[[], Connector[Any]], people: Session, mark: str
) -> None:
    gtin = f"2{int(mark.replace('x', '')):011}"[:12]
    digits = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(gtin))
    gtin += str(-digits % 10)
    order = order_of(mark)
    line = replace(
        order.lines[0], item=LineItem(gtin=gtin), price=Decimal("120.00"), price_base_quantity=Decimal(1000)
    )
    [outcome] = make().load([allowed(replace(order, lines=[line]))])
    assert outcome.state is OutcomeState.WRITTEN, outcome
    [found] = people.read("product.identifier", [["code", "=", gtin]], ["type", "product"])
    assert found["type"] == "ean"
    [product] = people.read("product.product", [["id", "=", found["product"]]], ["code", "list_price_used"])
    assert (product["code"], product["list_price_used"]) == (gtin, Decimal("0.1200"))
