"""CSV's side of the mapping language.

A path is a column: its bare name, or ``col("Order No")``. At the message a column must have one value in all rows of
the message (empty cells aside); within ``each: rows`` it is the cell of the row. ``rows[kind=L]`` takes only the rows
whose column ``kind`` is ``L``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from orderhub.findings import Place
from orderhub.formats.csv.join_dialect import JoinScope
from orderhub.formats.csv.join_layout import JoinLayout
from orderhub.formats.csv.layout import CsvLayout
from orderhub.formats.csv.tree import Row, RowGroup
from orderhub.formats.dialect import (
    BulkReader,
    NumberFormat,
    PathError,
    ResolvedGroup,
    ResolvedPath,
    Scope,
    SeveralValues,
    SourceDeclaration,
    Unread,
)

_COL = re.compile(r"""col\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*\)\Z""")
_ROWS = re.compile(r"""rows(?:\[\s*([^=\]"']+?)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\]"']*?))\s*\])?\Z""")


class CsvDialect:
    """See the module."""

    @property
    def format(self) -> str:
        return "csv"

    def numbers(self, source: SourceDeclaration) -> NumberFormat:
        return declared_layout(source).numbers

    def scope(self, source: SourceDeclaration) -> Scope:
        layout = declared_layout(source)
        return (
            JoinScope(layout, layout.root.name) if isinstance(layout, JoinLayout) else _MessageScope(layout)
        )


def declared_layout(source: SourceDeclaration) -> CsvLayout | JoinLayout:
    """One file or several, as the mapping declares; :class:`DeclarationError` naming the wrong entry."""
    if "files" in source.options:
        return JoinLayout.from_declaration(source)
    return CsvLayout.from_declaration(source)


def column_path(name: str) -> str:
    """How a column is written in a mapping."""
    return name if name.isidentifier() else f'col("{name}")'


class _Columns:
    """What both scopes share: columns by name."""

    def __init__(self, layout: CsvLayout) -> None:
        self.layout = layout
        self.columns = layout.all_columns

    def find(self, text: str) -> tuple[str, int, bool]:
        """Name, position and whether the path begins at the message; PathError when there is no such column."""
        from_root = text.startswith("/")
        rest = text[1:] if from_root else text
        match = _COL.match(rest)
        if match is not None:
            quoted = match[1] if match[1] is not None else match[2]
            name = re.sub(r"\\(.)", r"\1", quoted)
        else:
            name = rest
            if not name or re.search(r"[\[\]{}/@#]", name):
                raise PathError(
                    f"{text!r} is no column.",
                    offset=1 if from_root else 0,
                    todo='A path is a column\'s name, or col("Order No") when it has other characters.',
                )
        if name not in self.columns:
            folded = {column.casefold(): column for column in self.columns}
            close = difflib.get_close_matches(name.casefold(), list(folded), n=3)
            raise PathError(
                f"There is no column {name!r}.",
                offset=1 if from_root else 0,
                todo="" if close else f"The declared columns are {', '.join(self.columns)}.",
                suggestions=[column_path(folded[item]) for item in close],
            )
        return name, self.columns.index(name), from_root

    def path(self, text: str, *, at_row: bool) -> ResolvedPath:
        name, position, from_root = self.find(text)
        optional = name not in self.layout.key
        if at_row and not from_root:

            def cell(row: Row) -> str | None:
                return row[position] or None

            def cell_place(row: Row) -> list[Place]:
                return [row.group.place(row, name)]

            return ResolvedPath(text=text, get=cell, where=cell_place, optional=optional, internal=name)
        get = _key_getter(position) if name in self.layout.key else _common_getter(position)

        def where(group: RowGroup) -> list[Place]:
            return _places(group, name, position)

        return ResolvedPath(
            text=text, get=get, where=where, optional=optional, from_root=from_root, internal=name
        )


def _key_getter(position: int) -> Callable[[RowGroup], str | None]:
    return lambda group: group.rows[0][position] or None


def _common_getter(position: int) -> Callable[[RowGroup], str | None]:
    """The one value of a column in all rows of the message; rows may leave it empty."""

    def get(group: RowGroup) -> str | None:
        rows = group.rows
        value = rows[0][position]
        for row in rows:
            if row[position] != value:
                return slow(rows)
        return value or None

    def slow(rows: list[Row]) -> str | None:
        values = {row[position] for row in rows}
        values.discard("")
        if len(values) > 1:
            raise SeveralValues
        return values.pop() if values else None

    return get


def _places(group: RowGroup, name: str, position: int) -> list[Place]:
    """The first row of each different value; the first row when there is none."""
    first: dict[str, Row] = {}
    for row in group.rows:
        if row[position]:
            first.setdefault(row[position], row)
    return [group.place(row, name) for row in first.values()] or [group.place(group.rows[0], name)]


class _MessageScope(_Columns):
    @property
    def description(self) -> str:
        return "the message (rows with one key)"

    def resolve(self, text: str) -> ResolvedPath:
        return self.path(text, at_row=False)

    def enter(self, text: str) -> ResolvedGroup:
        match = _ROWS.match(text.removeprefix("/"))
        if match is None:
            raise PathError(
                f"There is no group {text!r}.", suggestions=["rows"], todo="A CSV message has rows."
            )
        nodes: Callable[[RowGroup], Sequence[Row]] = _all_rows
        column = match[1]
        if column is not None:
            try:
                name, position, _ = self.find(column)
            except PathError as error:
                raise PathError(
                    error.what, offset=text.index("[") + 1, todo=error.todo, suggestions=error.suggestions
                ) from None
            wanted = next((value for value in match.groups()[1:] if value is not None), "")
            nodes = _rows_with(position, wanted)
        else:
            name = ""
        return ResolvedGroup(
            text=text,
            nodes=nodes,
            where=lambda row: row.group.place(row, None),
            scope=_RowScope(self.layout),
            many=True,
            optional=column is not None,
            from_root=text.startswith("/"),
            internal=name,
        )

    def unread(
        self,
        paths: Iterable[ResolvedPath],
        groups: Iterable[ResolvedGroup],
        wanted: Callable[[str], bool] | None = None,
    ) -> Callable[[Any], list[Unread]]:
        read = {path.internal for path in paths} | {group.internal for group in groups} | set(self.layout.key)
        left = [position for position, name in enumerate(self.columns) if name not in read]
        declared = len(self.columns)

        def unread(group: RowGroup) -> list[Unread]:
            found: list[Unread] = []
            for position in (*left, *range(declared, len(group.columns))):
                name = group.columns[position]
                if wanted is not None and not wanted(name):
                    continue
                found.extend(
                    Unread(column_path(name), name, row[position], _placer(row, name))
                    for row in group.rows
                    if row[position]
                )
            return found

        return unread


def _all_rows(group: RowGroup) -> Sequence[Row]:
    return group.rows


def _rows_with(position: int, wanted: str) -> Callable[[RowGroup], Sequence[Row]]:
    return lambda group: [row for row in group.rows if row[position] == wanted]


def _placer(row: Row, name: str) -> Callable[[], Place]:
    return lambda: row.group.place(row, name)


class _RowScope(_Columns):
    @property
    def description(self) -> str:
        return "a row"

    def resolve(self, text: str) -> ResolvedPath:
        return self.path(text, at_row=True)

    def reader(self, paths: Sequence[ResolvedPath]) -> BulkReader | None:
        if len(paths) < 2:
            return None
        every = tuple(range(len(paths)))
        pick = itemgetter(*[self.columns.index(path.internal) for path in paths])
        return lambda row: (every, pick(row))

    def enter(self, text: str) -> ResolvedGroup:
        raise PathError(f"Within a row there is no group {text!r}.", todo="Take 'at' or 'each' away.")

    def unread(
        self,
        paths: Iterable[ResolvedPath],
        groups: Iterable[ResolvedGroup],
        wanted: Callable[[str], bool] | None = None,
    ) -> Callable[[Any], list[Unread]]:
        raise NotImplementedError("only the message's own scope knows what is left")
