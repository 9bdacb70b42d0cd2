"""Small mappings for the tests: written as text, compiled with tables in memory."""

from __future__ import annotations

from collections.abc import Mapping

from orderhub.findings import Finding
from orderhub.formats.base import MessageTree
from orderhub.formats.csv import CsvLayout, CsvReader
from orderhub.formats.edifact.reader import EdifactReader
from orderhub.mapping import CompiledMapping, MemoryLookups
from orderhub.mapping.compile import try_compile
from orderhub.mapping.dialects import Dialects
from orderhub.mapping.parse import parse_mapping
from orderhub.mapping.problems import Problems
from orderhub.mapping.run import Translated

TABLES = {"units": {"PCE": "C62", "KG": "KGM"}}

CSV_HEAD = """\
mapping: sample
version: 1
source:
  format: csv
  key: no
  delimiter: ";"
  columns: [no, date, buyer, supplier, line, item, qty, unit]
  optional_columns: [currency, price, amount, total, note, kind, "Order No"]
target: {document: purchase_order}
"""

CSV_FIELDS = """\
fields:
  number: no
  issued_on: date | date
  currency: currency ? "EUR"
  buyer: {name: buyer}
  supplier: {name: supplier}
  total_amount: total | decimal
  note: note
  lines:
    each: rows
    number: line | integer
    item: {buyer_code: item}
    quantity: qty | decimal
    unit: unit | lookup(units)
    price: price | decimal
    amount: amount | decimal
"""

EDIFACT_HEAD = """\
mapping: sample
version: 1
source: {format: edifact, message: ORDERS, release: D.96A}
target: {document: purchase_order}
"""

EDIFACT_FIELDS = """\
fields:
  number: BGM/1004
  issued_on: DTM[137]/C507/2380 | date(DTM[137]/C507/2379)
  currency: {const: EUR}
  buyer: {at: "NAD[BY]", name: 'NAD/C080/3036 | join(" ")'}
  supplier: {at: "NAD[SU]", name: 'NAD/C080/3036 | join(" ")'}
  lines:
    each: LIN
    number: LIN/1082 | integer
    item: {gtin: "LIN/C212[7143=EN]/7140"}
    quantity: QTY[21]/C186/6060
    unit: QTY[21]/C186/6411 ? "PCE" | lookup(units)
"""


def compiled(
    text: str, *, tables: Mapping[str, Mapping[str, str]] | None = None, name: str = "sample"
) -> tuple[CompiledMapping | None, list[Finding]]:
    """The mapping, or ``None``, and what was found wrong with it."""
    problems = Problems(f"{name}.yaml")
    file = parse_mapping(text, name=name, problems=problems)
    made = None
    if file is not None:
        made = try_compile(file, problems, dialects=Dialects(), lookups=MemoryLookups(tables or TABLES))
    return (made if problems.ok else None), problems.sorted()


def good(text: str) -> CompiledMapping:
    """A mapping that must be right."""
    mapping, findings = compiled(text)
    assert findings == []
    assert mapping is not None
    return mapping


def csv_trees(mapping: CompiledMapping, text: str | bytes) -> list[MessageTree]:
    data = text.encode() if isinstance(text, str) else text
    return list(CsvReader(CsvLayout.from_declaration(mapping.source)).read(data, name="orders.csv"))


def run_csv(mapping: CompiledMapping, text: str) -> list[Translated]:
    return [mapping.run(tree) for tree in csv_trees(mapping, text)]


def edifact_message(*segments: str, number: str = "1") -> str:
    return "".join(
        f"{segment}'\n"
        for segment in (
            f"UNH+{number}+ORDERS:D:96A:UN:EAN008",
            *segments,
            f"UNT+{len(segments) + 2}+{number}",
        )
    )


def edifact_file(*segments: str) -> bytes:
    body = edifact_message(*segments)
    return f"UNB+UNOC:3+SENDER+RECEIVER+261120:0830+1'\n{body}UNZ+1+1'\n".encode("latin-1")


def run_edifact(mapping: CompiledMapping, *segments: str) -> Translated:
    tree = next(iter(EdifactReader().read(edifact_file(*segments), name="orders.edi")))
    assert tree.usable, tree.findings
    return mapping.run(tree)
