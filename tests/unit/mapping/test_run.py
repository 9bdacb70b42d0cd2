"""What a mapping makes of real messages: values, absence, refusals with their places, checks, what is left unread."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from mapping_samples import (
    CSV_FIELDS,
    CSV_HEAD,
    EDIFACT_FIELDS,
    EDIFACT_HEAD,
    csv_trees,
    good,
    run_csv,
    run_edifact,
)

from orderhub.documents import PurchaseOrder, canonical_bytes
from orderhub.findings import MAX_FINDINGS, Severity

HEADER = "no;date;buyer;supplier;line;item;qty;unit;currency;price;amount;total;note;kind;Order No\n"
ROW = "A1;2026-11-23;Buyer;Supplier;1;X-1;5;PCE;;1.5;7.5;;;;\n"


def replaced(row: str, **cells: str) -> str:
    names = HEADER.strip().split(";")
    values = row.strip().split(";")
    for name, value in cells.items():
        values[names.index(name)] = value
    return ";".join(values) + "\n"


def order(text: str, fields: str = CSV_FIELDS, more: str = "unmapped: ignore\n") -> PurchaseOrder:
    (result,) = run_csv(good(CSV_HEAD + fields + more), text)
    assert isinstance(result.document, PurchaseOrder), result.findings
    return result.document


def test_an_order() -> None:
    made = order(HEADER + ROW + replaced(ROW, line="2", unit="KG", qty="2.50", price=""))
    assert made.number == "A1"
    assert made.issued_on == dt.date(2026, 11, 23)
    assert made.currency == "EUR"  # the fallback
    assert made.total_amount is None
    first, second = made.lines
    assert (first.number, first.quantity, first.unit, first.price) == (1, Decimal(5), "C62", Decimal("1.5"))
    assert (second.quantity, second.unit, second.price) == (Decimal("2.50"), "KGM", None)


def test_constants_do_not_make_a_part_present() -> None:
    fields = CSV_FIELDS.replace("  note: note\n", "  ship_to: {name: note, scheme: {const: own}}\n")
    assert order(HEADER + ROW, fields).ship_to is None
    with_name = order(HEADER + replaced(ROW, note="Dock 3"), fields).ship_to
    assert with_name is not None
    assert (with_name.name, with_name.scheme) == ("Dock 3", "own")


def test_every_refused_value_is_found_at_its_place() -> None:
    bad = replaced(ROW, date="2026-02-30", qty="many", unit="XX", line="x")
    (result,) = run_csv(good(CSV_HEAD + CSV_FIELDS), HEADER + ROW + bad.replace("2026-02-30", "2026-11-23"))
    assert result.document is None
    assert [(f.code, f.field, f.place.line, f.place.segment, f.value) for f in result.findings] == [
        ("VALUE_NUMBER", "lines[1].number", 3, "line", "x"),
        ("VALUE_NUMBER", "lines[1].quantity", 3, "qty", "many"),
        ("VALUE_LOOKUP", "lines[1].unit", 3, "unit", "XX"),
    ]
    assert all(f.place.file == "orders.csv" and f.place.offset for f in result.findings)


def test_header_and_line_errors_come_together() -> None:
    (result,) = run_csv(
        good(CSV_HEAD + CSV_FIELDS), HEADER + replaced(ROW, date="soon", currency="euro", qty="")
    )
    assert {(f.code, f.field) for f in result.findings} == {
        ("VALUE_DATE", "issued_on"),
        ("VALUE_FIELD", "currency"),
        ("VALUE_MISSING", "lines[0].quantity"),
    }


def test_missing_parts_and_lists() -> None:
    (result,) = run_csv(good(CSV_HEAD + CSV_FIELDS), HEADER + replaced(ROW, supplier="", item=""))
    assert {(f.code, f.field) for f in result.findings} == {
        ("VALUE_MISSING", "supplier"),
        ("VALUE_MISSING", "lines[0].item"),
    }
    fields = CSV_FIELDS.replace("each: rows", 'each: "rows[kind=L]"')
    (result,) = run_csv(good(CSV_HEAD + fields), HEADER + ROW)
    assert [(f.code, f.field) for f in result.findings] == [("VALUE_MISSING", "lines")]


def test_several_different_values_are_never_one_by_chance() -> None:
    (result,) = run_csv(good(CSV_HEAD + CSV_FIELDS), HEADER + ROW + replaced(ROW, buyer="Another"))
    (finding,) = result.findings
    assert (finding.code, finding.field, finding.place.line) == ("VALUE_SEVERAL", "buyer.name", 3)


def test_ten_thousand_errors_are_counted_and_not_kept() -> None:
    rows = "".join(replaced(ROW, line=str(n), qty="x") for n in range(10_000))
    (result,) = run_csv(good(CSV_HEAD + CSV_FIELDS), HEADER + rows)
    assert len(result.findings) == MAX_FINDINGS + 1
    assert result.findings[-1].code == "FINDINGS_CUT"
    assert "10000" in result.findings[-1].message


CHECKED = """\
unmapped: ignore
checks:
  - sum(lines.amount) == total_amount
  - {check: count(lines) <= 2, name: short, severity: warning, message: Too many lines}
"""


def test_a_check_that_holds_says_nothing_and_one_without_its_values_is_skipped() -> None:
    mapping = good(CSV_HEAD + CSV_FIELDS + CHECKED)
    (result,) = run_csv(mapping, HEADER + replaced(ROW, total="7.50"))
    assert result.findings == []
    (result,) = run_csv(mapping, HEADER + ROW)
    assert [(f.code, f.severity) for f in result.findings] == [("CHECK_SKIPPED", Severity.INFO)]
    assert result.document is not None


def test_a_check_that_fails_names_values_and_place() -> None:
    mapping = good(CSV_HEAD + CSV_FIELDS + CHECKED)
    rows = [replaced(ROW, line=str(n), total="22" if n == 1 else "") for n in (1, 2, 3)]
    (result,) = run_csv(mapping, HEADER + "".join(rows))
    assert result.document is not None
    failed = {f.rule: f for f in result.findings}
    total = failed["sum(lines.amount) == total_amount"]
    assert (total.code, total.severity, total.field) == ("CHECK_FAILED", Severity.ERROR, "total_amount")
    assert (total.place.line, total.place.segment) == (2, "total")
    assert "22.5" in total.message
    assert "22" in total.message
    short = failed["short"]
    assert short.severity is Severity.WARNING
    assert short.message.startswith("Too many lines: count(lines) is 3.")


@pytest.mark.parametrize(
    ("check", "code"),
    [
        ("total_amount == 10", None),
        ("total_amount == 10.00 and number == \"A1\"", None),
        ("total_amount != 10", "CHECK_FAILED"),
        ("total_amount > 9.99 and total_amount < 10.01", None),
        ("not total_amount >= 11", None),
        ("note == \"x\" or total_amount == 10", None),
        ("note == \"x\"", "CHECK_SKIPPED"),
        ("note == \"x\" and total_amount == 11", "CHECK_FAILED"),
        ("note == \"x\" and total_amount == 10", "CHECK_SKIPPED"),
        ("col(\"Order No\") == \"7\"", "CHECK_SKIPPED"),
        ("min(lines.price) >= 1 and max(lines.price) <= 1.5", None),
        ("count(lines.price) == count(lines)", None),
        ("(price | decimal) == 1.5", None),
        ("one(1) == 1", "MAPPING_FUNCTION"),
    ],
)  # fmt: skip
def test_conditions(check: str, code: str | None) -> None:
    from mapping_samples import compiled

    text = f"{CSV_HEAD}{CSV_FIELDS}unmapped: ignore\nchecks:\n  - '{check}'\n"
    mapping, findings = compiled(text)
    if mapping is not None:
        (result,) = run_csv(mapping, HEADER + replaced(ROW, total="10"))
        findings = result.findings
    assert [f.code for f in findings] == ([] if code is None else [code])


def test_unread_data_is_told_once_per_path() -> None:
    text = (
        HEADER.replace("\n", ";Colour\n")
        + ROW.replace("\n", ";red\n")
        + replaced(ROW, kind="L").replace("\n", ";blue\n")
    )
    (result,) = run_csv(good(CSV_HEAD + CSV_FIELDS), text)
    assert [(f.code, f.severity, f.place.segment, f.place.line) for f in result.findings] == [
        ("UNMAPPED", Severity.WARNING, "Colour", 2),
        ("UNMAPPED", Severity.WARNING, "kind", 3),
    ]
    assert "'red' and 1 more" in result.findings[0].message
    assert result.document is not None
    strict = good(CSV_HEAD + CSV_FIELDS + "unmapped: {default: ignore, kind: error}\n")
    (result,) = run_csv(strict, text)
    assert [(f.code, f.severity) for f in result.findings] == [("UNMAPPED", Severity.ERROR)]


def test_places_of_values_and_parts() -> None:
    mapping = good(CSV_HEAD + CSV_FIELDS)
    (result,) = run_csv(mapping, HEADER + ROW + replaced(ROW, line="2"))
    place = result.places("lines[1].quantity")
    assert place is not None
    assert (place.line, place.segment, place.path) == (3, "qty", "row 2, column qty")
    part = result.places("lines[1]")
    assert part is not None
    assert part.line == 3
    supplier = result.places("supplier")
    assert supplier is not None
    assert supplier.segment == "supplier"
    for unknown in (
        "lines[7].quantity",
        "nonsense",
        "lines[0].quantity.x",
        "",
        "lines[0]..x",
        "source_system",
    ):
        assert result.places(unknown) is None


def test_the_same_source_gives_the_same_bytes_whatever_ran_before() -> None:
    mapping = good(CSV_HEAD + CSV_FIELDS)
    text = HEADER + ROW + replaced(ROW, no="A2", qty="7") + replaced(ROW, no="A3", qty="x")
    first = [r.document and canonical_bytes(r.document) for r in run_csv(mapping, text)]
    again = [
        r.document and canonical_bytes(r.document)
        for r in reversed([mapping.run(t) for t in csv_trees(mapping, text)])
    ]
    assert first == list(reversed(again))
    assert first[2] is None


MESSAGE = (
    "BGM+220+PO-1+9",
    "DTM+137:20261123:102",
    "NAD+BY+++Buyer:Ltd",
    "NAD+SU+++Supplier",
    "LIN+1++4006381333931:EN",
    "QTY+21:5:PCE",
)


def test_edifact_groups_qualifiers_and_lists() -> None:
    mapping = good(EDIFACT_HEAD + EDIFACT_FIELDS)
    result = run_edifact(mapping, *MESSAGE, "LIN+2++96385074:EN", "QTY+21:2", "UNS+S")
    document = result.document
    assert isinstance(document, PurchaseOrder)
    assert document.buyer.name == "Buyer Ltd"
    assert [(line.number, line.item.gtin, line.unit) for line in document.lines] == [
        (1, "4006381333931", "C62"),
        (2, "96385074", "C62"),
    ]
    place = result.places("lines[1].item.gtin")
    assert place is not None
    assert (place.segment, place.segment_number, place.element, place.component) == ("LIN", 8, 3, 1)


def test_edifact_dates_take_their_format_from_the_source() -> None:
    mapping = good(EDIFACT_HEAD + EDIFACT_FIELDS)

    def issued(dtm: str) -> object:
        result = run_edifact(mapping, MESSAGE[0], dtm, *MESSAGE[2:], "UNS+S")
        if isinstance(result.document, PurchaseOrder):
            return result.document.issued_on.isoformat()
        errors = [f for f in result.findings if f.severity is Severity.ERROR]
        return [(f.code, f.field, f.place.segment, f.place.component) for f in errors]

    assert issued("DTM+137:202611231200:203") == "2026-11-23"
    assert issued("DTM+137:261123:101") == "2026-11-23"
    assert issued("DTM+137:20261123") == [("VALUE_DATE", "issued_on", "DTM", 2)]
    assert issued("DTM+137:20261123:718") == [("VALUE_DATE", "issued_on", "DTM", 3)]


def test_edifact_group_that_may_be_there_once_is_there_twice() -> None:
    mapping = good(EDIFACT_HEAD + EDIFACT_FIELDS)
    result = run_edifact(mapping, *MESSAGE[:4], "NAD+SU+++Second", *MESSAGE[4:], "UNS+S")
    assert [(f.code, f.field, f.place.segment_number) for f in result.findings if f.code != "UNMAPPED"] == [
        ("VALUE_SEVERAL", "supplier", 6)
    ]


def test_the_envelope_can_be_read() -> None:
    fields = EDIFACT_FIELDS.replace(
        "  currency: {const: EUR}\n",
        "  currency: {const: EUR}\n  note: interchange(sender)\n  test: interchange(test)\n",
    )
    document = run_edifact(good(EDIFACT_HEAD + fields), *MESSAGE, "UNS+S").document
    assert isinstance(document, PurchaseOrder)
    assert (document.note, document.test) == ("SENDER", False)


def test_shapes_that_come_back_are_translated_the_same_and_explained_the_same() -> None:
    """After some fifty rows of one shape the mapping takes a shorter way."""
    mapping = good(CSV_HEAD + CSV_FIELDS + "unmapped: ignore\n")
    rows = [replaced(ROW, no=f"A{n}", qty=str(n + 1), price="" if n % 3 else "2") for n in range(200)]
    rows[150] = replaced(ROW, no="A150", qty="", unit="")
    results = run_csv(mapping, HEADER + "".join(rows))
    for n, result in enumerate(results):
        if n == 150:
            assert [(f.code, f.field) for f in result.findings] == [
                ("VALUE_MISSING", "lines[0].quantity"),
                ("VALUE_MISSING", "lines[0].unit"),
            ]
            continue
        document = result.document
        assert isinstance(document, PurchaseOrder), result.findings
        (line,) = document.lines
        assert (line.quantity, line.price, line.note) == (n + 1, None if n % 3 else Decimal(2), None)


def test_content_hash_is_about_what_a_mapping_says() -> None:
    from mapping_samples import compiled

    base = good(CSV_HEAD + CSV_FIELDS)
    layout = good(
        "# a comment\n" + CSV_HEAD + CSV_FIELDS.replace("  number: no\n", "  number:    no   # why\n")
    )
    assert layout.content_hash == base.content_hash
    other = good(CSV_HEAD + CSV_FIELDS.replace("date | date", 'date | date("%Y-%m-%d")'))
    assert other.content_hash != base.content_hash
    table, _ = compiled(CSV_HEAD + CSV_FIELDS, tables={"units": {"PCE": "EA"}})
    assert table is not None
    assert table.content_hash != base.content_hash
