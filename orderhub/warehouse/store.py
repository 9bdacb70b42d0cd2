"""The steps of a merge in PostgreSQL: asked by arrays, written by COPY straight into the tables.

A merge holds an advisory lock of its table to the end of the transaction: merges of one table run one after the other,
so that two of them never decide about the same order at the same moment. The unique indexes hold without it too.

Every look-up of a merge is planned for the tables as they are then. psycopg prepares what it runs often, and a plan that was
made while a table was small or empty (a scan of it for every name) would take minutes in one that has grown since.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import psycopg
from sqlalchemy import Connection, text

from orderhub.errors import LedgerError
from orderhub.star import records
from orderhub.star import text as star_text
from orderhub.star.merge import Closing, Current, Known, Load, Name, Version
from orderhub.star.tables import Table

#: Rows or orders handed to COPY at once: so few that the server takes in a piece while the next one is written.
_PIECE = 50

_LOCK = text(
    "SELECT pg_advisory_xact_lock(hashtext(:lock)), transaction_timestamp(), "
    "set_config('plan_cache_mode', 'force_custom_plan', true)"
)
_KNOWN = text("SELECT key, reference, version FROM warehouse.load WHERE key = ANY(CAST(:keys AS text[]))")
_CURRENT = """
    SELECT identity, id, version, revision, content_hash, valid_from FROM warehouse.{table}
    WHERE identity = ANY(CAST(:identities AS text[])) AND environment = :environment AND company = :company
        AND valid_to IS NULL
"""
_RESERVE = text("SELECT array_agg(nextval(CAST(:sequence AS regclass))) FROM generate_series(1, :count)")
_CLOSE = """
    UPDATE warehouse.{table} AS p SET valid_to = e.valid_to
    FROM unnest(CAST(:ids AS bigint[]), CAST(:moments AS timestamptz[])) AS e(id, valid_to)
    WHERE p.{column} = e.id
"""


class PostgresStore:
    """A store on a connection; the transaction is the caller's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hold(self, table: Table) -> dt.datetime:
        """Take the table's lock; the moment is the transaction's."""
        row = self._connection.execute(_LOCK, {"lock": f"orderhub warehouse {table.name}"}).one()
        return row[1].astimezone(dt.UTC)  # type: ignore[no-any-return]  # a row's values have no types

    def known(self, table: Table, keys: Sequence[str]) -> Mapping[str, Known]:
        return known(self._connection, keys)

    def current(self, table: Table, names: Sequence[Name]) -> Mapping[Name, Current]:
        identities: dict[tuple[str, str], list[str]] = {}
        for company, environment, identity in names:
            identities.setdefault((company, environment), []).append(identity)
        statement = text(_CURRENT.format(table=table.name))
        found: dict[Name, Current] = {}
        for (company, environment), wanted in identities.items():
            values = {"company": company, "environment": environment, "identities": wanted}
            for identity, *current in self._connection.execute(statement, values):
                found[Name(company, environment, identity)] = Current(*current)
        return found

    def reserve(self, table: Table, versions: int, loads: int) -> tuple[Sequence[int], Sequence[int]]:
        return self._ids(table.name, versions), self._ids("load", loads)

    def write(
        self,
        table: Table,
        loads: Sequence[Load],
        closing: Sequence[Closing],
        versions: Sequence[Version],
    ) -> None:
        self._copy("load", records.load_columns(), star_text.loads(loads))
        if closing:
            self._close(table.name, "id", closing)
            if table.lines is not None:
                self._close(table.lines.name, table.lines.parent, closing)
        if versions:
            rows = star_text.versions(versions, records.aware)
            self._copy(table.name, records.version_columns(table), rows)
            if table.lines is not None:
                lines = star_text.lines(versions, records.aware)
                self._copy(table.lines.name, records.line_columns(table), lines)

    def _ids(self, table: str, count: int) -> list[int]:
        if not count:
            return []
        values = {"sequence": f"warehouse.{table}_id_seq", "count": count}
        ids: list[int] = self._connection.execute(_RESERVE, values).scalar_one()
        return ids

    def _close(self, table: str, column: str, closing: Sequence[Closing]) -> None:
        self._connection.execute(
            text(_CLOSE.format(table=table, column=column)),
            {"ids": [one.id for one in closing], "moments": [one.valid_to for one in closing]},
        )

    def _copy(self, table: str, columns: Sequence[str], rows: Iterable[str]) -> None:
        driver = self._connection.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            raise LedgerError(
                f"The warehouse needs psycopg 3, not {type(driver).__module__}.",
                todo="Create the engine with orderhub.ledger.engine.create_engine.",
            )
        # names are this package's own
        statement = f"COPY warehouse.{table} ({', '.join(columns)}) FROM STDIN"
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for piece in pieces(rows):
                copy.write(piece)


def pieces(rows: Iterable[str]) -> Iterator[str]:
    """Rows put together as COPY takes them."""
    stream = iter(rows)
    while piece := "".join(islice(stream, _PIECE)):
        yield piece


def known(connection: Connection, keys: Sequence[str]) -> dict[str, Known]:
    """What the warehouse answered to these keys before; unknown keys are absent."""
    found = connection.execute(_KNOWN, {"keys": list(keys)})
    return {row.key: Known(row.reference, row.version) for row in found}
