"""Oracle through oracledb in its thin mode: no client library is needed.

Written against the driver's documentation and its behaviour without a server; see README.md for what was never run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import oracledb
import pyarrow as pa
from sqlalchemy import ClauseElement, ColumnElement
from sqlalchemy.dialects import oracle
from sqlalchemy.engine import Dialect

from connectors.sql.sessions.address import Address
from connectors.sql.sessions.base import Saying, bound, compiled, whole
from connectors.sql.sessions.rows import table_of
from connectors.sql.values import Described, Kind
from orderhub.connector import Credentials
from orderhub.errors import ConnectorUnavailable

_KINDS = {
    oracledb.DB_TYPE_NUMBER: Kind.NUMBER,
    oracledb.DB_TYPE_BINARY_INTEGER: Kind.INTEGER,
    **dict.fromkeys((oracledb.DB_TYPE_BINARY_FLOAT, oracledb.DB_TYPE_BINARY_DOUBLE), Kind.FLOAT),
    **dict.fromkeys(
        (
            oracledb.DB_TYPE_VARCHAR,
            oracledb.DB_TYPE_NVARCHAR,
            oracledb.DB_TYPE_CHAR,
            oracledb.DB_TYPE_NCHAR,
            oracledb.DB_TYPE_ROWID,
        ),
        Kind.TEXT,
    ),
    # DATE has a time of day in Oracle
    **dict.fromkeys((oracledb.DB_TYPE_DATE, oracledb.DB_TYPE_TIMESTAMP), Kind.MOMENT),
    **dict.fromkeys((oracledb.DB_TYPE_TIMESTAMP_TZ, oracledb.DB_TYPE_TIMESTAMP_LTZ), Kind.INSTANT),
    oracledb.DB_TYPE_RAW: Kind.BYTES,
    oracledb.DB_TYPE_BOOLEAN: Kind.BOOLEAN,
}
_LOBS = {
    oracledb.DB_TYPE_CLOB: oracledb.DB_TYPE_LONG,
    oracledb.DB_TYPE_NCLOB: oracledb.DB_TYPE_LONG_NVARCHAR,
    oracledb.DB_TYPE_BLOB: oracledb.DB_TYPE_LONG_RAW,
}


class OracleSession:
    """See ``Session``. Reading is a READ ONLY transaction, which sees one moment."""

    label = "Oracle (oracledb thin)"

    def __init__(self, where: Address, credentials: Credentials, timeout: float) -> None:
        self.dialect: Dialect = oracle.oracledb.dialect()  # type: ignore[no-untyped-call]  # its constructor has no types
        self._where, self._timeout = where, timeout
        self._saying = Saying(str(where), credentials)
        self._connection: Any = None

    def bind(self, value: Any, kind: Kind) -> ColumnElement[Any]:
        return bound(value, kind)

    def as_read(self, column: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        return column

    def describe(self, statement: ClauseElement) -> list[Described]:
        with self._typed(), self._connected().cursor() as cursor:
            cursor.execute(*compiled(statement, self.dialect))
            return [_described(one) for one in cursor.description]

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with self._typed(), self._connected().cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        try:
            yield
        finally:
            if self._connection is not None:
                with self._typed():
                    self._connection.rollback()

    def table(self, statement: ClauseElement) -> pa.Table:
        with self._typed(), self._connected().cursor() as cursor:
            cursor.arraysize = cursor.prefetchrows = 5_000
            cursor.execute(*compiled(statement, self.dialect))
            names = [one[0] for one in cursor.description]
            return table_of(names, iter(lambda: cursor.fetchmany(5_000), []))

    def change(
        self, statement: ClauseElement, rows: Sequence[Mapping[str, Any]], *, dry: bool = False
    ) -> None:
        with self._typed(), self._connected().cursor() as cursor:
            made = [compiled(statement, self.dialect, row) for row in rows or ({},)]
            with whole(self._connected(), dry=dry):
                cursor.executemany(made[0][0], [values for _, values in made])

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except oracledb.Error:
                return  # it is gone either way

    def _connected(self) -> Any:
        if self._connection is None:
            where = self._where
            # a whole descriptor or EZConnect string, or host, port and service
            dsn = where.text("dsn") or oracledb.makedsn(
                where.host, where.port or 1521, service_name=where.text("service_name") or where.database
            )
            self._connection = oracledb.connect(
                user=where.user, password=where.secret, dsn=dsn, tcp_connect_timeout=10
            )
            self._connection.call_timeout = int(self._timeout * 1000)
            self._connection.outputtypehandler = _exactly
        return self._connection

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except oracledb.Error as error:
            try:
                [said] = error.args or [None]
                code = getattr(said, "full_code", "") or ""
                # DPY-4011 closed, 4024 call timed out, 6000 refused by the listener, 6001 and 6003 unknown there, 6005 unreachable
                away = code in ("DPY-4011", "DPY-4024", "DPY-6000", "DPY-6005", "DPY-1001")
                number = int(code.removeprefix("ORA-")) if code.startswith("ORA-") else 0
                refused = code in ("DPY-6001", "DPY-6003", "DPY-4001", "DPY-4027")
                state = "08006" if away else "28000" if refused else None
                self._saying.raise_typed(error, state=state, oracle=number)
            except ConnectorUnavailable:
                self.close()
                raise


def _described(one: Any) -> Described:
    kind = _KINDS.get(one.type_code, Kind.TEXT if one.type_code in _LOBS else Kind.OTHER)
    if kind is Kind.NUMBER and one.scale == 0 and 0 < (one.precision or 0) <= 18:
        kind = Kind.INTEGER
    return Described(one.name, kind, one.type_code in _LOBS)


def _exactly(cursor: Any, metadata: Any) -> Any:
    """Numbers as decimals, large objects as their content."""
    if metadata.type_code is oracledb.DB_TYPE_NUMBER:
        return cursor.var(Decimal, arraysize=cursor.arraysize)
    if metadata.type_code in _LOBS:
        return cursor.var(_LOBS[metadata.type_code], arraysize=cursor.arraysize)
    return None
