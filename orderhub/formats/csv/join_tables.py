"""One member of a bundle as a table: all rows by key for those that are looked up, a stream for the root."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from orderhub.findings import Finding, Place, Severity
from orderhub.formats.base import EnvelopeInfo, ReadSummary
from orderhub.formats.csv.header import Header
from orderhub.formats.csv.join_layout import JoinedTable
from orderhub.formats.csv.join_tree import TablePlaces
from orderhub.formats.csv.rows import RowReader, Stop
from orderhub.formats.csv.tree import Row

#: Cells of the joined tables that are held at once, some 60 bytes each. The root is streamed and does not count.
MAX_CELLS = 8_000_000

Key = tuple[str, ...]


class Budget:
    """How many cells may still be held; all tables of a bundle share one."""

    def __init__(self, cells: int = MAX_CELLS) -> None:
        self.cells = cells


class TableReader(RowReader):
    """Reads a table's rows with the declared columns only; what is wrong with a row stands in ``row_findings`` under its
    number. A row that cannot be read refuses the bundle: to which message it belongs is not known."""

    layout: JoinedTable

    def __init__(
        self, table: JoinedTable, *, name: str, summary: ReadSummary, interchange: EnvelopeInfo
    ) -> None:
        super().__init__(table, name=name, summary=summary, interchange=interchange)
        self.table = table
        self.row_findings: dict[int, list[Finding]] = {}
        self.places = TablePlaces(table, name, {})

    def read(self, stream: BinaryIO) -> Iterator[Row]:
        """The rows.

        :raises Stop: the file cannot be read on; why stands in the summary.
        """
        lines = self.lines(stream)
        try:
            header, delimiter = self.header(lines)
            declared = len(self.table.all_columns)
            self.places.positions = header.positions
            cut = Header(header.columns[:declared], header.order[:declared], header.positions, header.width)
            for row in self.rows(lines, cut, delimiter):
                if self.pending:
                    self.row_findings[row.number] = list(self.pending)
                    self.pending.clear()
                yield row
        finally:
            lines.release()

    def doubtful(self, finding: Finding) -> None:
        raise self.refuse(
            finding.code,
            finding.message.partition(" It may belong")[0],
            "It may belong to any message, so nothing of the bundle is used: ask the sender to correct the quotes.",
            finding.place,
        )

    def note(
        self, code: str, severity: Severity, message: str, place: Place, value: str | None = None
    ) -> None:
        """A finding about the file as a whole."""
        self.summary.findings.add(
            Finding(code=code, severity=severity, message=message, place=place, value=value)
        )


class Index:
    """The rows of a table by key. Of a table without ``many`` one row has a key; when more have it, the key stands in
    ``twice`` and nobody can say which is meant."""

    def __init__(self, reader: TableReader, stream: BinaryIO, budget: Budget) -> None:
        """Read the whole table.

        :raises Stop: it cannot be read, or is larger than what may be held.
        """
        self.reader = reader
        self.table = reader.table
        self.rows: dict[Key, list[Row]] = {}
        self.twice: set[Key] = set()
        self.used: set[int] = set()
        positions = [self.table.position(column) for column in self.table.own]
        width = len(self.table.all_columns)
        for row in reader.read(stream):
            budget.cells -= width
            if budget.cells < 0:
                raise reader.refuse(
                    "CSV_JOIN_TOO_LARGE",
                    f"The joined tables have more than {MAX_CELLS} cells, which is more than is held in memory.",
                    "Declare fewer columns, make the largest table the root, or ask for smaller bundles.",
                    reader.places.place(row, None, None),
                )
            self._add(row, tuple(row[position] for position in positions))

    def _add(self, row: Row, key: Key) -> None:
        known = self.rows.get(key)
        if not all(key):
            column = next(name for name, value in zip(self.table.own, key, strict=True) if not value)
            self.reader.note(
                "CSV_KEY_MISSING",
                Severity.ERROR,
                f"The key column {column} of {self.table.name} is empty, so that the row belongs to nothing. Ask the sender "
                "to fill it.",
                self.reader.places.place(row, column, None),
            )
        elif known is None:
            self.rows[key] = [row]
        elif self.table.many:
            known.append(row)
        else:
            self.twice.add(key)
            self.reader.note(
                "CSV_KEY_TWICE",
                Severity.ERROR,
                f"{self.table.name} has the key {shown(key)} twice (first in line {known[0].line}), so that nobody can say "
                "which row is meant. Ask the sender.",
                self.reader.places.place(row, self.table.own[0], None),
                shown(key),
            )

    def unused_findings(self) -> list[Finding]:
        """What is wrong with rows that no message uses."""
        return [
            finding
            for number, findings in self.reader.row_findings.items()
            if number not in self.used
            for finding in findings
        ]


class RootKeys:
    """A first look through the root: its keys, so that orphans are known, and whether it can be read to its end."""

    def __init__(self, reader: TableReader, stream: BinaryIO) -> None:
        """:raises Stop: it cannot be read."""
        self.first: dict[Key, int] = {}
        self.twice: dict[Key, int] = {}
        positions = [reader.table.position(column) for column in reader.table.key]
        for row in reader.read(stream):
            key = tuple(row[position] for position in positions)
            if key in self.first:
                self.twice.setdefault(key, row.line)
            else:
                self.first[key] = row.line
        self.rows = reader.count


def shown(key: Key) -> str:
    """How people call a message or a row: its key."""
    return " / ".join(key)


def located(finding: Finding, reference: str) -> Finding:
    """The finding of a row with the message that uses the row."""
    return msgspec.structs.replace(finding, place=msgspec.structs.replace(finding.place, message=reference))


__all__ = ["MAX_CELLS", "Budget", "Index", "Key", "RootKeys", "Stop", "TableReader", "located", "shown"]
