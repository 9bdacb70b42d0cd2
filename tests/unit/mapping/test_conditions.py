"""Conditions: ``when … otherwise`` on values, ``when`` on parts, ``where`` on groups."""

from __future__ import annotations

import pytest
from mapping_samples import CSV_FIELDS, CSV_HEAD, EDIFACT_HEAD, compiled, good, run_csv, run_edifact

from orderhub.documents import PurchaseOrder
from orderhub.mapping import CompiledMapping
from orderhub.mapping.language import normalised
from orderhub.mapping.run import Translated

HEADER = "no;date;buyer;supplier;line;item;qty;unit;kind;note;price\n"


def csv_with(field: str, expression: str) -> CompiledMapping:
    return good(
        CSV_HEAD
        + CSV_FIELDS.replace("  note: note\n", "").replace(
            "  lines:", f"  {field}: {expression}\n  lines:", 1
        )
    )


def first(mapping: CompiledMapping, kind: str = "", note: str = "", price: str = "") -> PurchaseOrder:
    (result,) = run_csv(mapping, f"{HEADER}7;2026-01-30;B;S;1;I;2;PCE;{kind};{note};{price}\n")
    assert isinstance(result.document, PurchaseOrder), result.findings
    return result.document


@pytest.mark.parametrize(
    ("expression", "kind", "note", "expected"),
    [
        ('note when kind == "N" otherwise "none"', "N", "hello", "hello"),
        ('note when kind == "N" otherwise "none"', "M", "hello", "none"),
        # absent is not true
        ('note when kind == "N" otherwise "none"', "", "hello", "none"),
        ('note when kind != "N" otherwise "none"', "", "hello", "none"),
        ('note when kind == "N"', "M", "hello", None),
        ('note when kind in ("N", "O") otherwise "none"', "O", "hello", "hello"),
        ('note when kind not in ("N", "O") otherwise "none"', "O", "hello", "none"),
        ('note when not (kind in ("N", "O")) otherwise "none"', "P", "hello", "hello"),
        ('note when present(kind) otherwise "none"', "", "hello", "none"),
        ('note when absent(kind) otherwise "none"', "", "hello", "hello"),
        ('note when present(kind) and kind != "X" or note == "!" otherwise "none"', "X", "!", "!"),
        ('note | upper when kind | one_of("N") otherwise note | lower', "N", "Hello", "HELLO"),
        ('note | upper when kind | one_of("N") otherwise note | lower', "M", "Hello", "hello"),
        ('("a" when kind == "A" otherwise "b" when kind == "B" otherwise "c")', "B", "", "b"),
        ('("a" when kind == "A" otherwise "b" when kind == "B" otherwise "c")', "C", "", "c"),
        ('note ? ("A" when kind == "A" otherwise "B") | lower', "A", "", "a"),
    ],
)
def test_a_value_by_condition(expression: str, kind: str, note: str, expected: str | None) -> None:
    quoted = expression.replace("'", "''")
    assert first(csv_with("note", f"'{quoted}'"), kind, note).note == expected


def test_numbers_are_compared_as_numbers() -> None:
    mapping = csv_with("note", '("dear" when price | decimal >= 10.5 otherwise "cheap")')
    assert first(mapping, price="9").note == "cheap"
    assert first(mapping, price="10.50").note == "dear"


def test_the_agreement_can_decide() -> None:
    mapping = csv_with("note", 'note when present(agreement(unit)) otherwise "none"')
    assert first(mapping, note="hello").note == "none"
    assert first(mapping.given({"unit": "C62"}), note="hello").note == "hello"


def test_columns_with_the_names_of_these_words_stay_paths() -> None:
    text = (CSV_HEAD + CSV_FIELDS).replace("optional_columns: [", "optional_columns: [when, in, otherwise, ")
    mapping = good(text.replace("note: note", "note: when ? in when present(in) otherwise otherwise"))
    (result,) = run_csv(mapping, f"{HEADER.strip()};in;otherwise\n7;2026-01-30;B;S;1;I;2;PCE;;;;x;y\n")
    assert isinstance(result.document, PurchaseOrder) and result.document.note == "x"


@pytest.mark.parametrize(
    ("expression", "column", "code", "says"),
    [
        ("note when kind", 19, "MAPPING_TYPE", "After 'when' stands a condition"),
        ("note when", 18, "MAPPING_SYNTAX", "ends too early"),
        ("note when kind == 1", 24, "MAPPING_TYPE", ""),
        (
            "note when present(kind) otherwise price | decimal",
            43,
            "MAPPING_TYPE",
            "after 'otherwise' decimal",
        ),
        ("note when kind in A", 24, "MAPPING_SYNTAX", "values in brackets"),
        ("note when present()", 19, "MAPPING_FUNCTION", "present(path)"),
        ("note when knid == 'A'", 19, "MAPPING_PATH", "Did you mean kind"),
        ("note otherwise 'A'", 14, "MAPPING_SYNTAX", "does not belong here"),
    ],
)
def test_a_wrong_condition_is_told_at_its_column(expression: str, column: int, code: str, says: str) -> None:
    text = CSV_HEAD + CSV_FIELDS.replace("note: note", f"note: {expression}")
    _, (finding, *_) = compiled(text)
    assert finding.code == code, finding.message
    assert says in finding.message
    if says:
        line = text.splitlines().index(f"  note: {expression}") + 1
        assert (finding.place.line, finding.place.column) == (line, column), finding.message


PARTY = """\
fields:
  number: BGM/1004
  issued_on: DTM[137]/C507/2380 | date(DTM[137]/C507/2379)
  currency: {const: EUR}
  buyer: {at: "NAD[BY]", name: NAD/C080/3036#1}
  supplier:
    at: NAD
    where: NAD/3035 in ("SU", "SE") and present(NAD/C082/3039)
    code: NAD/C082/3039
  ship_to:
    when: BGM/C002/1001 == "220"
    at: NAD[DP]
    name: NAD/C080/3036#1
  invoice_to:
    when: present(RFF[CT]/C506/1154)
    code: RFF[CT]/C506/1154
  lines:
    each: LIN
    where: QTY[21]/C186/6060 > 0
    number: LIN/1082 | integer
    item: {gtin: "LIN/C212[7143=EN]/7140", name: "IMD/C273/7008#1"}
    quantity: QTY[21]/C186/6060
    unit: QTY[21]/C186/6411 ? "PCE" | lookup(units)
"""
BODY = (
    "DTM+137:20260130:102",
    "NAD+BY+1::9++Buyer",
    "NAD+SE",
    "NAD+SU+77::92",
    "NAD+DP+9::9++Dock",
    "LIN+1++4299999010007:EN",
    "QTY+21:0",
    "LIN+2++4299999010014:EN",
    "QTY+21:5",
    "UNS+S",
)


def order(head: str, *segments: str) -> Translated:
    return run_edifact(good(EDIFACT_HEAD + PARTY), head, *segments)


def test_groups_that_fit_are_taken_and_counted() -> None:
    made = order("BGM+220+7+9", *BODY).document
    assert isinstance(made, PurchaseOrder)
    assert made.supplier.code == "77"
    assert made.ship_to is not None and made.ship_to.name == "Dock"
    assert made.invoice_to is None
    assert [line.number for line in made.lines] == [2]


def test_a_part_is_left_out_when_its_condition_is_not_true() -> None:
    made = order("BGM+221+7+9", *BODY).document
    assert isinstance(made, PurchaseOrder) and made.ship_to is None


def test_a_mandatory_part_whose_condition_nothing_meets_is_missing() -> None:
    found = order("BGM+220+7+9", *[part for part in BODY if not part.startswith("NAD+SU")])
    (finding,) = [one for one in found.findings if one.code != "UNMAPPED"]
    assert (finding.code, finding.field) == ("VALUE_MISSING", "supplier")
    assert 'has no NAD with NAD/3035 in ("SU", "SE") and present(NAD/C082/3039)' in finding.message


def test_places_follow_the_groups_that_count() -> None:
    found = order("BGM+220+7+9", *BODY)
    place = found.places("lines[0].quantity")
    assert place is not None and place.excerpt == "QTY+21:5"


def test_a_condition_that_cannot_be_judged_is_a_finding_at_its_value() -> None:
    text = EDIFACT_HEAD + PARTY.replace('BGM/C002/1001 == "220"', "BGM/1004 | decimal > 5")
    found = run_edifact(good(text), "BGM+220+A7+9", *BODY)
    (finding,) = [one for one in found.findings if one.code != "UNMAPPED"]
    assert (finding.code, finding.field, finding.value) == ("VALUE_NUMBER", "ship_to", "A7")
    assert finding.place.segment == "BGM"
    assert found.document is None


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        (
            'when: BGM/C002/1001 == "220"',
            "when: BGM/C002/1001",
            "MAPPING_TYPE",
            "After 'when' stands a condition",
        ),
        ("where: QTY[21]/C186/6060 > 0", "where: QTX/C186/6060 > 0", "MAPPING_PATH", "QTX"),
        ("    when: present(RFF", "    where: present(RFF", "MAPPING_SHAPE", "Write 'when'"),
        ("where: QTY[21]/C186/6060 > 0", "where: [a]", "MAPPING_SHAPE", "'where' is a condition"),
    ],
)
def test_a_wrong_condition_of_a_part_is_told(old: str, new: str, code: str, says: str) -> None:
    assert old in PARTY
    _, (finding, *_) = compiled(EDIFACT_HEAD + PARTY.replace(old, new))
    assert finding.code == code and says in finding.message
    assert finding.place.line is not None


def test_a_mapping_without_conditions_says_what_it_said() -> None:
    """Used versions are known by what they say: new words of the language must not change it."""
    plain = normalised(good(EDIFACT_HEAD + PARTY).file)
    assert isinstance(plain, dict)
    assert set(plain["fields"]["buyer"]) == {"at", "each", "fields"}
    assert set(plain["fields"]["supplier"]) == {"at", "each", "fields", "where"}
