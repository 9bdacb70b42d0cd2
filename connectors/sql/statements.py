"""The statements that read documents, composed by SQLAlchemy Core: names quoted, values bound.

A document is a row of the *header* table with what belongs to it. Which headers there are, in which order, says the *origin*:
the header table itself, a table joined to it, or a union of change columns. The columns that order documents are the
*position*; the last of them, the *entry*, tell one document from another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    FromClause,
    Select,
    TableClause,
    and_,
    column,
    func,
    literal_column,
    or_,
    select,
    table,
    union_all,
)
from sqlalchemy.sql import quoted_name

from connectors.sql.chosen import Bind, Chosen
from connectors.sql.settings import (
    ABOVE,
    ByOutbox,
    ByWatermark,
    Condition,
    Level,
    Lookup,
    Operator,
    SqlSettings,
)
from connectors.sql.values import Described, Kind, fitted, given_value

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


@dataclass
class Picked:
    """Expressions of a SELECT, each once; ``at`` gives the place of one."""

    expressions: list[ColumnElement[Any]] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    _places: dict[tuple[int, str], int] = field(default_factory=dict)

    def at(self, of: FromClause, name: str, kind: Kind, as_read: AsRead) -> int:
        place = self._places.get((id(of), name))
        if place is None:
            place = self._places[id(of), name] = len(self.expressions)
            self.expressions.append(as_read(col(of, name), kind).label(f"c{place}"))
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
        """The columns that a document shows of a level."""
        if not level.columns:
            return self.described[path]
        return tuple(one for name in level.columns for one in self.described[path] if one.name == name)


class Statements:
    """Composes what is read for one use of the connector."""

    def __init__(self, shape: Shape, bind: Bind, as_read: AsRead) -> None:
        self.shape, self.settings = shape, shape.settings
        self._bind, self._as_read = bind, as_read
        settings = self.settings
        self.header = named(settings.table, settings.db_schema).alias("h")
        self.outbox: FromClause | None = None
        if isinstance(settings.read, ByOutbox) and settings.read.table is not None:
            self.outbox = named(settings.read.table, settings.read.db_schema).alias("o")

    @property
    def position_kinds(self) -> tuple[Kind, ...]:
        """Kinds of the columns that order documents."""
        read, kind = self.settings.read, self.shape.kind
        if isinstance(read, ByWatermark):
            return (kind("", read.column), *(kind("", name) for name in self.settings.key))
        if isinstance(read, ByOutbox) and read.table is not None:
            return tuple(kind("outbox", name) for name in read.key)
        return tuple(kind("", name) for name in self.settings.key)

    def headers(self, chosen: Chosen, limit: int | None) -> LevelPlan:
        """The documents' own rows, in the order of their position."""
        origin, settings, picked = self._origin(chosen), self.settings, Picked()
        position = tuple(origin.pick(picked, self._as_read))
        columns = tuple(
            (one.name, picked.at(self.header, one.name, one.kind, self._as_read))
            for one in self.shape.output("", settings)
        )
        joined, lookups = self._lookups("", settings, self.header, None, origin.source, picked)
        statement = select(*picked.expressions).select_from(joined)
        statement = statement.where(*self._where_header(origin, chosen)).order_by(*origin.order)
        own = position[1:] if isinstance(settings.read, ByWatermark) else position
        return LevelPlan(
            "",
            statement.limit(limit) if limit is not None else statement,
            tuple(picked.kinds),
            position,
            own,
            own,
            columns,
            lookups,
        )

    def children(self, chosen: Chosen) -> Iterator[LevelPlan]:
        """The rows of every level below, in no order; parents before their children."""
        origin = self._origin(chosen)
        yield from self._below("", self.settings, self.header, origin.source, chosen, origin, ())

    def positions(self, chosen: Chosen, limit: int | None) -> Select[Any]:
        """Only the positions, for what does not need the documents."""
        origin = self._origin(chosen)
        picked = Picked()
        list(origin.pick(picked, self._as_read))
        statement = select(*picked.expressions).select_from(origin.source)
        statement = statement.where(*self._where_header(origin, chosen)).order_by(*origin.order)
        return statement.limit(limit) if limit is not None else statement

    def without_watermark(self, name: str) -> Select[Any]:
        """A row that no watermark finds, because it has none."""
        conditions = self._conditions(self.settings.where, "", self.header)
        return (
            select(literal_column("1").label("c0"))
            .select_from(self.header)
            .where(col(self.header, name).is_(None), *conditions)
            .limit(1)
        )

    # how a query is put together

    def _below(
        self,
        path: str,
        level: Level,
        parent: FromClause,
        source: FromClause,
        chosen: Chosen,
        origin: Origin,
        keys: tuple[tuple[FromClause, str, Kind], ...],
    ) -> Iterator[LevelPlan]:
        for number, (name, child) in enumerate(level.children.items()):
            below = f"{path}/{name}".lstrip("/")
            mine = named(child.table, child.db_schema).alias(f"t{below.count('/')}_{number}")
            links = [col(mine, own) == col(parent, theirs) for own, theirs in child.join.items()]
            joined = source.join(mine, and_(*links, *self._conditions(child.where, below, mine)))
            picked = Picked()
            entry = origin.pick_entry(picked, self._as_read)
            above = tuple(picked.at(of, key, kind, self._as_read) for of, key, kind in keys)
            own_keys = tuple((mine, key, self.shape.kind(below, key)) for key in child.key)
            order = tuple(picked.at(of, key, kind, self._as_read) for of, key, kind in own_keys)
            columns = tuple(
                (one.name, picked.at(mine, one.name, one.kind, self._as_read))
                for one in self.shape.output(below, child)
            )
            with_lookups, lookups = self._lookups(below, child, mine, parent, joined, picked)
            statement = select(*picked.expressions).select_from(with_lookups)
            statement = statement.where(*self._where_header(origin, chosen))
            yield LevelPlan(
                below,
                statement,
                tuple(picked.kinds),
                (*entry, *above),
                (*entry, *above, *order),
                order,
                columns,
                lookups,
            )
            yield from self._below(below, child, mine, joined, chosen, origin, (*keys, *own_keys))

    def _lookups(
        self,
        path: str,
        level: Level,
        mine: FromClause,
        parent: FromClause | None,
        source: FromClause,
        picked: Picked,
    ) -> tuple[FromClause, tuple[LookupPlan, ...]]:
        plans = []
        for number, (name, lookup) in enumerate(level.lookups.items()):
            other = named(lookup.table, lookup.db_schema).alias(f"l{path.count('/')}_{number}")
            source = source.outerjoin(other, and_(*_links(lookup, other, mine, parent)))
            kinds = {one.name: one.kind for one in self.shape.described[f"{path}:{name}"]}
            marker = next(iter(lookup.join))
            plans.append(
                LookupPlan(
                    name,
                    picked.at(other, marker, kinds[marker], self._as_read),
                    tuple((one, picked.at(other, one, kinds[one], self._as_read)) for one in lookup.columns),
                )
            )
        return source, tuple(plans)

    def _origin(self, chosen: Chosen) -> Origin:
        read, settings = self.settings.read, self.settings
        keys = [(self.header, name, self.shape.kind("", name)) for name in settings.key]
        if isinstance(read, ByOutbox) and self.outbox is not None:
            links = [col(self.outbox, own) == col(self.header, other) for own, other in read.join.items()]
            entry = [(self.outbox, name, self.shape.kind("outbox", name)) for name in read.key]
            return Origin(self.outbox.join(self.header, and_(*links)), entry, entry)
        if not isinstance(read, ByWatermark):
            return Origin(self.header, keys, keys)
        kind = self.shape.kind("", read.column)
        if not read.children:
            return Origin(self.header, [(self.header, read.column, kind), *keys], keys)
        changed = self._changes(read, chosen, kind)
        same = [col(changed, f"k{n}") == col(self.header, name) for n, name in enumerate(settings.key)]
        return Origin(changed.join(self.header, and_(*same)), [(changed, "changed", kind), *keys], keys)

    def _changes(self, read: ByWatermark, chosen: Chosen, kind: Kind) -> FromClause:
        """Key and newest change of every document that has a change at or behind the floor."""
        branches = []
        for path, name in (("", read.column), *read.children.items()):
            top = named(self.settings.table, self.settings.db_schema).alias("a")
            source: FromClause = top
            mine: FromClause = top
            level: Level = self.settings
            for step in path.split("/") if path else ():
                child = level.children[step]
                below = named(child.table, child.db_schema).alias(f"b{path.count('/')}_{step}")
                links = [col(below, own) == col(mine, theirs) for own, theirs in child.join.items()]
                source, mine, level = source.join(below, and_(*links)), below, child
            keys = [col(top, key).label(_plain(f"k{number}")) for number, key in enumerate(self.settings.key)]
            branch = select(*keys, col(mine, name).label(_plain("changed"))).select_from(source)
            if chosen.floor is not None:
                branch = branch.where(col(mine, name) >= self._bind(fitted(chosen.floor, kind), kind))
            branches.append(branch)
        every = union_all(*branches).subquery("every")
        keys = [
            col(every, f"k{number}").label(_plain(f"k{number}")) for number in range(len(self.settings.key))
        ]
        newest = func.max(col(every, "changed")).label(_plain("changed"))
        grouped = [col(every, f"k{number}") for number in range(len(self.settings.key))]
        return select(*keys, newest).group_by(*grouped).subquery("changes")

    # conditions

    def _where_header(self, origin: Origin, chosen: Chosen) -> list[ColumnElement[bool]]:
        read = self.settings.read
        found = self._conditions(self.settings.where, "", self.header)
        if isinstance(read, ByOutbox):
            marked, where = (self.outbox, "outbox") if self.outbox is not None else (self.header, "")
            found += self._conditions(read.where, where, marked)
            if read.mark is not None:
                found.append(self.equal(marked, where, read.mark.column, read.mark.open))
        return [*found, *chosen.conditions(origin.order, origin.kinds, self._bind)]

    def equal(self, of: FromClause, where: str, name: str, value: Any) -> ColumnElement[bool]:
        """Whether a column has a value, which may be null."""
        if value is None:
            return col(of, name).is_(None)
        kind = self.shape.kind(where, name)
        return col(of, name) == self._bind(given_value(value, kind, name), kind)

    def _conditions(
        self, conditions: Sequence[Condition], where: str, of: FromClause
    ) -> list[ColumnElement[bool]]:
        return [self._condition(one, self.shape.kind(where, one.column), of) for one in conditions]

    def _condition(self, one: Condition, kind: Kind, of: FromClause) -> ColumnElement[bool]:
        mine = col(of, one.column)
        if one.operator is Operator.IS_NULL:
            return mine.is_(None)
        if one.operator is Operator.NOT_NULL:
            return mine.is_not(None)
        if one.operator is Operator.ONE_OF:
            return or_(
                *(mine == self._bind(given_value(value, kind, one.column), kind) for value in one.values)
            )
        if one.operator is Operator.NONE_OF:
            return and_(
                *(mine != self._bind(given_value(value, kind, one.column), kind) for value in one.values)
            )
        value = self._bind(given_value(one.value, kind, one.column), kind)
        compared: dict[Operator, ColumnElement[bool]] = {
            Operator.EQUAL: mine == value,
            Operator.NOT_EQUAL: mine != value,
            Operator.LESS: mine < value,
            Operator.AT_MOST: mine <= value,
            Operator.GREATER: mine > value,
            Operator.AT_LEAST: mine >= value,
        }
        return compared[one.operator]


@dataclass(frozen=True)
class Origin:
    """Where documents come from: what is selected from, the columns of the position, and those that are the entry."""

    source: FromClause
    position: Sequence[tuple[FromClause, str, Kind]]
    entry: Sequence[tuple[FromClause, str, Kind]]

    @property
    def order(self) -> list[ColumnElement[Any]]:
        return [col(of, name) for of, name, _ in self.position]

    @property
    def kinds(self) -> list[Kind]:
        return [kind for _, _, kind in self.position]

    def pick(self, picked: Picked, as_read: AsRead) -> Iterator[int]:
        for of, name, kind in self.position:
            yield picked.at(of, name, kind, as_read)

    def pick_entry(self, picked: Picked, as_read: AsRead) -> tuple[int, ...]:
        return tuple(picked.at(of, name, kind, as_read) for of, name, kind in self.entry)


def _plain(name: str) -> quoted_name:
    """A label that is quoted where it is made, as it is where it is used: Oracle would make it upper case."""
    return quoted_name(name, quote=True)


def _links(
    lookup: Lookup, other: FromClause, mine: FromClause, parent: FromClause | None
) -> Iterator[ColumnElement[bool]]:
    for own, theirs in lookup.join.items():
        if theirs.startswith(ABOVE) and parent is not None:
            yield col(other, own) == col(parent, theirs.removeprefix(ABOVE))
        else:
            yield col(other, own) == col(mine, theirs)


def describing(name: str, schema: str | None, columns: Sequence[str]) -> Select[Any]:
    """No row of a table, for the description of its columns; all of them where none is named."""
    of = named(name, schema).alias("d")
    wanted = [col(of, one) for one in columns] or [literal_column("*")]
    return select(*wanted).select_from(of).where(literal_column("1") == literal_column("0"))
