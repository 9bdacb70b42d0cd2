"""Several CSV files as one source: ``files`` in the ``source`` of a mapping.

Each entry is a table under a name of the mapping's own, written as one file of a source is (``columns``, ``delimiter`` …),
and:

=========== ========================================================================================================
``file``    the member's name, or a shell pattern that fits one member (``orders_*_header.csv``)
``key``     the column or columns that tell its rows apart; mandatory where a row is looked up
``join``    what it is joined to; the one table without it is the root, each row of which makes one message
``many``    ``true``: any number of its rows belong to a message; ``join`` names its columns that hold the root's key
``missing`` ``error`` (when absent), ``warning`` or ``ignore``: what it means that a row to be joined is not there
=========== ========================================================================================================

Without ``many``, ``join`` names the table and its columns that hold this table's key: ``{header: VendorID}``, or for a key
of several columns, in its order, ``{detail: ProductID, header: VendorID}``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import msgspec

from orderhub.findings import Severity
from orderhub.formats.csv.layout import FILE_OPTIONS, MESSAGE, FileLayout, file_options, names, numbers_of
from orderhub.formats.declaration import only_entries, only_message
from orderhub.formats.dialect import DeclarationError, NumberFormat, SourceDeclaration

_TABLE = ("file", "key", "join", "many", "missing", *FILE_OPTIONS)
_SOURCE = ("files", "decimal", "grouping", "delimiter", "line_end", "quote", "encoding", "header")
#: Entries of the source that hold for every table which does not say otherwise.
_COMMON = ("delimiter", "line_end", "quote", "encoding", "header")
_MISSING: dict[str, Severity | None] = {
    "error": Severity.ERROR,
    "warning": Severity.WARNING,
    "ignore": None,
}
_MAX_TABLES = 40


class JoinedTable(FileLayout, frozen=True, kw_only=True):
    """One table. Its columns ``own`` hold what stands in ``of``: pairs of another table's name and column.

    ``level`` is the table whose rows it belongs to: the root, or the ``many`` table below which it is looked up (a table
    with ``many`` is a level of its own). ``missing`` None: a missing row is no finding.
    """

    name: str
    file: str
    key: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    of: tuple[tuple[str, str], ...] = ()
    many: bool = False
    missing: Severity | None = Severity.ERROR
    level: str = ""

    def position(self, column: str) -> int:
        """Where a declared column stands in a row."""
        return self.all_columns.index(column)


class JoinLayout(msgspec.Struct, frozen=True, kw_only=True):
    """A declared bundle. ``tables`` stand in an order in which each comes after those that it is joined to; the first is
    the root."""

    tables: tuple[JoinedTable, ...]
    numbers: NumberFormat = NumberFormat()

    @property
    def root(self) -> JoinedTable:
        return self.tables[0]

    def table(self, name: str) -> JoinedTable | None:
        return next((table for table in self.tables if table.name == name), None)

    def of_level(self, level: str) -> list[JoinedTable]:
        """The tables of a level, its own one first."""
        return [table for table in self.tables if table.level == level]

    @property
    def many(self) -> list[JoinedTable]:
        return [table for table in self.tables if table.many]

    @classmethod
    def from_declaration(cls, source: SourceDeclaration) -> JoinLayout:
        """Read a mapping's ``source``; :class:`DeclarationError` naming the wrong entry."""
        options = source.options
        only_message(source, "CSV", MESSAGE)
        only_entries(options, _SOURCE, "a CSV source of several files")
        files = options.get("files")
        if not isinstance(files, Mapping) or not files or len(files) > _MAX_TABLES:
            raise DeclarationError(
                "files is a map of tables.",
                key="files",
                todo="Write files: {header: {file: …, key: …, columns: […]}, …}.",
            )
        common = {name: options[name] for name in _COMMON if name in options}
        drafts = {str(name): _draft(str(name), given, common) for name, given in files.items()}
        return cls(tables=_ordered(drafts), numbers=numbers_of(options))


class _Draft(msgspec.Struct):
    """A table as far as its own entry says; ``join`` is not understood yet."""

    table: JoinedTable
    join: Any


def _draft(name: str, given: Any, common: Mapping[str, Any]) -> _Draft:
    where = f"files.{name}."
    if not name.isidentifier() or name == "col":
        raise DeclarationError(
            f"{name!r} cannot be a table's name.",
            key=f"files.{name}",
            todo="Use letters, digits and underscores.",
        )
    if not isinstance(given, Mapping):
        raise DeclarationError(
            f"The table {name} is a map.", key=f"files.{name}", todo="Write {file: …, columns: […]}."
        )
    only_entries(given, _TABLE, "a table", where=where)
    file = given.get("file")
    if not isinstance(file, str) or not file.strip() or "/" in file or "\\" in file:
        raise DeclarationError(
            f"The table {name} does not say which file it is.",
            key=f"{where}file" if file is not None else f"files.{name}",
            todo="Write file: and the member's name, without folders.",
        )
    many, missing = given.get("many", False), given.get("missing", "error")
    if not isinstance(many, bool):
        raise DeclarationError("many is true or false.", key=f"{where}many", todo="Write many: true.")
    if missing not in _MISSING:
        raise DeclarationError(
            f"missing cannot be {missing!r}.", key=f"{where}missing", todo="Write error, warning or ignore."
        )
    try:
        written = file_options({**common, **{key: given[key] for key in FILE_OPTIONS if key in given}})
        key = names(given, "key", needed=False)
    except DeclarationError as error:
        inner = where + error.key if error.key in given else f"files.{name}"
        raise DeclarationError(
            f"{name}: {error.what}", key=inner, todo=error.todo, suggestions=error.suggestions
        ) from None
    table = JoinedTable(name=name, file=file, key=key, many=many, missing=_MISSING[missing], **written)
    for column in key:
        _own_column(table, column, f"{where}key")
    return _Draft(table, given.get("join"))


def _own_column(table: JoinedTable, column: str, key: str) -> None:
    if column not in table.columns:
        raise DeclarationError(
            f"The table {table.name} has no column {column!r}.",
            key=key,
            todo="Add it to its columns, or correct the name.",
            suggestions=difflib.get_close_matches(column, table.columns),
        )


def _ordered(drafts: dict[str, _Draft]) -> tuple[JoinedTable, ...]:
    roots = [name for name, draft in drafts.items() if draft.join is None]
    if len(roots) != 1:
        said = ", ".join(roots) or "none"
        raise DeclarationError(
            f"One table has no join: each of its rows makes a message. Here that are: {said}.",
            key="files",
            todo="Say of every other table what it is joined to.",
        )
    root = drafts[roots[0]].table
    if not root.key:
        raise DeclarationError(
            f"The table {root.name} has no key.",
            key=f"files.{root.name}",
            todo="Write key: and the columns that tell its rows apart.",
        )
    if root.many:
        raise DeclarationError(
            f"The rows of {root.name} make one message each.",
            key=f"files.{root.name}.many",
            todo="Remove it.",
        )
    done = {root.name: msgspec.structs.replace(root, level=root.name)}
    left = {name: draft for name, draft in drafts.items() if name != root.name}
    while left:
        ready = [name for name, draft in left.items() if _parents(draft, drafts, root.name) <= set(done)]
        if not ready:
            first = next(iter(left))
            raise DeclarationError(
                f"The tables {', '.join(left)} are joined to each other in a circle.",
                key=f"files.{first}.join",
                todo="Join one of them to a table outside the circle.",
            )
        for name in ready:
            draft = left.pop(name)
            done[name] = _many(draft, done, root.name) if draft.table.many else _one(draft, done, root.name)
    return tuple(done.values())


def _parents(draft: _Draft, drafts: Mapping[str, _Draft], root: str) -> set[str]:
    """The tables that this one is joined to."""
    join = draft.join
    if not isinstance(join, Mapping):
        return {root}
    for name in join:
        if name not in drafts or name == draft.table.name:
            raise DeclarationError(
                f"There is no table {name!r} to join {draft.table.name} to.",
                key=f"files.{draft.table.name}.join",
                todo=f"The tables are {', '.join(drafts)}.",
                suggestions=difflib.get_close_matches(str(name), drafts),
            )
    return {str(name) for name in join}


def _columns(draft: _Draft, given: Any) -> tuple[str, ...]:
    found = given if isinstance(given, list) else [given]
    if not found or not all(isinstance(column, str) and column for column in found):
        raise DeclarationError(
            f"The join of {draft.table.name} names columns.",
            key=f"files.{draft.table.name}.join",
            todo="Write join: {header: VendorID}.",
        )
    return tuple(found)


def _many(draft: _Draft, done: Mapping[str, JoinedTable], root: str) -> JoinedTable:
    """A table of which many rows belong to one of the root: ``join`` names its own columns."""
    table, join, where = draft.table, draft.join, f"files.{draft.table.name}.join"
    if isinstance(join, Mapping):
        if set(join) != {root}:
            raise DeclarationError(
                f"Many rows can belong to a row of {root} only.",
                key=where,
                todo=f"Write join: and the columns that hold the key of {root}.",
            )
        join = join[root]
    own = _columns(draft, join)
    for column in own:
        _own_column(table, column, where)
    key = done[root].key
    if len(own) != len(key):
        raise DeclarationError(
            f"{root} has {len(key)} key columns and the join of {table.name} {len(own)}.",
            key=where,
            todo="Name one column for each, in that order.",
        )
    return msgspec.structs.replace(
        table, own=own, of=tuple((root, column) for column in key), level=table.name
    )


def _one(draft: _Draft, done: Mapping[str, JoinedTable], root: str) -> JoinedTable:
    """A table of which one row is looked up by its key: ``join`` names the columns of others that hold it."""
    table, join, where = draft.table, draft.join, f"files.{draft.table.name}.join"
    if not table.key:
        raise DeclarationError(
            f"The table {table.name} has no key to look it up by.",
            key=f"files.{table.name}",
            todo="Write key:, or many: true when many of its rows belong to a message.",
        )
    pairs = join.items() if isinstance(join, Mapping) else [(root, join)]
    of = tuple((str(parent), column) for parent, given in pairs for column in _columns(draft, given))
    for parent, column in of:
        _own_column(done[parent], column, where)
    if len(of) != len(table.key):
        raise DeclarationError(
            f"{table.name} has {len(table.key)} key columns and its join {len(of)}.",
            key=where,
            todo="Name one column for each, in the order of the key.",
        )
    levels = {done[parent].level for parent, _ in of} - {root}
    if len(levels) > 1:
        raise DeclarationError(
            f"{table.name} is joined to rows that do not belong together ({', '.join(sorted(levels))}).",
            key=where,
            todo="Join it to one of them.",
        )
    return msgspec.structs.replace(table, own=table.key, of=of, level=levels.pop() if levels else root)
