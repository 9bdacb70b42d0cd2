"""The nodes of a message that is joined from several tables: its own row, and the rows that belong to it."""

from __future__ import annotations

from orderhub.findings import Place
from orderhub.formats.csv.join_layout import JoinedTable
from orderhub.formats.csv.tree import Row


class TablePlaces:
    """Says where a cell of one table stands. ``file`` is the bundle's name and the member's."""

    def __init__(self, table: JoinedTable, file: str, positions: dict[str, int]) -> None:
        self.table = table
        self.file = file
        self.positions = positions

    def place(self, row: Row, column: str | None, reference: str | None) -> Place:
        """The place of a cell, or of the row. ``element`` is the column's position in the file, from 1."""
        where, value = f"row {row.number}", ""
        if column is not None:
            where += f", column {column}"
            value = row[self.table.position(column)]
        return Place(
            file=self.file,
            message=reference,
            segment=f"{self.table.name}.{column}" if column is not None else None,
            element=self.positions.get(column) if column is not None else None,
            path=where,
            line=row.line,
            offset=row.offset,
            excerpt=value[:80] or None,
        )


class JoinedRow:
    """A row of a level with those looked up for it: ``rows`` in the order of ``JoinLayout.of_level``, the level's own
    first, ``None`` where there is none. ``message`` is the root's node (of the root, itself)."""

    __slots__ = ("message", "rows")

    def __init__(self, rows: list[Row | None], message: JoinedMessage) -> None:
        self.rows = rows
        self.message = message


class JoinedMessage(JoinedRow):
    """The root's row with everything below it: ``many`` has a list for each table with ``many``, in layout order.

    ``places`` says by a table's name where its cells stand.
    """

    __slots__ = ("many", "places", "reference")

    def __init__(
        self, rows: list[Row | None], reference: str, many: int, places: dict[str, TablePlaces]
    ) -> None:
        super().__init__(rows, self)
        self.reference = reference
        self.many: list[list[JoinedRow]] = [[] for _ in range(many)]
        self.places = places
