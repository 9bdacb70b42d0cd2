"""Suppliers and items as documents into a real Tryton: created and updated where it was agreed, and told where it was not."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from erp_support import make, mark, people
from servers.line import Line

from orderhub.connector import Connector, LoadItem, Outcome, OutcomeState
from orderhub.documents import Address, Contact, Item, Supplier
from orderhub.services.endpoints import Endpoints
from orderhub.services.tryton.rpc import Session
from orderhub.testing import load_item, sample_order

pytestmark = pytest.mark.integration
__all__ = ["make", "mark", "people"]
replace = msgspec.structs.replace
_numbers = itertools.count(1)
BOTH = frozenset(("supplier", "item"))
NOTHING: frozenset[str] = frozenset()


def supplier_of(mark: str, **changes: Any) -> Supplier:
    supplier = Supplier(
        number=f"R{mark}",
        name="Neu & Söhne",
        gln="4999999999997",
        tax_number=f"T{mark}",
        currency="USD",
        address=Address(
            street="Am Kai 1", additional_street="Tor 4", postal_zone="20457", city="Hamburg", country="DE"
        ),
        contact=Contact(telephone="+49 40 5550100", email="kai@example.org"),
    )
    return replace(supplier, **changes)


def item_of(mark: str, **changes: Any) -> Item:
    item = Item(
        number=f"RI{mark}",
        name="Bolt",
        unit="C62",
        price=Decimal("0.5"),
        currency="EUR",
        supplier_number="S1001",
        supplier_code=f"N{mark}",
    )
    return replace(item, **changes)


def allowed(
    document: Supplier | Item, creates: frozenset[str] = BOTH, updates: frozenset[str] = BOTH
) -> LoadItem:
    name = f"{document.document_name}/{document.number}"
    return LoadItem(
        key=f"{name}/{next(_numbers)}",
        identity=name,
        document=document,
        company="sample",
        source=1,
        load=1,
        creates=creates,
        updates=updates,
    )


def party(people: Session, mark: str) -> dict[str, Any]:
    [row] = people.read(
        "party.party",
        [["code", "=", f"R{mark}"]],
        [
            *("name", "phone", "email", "supplier_currency.code", "identifiers.code", "categories.name"),
            *("addresses.street", "addresses.city", "addresses.country.code"),
        ],
    )
    return row


def product(people: Session, mark: str) -> dict[str, Any]:
    [row] = people.read(
        "product.product",
        [["code", "=", f"RI{mark}"]],
        ["name", "list_price_used", "identifiers.code", "template.product_suppliers"],
    )
    return row


def test_a_supplier_is_created_then_unchanged_then_updated(
    make: Callable[..., Connector[Any]], people: Session, mark: str
) -> None:
    supplier = supplier_of(mark, gln=None)
    connector = make()
    [created] = connector.load([allowed(supplier)])
    assert (created.state, created.reference) == (OutcomeState.WRITTEN, f"R{mark}"), created
    row = party(people, mark)
    assert (row["name"], row["supplier_currency."]["code"]) == ("Neu & Söhne", "USD")
    assert row["categories."][0]["name"] == "Created by Orderhub"
    [address] = row["addresses."]
    assert (address["street"], address["city"], address["country."]["code"]) == (
        "Am Kai 1\nTor 4",
        "Hamburg",
        "DE",
    )
    assert [one["code"] for one in row["identifiers."]] == [f"T{mark}"]
    assert row["email"] == "kai@example.org"
    [same] = make().load([allowed(supplier, NOTHING, NOTHING)])
    assert same.state is OutcomeState.UNCHANGED, same
    moved = replace(
        supplier,
        name="Neu GmbH",
        currency="EUR",
        address=Address(city="Bremen"),
        contact=Contact(email="kontor@example.org"),
    )
    [updated] = connector.load([allowed(moved)])
    assert updated.state is OutcomeState.WRITTEN, updated
    row = party(people, mark)
    assert (row["name"], row["supplier_currency."]["code"], row["email"]) == (
        "Neu GmbH",
        "EUR",
        "kontor@example.org",
    )
    [address] = row["addresses."]
    assert (address["street"], address["city"]) == ("Am Kai 1\nTor 4", "Bremen"), "what is left out stays"
    [again] = make().load([allowed(moved)])
    assert again.state is OutcomeState.UNCHANGED, again


def test_an_item_is_created_then_unchanged_then_updated(
    make: Callable[..., Connector[Any]], people: Session, mark: str
) -> None:
    item = item_of(mark)
    connector = make()
    [created] = connector.load([allowed(item)])
    assert created.state is OutcomeState.WRITTEN, created
    row = product(people, mark)
    assert (row["name"], row["list_price_used"]) == ("Bolt", Decimal("0.5"))
    [same] = make().load([allowed(item, NOTHING, NOTHING)])
    assert same.state is OutcomeState.UNCHANGED, same
    changed = replace(
        item, name="Bolt M8", price=Decimal("0.55"), gtin="4012345000009", supplier_code=f"M{mark}"
    )
    [updated] = connector.load([allowed(changed)])
    assert updated.state is OutcomeState.WRITTEN, updated
    row = product(people, mark)
    assert (row["name"], row["list_price_used"]) == ("Bolt M8", Decimal("0.55"))
    assert [one["code"] for one in row["identifiers."]] == ["4012345000009"]
    [offer] = people.read(
        "purchase.product_supplier", [["id", "in", row["template."]["product_suppliers"]]], ["code"]
    )
    assert offer["code"] == f"M{mark}"
    [again] = make().load([allowed(changed)])
    assert again.state is OutcomeState.UNCHANGED, again
    # an order finds it under its new number at the supplier
    order = sample_order(f"RO{mark}", lines=1)
    order.lines[0].item = replace(order.lines[0].item, gtin=None, supplier_code=f"M{mark}")
    [bought] = connector.load([load_item(order)])
    assert bought.state is OutcomeState.WRITTEN, bought
    people.write(
        "product.product",
        [row["id"]],
        {"identifiers": [["delete", [one["id"] for one in row["identifiers."]]]]},
    )


def test_what_was_not_agreed_is_rejected_and_said(
    make: Callable[..., Connector[Any]], people: Session, mark: str
) -> None:
    connector = make()
    supplier, item = supplier_of(mark, gln=None), item_of(mark)
    refused = connector.load([allowed(supplier, NOTHING), allowed(item, frozenset({"supplier"}))])
    assert [one.code for one in refused] == ["TRYTON_SUPPLIER_UNKNOWN", "TRYTON_ITEM_UNKNOWN"]
    assert people.find("party.party", [["code", "=", f"R{mark}"]]) == []
    written = connector.load([allowed(item), allowed(supplier)])
    assert [one.state for one in written] == [OutcomeState.WRITTEN] * 2
    renamed = [replace(supplier, name="Other", active=False), replace(item, name="Other")]
    differing = connector.load([allowed(one, updates=NOTHING) for one in renamed])
    assert [one.code for one in differing] == ["TRYTON_SUPPLIER_DIFFERS", "TRYTON_ITEM_DIFFERS"]
    assert "another name and another active" in (differing[0].reason or "")
    assert party(people, mark)["name"] == "Neu & Söhne"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"unit": "KGM"}, "TRYTON_UNIT_MISMATCH", "unit"),
        ({"unit": "XBX"}, "TRYTON_UNIT_UNKNOWN", "unit"),
        ({"currency": "USD"}, "TRYTON_CURRENCY_OTHER", "currency"),
        ({"price": Decimal("0.123456789")}, "TRYTON_PRICE_PRECISION", "price"),
        ({"supplier_number": "S-nobody"}, "TRYTON_SUPPLIER_UNKNOWN", "supplier_number"),
        ({"number": "half \ud800"}, "TRYTON_ITEM_NUMBER", "number"),
    ],
)
def test_what_tryton_cannot_have_is_rejected_at_its_field_and_the_rest_goes_on(
    make: Callable[..., Connector[Any]], mark: str, changes: dict[str, Any], code: str, field: str
) -> None:
    connector = make()
    connector.load([allowed(item_of(mark))])
    bad, good = connector.load([allowed(item_of(mark, **changes)), allowed(item_of(f"{mark}g"))])
    assert (bad.state, bad.code, bad.field) == (OutcomeState.REJECTED, code, field), bad
    assert good.state is OutcomeState.WRITTEN


def test_two_records_of_one_supplier_in_a_batch_end_as_the_later_one(
    make: Callable[..., Connector[Any]], people: Session, mark: str
) -> None:
    first = supplier_of(mark, gln=None)
    outcomes = make().load([allowed(first), allowed(replace(first, name="Later"))])
    assert [one.state for one in outcomes] == [OutcomeState.WRITTEN] * 2
    assert party(people, mark)["name"] == "Later"


def test_loaders_at_the_same_moment_create_one(
    make: Callable[..., Connector[Any]], people: Session, mark: str
) -> None:
    loaders = [make() for _ in range(3)]
    start = threading.Barrier(len(loaders))
    outcomes: list[Outcome] = []

    def run(loader: Connector[Any]) -> None:
        start.wait()
        outcomes.extend(loader.load([allowed(supplier_of(mark, gln=None)), allowed(item_of(mark))]))

    threads = [threading.Thread(target=run, args=(loader,)) for loader in loaders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # one that gave up in the crowd says so, and its next attempt finds everything there
    done = {OutcomeState.WRITTEN, OutcomeState.UNCHANGED}
    assert {one.state for one in outcomes} <= done | {OutcomeState.UNCLEAR}, outcomes
    again = make().load([allowed(supplier_of(mark, gln=None)), allowed(item_of(mark))])
    assert {one.state for one in again} <= done, again
    assert party(people, mark)
    assert product(people, mark)


def test_an_answer_that_was_lost_is_unclear_and_the_next_load_finds_it_done(
    make: Callable[..., Connector[Any]], people: Session, erp: Endpoints, mark: str
) -> None:
    line = Line(erp.erp_url, lambda request: b".create" in request or b".write" in request)
    supplier, item = supplier_of(mark, gln=None), item_of(mark)
    make().load([allowed(supplier), allowed(item)])
    renamed = [allowed(replace(supplier, name="Renamed")), allowed(replace(item, name="Renamed"))]
    try:
        with line.cut(0, after=True) as failure:
            outcomes = make(line.url).load(renamed)
        assert failure.happened
        assert {one.state for one in outcomes} == {OutcomeState.UNCLEAR}
        assert party(people, mark)["name"] == "Renamed"
        assert make().find([one.key for one in renamed]) == {}
        again = make().load(renamed)
        assert [one.state for one in again] == [OutcomeState.UNCHANGED] * 2
        with line.cut(0, after=False):
            [lost] = make(line.url).load([allowed(replace(supplier, name="Never"))])
        assert lost.state is OutcomeState.UNCLEAR
        assert party(people, mark)["name"] == "Renamed"
    finally:
        line.close()
