"""PostgreSQL through ADBC: rows come in its binary form and become Arrow without Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import adbc_driver_manager as adbc
import adbc_driver_postgresql.dbapi as driver  # type: ignore[import-untyped]  # it has none
import pyarrow as pa
from psycopg.conninfo import make_conninfo
from sqlalchemy import ClauseElement, ColumnElement, Numeric, String, Text, cast, literal
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.engine import Dialect

from connectors.sql.sessions.address import Address
from connectors.sql.sessions.base import Saying, bound, compiled, whole
from connectors.sql.sessions.postgres_values import values_ahead
from connectors.sql.values import Described, Kind
from orderhub.connector import Credentials
from orderhub.errors import ConnectorUnavailable

_KINDS = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), Kind.INTEGER),
    **dict.fromkeys(("float4", "float8"), Kind.FLOAT),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "char"), Kind.TEXT),
    "numeric": Kind.NUMBER,
    "bool": Kind.BOOLEAN,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "timestamp": Kind.MOMENT,
    "timestamptz": Kind.INSTANT,
    "uuid": Kind.UUID,
    "bytea": Kind.BYTES,
}
#: Read as the server writes them: exact, faster than decoding numerics here, and all types that Arrow has no name for.
_AS_TEXT = (Kind.NUMBER, Kind.UUID, Kind.OTHER)
#: What the driver manager says of a connection that is not there (it has no SQLSTATE then).
_AWAY = (adbc.AdbcStatusCode.IO, adbc.AdbcStatusCode.CANCELLED, adbc.AdbcStatusCode.TIMEOUT)


class PostgresSession:
    """See ``Session``. The session's clock is UTC; reading is a REPEATABLE READ, READ ONLY transaction."""

    label = "PostgreSQL (ADBC)"

    def __init__(self, where: Address, credentials: Credentials, timeout: float) -> None:
        self.dialect: Dialect = asyncpg.dialect()  # type: ignore[no-untyped-call]  # its constructor has no types
        self._where, self._timeout = where, timeout
        self._saying = Saying(str(where), credentials)
        self._connection: Any = None

    def bind(self, value: Any, kind: Kind) -> ColumnElement[Any]:
        if kind is Kind.NUMBER:
            return cast(literal(str(value), String()), Numeric())
        return bound(value, kind)

    def as_read(self, column: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        return cast(column, Text()) if kind in _AS_TEXT else column

    def describe(self, statement: ClauseElement) -> list[Described]:
        with self._typed(), self._connected().cursor() as cursor:
            try:
                cursor.execute(*compiled(statement, self.dialect))
                schema = cursor.fetch_record_batch().schema
            finally:
                self._connected().rollback()
        found = []
        for one in schema:
            name = (one.metadata or {}).get(b"POSTGRESQL:type", b"").decode().strip("'")
            found.append(Described(one.name, _KINDS.get(name, Kind.OTHER)))
        return found

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with self._typed():
            self._run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        try:
            yield
        finally:
            if self._connection is not None:
                with self._typed():
                    self._connection.rollback()

    def table(self, statement: ClauseElement) -> pa.Table:
        with self._typed(), self._connected().cursor() as cursor:
            text, values = compiled(statement, self.dialect)
            ahead = values_ahead(statement)
            if ahead is not None:
                text, values = ahead.text, ()
                cursor.execute(*compiled(ahead.settings, self.dialect))
                cursor.fetchall()
            cursor.execute(text, values or None)
            found: pa.Table = cursor.fetch_arrow_table()
            return found

    def change(
        self, statement: ClauseElement, rows: Sequence[Mapping[str, Any]], *, dry: bool = False
    ) -> None:
        with self._typed(), self._connected().cursor() as cursor, whole(self._connected(), dry=dry):
            for row in rows or ({},):
                text, values = compiled(statement, self.dialect, row)
                cursor.execute(text, values or None)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except adbc.Error:
                return  # it is gone either way

    def _connected(self) -> Any:
        if self._connection is None:
            where = self._where
            given: dict[str, Any] = {
                "host": where.host or None,
                "port": where.port,
                "dbname": where.database or None,
                "user": where.user,
                "password": where.secret,
                "connect_timeout": 10,
                "application_name": "orderhub",
                "options": f"-c timezone=UTC -c statement_timeout={int(self._timeout * 1000)}",
            }
            given |= {name: where.text(name) for name in ("sslmode", "sslrootcert", "sslcert", "sslkey")}
            self._connection = driver.connect(
                make_conninfo(**{name: value for name, value in given.items() if value is not None})
            )
        return self._connection

    def _run(self, text: str) -> None:
        with self._connected().cursor() as cursor:
            cursor.execute(text)

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except adbc.Error as error:
            try:
                opened = self._connection is not None
                state = error.sqlstate
                if state is None and (error.status_code in _AWAY or not opened):
                    state = "08006"
                self._saying.raise_typed(error, state=state)
            except ConnectorUnavailable:
                self.close()
                raise
