"""The nodes of a CSV message: a group of rows, and each row."""

from __future__ import annotations

from orderhub.findings import Place


class Row(list[str]):
    """The cells of one row: the declared columns in declared order, then the others of the file.

    ``line`` is the line of the file (from 1) on which the row begins, ``number`` counts data rows from 1, ``offset`` is
    the byte at which it begins (``None`` where the encoding does not tell); ``group`` is the message it belongs to.
    """

    __slots__ = ("group", "line", "number", "offset")

    group: RowGroup
    line: int
    number: int
    offset: int | None


class RowGroup:
    """One message: the rows that share a key.

    ``columns`` names the cells of a row; ``positions`` has where each column stands in the file, from 1 (columns that
    the file does not have are missing there); ``declared`` is how many of the columns the mapping declares.
    """

    __slots__ = ("columns", "declared", "file", "key", "positions", "rows")

    def __init__(
        self,
        *,
        file: str,
        columns: tuple[str, ...],
        declared: int,
        positions: dict[str, int],
        key: tuple[str, ...],
    ) -> None:
        self.file = file
        self.columns = columns
        self.declared = declared
        self.positions = positions
        self.key = key
        self.rows: list[Row] = []

    @property
    def reference(self) -> str:
        """How people call the message: its key."""
        return " / ".join(self.key)

    def place(self, row: Row, column: str | None) -> Place:
        """The place of a cell, or of the row. ``element`` is the column's position in the file."""
        where = f"row {row.number}"
        value = ""
        if column is not None:
            where += f", column {column}"
            value = row[self.columns.index(column)]
        return Place(
            file=self.file,
            message=self.reference,
            segment=column,
            element=self.positions.get(column) if column is not None else None,
            path=where,
            line=row.line,
            offset=row.offset,
            excerpt=value[:80] or None,
        )
