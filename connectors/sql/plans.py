"""What a query gives: which of its columns is what of a level's rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnClause, ColumnElement, FromClause, Select, TableClause, column, table
from sqlalchemy.sql import quoted_name

from connectors.sql.settings import Level, SqlSettings
from connectors.sql.values import Described, Kind
from orderhub.errors import ConnectorRefused

#: What is selected for a column: the column, or its text where the driver would be slow or inexact.
AsRead = Callable[[ColumnElement[Any], Kind], ColumnElement[Any]]


def named(name: str, schema: str | None) -> TableClause:
    """A table whose columns are asked for by ``col``; every name is quoted."""
    return table(quoted_name(name, quote=True), schema=quoted_name(schema, quote=True) if schema else None)


def col(of: FromClause, name: str) -> ColumnElement[Any]:
    """A column of a table that declares none; it renders with the table's alias."""
    made: ColumnClause[Any] = column(quoted_name(name, quote=True))
    made.table = of
    return made


def label(name: str) -> quoted_name:
    """A label that is quoted where it is made, as it is where it is used: Oracle would make it upper case."""
    return quoted_name(name, quote=True)


@dataclass
class Picked:
    """Expressions of a SELECT; each column once, ``at`` gives its place."""

    as_read: AsRead
    expressions: list[ColumnElement[Any]] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    _places: dict[tuple[int, str], int] = field(default_factory=dict)

    def at(self, of: FromClause, name: str, kind: Kind) -> int:
        place = self._places.get((id(of), name))
        if place is None:
            place = self._places[id(of), name] = self.add(self.as_read(col(of, name), kind), kind)
        return place

    def add(self, expression: ColumnElement[Any], kind: Kind) -> int:
        """The place of an expression that is no column."""
        place = len(self.expressions)
        self.expressions.append(expression.label(f"c{place}"))
        self.kinds.append(kind)
        return place


@dataclass(frozen=True)
class LookupPlan:
    """``marker`` is the place of a column that is null exactly where nothing was found."""

    name: str
    marker: int
    columns: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class LevelPlan:
    """One query: where in its rows what stands."""

    path: str
    statement: Select[Any]
    kinds: tuple[Kind, ...]
    parent: tuple[int, ...]  # what tells the parent; of the header the position
    own: tuple[int, ...]  # what tells this row from all others
    order: tuple[int, ...]  # the level's own key
    columns: tuple[tuple[str, int], ...]
    lookups: tuple[LookupPlan, ...]
    deleted: tuple[str, int] | None = (
        None  # how the document says it; 1 where the source deleted the row, else 0
    )
    record: tuple[int, ...] = ()  # of the header: whose state a row is, where several may be of one


@dataclass(frozen=True)
class Shape:
    """What the settings ask for with what the database says about the columns.

    ``described``: columns by level path; lookups by ``path:name``; the outbox as ``outbox``.
    """

    settings: SqlSettings
    described: dict[str, tuple[Described, ...]]

    def kind(self, where: str, name: str) -> Kind:
        return next(one.kind for one in self.described[where] if one.name == name)

    def output(self, path: str, level: Level) -> tuple[Described, ...]:
        """The columns that a document shows of a level.

        :raises ConnectorRefused: one is called as ``deleted`` is said.
        """
        every = self.described[path]
        shown = level.columns or tuple(one.name for one in every)
        said = self.settings.says_deleted(path, level)
        if said is not None and said in shown:
            raise ConnectorRefused(
                f"The table {level.table} has a column {said}, and so would be called whether a row was deleted.",
                todo="Give that another name (deleted: {as: …}), or list the columns that the document shows.",
            )
        return tuple(one for name in shown for one in every if one.name == name)
