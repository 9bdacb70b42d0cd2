"""The steps of a merge by SQLAlchemy Core, on the tables of :mod:`orderhub.star.sql`. What differs between databases (the
bulk path, the clock) is a subclass's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from orderhub.star.merge import Closing, Current, Known, Load, Name, Version
from orderhub.star.records import key_hash, naive, name_hash
from orderhub.star.sql import Star
from orderhub.star.tables import Table

#: Values of one IN list: Oracle takes a thousand.
_CHUNK = 1000
T = TypeVar("T")


class SqlStore:
    """A store on a connection; the transaction is the caller's."""

    #: The server's clock, UTC, without a time zone.
    clock: sa.ColumnElement[Any]

    def __init__(self, connection: sa.Connection, star: Star) -> None:
        self.connection = connection
        self.star = star

    def hold(self, table: Table) -> dt.datetime:
        """Lock the table's counter to the end of the transaction."""
        counter = self.star.counter
        held = sa.select(counter.c.next_version).where(counter.c.name == table.name).with_for_update()
        self.connection.execute(held).one()
        moment: dt.datetime = self.connection.execute(sa.select(self.clock)).scalar_one()
        return moment.replace(tzinfo=dt.UTC)

    def known(self, table: Table, keys: Sequence[str]) -> Mapping[str, Known]:
        return self.answers(keys)

    def answers(self, keys: Sequence[str]) -> dict[str, Known]:
        """What these keys were answered before."""
        load, by_hash = self.star.load.c, {key_hash(key): key for key in keys}
        wanted = sa.select(load.key_hash, load.reference, load.version)
        return {
            by_hash[row[0]]: Known(row[1], row[2])
            for chunk in _chunks(list(by_hash))
            for row in self.ask(wanted, load.key_hash, chunk)
        }

    def current(self, table: Table, names: Sequence[Name]) -> Mapping[Name, Current]:
        columns, by_hash = self.star.versions[table.name].c, {name_hash(name): name for name in names}
        wanted = sa.select(
            columns.open_identity,
            columns.id,
            columns.version,
            columns.revision,
            columns.content_hash,
            columns.valid_from,
        )
        found: dict[Name, Current] = {}
        for chunk in _chunks(list(by_hash)):
            for row in self.ask(wanted, columns.open_identity, chunk):
                found[by_hash[row[0]]] = Current(
                    row[1], row[2], row[3], row[4], row[5].replace(tzinfo=dt.UTC)
                )
        return found

    def ask(
        self, wanted: sa.Select[Any], column: sa.ColumnElement[Any], hashes: Sequence[str]
    ) -> Iterable[Sequence[Any]]:
        """The rows whose column is one of these hashes."""
        return self.connection.execute(wanted.where(column.in_(hashes)))

    def reserve(self, table: Table, versions: int, loads: int) -> tuple[Sequence[int], Sequence[int]]:
        counter = self.star.counter
        here = counter.c.name == table.name
        row = self.connection.execute(
            sa.select(counter.c.next_version, counter.c.next_load).where(here).with_for_update()
        ).one()
        version, load = int(row[0]), int(row[1])
        self.connection.execute(
            counter.update().where(here).values(next_version=version + versions, next_load=load + loads)
        )
        return range(version, version + versions), range(load, load + loads)

    def write(
        self,
        table: Table,
        loads: Sequence[Load],
        closing: Sequence[Closing],
        versions: Sequence[Version],
    ) -> None:
        self.add_loads(loads)
        if closing:
            self.close(table, closing)
        if versions:
            self.add_versions(table, versions)
            if table.lines is not None:
                self.add_lines(table, versions)

    def close(self, table: Table, closing: Sequence[Closing]) -> None:
        """End versions and their lines."""
        own = self.star.versions[table.name]
        self._close(own, own.c.id, closing)
        if table.lines is not None:
            lines = self.star.lines[table.name]
            self._close(lines, lines.c[table.lines.parent], closing)

    def _close(self, table: sa.Table, column: sa.Column[Any], closing: Sequence[Closing]) -> None:
        for chunk in _chunks(closing):
            ends = {one.id: naive(one.valid_to) for one in chunk}
            self.connection.execute(
                table.update().where(column.in_(list(ends))).values(valid_to=sa.case(ends, value=column))
            )

    def add_loads(self, loads: Sequence[Load]) -> None:
        """Note the loads."""
        raise NotImplementedError

    def add_versions(self, table: Table, versions: Sequence[Version]) -> None:
        """Add the versions."""
        raise NotImplementedError

    def add_lines(self, table: Table, versions: Sequence[Version]) -> None:
        """Add the versions' lines."""
        raise NotImplementedError


def create(connection: sa.Connection, star: Star) -> None:
    """Create the tables that are missing, and the counters' rows. Commit is the caller's, where the database has one for
    this."""
    star.metadata.create_all(connection)
    counter = star.counter
    there = set(connection.execute(sa.select(counter.c.name)).scalars())
    missing = [name for name in star.versions if name not in there]
    if missing:
        connection.execute(
            counter.insert(), [{"name": name, "next_version": 1, "next_load": 1} for name in missing]
        )


def missing_tables(connection: sa.Connection, star: Star) -> list[str]:
    """Names of the tables that are not there."""
    there = {name.lower() for name in sa.inspect(connection).get_table_names()}
    return [table.name for table in star.all() if table.name not in there]


def missing_columns(connection: sa.Connection, star: Star) -> dict[str, list[sa.Column[Any]]]:
    """Columns that tables of the database lack, by the table's name; tables that are not there are left out."""
    inspector = sa.inspect(connection)
    there = {name.lower() for name in inspector.get_table_names()}
    found = {}
    for table in star.all():
        if table.name in there:
            columns = {column["name"].lower() for column in inspector.get_columns(table.name)}
            found[table.name] = [column for column in table.columns if column.name not in columns]
    return {name: lacking for name, lacking in found.items() if lacking}


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
