from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapping_samples import TABLES

from orderhub.formats.dialect import NumberFormat
from orderhub.mapping.dates import compile_pattern
from orderhub.mapping.functions import Function, Surroundings, function_named, gs1_check_digit, register
from orderhub.mapping.kinds import Kind, Refusal
from orderhub.mapping.numbers import decimal_reader, integer_reader

SURROUNDINGS = Surroundings(NumberFormat(), TABLES.__getitem__)


def call(name: str, value: object, *arguments: object) -> object:
    function = function_named(name)
    assert function is not None
    return function.build(SURROUNDINGS, arguments)(value)


@pytest.mark.parametrize(
    ("name", "value", "arguments", "expected"),
    [
        ("trim", "  a ", (), "a"),
        ("trim", "   ", (), None),
        ("upper", "straße", (), "STRASSE"),
        ("lower", "ÀB", (), "àb"),
        ("strip_zeros", "000120", (), "120"),
        ("strip_zeros", "000", (), "0"),
        ("replace", "a-b-c", ("-", ""), "abc"),
        ("replace", "--", ("-", ""), None),
        ("slice", "ABCDEF", (3,), "CDEF"),
        ("slice", "ABCDEF", (3, 2), "CD"),
        ("slice", "AB", (3,), None),
        ("split", "a;;b", (";",), ["a", "b"]),
        ("join", ["a", "b"], (" ",), "a b"),
        ("join", ["a", "b"], (), "ab"),
        ("first", ["a", "b"], (), "a"),
        ("last", ["a", "b"], (), "b"),
        ("lookup", "PCE", ("units",), "C62"),
        ("lookup", "XXX", ("units", "keep"), "XXX"),
        ("lookup", "XXX", ("units", "absent"), None),
        ("check_digit", "4006381333931", ("gs1",), "4006381333931"),
        ("one_of", "J", ("J", "Y"), True),
        ("one_of", "N", ("J", "Y"), False),
        ("boolean", "Y", ("Y", "N"), True),
        ("boolean", "N", ("Y", "N"), False),
        ("text", Decimal("1E+2"), (), "100"),
        ("text", dt.date(2026, 11, 23), (), "2026-11-23"),
        ("text", True, (), "true"),
    ],
)
def test_values(name: str, value: object, arguments: tuple[object, ...], expected: object) -> None:
    assert call(name, value, *arguments) == expected


@pytest.mark.parametrize(
    ("name", "value", "arguments", "code"),
    [
        ("lookup", "pce", ("units",), "VALUE_LOOKUP"),
        ("check_digit", "4006381333932", ("gs1",), "VALUE_CHECK_DIGIT"),
        ("check_digit", "123", ("gs1",), "VALUE_CHECK_DIGIT"),
        ("check_digit", "400638133393١", ("gs1",), "VALUE_CHECK_DIGIT"),
        ("boolean", "", ("Y", "N"), "VALUE_BOOLEAN"),
        ("boolean", "yes", ("Y", "N"), "VALUE_BOOLEAN"),
    ],
)
def test_refusals(name: str, value: object, arguments: tuple[object, ...], code: str) -> None:
    with pytest.raises(Refusal) as caught:
        call(name, value, *arguments)
    assert caught.value.code == code
    assert caught.value.todo


def test_check_digits_of_published_keys() -> None:
    """GS1 General Specifications, examples of GTIN-8, -12, -13 and SSCC."""
    for key in ("96385074", "614141000036", "4006381333931", "106141412345678908"):
        assert gs1_check_digit(key[:-1]) == key[-1]


@pytest.mark.parametrize(
    ("text", "marks", "grouping", "expected"),
    [
        ("12", ".", "", "12"),
        ("-12.50", ".", "", "-12.50"),
        ("+3", ".", "", "3"),
        ("1,5", ".,", "", "1.5"),
        ("1.5", ".,", "", "1.5"),
        (",5", ".,", "", "0.5"),
        ("1.234.567,89", ",", ".", "1234567.89"),
        ("1234,5", ",", ".", "1234.5"),
        ("1 234,5", ",", " ", "1234.5"),
        ("007", ".", "", "7"),
    ],
)
def test_numbers(text: str, marks: str, grouping: str, expected: str) -> None:
    assert decimal_reader(NumberFormat(marks, grouping))(text) == Decimal(expected)


@pytest.mark.parametrize(
    ("text", "marks", "grouping"),
    [
        ("NaN", ".", ""),
        ("sNaN", ".", ""),
        ("Infinity", ".", ""),
        ("-inf", ".", ""),
        ("1e5", ".", ""),
        ("1_000", ".", ""),
        ("0x10", ".", ""),
        ("٣", ".", ""),
        ("", ".", ""),
        ("-", ".", ""),
        (".", ".", ""),
        ("1.", ".", ""),
        ("1.2.3", ".", ""),
        ("1,5", ".", ""),
        ("1.5", ",", ""),
        ("1.5", ",", "."),
        ("1.23.456", ",", "."),
        ("12.5\n", ".", ""),
        ("9" * 31, ".", ""),
        ("0." + "1" * 40, ".", ""),
        ("1" * 100_000, ".", ""),
    ],
)
def test_what_is_no_number(text: str, marks: str, grouping: str) -> None:
    with pytest.raises(Refusal) as caught:
        decimal_reader(NumberFormat(marks, grouping))(text)
    assert caught.value.code == "VALUE_NUMBER"
    assert len(caught.value.what) < 200


@given(st.text(max_size=40), st.sampled_from([".", ",", ".,"]), st.sampled_from(["", " ", "'"]))
def test_any_text_is_a_finite_number_or_refused(text: str, marks: str, grouping: str) -> None:
    try:
        value = decimal_reader(NumberFormat(marks, grouping))(text)
    except Refusal:
        return
    assert value.is_finite()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_numbers_come_back(value: Decimal) -> None:
    text = format(value, "f")
    assert decimal_reader(NumberFormat())(text) == value
    assert decimal_reader(NumberFormat(","))(text.replace(".", ",")) == value


def test_whole_numbers() -> None:
    read = integer_reader(NumberFormat())
    assert read("10.0") == 10
    with pytest.raises(Refusal):
        read("10.5")


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("102", "20261123", dt.date(2026, 11, 23)),
        ("101", "261123", dt.date(2026, 11, 23)),
        ("101", "691123", dt.date(1969, 11, 23)),
        ("2", "231126", dt.date(2026, 11, 23)),
        ("203", "202611232359", dt.date(2026, 11, 23)),
        ("204", "20261123235958", dt.date(2026, 11, 23)),
        ("iso", "2026-11-23", dt.date(2026, 11, 23)),
        ("iso", "2026-11-23T10:00:00Z", dt.date(2026, 11, 23)),
        ("iso", "2026-11-23+01:00", dt.date(2026, 11, 23)),
        ("iso", "2026-11-23Z", dt.date(2026, 11, 23)),
        ("%d.%m.%Y", "1.2.2026", dt.date(2026, 2, 1)),
        ("%m/%d/%y", "11/23/26", dt.date(2026, 11, 23)),
        ("%Y%m%d", "20260229", None),
        ("102", "20261301", None),
        ("102", "2026112", None),
        ("102", "00000000", None),
        ("203", "202611232460", None),
        ("iso", "23.11.2026", None),
        ("iso", "2026-11-23\n", None),
        ("iso", "2026-11-235", None),
        ("iso", "2026-11-23T25:00:00Z", None),
        ("%d.%m.%Y", "１.2.2026", None),
    ],
)
def test_dates(pattern: str, text: str, expected: dt.date | None) -> None:
    read = compile_pattern(pattern)
    if expected is None:
        with pytest.raises(Refusal) as caught:
            read(text)
        assert caught.value.code == "VALUE_DATE"
    else:
        assert read(text) == expected


def test_a_project_registers_its_own_function() -> None:
    name = "reverse_for_test"
    if function_named(name) is None:
        register(Function(name, frozenset({Kind.TEXT}), Kind.TEXT, lambda _s, _a: lambda value: value[::-1]))
    assert call(name, "abc") == "cba"
    with pytest.raises(ValueError, match="already"):
        register(Function(name, frozenset({Kind.TEXT}), Kind.TEXT, lambda _s, _a: str))
    with pytest.raises(ValueError, match="cannot be the name"):
        register(Function("not a name", frozenset({Kind.TEXT}), Kind.TEXT, lambda _s, _a: str))
