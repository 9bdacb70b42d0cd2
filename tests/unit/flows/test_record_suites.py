"""The suites of master data: every rule catches its record and leaves the others."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hub_harness import PROJECT

from orderhub.documents import Item, StockLevel, Supplier
from orderhub.validate.suite import ExpectationSuiteFile, compiled_suite, suite_path

FOLDER = PROJECT / "schemas" / "expectations"
SUITES = {"supplier": "supplier_core", "item": "item_core", "stock_level": "stock_core"}


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
]


@pytest.mark.parametrize(("bad", "rule", "field"), CASES, ids=[case[1] for case in CASES])
def test_each_rule_catches_its_record(bad: Any, rule: str, field: str) -> None:
    suite = compiled_suite(suite_path(FOLDER, SUITES[bad.document_name]))
    good = {"supplier": supplier, "item": item, "stock_level": level}[bad.document_name]()
    found = suite.run([(1, good), (2, bad)])
    assert [(number, finding.code, finding.field) for number, all_ in found.items() for finding in all_] == [
        (2, rule, field)
    ]


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
