"""Mappings that write CSV: one table, a row for each line of an order, and declarations that cannot work."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from test_writing import compiled, order, written

from orderhub.errors import PayloadRefused
from orderhub.mapping import MappingRefused

TARGET = "{format: csv, columns: [no, buyer, line, gtin, qty, note], rows: lines%s}"
FIELDS = """
no: number
buyer: buyer.name
note: note
lines:
  each: lines
  line: number
  gtin: item.gtin
  qty: quantity
  note: note
"""


def csv(options: str = "", fields: str = FIELDS, **changes: Any) -> str:
    return written(fields, order(**changes), target=TARGET % options)


def test_what_is_outside_the_lines_stands_in_each_row() -> None:
    document = order(note="for all")
    document.lines[1].note = "for me"
    document.lines[1].quantity = Decimal("2.50")
    assert written(FIELDS, document, target=TARGET % "").splitlines() == [
        "no,buyer,line,gtin,qty,note",
        "4711,ACME Retail GmbH,1,4019999011016,10,for all",
        "4711,ACME Retail GmbH,2,4019999011023,2.5,for me",
    ]


def test_one_row_for_a_document_without_rows_and_no_row_where_no_line_is_wanted() -> None:
    assert written("no: number\nb: note", target="{format: csv, columns: [b, no]}") == "b,no\r\n,4711\r\n"
    none = FIELDS.replace("each: lines", "each: lines\n  where: quantity > 100000")
    assert csv(fields=none) == "no,buyer,line,gtin,qty,note\r\n"


def test_delimiter_decimal_mark_header_encoding_and_byte_order_mark_are_declared() -> None:
    options = ', delimiter: ";", decimal: ",", header: false'
    document = order(note="größer")
    document.lines[1].quantity = Decimal("-2.5")
    rows = written(FIELDS, document, target=TARGET % options).splitlines()
    assert rows[1] == '4711;ACME Retail GmbH;2;4019999011023;"-2,5";größer'
    mapping = compiled(FIELDS, target=TARGET % ", encoding: cp1252")
    assert "größer".encode("cp1252") in mapping.write(order(note="größer")).data
    with pytest.raises(PayloadRefused, match="cannot hold"):
        mapping.write(order(note="六角螺栓"))
    marked = compiled(FIELDS, target=TARGET % ", byte_order_mark: true").write(order())
    assert marked.data.startswith(b"\xef\xbb\xbfno,")
    assert (marked.media_type, marked.tree) == ("text/csv", marked.data)


def test_formulas_are_harmless_unless_they_are_to_be_kept() -> None:
    hostile = "=1+1"
    assert csv(note=hostile).splitlines()[1].endswith('"\'=1+1"')
    assert csv(", formulas: keep", note=hostile).splitlines()[1].endswith(",=1+1")


@pytest.mark.parametrize(
    ("target", "fields", "said"),
    [
        ("{format: csv}", "no: number", "does not say its columns"),
        ("{format: csv, columns: [no, no]}", "no: number", "declared twice"),
        ("{format: csv, columns: [no], rows: no}", "no: number", "no column"),
        ('{format: csv, columns: [no], delimiter: "::"}', "no: number", "delimiter"),
        ("{format: csv, columns: [no], header: maybe}", "no: number", "true or false"),
        ("{format: csv, columns: [no], formulas: run}", "no: number", "cannot be"),
        ("{format: csv, columns: [no], encoding: utf-16, byte_order_mark: true}", "no: number", "UTF-8"),
        ("{format: csv, columns: [no], separator: x}", "no: number", "no entry 'separator'"),
        ("{format: csv, columns: [no]}", "number: number", "none of the columns"),
        ("{format: csv, columns: [no]}", "no: number | or_null", "no null"),
        ("{format: csv, columns: [no, gln]}", "no: number\nbuyer: {at: buyer, gln: gln}", "one table"),
    ],
)
def test_what_cannot_be_a_table_is_refused_before_anything_runs(target: str, fields: str, said: str) -> None:
    with pytest.raises(MappingRefused) as refused:
        compiled(fields, target=target)
    assert said in " ".join(finding.message for finding in refused.value.findings)


def test_a_list_within_the_rows_is_refused() -> None:
    fields = "lines:\n  each: lines\n  no: number\n  lines: {at: item, no: gtin}"
    with pytest.raises(PayloadRefused, match="no row"):
        written(fields, target="{format: csv, columns: [no], rows: lines}")
