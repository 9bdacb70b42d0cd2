"""Which documents there are, in which order: by the header table itself, an outbox joined to it, or a union of change columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, func, or_, select, union_all

from connectors.sql.chosen import Bind, Chosen
from connectors.sql.conditions import Conditions
from connectors.sql.plans import Picked, Shape, col, label, named
from connectors.sql.settings import ByOutbox, ByWatermark, Level
from connectors.sql.values import Kind, fitted
from orderhub.errors import ConnectorRefused

#: A column with the table that it is of.
Column = tuple[FromClause, str, Kind]


@dataclass(frozen=True)
class Origin:
    """Where documents come from: what is selected from, the columns of the position, and those that are the entry.

    ``deleted`` says which of them the source deleted, ``record`` whose state each is (empty: each of one of its own).
    ``names`` are columns of the header that the outbox has too, by which a document is called whose own row is gone.
    """

    source: FromClause
    position: Sequence[Column]
    entry: Sequence[Column]
    conditions: Sequence[ColumnElement[bool]]
    deleted: ColumnElement[bool] | None = None
    names: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    record: Sequence[Column] = ()

    @property
    def order(self) -> list[ColumnElement[Any]]:
        return [col(of, name) for of, name, _ in self.position]

    @property
    def kinds(self) -> list[Kind]:
        return [kind for _, _, kind in self.position]

    def pick(self, picked: Picked) -> Iterator[int]:
        for of, name, kind in self.position:
            yield picked.at(of, name, kind)

    def pick_entry(self, picked: Picked) -> tuple[int, ...]:
        return tuple(picked.at(of, name, kind) for of, name, kind in self.entry)


class Origins:
    """Origins of one header table."""

    def __init__(self, shape: Shape, bind: Bind, conditions: Conditions, header: FromClause) -> None:
        self._shape, self._settings = shape, shape.settings
        self._bind, self._conditions, self._header = bind, conditions, header
        read = self._settings.read
        self._outbox: FromClause | None = None
        if isinstance(read, ByOutbox) and read.table is not None:
            self._outbox = named(read.table, read.db_schema).alias("o")
        if isinstance(read, ByWatermark):
            self._refuse_other_kinds(read)

    def _refuse_other_kinds(self, read: ByWatermark) -> None:
        kind = self._shape.kind("", read.column)
        for name in read.also:
            if (other := self._shape.kind("", name)) is not kind:
                raise ConnectorRefused(
                    f"The columns {read.column} ({kind}) and {name} ({other}) of {self._settings.table} do not compare.",
                    todo="Let `also` name columns of the watermark's own type: within a day a date is never the later one.",
                )

    @property
    def position_kinds(self) -> tuple[Kind, ...]:
        """Kinds of the columns that order documents."""
        read, kind = self._settings.read, self._shape.kind
        if isinstance(read, ByWatermark):
            return (kind("", read.column), *(kind("", name) for name in self._settings.key))
        if isinstance(read, ByOutbox) and read.table is not None:
            return tuple(kind("outbox", name) for name in read.key)
        return tuple(kind("", name) for name in self._settings.key)

    def of(self, chosen: Chosen) -> Origin:
        read, header, settings = self._settings.read, self._header, self._settings
        keys = [(header, name, self._shape.kind("", name)) for name in settings.key]
        conditions = self._conditions.every(settings.where, "", header)
        deleted = self._conditions.one(settings.deleted, "", header) if settings.deleted else None
        record = [(header, name, self._shape.kind("", name)) for name in settings.record]
        if isinstance(read, ByOutbox) and self._outbox is not None:
            return self._from_outbox(read, self._outbox, conditions, deleted, record)
        if isinstance(read, ByOutbox) and read.mark is not None:
            conditions.append(self._conditions.equal(header, "", read.mark.column, read.mark.open))
        if not isinstance(read, ByWatermark):
            return Origin(header, keys, keys, conditions, deleted, record=record)
        kind = self._shape.kind("", read.column)
        if not read.children and not read.also:
            position = [(header, read.column, kind), *keys]
            return Origin(header, position, keys, conditions, deleted, record=record)
        changed = self._changes(read, chosen, kind)
        same = [col(changed, f"k{n}") == col(header, name) for n, name in enumerate(settings.key)]
        position = [(changed, "changed", kind), *keys]
        source = changed.join(header, and_(*same))
        return Origin(source, position, keys, conditions, deleted, record=record)

    def _from_outbox(
        self,
        read: ByOutbox,
        outbox: FromClause,
        conditions: list[ColumnElement[bool]],
        deleted: ColumnElement[bool] | None,
        record: list[Column],
    ) -> Origin:
        header = self._header
        entry = [(outbox, name, self._shape.kind("outbox", name)) for name in read.key]
        links = and_(*(col(outbox, own) == col(header, other) for own, other in read.join.items()))
        waiting = self._conditions.every(read.where, "outbox", outbox)
        if read.mark is not None:
            waiting.append(self._conditions.equal(outbox, "outbox", read.mark.column, read.mark.open))
        if read.deleted is None:
            source = outbox.join(header, links)
            return Origin(source, entry, entry, [*conditions, *waiting], deleted, record=record)
        # a document whose row is gone is one as well, and meets no condition
        gone = col(header, self._settings.key[0]).is_(None)
        said = self._conditions.one(read.deleted, "outbox", outbox)
        return Origin(
            outbox.outerjoin(header, links),
            entry,
            entry,
            [*([or_(gone, and_(*conditions))] if conditions else []), *waiting],
            or_(gone, said, *([deleted] if deleted is not None else [])),
            {other: func.coalesce(col(header, other), col(outbox, own)) for own, other in read.join.items()},
            [(outbox, own, self._shape.kind("outbox", own)) for own in read.join],
        )

    def _changes(self, read: ByWatermark, chosen: Chosen, kind: Kind) -> FromClause:
        """Key and newest change of every document that has a change at or behind the floor."""
        settings = self._settings
        branches = []
        for path, name in (("", read.column), *(("", one) for one in read.also), *read.children.items()):
            top = named(settings.table, settings.db_schema).alias("a")
            source: FromClause = top
            mine: FromClause = top
            level: Level = settings
            for step in path.split("/") if path else ():
                child = level.children[step]
                below = named(child.table, child.db_schema).alias(f"b{path.count('/')}_{step}")
                links = [col(below, own) == col(mine, theirs) for own, theirs in child.join.items()]
                source, mine, level = source.join(below, and_(*links)), below, child
            keys = [col(top, key).label(label(f"k{number}")) for number, key in enumerate(settings.key)]
            branch = select(*keys, col(mine, name).label(label("changed"))).select_from(source)
            if chosen.floor is not None:
                branch = branch.where(col(mine, name) >= self._bind(fitted(chosen.floor, kind), kind))
            branches.append(branch)
        every = union_all(*branches).subquery("every")
        numbers = range(len(settings.key))
        keys = [col(every, f"k{number}").label(label(f"k{number}")) for number in numbers]
        newest = func.max(col(every, "changed")).label(label("changed"))
        grouped = [col(every, f"k{number}") for number in numbers]
        return select(*keys, newest).group_by(*grouped).subquery("changes")
