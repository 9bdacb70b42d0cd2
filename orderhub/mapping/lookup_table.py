"""One lookup table: codes of one side to codes of the other, some of them only from one day to another.

``<name>.csv``: UTF-8, commas, a header that begins with ``from,to``; the columns ``valid_from`` and ``valid_to`` (ISO
dates, both days included, empty: open) make it dated; further columns are comments. ``<name>.yaml``: ``values:`` with
one entry per code, or ``rows:`` with ``{from, to, valid_from, valid_to}``.

The periods of a code follow each other: two that overlap, or days between two that nobody decided about, are refused at
their line.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from orderhub.errors import MappingError
from orderhub.findings import Finding, Place, Severity
from orderhub.yaml_file import Block, Scalar, Sequence, Value, YamlError, parse_yaml

MAX_ROWS = 200_000
#: So many of a table's faults are named one by one.
MAX_FAULTS = 50
_DATES = ("valid_from", "valid_to")
_DAY = dt.timedelta(days=1)


class LookupTableError(MappingError):
    """A lookup table is missing or wrong. ``findings`` has each fault at its line; the error itself names the first."""

    code = "LOOKUP_TABLE"

    def __init__(self, what: str, *, todo: str, place: Place | None = None, findings: Iterable[Finding] = ()):
        self.findings = list(findings)
        super().__init__(what, todo=todo, place=place)


class Row(NamedTuple):
    """What a code means from one day to another (both included; ``None``: open). ``line`` is that of the file."""

    to: str
    valid_from: dt.date | None
    valid_to: dt.date | None
    line: int

    def covers(self, day: dt.date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )

    @property
    def period(self) -> str:
        """``from 2026-01-01 to 2026-06-30``."""
        begin = f"from {self.valid_from}" if self.valid_from is not None else ""
        end = f"to {self.valid_to}" if self.valid_to is not None else "on" if begin else ""
        return f"{begin} {end}".strip() or "at any time"


class LookupTable(dict[str, str]):
    """A table without dates is the mapping of its codes. One with dates (``dated``) is empty as a mapping: it answers
    only :meth:`on`."""

    __slots__ = ("dated", "file", "lines", "rows")

    def __init__(self, file: str, rows: Mapping[str, tuple[Row, ...]], *, dated: bool) -> None:
        super().__init__({} if dated else {code: found[0].to for code, found in rows.items()})
        self.file = file
        self.rows = dict(rows)
        self.dated = dated
        self.lines = {code: found[0].line for code, found in rows.items()}

    @classmethod
    def plain(cls, values: Mapping[str, str], file: str = "") -> LookupTable:
        """A table without dates."""
        return cls(
            file,
            {code: (Row(to, None, None, line),) for line, (code, to) in enumerate(values.items(), start=2)},
            dated=False,
        )

    def on(self, code: str, day: dt.date | None) -> Row | None:
        """What the code means on that day (``None`` for a table without dates)."""
        for row in self.rows.get(code, ()):
            if day is None or row.covers(day):
                return row
        return None

    def packed(self) -> bytes:
        """The table as it is kept: JSON, the codes in their order."""
        rows = [[code, *row] for code in sorted(self.rows) for row in self.rows[code]]
        return msgspec.json.encode({"file": self.file, "dated": self.dated, "rows": rows})

    @classmethod
    def unpacked(cls, content: bytes) -> LookupTable:
        """What :meth:`packed` made.

        :raises msgspec.ValidationError: it is something else.
        """
        kept = msgspec.json.decode(content, type=_Packed)
        rows: dict[str, tuple[Row, ...]] = {}
        for code, to, begin, end, line in kept.rows:
            rows[code] = (*rows.get(code, ()), Row(to, begin, end, line))
        return cls(kept.file, rows, dated=kept.dated)


class _Packed(msgspec.Struct):
    file: str
    dated: bool
    rows: list[tuple[str, str, dt.date | None, dt.date | None, int]]


def table_hash(table: Mapping[str, str]) -> str:
    """SHA-256 over the table's content, whatever its order."""
    digest = hashlib.sha256()
    for key in sorted(table):
        digest.update(f"{len(key)}:{key}{len(table[key])}:{table[key]}".encode())
    if isinstance(table, LookupTable) and table.dated:
        for key in sorted(table.rows):
            for row in table.rows[key]:
                digest.update(
                    f"{len(key)}:{key}{len(row.to)}:{row.to}{row.valid_from}:{row.valid_to}".encode()
                )
    return digest.hexdigest()


class _Entry(NamedTuple):
    """A row as it was written."""

    code: str
    to: str
    valid_from: str
    valid_to: str
    line: int


def parse_table(content: bytes, *, label: str) -> LookupTable:
    """The table in a file's bytes.

    :param label: how the file is called in places (``lookups/units.csv``); its ending says how it is written.
    :raises LookupTableError: with everything that is wrong, each at its line.
    """
    faults: list[Finding] = []
    dated = False
    entries: list[_Entry] = []
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LookupTableError(
            f"{label} cannot be read: {error}.",
            todo="It must be a readable UTF-8 file.",
            place=Place(file=label),
        ) from error
    if label.endswith(".yaml"):
        dated, entries = _from_yaml(text, label, faults)
    else:
        dated, entries = _from_csv(text, label, faults)
    rows = _rows(entries, dated, label, faults)
    if faults:
        first = faults[0]
        more = f" ({len(faults) - 1} more in this file)" if len(faults) > 1 else ""
        what, _, todo = first.message.rpartition(". ")
        raise LookupTableError(
            f"{label} cannot be used, line {first.place.line}: {what or first.message}{more}.",
            todo=todo or "Correct it.",
            place=first.place,
            findings=faults,
        )
    return LookupTable(label, rows, dated=dated)


def _fault(faults: list[Finding], label: str, line: int, what: str, todo: str) -> None:
    if len(faults) < MAX_FAULTS:
        faults.append(
            Finding(
                code=LookupTableError.code,
                severity=Severity.ERROR,
                message=f"{what}. {todo}",
                place=Place(file=label, line=line),
            )
        )


def _from_csv(text: str, label: str, faults: list[Finding]) -> tuple[bool, list[_Entry]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    entries: list[_Entry] = []
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if header[:2] != ["from", "to"]:
            _fault(faults, label, 1, "The header is not from,to", "Make the first line from,to.")
            return False, []
        columns = [header.index(name) if name in header else None for name in _DATES]
        for cells in reader:
            if not cells or all(not cell.strip() for cell in cells):
                continue
            dates = [cells[at].strip() if at is not None and at < len(cells) else "" for at in columns]
            code, to = (*cells, "", "")[:2]
            entries.append(_Entry(code, to, dates[0], dates[1], reader.line_num))
            if len(entries) > MAX_ROWS:
                break
    except csv.Error as error:
        _fault(faults, label, reader.line_num, str(error).capitalize(), "Correct the quotes.")
        return False, []
    return any(at is not None for at in columns), entries


def _from_yaml(text: str, label: str, faults: list[Finding]) -> tuple[bool, list[_Entry]]:
    try:
        tree = parse_yaml(text, name=label)
    except YamlError as error:
        faults.append(error.as_finding())
        return False, []
    values = tree.get("values") if isinstance(tree, Block) else None
    rows = tree.get("rows") if isinstance(tree, Block) else None
    if isinstance(values, Block) and rows is None:
        return False, [
            _Entry(
                code, entry.value.text if isinstance(entry.value, Scalar) else "", "", "", entry.key.mark[0]
            )
            for code, entry in values
        ]
    if not isinstance(rows, Sequence) or values is not None:
        what = "A lookup table in YAML has 'values' or 'rows'"
        _fault(
            faults,
            label,
            tree.mark[0],
            what,
            "Write values: {PCE: C62} or rows: with {from, to, valid_from}.",
        )
        return False, []
    entries = [entry for item in rows.items if (entry := _yaml_row(item, label, faults)) is not None]
    return any(entry.valid_from or entry.valid_to for entry in entries), entries


def _yaml_row(item: Value, label: str, faults: list[Finding]) -> _Entry | None:
    if not isinstance(item, Block):
        _fault(faults, label, item.mark[0], "A row is a map", "Write - {from: A, to: B}.")
        return None
    texts: dict[str, str] = {}
    for key, entry in item:
        if key not in ("from", "to", *_DATES):
            _fault(faults, label, entry.key.mark[0], f"There is no entry {key!r} in a row", "Remove it.")
        elif isinstance(entry.value, Scalar):
            texts[key] = entry.value.text
    code, to, begin, end = (texts.get(key, "") for key in ("from", "to", *_DATES))
    return _Entry(code, to, begin, end, item.mark[0])


def _rows(
    entries: list[_Entry], dated: bool, label: str, faults: list[Finding]
) -> dict[str, tuple[Row, ...]]:
    found: dict[str, list[Row]] = {}
    if len(entries) > MAX_ROWS:
        what = f"It has more than {MAX_ROWS} rows"
        _fault(faults, label, entries[-1].line, what, "Keep a table this large elsewhere.")
        return {}
    for entry in entries:
        if not entry.code or not entry.to:
            _fault(faults, label, entry.line, "A code is missing", "Give both codes or remove the line.")
            continue
        begin, end = (_date(text, entry.line, label, faults) for text in (entry.valid_from, entry.valid_to))
        if begin is not None and end is not None and end < begin:
            what = f"{entry.code!r} ends on {end}, before it begins on {begin}"
            _fault(faults, label, entry.line, what, "Correct valid_from or valid_to.")
            continue
        if not dated and entry.code in found:
            _fault(faults, label, entry.line, f"{entry.code!r} stands there twice", "Remove one of the two.")
            continue
        found.setdefault(entry.code, []).append(Row(entry.to, begin, end, entry.line))
    if dated:
        for code, rows in found.items():
            rows.sort(key=lambda row: (row.valid_from or dt.date.min, row.line))
            for line, what, todo in _discontinuous(code, rows):
                _fault(faults, label, line, what, todo)
    return {code: tuple(rows) for code, rows in found.items()}


def _date(text: str, line: int, label: str, faults: list[Finding]) -> dt.date | None:
    if not text:
        return None
    try:
        if len(text) == 10:
            return dt.date.fromisoformat(text)
    except ValueError:
        pass  # told below, with the other texts that are no dates
    _fault(faults, label, line, f"{text[:40]!r} is no date", "Write it as 2026-01-30.")
    return None


def _discontinuous(code: str, rows: list[Row]) -> Iterator[tuple[int, str, str]]:
    """Line, what and remedy of each overlap and gap between the periods of a code."""
    for before, after in itertools.pairwise(rows):
        if before.valid_to is None or after.valid_from is None or after.valid_from <= before.valid_to:
            yield (
                after.line,
                f"{code!r} {after.period} overlaps line {before.line} ({before.period})",
                f"Let line {before.line} end the day before, or remove one.",
            )
        elif after.valid_from > before.valid_to + _DAY:
            first, last = before.valid_to + _DAY, after.valid_from - _DAY
            days = f"from {first} to {last}" if last > first else f"on {first}"
            yield (
                after.line,
                f"{code!r} means nothing {days}, between line {before.line} and this one",
                "Add a row for these days, or move one of the dates.",
            )


def describe(table: Mapping[str, Any], code: str) -> str:
    """When a dated table knows the code, for the text of a refusal; empty when it does not know it at all."""
    rows = table.rows.get(code, ()) if isinstance(table, LookupTable) else ()
    return ", ".join(row.period for row in rows)
