"""Blocks of documents: a query per level within one snapshot, put together as JSON texts while the next ones are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, overload

import pyarrow as pa

from connectors.sql.chosen import Chosen
from connectors.sql.documents import Documents, Member, arrays, objects, rows_of
from connectors.sql.grouping import below, keys, refuse_twice
from connectors.sql.meanwhile import meanwhile
from connectors.sql.plans import LevelPlan, Shape
from connectors.sql.sessions.base import Session
from connectors.sql.settings import ByOutbox, ByWatermark, Level, SqlSettings
from connectors.sql.statements import Statements, describing
from connectors.sql.values import Described, Kind, fitted
from orderhub.errors import ConnectorRefused

Position = tuple[Any, ...]


class Positions(Sequence[Position]):
    """Positions of rows, made when asked for: most of a hundred thousand never are."""

    def __init__(self, columns: Sequence[Any], kinds: Sequence[Kind]) -> None:
        self._columns, self._kinds = columns, kinds

    def __len__(self) -> int:
        return len(self._columns[0])

    @overload
    def __getitem__(self, at: int) -> Position: ...

    @overload
    def __getitem__(self, at: slice) -> Positions: ...

    def __getitem__(self, at: int | slice) -> Position | Positions:
        if isinstance(at, slice):
            return Positions([one[at] for one in self._columns], self._kinds)
        return tuple(
            fitted(one[at].as_py(), kind) for one, kind in zip(self._columns, self._kinds, strict=True)
        )

    def __iter__(self) -> Iterator[Position]:
        columns = (one.to_pylist() for one in self._columns)
        for row in zip(*columns, strict=True):
            yield tuple(fitted(value, kind) for value, kind in zip(row, self._kinds, strict=True))

    def filter(self, kept: Any) -> Positions:
        """Those for which the mask is true."""
        return Positions([one.filter(kept) for one in self._columns], self._kinds)


#: A block has about so many rows of all levels; the first one of a pull so many documents.
_ROWS = 200_000
_FIRST_DOCUMENTS = 2_000
_MOST_DOCUMENTS = 50_000


#: A level's rows with what is what in them, by the level's path; parents stand before their children.
Levels = dict[str, tuple[LevelPlan, pa.Table]]


@dataclass(frozen=True)
class Block:
    """Documents with the position of each. ``found`` counts those that were skipped too, ``last`` is where the next block
    begins. An interchange must begin at each of ``cuts``. The texts are made meanwhile."""

    positions: Sequence[Position]
    texts: Future[Documents] | None
    found: int
    last: Position | None
    cuts: Sequence[int] = ()

    def documents(self) -> Documents:
        """Waits for the texts; asked for only where there are positions.

        :raises ConnectorRefused: a row comes twice.
        """
        assert self.texts is not None  # noqa: S101 - there are positions
        return self.texts.result()


class Reader:
    """Reads blocks for one use of the connector. Describes the tables first, again after a change of them."""

    def __init__(self, settings: SqlSettings, session: Session) -> None:
        self.settings, self.session = settings, session
        self.documents_per_block = max(_FIRST_DOCUMENTS, settings.documents_per_interchange)
        self._statements: Statements | None = None

    @property
    def statements(self) -> Statements:
        """:raises ConnectorRefused: a table or column is not there."""
        if self._statements is None:
            shape = Shape(self.settings, dict(self._described()))
            self._statements = Statements(shape, self.session.bind, self.session.as_read)
        return self._statements

    def read(
        self,
        chosen: Chosen,
        limit: int | None,
        keep: Callable[[Sequence[Position]], list[bool]] | None = None,
    ) -> Block:
        """The next documents of what is chosen, at most ``limit``; without those that ``keep`` says no to."""
        statements = self.statements  # asks what the tables look like, before the moment that is read
        with self.session.snapshot():
            plan = statements.headers(chosen, limit)
            header = self._table(plan)
            positions = self._positions(header, plan.parent)
            if not positions:
                return Block([], None, 0, None)
            refuse_twice(plan, [header.column(at) for at in plan.own])
            found, last = len(positions), positions[-1]
            if keep is not None:
                kept = keep(positions)
                if not any(kept):
                    return Block([], None, found, last)
                mask = pa.array(kept)
                header, positions = header.filter(mask), positions.filter(mask)
            until = chosen if chosen.among else _until(chosen, last)
            levels: Levels = {"": (plan, header)}
            for child in statements.children(until):
                levels[child.path] = (child, self._table(child))
        rows = found + sum(table.num_rows for path, (_, table) in levels.items() if path)
        self.documents_per_block = max(
            self.settings.documents_per_interchange,
            min(_MOST_DOCUMENTS, _ROWS * len(positions) // max(rows, 1)),
            1,
        )
        # Arrow's functions hold no lock of Python's: texts are made while the database works
        return Block(positions, meanwhile(lambda: _documents(levels)), found, last, _cuts(plan, header))

    def positions(self, chosen: Chosen, limit: int | None) -> Positions:
        """Positions only, of the next documents of what is chosen."""
        statement = self.statements.positions(chosen, limit)
        with self.session.snapshot():
            table = self.session.table(statement)
        return self._positions(table, range(table.num_columns))

    def exists(self, statement: Any) -> bool:
        """Whether a query has a row."""
        with self.session.snapshot():
            return bool(self.session.table(statement).num_rows)

    def _table(self, plan: LevelPlan) -> pa.Table:
        table: pa.Table = self.session.table(plan.statement)
        return table.combine_chunks()

    def _positions(self, table: pa.Table, places: Sequence[int]) -> Positions:
        return Positions([table.column(at) for at in places], self.statements.position_kinds)

    def _described(self) -> Iterator[tuple[str, tuple[Described, ...]]]:
        """What the database says of every table that is read, only the columns that are needed where they are named."""
        read = self.settings.read
        marks: dict[str, tuple[str, ...]] = {}
        if isinstance(read, ByWatermark):
            marks = {"": (read.column, *read.also)}
            marks |= {path: (name,) for path, name in read.children.items()}
        for path, level in self.settings.levels():
            more = [*level.key, *(one.column for one in level.where), *marks.get(path, ())]
            if level.deleted is not None:
                more.append(level.deleted.column)
            if isinstance(read, ByOutbox) and not path and read.table is None and read.mark is not None:
                more.append(read.mark.column)
            more += () if path else self.settings.record
            wanted = tuple(dict.fromkeys([*level.columns, *more])) if level.columns else ()
            yield path, self._columns(level.table, level.db_schema, wanted, required=more)
            for name, lookup in level.lookups.items():
                shown = tuple(dict.fromkeys([*lookup.columns, *lookup.join]))
                yield f"{path}:{name}", self._columns(lookup.table, lookup.db_schema, shown)
        if isinstance(read, ByOutbox) and read.table is not None:
            columns = [*read.key, *(one.column for one in read.where)]
            columns += [one.column for one in (read.mark, read.deleted) if one is not None]
            columns += read.join if read.deleted is not None else ()
            found = self._columns(read.table, read.db_schema, tuple(dict.fromkeys(columns)))
            yield "outbox", found

    def _columns(
        self, table: str, schema: str | None, wanted: tuple[str, ...], required: Sequence[str] = ()
    ) -> tuple[Described, ...]:
        found = tuple(self.session.describe(describing(table, schema, wanted)))
        if wanted:
            # by place, for a database may give a name back in other letters
            return tuple(Described(name, one.kind, one.long) for name, one in zip(wanted, found, strict=True))
        missing = sorted(set(required) - {one.name for one in found})
        if missing:
            raise ConnectorRefused(
                f"The table {table} has no column {', '.join(missing)}.",
                todo=f"It has: {', '.join(one.name for one in found)}. Upper and lower case differ.",
            )
        return found

    def level_names(self) -> list[str]:
        """The tables that are read, for people."""
        return [level.table for _, level in _levels(self.settings)]


def _levels(settings: SqlSettings) -> Iterator[tuple[str, Level]]:
    yield from settings.levels()


def _until(chosen: Chosen, last: Position) -> Chosen:
    return Chosen(after=chosen.after, upto=last, floor=chosen.floor, ceiling=chosen.ceiling)


def _cuts(plan: LevelPlan, header: pa.Table) -> list[int]:
    """Where a record comes again that came since the last cut."""
    cuts: list[int] = []
    seen: set[Any] = set()
    for number, record in enumerate(keys(header, plan.record).to_pylist() if plan.record else ()):
        if record in seen:
            cuts.append(number)
            seen.clear()
        seen.add(record)
    return cuts


def _documents(levels: Levels) -> Documents:
    plan, header = levels[""]
    return Documents(objects(_members("", levels, keys(header, plan.own)), header.num_rows, end=","))


def _members(path: str, levels: Levels, own: Any) -> list[Member]:
    """The members of a level's rows, with those of the levels below in them. ``own``: what tells the rows, in their order."""
    plan, rows = levels[path]
    children: list[Member] = []
    for child_path, (child, table) in levels.items():
        parent, _, name = child_path.rpartition("/")
        if child_path and parent == path:
            mine, parents = below(child, table, own)
            inner = _members(child_path, {**levels, child_path: (child, mine)}, keys(mine, child.own))
            children.append((name, arrays(inner, parents, rows.num_rows)))
    return rows_of(plan, rows, children)
