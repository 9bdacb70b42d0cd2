"""Lookup tables with effective dates: the day decides, gaps and overlaps are refused at their line."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
from mapping_samples import CSV_FIELDS, CSV_HEAD

from orderhub.documents import PurchaseOrder
from orderhub.findings import Finding
from orderhub.mapping import FolderLookups, LookupTableError, MappingRegistry, check_mapping
from orderhub.mapping.lookup_table import LookupTable, table_hash
from orderhub.mapping.originals import open_message
from orderhub.mapping.trace import trace_field

HEADER = "no;date;buyer;supplier;line;item;qty;unit;note\n"
TERMS = """\
from,to,valid_from,valid_to,comment
A,14 days,,2025-12-31,as it was
A,30 days,2026-01-01,2026-06-30,
A,60 days,2026-07-01,,until further notice
B,cash,2026-03-01,,
"""


def project(
    folder: Path, expression: str, *, table: str = TERMS, suffix: str = "csv", fields: str = CSV_FIELDS
) -> Path:
    lookups = folder / "lookups"
    lookups.mkdir()
    (lookups / "units.csv").write_text("from,to\nPCE,C62\n")
    (lookups / f"terms.{suffix}").write_text(table)
    path = folder / "sample.yaml"
    path.write_text(CSV_HEAD + fields.replace("  note: note\n", f"  payment_terms: {expression}\n"))
    return path


def made(path: Path, date: str, code: str, unit: str = "PCE") -> PurchaseOrder | list[Finding]:
    registry = MappingRegistry(path.parent)
    data = f"{HEADER}7;{date};B;S;1;I;2;{unit};{code}\n".encode()
    opened = open_message(registry, data, name="o.csv", number=1, mapping=registry.get("sample"))
    result = opened.mapping.run(opened.tree)
    return result.document if isinstance(result.document, PurchaseOrder) else result.findings


@pytest.mark.parametrize(
    ("date", "terms"),
    [
        ("1999-01-01", "14 days"),
        ("2025-12-31", "14 days"),
        ("2026-01-01", "30 days"),
        ("2026-06-30", "30 days"),
        ("2026-07-01", "60 days"),
        ("2099-01-01", "60 days"),
    ],
)
def test_the_day_of_the_document_decides(tmp_path: Path, date: str, terms: str) -> None:
    found = made(project(tmp_path, "note | lookup(terms)"), date, "A")
    assert isinstance(found, PurchaseOrder) and found.payment_terms == terms


def test_the_mapping_can_name_another_day(tmp_path: Path) -> None:
    path = project(tmp_path, 'note | lookup(terms, on=("2025-06-01" | date))')
    found = made(path, "2026-02-01", "A")
    assert isinstance(found, PurchaseOrder) and found.payment_terms == "14 days"


def test_lines_take_the_day_of_their_document(tmp_path: Path) -> None:
    fields = CSV_FIELDS.replace("    price:", "    note: note | lookup(terms)\n    price:")
    found = made(project(tmp_path, "note", fields=fields), "2026-02-01", "A")
    assert isinstance(found, PurchaseOrder) and found.lines[0].note == "30 days"


def test_a_code_that_is_not_there_yet_is_refused_with_the_day(tmp_path: Path) -> None:
    found = made(project(tmp_path, "note | lookup(terms)"), "2026-02-01", "B")
    assert isinstance(found, list)
    (finding,) = found
    assert (finding.code, finding.field, finding.value) == ("VALUE_LOOKUP", "payment_terms", "B")
    assert "is not in the lookup table terms on 2026-02-01 (only from 2026-03-01 on)" in finding.message
    assert "lookups/terms.csv" in finding.message


@pytest.mark.parametrize(("word", "expected"), [("keep", "B"), ("absent", None)])
def test_an_unknown_code_may_be_kept_or_left_out(tmp_path: Path, word: str, expected: str | None) -> None:
    found = made(project(tmp_path, f"note | lookup(terms, {word})"), "2026-02-01", "B")
    assert isinstance(found, PurchaseOrder) and found.payment_terms == expected


def test_a_table_in_yaml(tmp_path: Path) -> None:
    text = "rows:\n  - {from: A, to: old, valid_to: 2025-12-31}\n  - {from: A, to: new, valid_from: 2026-01-01}\n"
    path = project(tmp_path, "note | lookup(terms)", table=text, suffix="yaml")
    found = made(path, "2025-12-31", "A")
    assert isinstance(found, PurchaseOrder) and found.payment_terms == "old"
    (tmp_path / "lookups" / "terms.yaml").write_text("values: {A: always}\n")
    found = made(path, "2025-12-31", "A")
    assert isinstance(found, PurchaseOrder) and found.payment_terms == "always"


@pytest.mark.parametrize(
    ("rows", "line", "says"),
    [
        ("A,x,,2025-12-31\nA,y,2026-01-02,\n", 3, "means nothing on 2026-01-01"),
        ("A,x,,2025-11-30\nA,y,2026-01-02,\n", 3, "means nothing from 2025-12-01 to 2026-01-01"),
        ("A,x,,2026-01-01\nA,y,2026-01-01,\n", 3, "overlaps line 2"),
        ("A,y,2026-01-01,\nA,x,,2026-05-01\n", 2, "overlaps line 3"),
        ("A,x,,\nA,y,2026-01-01,\n", 3, "overlaps line 2 (at any time)"),
        ("A,x,2026-01-31,2026-01-01\n", 2, "before it begins"),
        ("A,x,31.01.2026,\n", 2, "is no date"),
        ("A,x,2026-02-30,\n", 2, "is no date"),
        ("A,,2026-02-03,\n", 2, "A code is missing"),
    ],
)
def test_gaps_overlaps_and_wrong_dates_are_told_at_their_line(
    tmp_path: Path, rows: str, line: int, says: str
) -> None:
    path = project(tmp_path, "note | lookup(terms)", table=f"from,to,valid_from,valid_to\n{rows}")
    findings = check_mapping(path)
    (fault,) = [finding for finding in findings if finding.place.file == "lookups/terms.csv"]
    assert (fault.code, fault.place.line) == ("LOOKUP_TABLE", line)
    assert says in fault.message
    (at_mapping,) = [finding for finding in findings if finding.place.file == str(path)]
    assert at_mapping.code == "MAPPING_LOOKUP_TABLE" and f"line {line}" in at_mapping.message
    assert "Did you mean" not in at_mapping.message  # the table that is named is the one that is meant


def test_all_faults_of_a_table_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("from,to,valid_from\nA,,\nB,x,soon\nC,x,\nC,y,\n")
    with pytest.raises(LookupTableError) as caught:
        FolderLookups(tmp_path).table("t")
    assert [finding.place.line for finding in caught.value.findings] == [2, 3, 5]


@pytest.mark.parametrize(
    ("expression", "code", "says"),
    [
        ("note | lookup(terms, on=date)", "MAPPING_TYPE", "on of lookup is one date, and here is text"),
        ("note | lookup(terms, onn=date | date)", "MAPPING_FUNCTION", "Did you mean on?"),
        ("note | upper(on=date | date)", "MAPPING_FUNCTION", "no argument 'on'"),
        ("note | lookup(units, on=date | date)", "MAPPING_FUNCTION", "has no dates"),
        ("agreement(on=date)", "MAPPING_FUNCTION", "agreement needs one word"),
        ("note = date", "MAPPING_SYNTAX", "Compare with '=='"),
    ],
)
def test_a_wrong_date_is_refused(tmp_path: Path, expression: str, code: str, says: str) -> None:
    (finding, *_) = check_mapping(project(tmp_path, f"'{expression}'"))
    assert finding.code == code and says in finding.message, finding.message
    assert finding.place.column is not None and finding.place.column > 10


def test_a_date_made_of_a_dated_table_must_name_its_own(tmp_path: Path) -> None:
    fields = CSV_FIELDS.replace("date | date", "note | lookup(terms) | date")
    (finding,) = check_mapping(project(tmp_path, "note", fields=fields))
    assert "has no issued_on to take" in finding.message


def test_the_trace_names_row_and_day(tmp_path: Path) -> None:
    path = project(tmp_path, "note | lookup(terms)")
    registry = MappingRegistry(tmp_path)
    data = f"{HEADER}7;2026-02-01;B;S;1;I;2;PCE;A\n".encode()
    opened = open_message(registry, data, name="o.csv", number=1, mapping=registry.get(path.stem))
    step = trace_field(opened.mapping, opened.tree, "payment_terms").steps[-1]
    assert (step.what, step.table, step.row, step.value) == ("lookup", "lookups/terms.csv", 3, "30 days")
    assert step.note == "on 2026-02-01 (issued_on), valid from 2026-01-01 to 2026-06-30"
    unit = trace_field(opened.mapping, opened.tree, "lines[0].unit").steps[-1]
    assert (unit.table, unit.row) == ("lookups/units.csv", 2)


def test_a_changed_table_is_another_content_and_is_noticed(tmp_path: Path) -> None:
    path = project(tmp_path, "note | lookup(terms)")
    registry = MappingRegistry(tmp_path)
    before = registry.get(path.stem)
    table = tmp_path / "lookups" / "terms.csv"
    table.write_text(TERMS.replace("30 days", "31 days"))
    os.utime(table, (1, 1))
    after = registry.get(path.stem)
    assert after is not before and after.content_hash != before.content_hash
    table.write_text("from,to,valid_from\nA,x,soon\n")
    with pytest.raises(Exception, match="is no date"):
        registry.get(path.stem)
    table.write_text(TERMS)
    assert registry.get(path.stem).content_hash == before.content_hash


def test_a_table_is_kept_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TERMS)
    table = FolderLookups(tmp_path).table("t")
    again = LookupTable.unpacked(table.packed())
    assert again.packed() == table.packed() and table_hash(again) == table_hash(table)
    row = again.on("A", dt.date(2026, 1, 1))
    assert row is not None and row.to == "30 days"
    # the hash of a table without dates is what it always was
    assert table_hash(LookupTable.plain({"1": "2"})) == table_hash({"1": "2"})
