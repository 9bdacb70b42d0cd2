"""The header row: which delimiter, which columns, and what does not agree with the declared layout."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Sequence

import msgspec

from orderhub.findings import Finding, Place, Severity
from orderhub.formats.csv.layout import FileLayout
from orderhub.formats.csv.lines import HEAD, encoding_of

_CANDIDATES = (";", ",", "\t", "|")


class SniffedHeader(msgspec.Struct, frozen=True):
    """The header of a file that no mapping has claimed yet."""

    columns: tuple[str, ...]
    delimiter: str
    encoding: str


def sniff(head: bytes) -> SniffedHeader | None:
    """The header row in the first bytes of a file; ``None`` when this does not look like a CSV file with a header."""
    encoding = encoding_of(head[:HEAD], None)
    text = head[encoding.mark : HEAD].decode(encoding.name, "replace")
    if "\0" in text:
        return None
    first = text.splitlines()[0] if text.splitlines() else ""
    delimiter = find_delimiter(first, ())
    columns = tuple(split(first, delimiter, '"'))
    if len(columns) < 2 or not all(columns) or len(set(columns)) < len(columns):
        return None
    return SniffedHeader(columns, delimiter, encoding.name)


def split(line: str, delimiter: str, quote: str) -> list[str]:
    """The column names of a header line, without spaces around them."""
    try:
        cells = next(csv.reader([line], delimiter=delimiter, quotechar=quote), [])
    except csv.Error:
        cells = line.split(delimiter)
    return [cell.strip() for cell in cells]


def find_delimiter(line: str, wanted: Sequence[str]) -> str:
    """The delimiter that gives most of the wanted columns, else most columns."""

    def score(delimiter: str) -> tuple[int, int]:
        cells = split(line, delimiter, '"')
        return len(set(cells) & set(wanted)), len(cells)

    return max(_CANDIDATES, key=score)


class Header(msgspec.Struct, frozen=True):
    """A header that agrees with the layout.

    ``order`` picks from a row of the file what a message's row holds (declared columns first): positions from 0, -1
    for an optional column that the file does not have. ``columns`` names them, ``positions`` has the file's own, from
    1. ``width`` is the number of columns of the file.
    """

    columns: tuple[str, ...]
    order: tuple[int, ...]
    positions: dict[str, int]
    width: int


def declared_header(layout: FileLayout) -> Header:
    """The header of a file that has none: the declared columns, all of them and in their order."""
    columns = layout.all_columns
    return Header(
        columns,
        tuple(range(len(columns))),
        {name: index + 1 for index, name in enumerate(columns)},
        len(columns),
    )


def match_header(cells: list[str], layout: FileLayout, place: Place) -> tuple[Header | None, list[Finding]]:
    """Compare a header row with the layout. ``None`` when a declared column is missing or ambiguous."""
    findings: list[Finding] = []
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    declared = set(layout.all_columns)
    positions: dict[str, int] = {}
    usable = True
    for index, name in enumerate(names):
        here = msgspec.structs.replace(
            place, element=index + 1, segment=name or None, excerpt=name[:80] or None
        )
        if not name:
            findings.append(
                Finding(
                    code="CSV_COLUMN_UNNAMED",
                    severity=Severity.WARNING,
                    message=f"Column {index + 1} has no name, so nothing can read it. Name it in the header.",
                    place=here,
                )
            )
        elif name in positions:
            wrong = name in declared
            usable = usable and not wrong
            findings.append(
                Finding(
                    code="CSV_COLUMN_TWICE",
                    severity=Severity.ERROR if wrong else Severity.WARNING,
                    message=f"The column {name!r} stands in the header twice (columns {positions[name]} and {index + 1}). "
                    "Ask the sender which of them is meant.",
                    place=here,
                    value=name,
                )
            )
        else:
            positions[name] = index + 1
    for name in layout.columns:
        if name not in positions:
            usable = False
            close = difflib.get_close_matches(name, names, n=1)
            close = close or [other for other in names if other.casefold() == name.casefold()]
            hint = f" It has {close[0]!r}." if close else f" It has {', '.join(names[:12])}."
            findings.append(
                Finding(
                    code="CSV_COLUMN_MISSING",
                    severity=Severity.ERROR,
                    message=f"The header has no column {name!r}.{hint} Ask the sender for it, or correct the mapping's "
                    "columns.",
                    place=msgspec.structs.replace(place, segment=name),
                    value=name,
                )
            )
    if not usable:
        return None, findings
    others = tuple(name for name in positions if name not in declared)
    columns = layout.all_columns + others
    order = tuple(positions.get(name, 0) - 1 for name in columns)
    return Header(columns, order, positions, len(names)), findings
