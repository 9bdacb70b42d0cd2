"""The paths of a source that is joined from several files.

At the message a bare name is a column of the root; ``vendor.Name`` is a column of another table. Within ``each: detail`` a
bare name is a column of that table, and the tables joined to it are seen too; what belongs to the message is reached with
a leading ``/``. From the message a path into a ``many`` table (``detail.LineTotal``) is a list. A column with other
characters is ``col("Order No")`` or ``col("vendor.Credit rating")``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from orderhub.findings import Place
from orderhub.formats.csv.join_layout import JoinedTable, JoinLayout
from orderhub.formats.csv.join_tree import JoinedMessage, JoinedRow
from orderhub.formats.dialect import PathError, ResolvedGroup, ResolvedPath, Unread

_COL = re.compile(r"""col\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*\)\Z""")


def joined_path(table: JoinedTable, column: str, level: str) -> str:
    """How a column is written in a mapping, at the level whose own columns go without the table's name."""
    name = column if table.name == level else f"{table.name}.{column}"
    return name if name.replace(".", "_").isidentifier() and column.isidentifier() else f'col("{name}")'


class JoinScope:
    """The paths at one level: the root's (the message), or that of a ``many`` table."""

    def __init__(self, layout: JoinLayout, level: str) -> None:
        self.layout = layout
        self.level = level
        self.tables = layout.of_level(level)
        self.names = [table.name for table in self.tables]

    @property
    def at_root(self) -> bool:
        return self.level == self.layout.root.name

    @property
    def description(self) -> str:
        own = self.tables[0]
        return f"the message (a row of {own.name})" if self.at_root else f"a row of {own.name}"

    def resolve(self, text: str) -> ResolvedPath:
        """A column of this level, or from the root with a leading slash."""
        if text.startswith("/") and not self.at_root:
            root = JoinScope(self.layout, self.layout.root.name)
            found = root._path(text[1:], offset=1)
            return ResolvedPath(
                text=text,
                get=found.get,
                where=found.where,
                many=found.many,
                optional=found.optional,
                from_root=True,
                internal=found.internal,
            )
        from_root = text.startswith("/")
        found = self._path(text[1:] if from_root else text, offset=1 if from_root else 0)
        return ResolvedPath(
            text=text,
            get=found.get,
            where=found.where,
            many=found.many,
            optional=found.optional,
            from_root=from_root,
            internal=found.internal,
        )

    def enter(self, text: str) -> ResolvedGroup:
        """``each: detail``."""
        name = text.removeprefix("/")
        if not self.at_root:
            raise PathError(f"Within a row there is no group {text!r}.", todo="Take 'at' or 'each' away.")
        many = self.layout.many
        if name not in [table.name for table in many]:
            raise PathError(
                f"There is no group {text!r}.",
                suggestions=difflib.get_close_matches(name, [table.name for table in many]),
                todo="A group is a table with many: true"
                + (f": {', '.join(table.name for table in many)}." if many else "; this source has none.")
                + " A row that is looked up needs no group: write its columns as table.Column.",
            )
        number = [table.name for table in many].index(name)

        def nodes(message: JoinedMessage) -> Sequence[JoinedRow]:
            return message.many[number]

        def where(node: JoinedRow) -> Place:
            row = node.rows[0]
            return node.message.places[name].place(row, None, node.message.reference) if row else Place()

        return ResolvedGroup(
            text=text,
            nodes=nodes,
            where=where,
            scope=JoinScope(self.layout, name),
            many=True,
            optional=True,
            from_root=text.startswith("/"),
            internal=(name, ""),
        )

    def unread(
        self,
        paths: Iterable[ResolvedPath],
        groups: Iterable[ResolvedGroup],
        wanted: Callable[[str], bool] | None = None,
    ) -> Callable[[Any], list[Unread]]:
        """Declared columns that nothing reads and that are no part of a key or join."""
        read = {path.internal for path in paths} | {group.internal for group in groups}
        for table in self.layout.tables:
            read.update((table.name, column) for column in (*table.own, *table.key))
            read.update(table.of)
        left: dict[str, list[tuple[int, JoinedTable, str, int]]] = {}
        for level in (self.layout.root.name, *(table.name for table in self.layout.many)):
            left[level] = [
                (number, table, column, table.position(column))
                for number, table in enumerate(self.layout.of_level(level))
                for column in table.all_columns
                if (table.name, column) not in read and (wanted is None or wanted(f"{table.name}.{column}"))
            ]
        levels = [table.name for table in self.layout.many]

        def unread(message: JoinedMessage) -> list[Unread]:
            found = _unread(message, left[self.layout.root.name], self.layout.root.name)
            for number, level in enumerate(levels):
                if left[level]:
                    for node in message.many[number]:
                        found += _unread(node, left[level], level)
            return found

        return unread

    def _path(self, text: str, *, offset: int) -> ResolvedPath:
        table, column = self._find(text, offset)
        position = table.position(column)
        internal = (table.name, column)
        if table.name in self.names:
            number = self.names.index(table.name)
            return ResolvedPath(
                text=text,
                get=_getter(number, position),
                where=_where(self.layout, table, column, number),
                optional=not (number == 0 and column in table.key),
                internal=internal,
            )
        # from the message into a table of which it has many rows
        many = [one.name for one in self.layout.many].index(table.level)
        number = [one.name for one in self.layout.of_level(table.level)].index(table.name)
        get, where = _getter(number, position), _where(self.layout, table, column, number)

        def values(message: JoinedMessage) -> list[str]:
            return [value for node in message.many[many] if (value := get(node)) is not None]

        def places(message: JoinedMessage) -> list[Place]:
            found = [place for node in message.many[many] if get(node) is not None for place in where(node)]
            root = message.rows[0]
            own = message.places[self.layout.root.name]
            return found or [own.place(root, None, message.reference) if root is not None else Place()]

        return ResolvedPath(text=text, get=values, where=places, many=True, internal=internal)

    def _find(self, text: str, offset: int) -> tuple[JoinedTable, str]:
        """The table and the column that a path names; :class:`PathError` when there is none that it can see."""
        match = _COL.match(text)
        if match is not None:
            quoted = match[1] if match[1] is not None else match[2]
            text = re.sub(r"\\(.)", r"\1", quoted)
        elif not text or re.search(r"[\[\]{}/@#]", text):
            raise PathError(
                f"{text!r} is no column.",
                offset=offset,
                todo='A path is Column, table.Column, or col("Order No") when it has other characters.',
            )
        own = self.tables[0]
        name, dot, column = text.partition(".")
        table = self.layout.table(name) if dot else None
        if table is None:
            table, column = own, text
        elif table.name not in self.names and not self.at_root:
            hint = f"/{text}" if table.level == self.layout.root.name else ""
            raise PathError(
                f"{table.name} is not seen from a row of {own.name}.",
                offset=offset,
                todo="A leading / starts at the message." if hint else "Use it within its own 'each'.",
                suggestions=[hint] if hint else (),
            )
        if column not in table.all_columns:
            raise self._unknown(table, column, offset)
        return table, column

    def _unknown(self, table: JoinedTable, column: str, offset: int) -> PathError:
        seen = self.layout.tables if self.at_root else tuple(self.tables)
        folded = column.casefold()
        close = [
            joined_path(table, name, self.level)
            for name in difflib.get_close_matches(column, table.all_columns, n=3)
        ]
        exact = [
            joined_path(one, name, self.level)
            for one in (table, *seen)
            for name in one.all_columns
            if name.casefold() == folded
        ]
        close = list(dict.fromkeys([*exact, *close]))[:3]
        return PathError(
            f"The table {table.name} has no column {column!r}.",
            offset=offset,
            todo="" if close else f"Its declared columns are {', '.join(table.all_columns)}.",
            suggestions=close,
        )


def _getter(number: int, position: int) -> Callable[[JoinedRow], str | None]:
    if number == 0:

        def own(node: JoinedRow) -> str | None:
            return node.rows[0][position] or None  # type: ignore[index]  # the own row is always there

        return own

    def other(node: JoinedRow) -> str | None:
        row = node.rows[number]
        return (row[position] or None) if row is not None else None

    return other


def _where(
    layout: JoinLayout, table: JoinedTable, column: str, number: int
) -> Callable[[JoinedRow], list[Place]]:
    """The cell; where the row is not there, the cell that should have named it."""

    def where(node: JoinedRow) -> list[Place]:
        message = node.message
        row = node.rows[number]
        if row is not None and row.number == 0:
            # the stand-in of an orphan: what belongs to it says more
            first = next((one for many in message.many for one in many), None)
            if first is not None and first.rows[0] is not None:
                level = layout.many[next(i for i, many in enumerate(message.many) if many)].name
                return [message.places[level].place(first.rows[0], None, message.reference)]
        if row is not None:
            return [message.places[table.name].place(row, column, message.reference)]
        parent, named = table.of[0]
        source = layout.table(parent)
        if source is None:
            return [Place(message=message.reference)]
        holder = node if source.level == table.level else message
        at = [one.name for one in layout.of_level(source.level)].index(parent)
        if holder.rows[at] is None:
            return _where(layout, source, named, at)(holder)
        return [message.places[parent].place(holder.rows[at], named, message.reference)]  # type: ignore[arg-type]  # seen above

    return where


def _unread(node: JoinedRow, left: list[tuple[int, JoinedTable, str, int]], level: str) -> list[Unread]:
    found: list[Unread] = []
    for number, table, column, position in left:
        row = node.rows[number]
        if row is not None and row[position]:
            path = joined_path(table, column, level)
            where = node.message.places[table.name]
            place = _placer(where.place, row, column, node.message.reference)
            found.append(Unread(path, f"{table.name}.{column}", row[position], place))
    return found


def _placer(
    place: Callable[[Any, str | None, str | None], Place], row: Any, column: str, reference: str
) -> Callable[[], Place]:
    return lambda: place(row, column, reference)
