"""A wrong mapping is refused whole, with every problem at its line and column and a way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapping_samples import CSV_FIELDS, CSV_HEAD, EDIFACT_FIELDS, EDIFACT_HEAD, compiled

from orderhub.mapping import MappingRefused, load_mapping

GOOD = CSV_HEAD + CSV_FIELDS


def test_the_samples_are_right() -> None:
    assert compiled(GOOD)[1] == []
    assert compiled(EDIFACT_HEAD + EDIFACT_FIELDS)[1] == []


@pytest.mark.parametrize(
    ("old", "new", "code", "at", "says"),
    [
        # paths of the source
        ("date | date", "dat | date", "MAPPING_PATH", "dat ", "Did you mean date"),
        ("number: no", 'number: col("Ordr No")', "MAPPING_PATH", 'col("Ordr', 'Did you mean col("Order No")'),
        ("each: rows", "each: row", "MAPPING_PATH", "row", "Did you mean rows"),
        ("qty | decimal", "/no ? qtty | decimal", "MAPPING_PATH", "qtty", "Did you mean qty"),
        # fields of the target
        ("  note: note", "  nte: note", "MAPPING_FIELD", "nte: note", "Did you mean note"),
        ("price: price", "prise: price", "MAPPING_FIELD", "prise", "Did you mean price"),
        ("  number: no\n", "", "MAPPING_UNFILLED", "fields:", "number"),
        ("    unit: unit | lookup(units)\n", "", "MAPPING_UNFILLED", "lines:", "unit"),
        ("  buyer: {name: buyer}", "  buyer: buyer", "MAPPING_TYPE", "buyer\n", "indented below"),
        ("  note: note", "  note: {name: note}", "MAPPING_TYPE", "{name: note}", "Write an expression"),
        # lists
        ("    each: rows\n", "", "MAPPING_LIST", "    number: line", "Say with 'each'"),
        ("{name: buyer}", "{each: rows, name: buyer}", "MAPPING_LIST", "rows, name", "'at' instead of 'each'"),
        ("  note: note", "  note: list(note, kind)", "MAPPING_LIST", "list(", "| first"),
        ("  note: note", '  note: list(note) ? "x" | first', "MAPPING_LIST", 'list(note) ?', "first, last or join"),
        # types
        ("date | date", "date", "MAPPING_TYPE", "date\n", "Append | date"),
        ("qty | decimal", "qty", "MAPPING_TYPE", "qty", "Append | decimal"),
        ("line | integer", "line | decimal", "MAPPING_TYPE", "line | d", "Append | integer"),
        ("  note: note", "  note: total | decimal", "MAPPING_TYPE", "total | d", "Append | text"),
        ("  note: note", "  test: note", "MAPPING_TYPE", "note\n", "one_of"),
        ("qty | decimal", "qty | decimal | upper", "MAPPING_TYPE", "upper", "upper takes"),
        ("  note: note", "  test: note == 5", "MAPPING_TYPE", "note ==", "| decimal"),
        ("  note: note", "  test: note and kind", "MAPPING_TYPE", "note and", "conditions"),
        ('currency ? "EUR"', "{const: euro}", "MAPPING_TYPE", "euro", "ISO 4217"),
        ("qty | decimal", "{const: many}", "MAPPING_TYPE", "many", "decimal"),
        # functions
        ("qty | decimal", "qty | decimel", "MAPPING_FUNCTION", "decimel", "Did you mean decimal"),
        ("qty | decimal", "decimal(qty)", "MAPPING_FUNCTION", "decimal(", "Write path | decimal"),
        ("unit | lookup(units)", "unit | lookup", "MAPPING_FUNCTION", "lookup", "lookup(table"),
        ("unit | lookup(units)", 'unit | lookup("units")', "MAPPING_FUNCTION", '"units"', "without quotes"),
        ("unit | lookup(units)", "unit | lookup(unit)", "MAPPING_LOOKUP_TABLE", "unit)", "Did you mean units"),
        ("unit | lookup(units)", "unit | lookup(units, kep)", "MAPPING_FUNCTION", "kep", "Did you mean keep"),
        ("date | date", "date | date(999)", "MAPPING_FUNCTION", "date(999", "not known"),
        ("date | date", 'date | date("%Q")', "MAPPING_FUNCTION", 'date("%Q', "%Y %y"),
        ("  note: note", "  note: note | slice(0)", "MAPPING_FUNCTION", "slice", "position 1"),
        ("  note: note", "  note: note | check_digit(iban)", "MAPPING_FUNCTION", "iban", "gs1"),
        ("  note: note", "  note: interchange(sendr)", "MAPPING_FUNCTION", "interchange", "Did you mean sender"),
        # the language
        ("  note: note", "  note: note |", "MAPPING_SYNTAX", None, "name of a function"),
        ("  note: note", "  note: '\"fixed\"'", "MAPPING_SHAPE", '"fixed"', "{const: fixed}"),
        ("  note: note", "  note:", "MAPPING_SHAPE", "note:", "Write an expression"),
        ("  note: note", "  note: [a, b]", "MAPPING_SHAPE", "[a", "list"),
        ("  note: note", "  note: {const: a, at: b}", "MAPPING_SHAPE", "{const: a", "nothing else"),
        ("    each: rows", "    each: rows\n    at: rows", "MAPPING_SHAPE", "each: rows", "Keep one"),
        # the head
        ("version: 1", "version: one", "MAPPING_SHAPE", "one", "whole number"),
        ("version: 1", "version: 1\nverison: 2", "MAPPING_KEY", "verison", "Did you mean version"),
        ("mapping: sample", "mapping: other", "MAPPING_SHAPE", "other", "same name"),
        ("purchase_order", "purchase_ordr", "MAPPING_TARGET", "purchase_ordr", "purchase_order"),
        ("format: csv", "format: csw", "MAPPING_SOURCE", "csw", "Did you mean csv"),
        ("key: no", "key: nr", "MAPPING_SOURCE", "nr\n", "among the columns"),
        ('delimiter: ";"', 'delimiter: "x"', "MAPPING_SOURCE", 'x"', "delimiter"),
        ('delimiter: ";"', 'delimeter: ";"', "MAPPING_SOURCE", ';"', "Did you mean delimiter"),
        ('delimiter: ";"', "encoding: ebcdic-none", "MAPPING_SOURCE", "ebcdic", "no text encoding"),
        ('delimiter: ";"', 'decimal: ";"', "MAPPING_SOURCE", ';"', "decimal mark"),
        ('delimiter: ";"', "release: D.96A", "MAPPING_SOURCE", "D.96A", "no release"),
    ],
)  # fmt: skip
def test_one_mistake_is_found_at_its_place(old: str, new: str, code: str, at: str | None, says: str) -> None:
    assert GOOD.count(old) >= 1
    text = GOOD.replace(old, new, 1)
    mapping, findings = compiled(text)
    assert mapping is None
    assert [finding.code for finding in findings] == [code]
    finding = findings[0]
    assert says in finding.message, finding.message
    assert finding.place.file == "sample.yaml"
    assert finding.place.line is not None
    assert finding.place.column is not None
    if at is not None:
        line = text.splitlines(keepends=True)[finding.place.line - 1]
        assert line[finding.place.column - 1 :].startswith(at.lstrip()), (line, finding.place.column)


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ("BGM/1004", "BGM/1005", "MAPPING_PATH", "BGM"),
        ("BGM/1004", "BGN/1004", "MAPPING_PATH", "BGM"),
        ("DTM[137]/C507/2380 |", "DTM[137]/2380 |", "MAPPING_PATH", "C507/2380"),
        ("DTM[137]/C507/2380 |", "DTM/C507/2380 |", "MAPPING_LIST", "first"),
        ("NAD/C080/3036 | join(\" \")", "NAD/C080/3036", "MAPPING_LIST", "join"),
        ("LIN/1082 | integer", "BGM/1004 | integer", "MAPPING_PATH", "/BGM"),
        ("each: LIN", "each: UNS", "MAPPING_LIST", "more than once"),
        ("release: D.96A", "release: D.96", "MAPPING_SOURCE", "D.96A"),
        ("message: ORDERS", "message: ORDER", "MAPPING_SOURCE", "ORDERS"),
        ("QTY[21]", "QTY[021]", "MAPPING_PATH", "code list"),
    ],
)  # fmt: skip
def test_mistakes_against_the_edifact_grammar(old: str, new: str, code: str, says: str) -> None:
    text = (EDIFACT_HEAD + EDIFACT_FIELDS).replace(old, new, 1)
    mapping, findings = compiled(text)
    assert mapping is None
    assert findings[0].code == code, findings
    assert says in findings[0].message
    assert findings[0].place.line == next(
        n
        for n, (a, b) in enumerate(
            zip(text.splitlines(), (EDIFACT_HEAD + EDIFACT_FIELDS).splitlines(), strict=True), 1
        )
        if a != b
    )


@pytest.mark.parametrize(
    ("check", "code", "says"),
    [
        ("count(lines)", "MAPPING_TYPE", "condition"),
        ("count(line) > lines", "MAPPING_LIST", "count"),
        ("sum(lines.amout) == 1", "MAPPING_FIELD", "Did you mean amount"),
        ("sum(lines.unit) == 1", "MAPPING_TYPE", "takes numbers"),
        ("sum(1) == 1", "MAPPING_FUNCTION", "one path"),
        ("total_amount == number", "MAPPING_TYPE", "compared"),
        ("lines.amount > 0", "MAPPING_LIST", "sum"),
        ("supplier == buyer", "MAPPING_LIST", "part"),
        ("sume(lines.amount) == 1", "MAPPING_FUNCTION", "Did you mean sum"),
        ("total_amount = 1", "MAPPING_SYNTAX", "'=='"),
        ("test < true", "MAPPING_TYPE", "no order"),
    ],
)
def test_wrong_checks(check: str, code: str, says: str) -> None:
    mapping, findings = compiled(f"{GOOD}checks:\n  - {check}\n")
    assert mapping is None
    assert findings[0].code == code, findings
    assert any(says in finding.message for finding in findings)


def test_all_problems_are_listed_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        GOOD.replace("number: no", "number: nu")
        .replace("qty | decimal", "qty")
        .replace("note: note", "nte: note")
    )
    _, findings = compiled(text)
    assert [finding.code for finding in findings] == ["MAPPING_PATH", "MAPPING_FIELD", "MAPPING_TYPE"]
    lines = [finding.place.line for finding in findings]
    assert lines == sorted(lines, key=lambda line: line or 0)


def test_a_file_that_is_no_mapping_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("- just\n- a list\n")
    with pytest.raises(MappingRefused) as caught:
        load_mapping(path)
    assert caught.value.findings[0].code == "MAPPING_SHAPE"
    assert "mapping check" in str(caught.value)
