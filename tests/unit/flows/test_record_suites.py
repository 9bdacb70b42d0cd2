"""The suites of master data: every rule catches its record and leaves the others."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hub_harness import PROJECT

from orderhub.documents import (
    Demand,
    Item,
    Party,
    Receipt,
    ReceiptLine,
    StockLevel,
    Supplier,
    SupplierItem,
)
from orderhub.documents.order import LineItem
from orderhub.validate.suite import ExpectationSuiteFile, compiled_suite, suite_path

FOLDER = PROJECT / "schemas" / "expectations"
SUITES = {
    "supplier": "supplier_core",
    "supplier_item": "supplier_item_core",
    "item": "item_core",
    "stock_level": "stock_core",
    "demand": "demand_core",
    "receipt": "receipt_core",
}


def supplier(**more: Any) -> Supplier:
    return Supplier(**({"number": "S1", "name": "Nord", "currency": "EUR"} | more))


def item(**more: Any) -> Item:
    return Item(**({"number": "I1", "name": "Bolt", "unit": "C62", "price": Decimal(1)} | more))


def level(**more: Any) -> StockLevel:
    given = {
        "item_number": "I1",
        "location": "L1",
        "quantity": Decimal(1),
        "unit": "C62",
        "as_of": dt.date(2026, 1, 1),
    }
    return StockLevel(**(given | more))


def offer(**more: Any) -> SupplierItem:
    given = {
        "supplier_number": "S1",
        "item_number": "I1",
        "unit": "C62",
        "price": Decimal(1),
        "currency": "EUR",
    }
    return SupplierItem(**(given | more))


def demand(**more: Any) -> Demand:
    given = {
        "item_number": "I1",
        "period_from": dt.date(2026, 1, 1),
        "period_to": dt.date(2026, 1, 31),
        "quantity": Decimal(1),
        "unit": "C62",
    }
    return Demand(**(given | more))


def receipt(received: int = 5, rejected: int = 0, **more: Any) -> Receipt:
    line = ReceiptLine(
        number=1,
        item=LineItem(buyer_code="I1"),
        quantity_received=Decimal(received),
        quantity_rejected=Decimal(rejected),
        unit="C62",
    )
    given = {
        "number": "R1",
        "received_on": dt.date(2026, 1, 1),
        "supplier": Party(name="Nord"),
        "lines": [line],
    }
    return Receipt(**(given | more))


MAKE = {
    "supplier": supplier,
    "supplier_item": offer,
    "item": item,
    "stock_level": level,
    "demand": demand,
    "receipt": receipt,
}
CASES: list[tuple[Any, str, str]] = [
    (supplier(number="S" * 65), "SU_NUMBER_LENGTH", "number"),
    (supplier(name="N" * 201), "SU_NAME_LENGTH", "name"),
    (supplier(currency="XTS"), "SU_CURRENCY", "currency"),
    (item(number="I" * 65), "IT_NUMBER_LENGTH", "number"),
    (item(name="N" * 201), "IT_NAME_LENGTH", "name"),
    (item(price=Decimal("-0.01")), "IT_PRICE", "price"),
    (item(currency="XTS"), "IT_CURRENCY", "currency"),
    (level(item_number="I" * 65), "ST_ITEM_LENGTH", "item_number"),
    (level(location="L" * 65), "ST_LOCATION_LENGTH", "location"),
    (level(quantity=Decimal(-1)), "ST_QUANTITY", "quantity"),
    (offer(supplier_number="S" * 65), "SI_SUPPLIER_LENGTH", "supplier_number"),
    (offer(item_number="I" * 65), "SI_ITEM_LENGTH", "item_number"),
    (offer(price=Decimal("-0.01")), "SI_PRICE", "price"),
    (offer(currency="XTS"), "SI_CURRENCY", "currency"),
    (offer(price_base_quantity=Decimal(0)), "SI_PRICE_BASE", "price_base_quantity"),
    (offer(minimum_quantity=Decimal(-1)), "SI_MINIMUM", "minimum_quantity"),
    (offer(minimum_quantity=Decimal(9), maximum_quantity=Decimal(8)), "SI_MAXIMUM", "maximum_quantity"),
    (offer(order_multiple=Decimal(0)), "SI_MULTIPLE", "order_multiple"),
    (
        offer(price_valid_from=dt.date(2026, 2, 1), price_valid_to=dt.date(2026, 1, 1)),
        "SI_VALIDITY",
        "price_valid_to",
    ),
    (offer(lead_time_days=731), "SI_LEAD_TIME", "lead_time_days"),
    (demand(item_number="I" * 65), "DE_ITEM_LENGTH", "item_number"),
    (demand(quantity=Decimal(-1)), "DE_QUANTITY", "quantity"),
    (demand(period_to=dt.date(2025, 12, 31)), "DE_PERIOD", "period_to"),
    (receipt(number="R" * 65), "RC_NUMBER_LENGTH", "number"),
    (receipt(supplier=Party(tax_number="1")), "RC_SUPPLIER", "supplier"),
    (receipt(received=-1, rejected=-2), "RC_LINE_RECEIVED", "lines[0].quantity_received"),
    (receipt(rejected=-1), "RC_LINE_REJECTED", "lines[0].quantity_rejected"),
    (receipt(received=1, rejected=2), "RC_LINE_MORE_REJECTED", "lines[0].quantity_rejected"),
]


@pytest.mark.parametrize(("bad", "rule", "field"), CASES, ids=[case[1] for case in CASES])
def test_each_rule_catches_its_record(bad: Any, rule: str, field: str) -> None:
    suite = compiled_suite(suite_path(FOLDER, SUITES[bad.document_name]))
    found = suite.run([(1, MAKE[bad.document_name]()), (2, bad)])
    assert set(found) == {2}
    assert (rule, field) in [(finding.code, finding.field) for finding in found[2]]
    others = {finding.code for finding in found[2]} - {rule}
    # a negative receipt breaks the rule of the rejected quantity too
    assert others <= ({"RC_LINE_REJECTED"} if rule == "RC_LINE_RECEIVED" else set())


@pytest.mark.parametrize(
    ("two", "rule"),
    [
        ([supplier(gln="4000000000006"), supplier(number="S2", gln="4000000000006")], "SU_GLN_REPEATED"),
        ([item(gtin="40000006"), item(number="I2", gtin="40000006")], "IT_GTIN_REPEATED"),
    ],
    ids=["GLN", "GTIN"],
)
def test_what_two_records_share_is_a_warning(two: list[Any], rule: str) -> None:
    suite = compiled_suite(suite_path(FOLDER, SUITES[two[0].document_name]))
    found = suite.run(list(enumerate(two)))
    assert {(finding.code, finding.severity.value) for all_ in found.values() for finding in all_} == {
        (rule, "warning")
    }


def test_the_suites_say_what_the_page_says() -> None:
    page = (PROJECT / "docs" / "reference" / "expectations.md").read_text(encoding="utf-8")
    for name in SUITES.values():
        definition = ExpectationSuiteFile(suite_path(FOLDER, name))
        covered = {case[1] for case in CASES} | {"SU_GLN_REPEATED", "IT_GTIN_REPEATED"}
        assert set(definition.rules) <= covered
        for rule, meta in definition.rules.items():
            assert f"| `{name}` | `{rule}` | `{meta['field']}` | {meta['message']}" in page
