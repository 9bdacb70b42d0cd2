"""The statements that read documents, composed by SQLAlchemy Core: names quoted, values bound.

A document is a row of the *header* table with what belongs to it. Which headers there are, in which order, says the *origin*
(see ``origins``). The columns that order documents are the *position*; the last of them, the *entry*, tell one document
from another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, case, literal_column, select

from connectors.sql.chosen import Bind, Chosen
from connectors.sql.conditions import Conditions
from connectors.sql.origins import Column, Origin, Origins
from connectors.sql.plans import AsRead, LevelPlan, LookupPlan, Picked, Shape, col, named
from connectors.sql.settings import ABOVE, ByWatermark, Level, Lookup
from connectors.sql.values import Described, Kind


class Statements:
    """Composes what is read for one use of the connector."""

    def __init__(self, shape: Shape, bind: Bind, as_read: AsRead) -> None:
        self.shape, self.settings = shape, shape.settings
        self._bind, self._as_read = bind, as_read
        self._conditions = Conditions(shape, bind)
        self._header = named(self.settings.table, self.settings.db_schema).alias("h")
        self._origins = Origins(shape, bind, self._conditions, self._header)

    @property
    def position_kinds(self) -> tuple[Kind, ...]:
        """Kinds of the columns that order documents."""
        return self._origins.position_kinds

    def headers(self, chosen: Chosen, limit: int | None) -> LevelPlan:
        """The documents' own rows, in the order of their position."""
        origin, settings = self._origins.of(chosen), self.settings
        picked = Picked(self._as_read)
        position = tuple(origin.pick(picked))
        columns = tuple(
            (one.name, self._place(picked, origin, one)) for one in self.shape.output("", settings)
        )
        joined, lookups = self._lookups("", settings, self._header, None, origin.source, picked)
        deleted = _deleted(picked, settings.says_deleted("", settings), origin.deleted)
        record = tuple(picked.at(*one) for one in origin.record)
        statement = self._chosen(picked, joined, origin, chosen).order_by(*origin.order)
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
            deleted,
            record,
        )

    def children(self, chosen: Chosen) -> Iterator[LevelPlan]:
        """The rows of every level below, in no order; parents before their children."""
        origin = self._origins.of(chosen)
        yield from self._below("", self.settings, self._header, origin.source, chosen, origin, ())

    def positions(self, chosen: Chosen, limit: int | None) -> Select[Any]:
        """Only the positions, for what does not need the documents."""
        origin, picked = self._origins.of(chosen), Picked(self._as_read)
        list(origin.pick(picked))
        statement = self._chosen(picked, origin.source, origin, chosen).order_by(*origin.order)
        return statement.limit(limit) if limit is not None else statement

    def without_watermark(self, name: str) -> Select[Any]:
        """A row that no watermark finds, because it has none."""
        conditions = self._conditions.every(self.settings.where, "", self._header)
        return (
            select(literal_column("1").label("c0"))
            .select_from(self._header)
            .where(col(self._header, name).is_(None), *conditions)
            .limit(1)
        )

    def _below(
        self,
        path: str,
        level: Level,
        parent: FromClause,
        source: FromClause,
        chosen: Chosen,
        origin: Origin,
        keys: tuple[Column, ...],
    ) -> Iterator[LevelPlan]:
        for number, (name, child) in enumerate(level.children.items()):
            below = f"{path}/{name}".lstrip("/")
            mine = named(child.table, child.db_schema).alias(f"t{below.count('/')}_{number}")
            links = [col(mine, own) == col(parent, theirs) for own, theirs in child.join.items()]
            joined = source.join(mine, and_(*links, *self._conditions.every(child.where, below, mine)))
            picked = Picked(self._as_read)
            entry = origin.pick_entry(picked)
            above = tuple(picked.at(*key) for key in keys)
            own_keys = tuple((mine, key, self.shape.kind(below, key)) for key in child.key)
            order = tuple(picked.at(*key) for key in own_keys)
            columns = tuple(
                (one.name, picked.at(mine, one.name, one.kind)) for one in self.shape.output(below, child)
            )
            with_lookups, lookups = self._lookups(below, child, mine, parent, joined, picked)
            said = self._conditions.one(child.deleted, below, mine) if child.deleted else None
            deleted = _deleted(picked, self.settings.says_deleted(below, child), said)
            yield LevelPlan(
                below,
                self._chosen(picked, with_lookups, origin, chosen),
                tuple(picked.kinds),
                (*entry, *above),
                (*entry, *above, *order),
                order,
                columns,
                lookups,
                deleted,
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
                    picked.at(other, marker, kinds[marker]),
                    tuple((one, picked.at(other, one, kinds[one])) for one in lookup.columns),
                )
            )
        return source, tuple(plans)

    def _place(self, picked: Picked, origin: Origin, one: Described) -> int:
        """Of a column that the header shows."""
        name = origin.names.get(one.name)
        if name is None:
            return picked.at(self._header, one.name, one.kind)
        return picked.add(self._as_read(name, one.kind), one.kind)

    def _chosen(self, picked: Picked, source: FromClause, origin: Origin, chosen: Chosen) -> Select[Any]:
        behind = chosen.conditions(origin.order, origin.kinds, self._bind)
        return select(*picked.expressions).select_from(source).where(*origin.conditions, *behind)


def _deleted(picked: Picked, name: str | None, said: ColumnElement[bool] | None) -> tuple[str, int] | None:
    if name is None or said is None:
        return None
    flag = case((said, literal_column("1")), else_=literal_column("0"))
    return name, picked.add(flag, Kind.BOOLEAN)


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
