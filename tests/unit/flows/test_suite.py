"""The suite purchase_order_core: which rule catches what, where, and that good orders pass."""

import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from orderhub.documents import Line, Party, PurchaseOrder
from orderhub.documents.order import LineItem
from orderhub.errors import ConfigError
from orderhub.findings import Severity
from orderhub.validate.reference import Reference
from orderhub.validate.suite import (
    CompiledSuite,
    ExpectationSuiteFile,
    compiled_suite,
    suite_path,
    value_text,
)
from orderhub.warehouse.prices import ListPrice

FOLDER = Path(__file__).parents[3] / "schemas" / "expectations"


def line(**changes: Any) -> Line:
    given = {
        "number": 1,
        "item": LineItem(gtin="4019999011016"),
        "quantity": D(10),
        "unit": "C62",
        "price": D("0.12"),
    }
    return Line(**{**given, **changes})


def order(**changes: Any) -> PurchaseOrder:
    given = {
        "number": "PO-1",
        "issued_on": dt.date(2026, 11, 20),
        "currency": "EUR",
        "buyer": Party(gln="4299999001006"),
        "supplier": Party(gln="4019999010002"),
        "lines": [line(), line(number=2, quantity=D("2.5"), price=None)],
    }
    return PurchaseOrder(**{**given, **changes})


@pytest.fixture(scope="module")
def suite() -> CompiledSuite:
    return compiled_suite(suite_path(FOLDER, "purchase_order_core"))


REFERENCE = Reference(
    today=dt.date(2026, 11, 23),
    prices={"A-1": ListPrice(D("0.10"), "C62", "EUR"), "4019999011016": ListPrice(D("0.12"), "C62", None)},
)

CASES: list[tuple[PurchaseOrder, str, str, str | None]] = [
    (order(number="x" * 65, lines=[line(quantity=D(4))]), "PO_NUMBER_LENGTH", "number", "x" * 65),
    (order(currency="XXX"), "PO_CURRENCY", "currency", "XXX"),
    (order(supplier=Party()), "PO_SUPPLIER", "supplier", None),
    (order(buyer=Party()), "PO_BUYER", "buyer", None),
    (
        order(requested_delivery_on=dt.date(2026, 11, 19)),
        "PO_DELIVERY_BEFORE_ISSUE",
        "requested_delivery_on",
        "2026-11-19",
    ),
    (order(lines=[line()], total_amount=D("1.30")), "PO_TOTAL", "total_amount", "1.3"),
    (order(lines=[line(quantity=D(0))]), "PO_LINE_QUANTITY", "lines[0].quantity", "0"),
    (order(lines=[line(), line(number=2, quantity=D(-3))]), "PO_LINE_QUANTITY", "lines[1].quantity", "-3"),
    (order(lines=[line(price=D("-0.01"), unit="PR")]), "PO_LINE_PRICE", "lines[0].price", "-0.01"),
    (
        order(lines=[line(price_base_quantity=D(0))]),
        "PO_LINE_PRICE_BASE",
        "lines[0].price_base_quantity",
        "0",
    ),
    (order(lines=[line(amount=D("9.99"))]), "PO_LINE_AMOUNT", "lines[0].amount", "9.99"),
    (order(lines=[line(unit="QQQ")]), "PO_LINE_UNIT", "lines[0].unit", "QQQ"),
    (order(lines=[line(item=LineItem(name="a thing"))]), "PO_LINE_ITEM", "lines[0].item", None),
    (
        order(lines=[line(requested_delivery_on=dt.date(2026, 1, 1))]),
        "PO_LINE_DELIVERY_BEFORE_ISSUE",
        "lines[0].requested_delivery_on",
        "2026-01-01",
    ),
    (order(number="PO-8", issued_on=dt.date(2026, 12, 1)), "PO_ISSUED_AHEAD", "issued_on", "2026-12-01"),
    (
        order(requested_delivery_on=dt.date(2028, 11, 20)),
        "PO_DELIVERY_FAR",
        "requested_delivery_on",
        "2028-11-20",
    ),
    (
        order(lines=[line(item=LineItem(buyer_code="A-1"), price=D("12.6"), price_base_quantity=D(100))]),
        "PO_LINE_PRICE_TOLERANCE",
        "lines[0].price",
        "12.6",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case[1] for case in CASES])
def test_each_rule_catches_its_order_and_leaves_the_others(
    suite: CompiledSuite, case: tuple[PurchaseOrder, str, str, str | None]
) -> None:
    bad, rule, field, value = case
    found = suite.run(
        [(7, order()), (8, bad), (9, order(number="PO-2", note="x", lines=[line(quantity=D(3))]))], REFERENCE
    )
    assert list(found) == [8]
    assert [(finding.code, finding.field, finding.value) for finding in found[8]] == [(rule, field, value)]
    assert found[8][0].rule == f"purchase_order_core/{rule}"


def test_a_line_number_that_repeats_within_an_order_is_found_but_not_across_orders(
    suite: CompiledSuite,
) -> None:
    found = suite.run([(1, order(lines=[line(), line()])), (2, order()), (3, order())])
    assert list(found) == [1]
    assert {finding.field for finding in found[1]} == {"lines[0].number", "lines[1].number"}


def test_the_same_order_under_two_numbers_is_found_and_a_duplicate_is_not(suite: CompiledSuite) -> None:
    twice = [
        (1, order()),
        (2, order()),
        (3, order(number="PO-3")),
        (4, order(number="PO-4", buyer=Party(code="B"))),
    ]
    found = suite.run(twice)
    assert {number: [f.code for f in findings] for number, findings in found.items()} == {
        1: ["PO_SAME_CONTENT"],
        3: ["PO_SAME_CONTENT"],
    }
    assert {f.severity for findings in found.values() for f in findings} == {Severity.WARNING}


def test_a_price_is_compared_only_with_one_of_its_unit_and_currency(suite: CompiledSuite) -> None:
    dear = D("9.99")
    other_unit = order(number="1", lines=[line(price=dear, unit="PR")])
    other_currency = order(
        number="2", currency="USD", lines=[line(price=dear, item=LineItem(buyer_code="A-1"))]
    )
    unknown = order(number="3", lines=[line(price=dear, item=LineItem(buyer_code="B-9"))])
    within = order(number="4", lines=[line(price=D("0.15"))])
    assert suite.run([(1, other_unit), (2, other_currency), (3, unknown), (4, within)], REFERENCE) == {}


def test_good_orders_pass_at_the_edges(suite: CompiledSuite) -> None:
    edge = order(
        lines=[line(amount=D("1.21"), price=D(0), price_base_quantity=D(100)), line(number=2)],
        requested_delivery_on=dt.date(2026, 11, 20),
    )
    edge.lines[0].amount = D("0.01")
    assert (
        suite.run([(1, edge), (2, order(total_amount=D("99"))), (3, order(issued_on=dt.date(1, 1, 1)))]) == {}
    )
    assert suite.run([]) == {}


def test_threads_that_validate_at_once_see_their_own_documents_alone(suite: CompiledSuite) -> None:
    def judged(ledger_id: int) -> set[int]:
        return set(suite.run([(ledger_id, order(number=f"PO-{ledger_id}", currency="XXX"))]))

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(judged, range(24))) == [{ledger_id} for ledger_id in range(24)]


def test_every_rule_of_the_suite_has_a_case() -> None:
    definition = ExpectationSuiteFile(suite_path(FOLDER, "purchase_order_core"))
    covered = {case[1] for case in CASES} | {"PO_LINE_NUMBER_REPEATED", "PO_NUMBER", "PO_SAME_CONTENT"}
    # an order without a number cannot be made: the mapping refuses it; the rule guards what comes another way
    assert set(definition.rules) == covered


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c["expectations"][0]["meta"].pop("rule"), "rule"),
        (lambda c: c["expectations"][0]["kwargs"].update(column="nummer"), "nummer"),
        (lambda c: c["expectations"][0]["meta"].update(frame="rows"), "rows"),
        (lambda c: c["expectations"][1]["meta"].update(rule="PO_NUMBER"), "twice"),
        (lambda c: c.update(name="other"), "file"),
        (lambda c: c["expectations"][0]["meta"].update(severity="fatal"), "severity"),
    ],
)
def test_a_wrong_suite_is_refused_before_it_runs(tmp_path: Path, change: Any, says: str) -> None:
    content = json.loads((FOLDER / "purchase_order_core.json").read_text(encoding="utf-8"))
    change(content)
    path = tmp_path / "purchase_order_core.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ConfigError, match=says):
        ExpectationSuiteFile(path)


def test_an_expectation_that_does_not_exist_is_a_config_error(tmp_path: Path) -> None:
    content = json.loads((FOLDER / "purchase_order_core.json").read_text(encoding="utf-8"))
    content["expectations"][0]["type"] = "expect_miracles"
    path = tmp_path / "purchase_order_core.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ConfigError, match="expect_miracles"):
        CompiledSuite(ExpectationSuiteFile(path))
    with pytest.raises(ConfigError, match="cannot be a suite's name"):
        suite_path(FOLDER, "../purchase_order_core")
    with pytest.raises(ConfigError, match="cannot be read"):
        ExpectationSuiteFile(suite_path(FOLDER, "no_such_suite"))


def test_values_are_shown_as_the_document_has_them() -> None:
    document = order(total_amount=D("1E+2"))
    assert value_text(document, "total_amount") == "100"
    assert value_text(document, "lines[1].quantity") == "2.5"
    assert value_text(document, "lines[9].quantity") is None
    assert value_text(document, "buyer") is None


def test_the_reference_lists_every_rule() -> None:
    page = (FOLDER.parents[1] / "docs" / "reference" / "expectations.md").read_text(encoding="utf-8")
    definition = ExpectationSuiteFile(suite_path(FOLDER, "purchase_order_core"))
    for rule, meta in definition.rules.items():
        assert f"| `{rule}` |" in page
        assert meta["message"] in page
