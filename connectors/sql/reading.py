"""Blocks of documents: a query per level within one snapshot, put together as JSON texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import pyarrow as pa

from connectors.sql.chosen import Chosen
from connectors.sql.documents import arrays, below, keys, refuse_twice, rows_of
from connectors.sql.sessions.base import Session
from connectors.sql.settings import ByOutbox, ByWatermark, Level, SqlSettings
from connectors.sql.statements import LevelPlan, Shape, Statements, describing
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


@dataclass(frozen=True)
class Block:
    """Documents as JSON texts with the position of each. ``found`` counts those that were skipped too, ``last`` is where the
    next block begins."""

    positions: Sequence[Position]
    texts: list[str]
    found: int
    rows: int
    last: Position | None


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
                return Block([], [], 0, 0, None)
            refuse_twice(plan, [header.column(at) for at in plan.own])
            found, last = len(positions), positions[-1]
            if keep is not None:
                kept = keep(positions)
                if not any(kept):
                    return Block([], [], found, found, last)
                mask = pa.array(kept)
                header, positions = header.filter(mask), positions.filter(mask)
            until = chosen if chosen.among else _until(chosen, last)
            levels = {"": (plan, header)}
            for child in statements.children(until):
                levels[child.path] = (child, self._table(child))
        texts = self._nested("", levels, keys(header, plan.own))[0].to_pylist()
        rows = found + sum(table.num_rows for path, (_, table) in levels.items() if path)
        self.documents_per_block = max(
            self.settings.documents_per_interchange,
            min(_MOST_DOCUMENTS, _ROWS * len(positions) // max(rows, 1)),
            1,
        )
        return Block(positions, texts, found, rows, last)

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

    def _nested(
        self, path: str, levels: dict[str, tuple[LevelPlan, pa.Table]], own: Any
    ) -> tuple[Any, pa.Table]:
        """The texts of a level's rows, with those of the levels below in them."""
        plan, rows = levels[path]
        children = []
        for child_path, (child, table) in levels.items():
            parent, _, name = child_path.rpartition("/")
            if child_path and parent == path:
                mine, parents = below(child, table, own)
                levels[child_path] = (child, mine)
                texts, _ = self._nested(child_path, levels, keys(mine, child.own))
                children.append((name, arrays(texts, parents, rows.num_rows)))
        return rows_of(plan, rows, children), rows

    def _described(self) -> Iterator[tuple[str, tuple[Described, ...]]]:
        """What the database says of every table that is read, only the columns that are needed where they are named."""
        read = self.settings.read
        marks = {"": read.column, **read.children} if isinstance(read, ByWatermark) else {}
        for path, level in self.settings.levels():
            more = [*level.key, *(one.column for one in level.where)]
            if path in marks:
                more.append(marks[path])
            if isinstance(read, ByOutbox) and not path and read.table is None and read.mark is not None:
                more.append(read.mark.column)
            wanted = tuple(dict.fromkeys([*level.columns, *more])) if level.columns else ()
            yield path, self._columns(level.table, level.db_schema, wanted, required=more)
            for name, lookup in level.lookups.items():
                shown = tuple(dict.fromkeys([*lookup.columns, *lookup.join]))
                yield f"{path}:{name}", self._columns(lookup.table, lookup.db_schema, shown)
        if isinstance(read, ByOutbox) and read.table is not None:
            columns = [*read.key, *(one.column for one in read.where)]
            if read.mark is not None:
                columns.append(read.mark.column)
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
