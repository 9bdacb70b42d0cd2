"""Any database through its ODBC driver, by pyodbc, in a process of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from sqlalchemy import ClauseElement, ColumnElement
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite
from sqlalchemy.engine import Dialect

from connectors.sql.sessions.address import Address
from connectors.sql.sessions.base import Saying, bound, compiled
from connectors.sql.sessions.process import DriverProcess
from connectors.sql.values import Described, Kind
from orderhub.connector import Credentials
from orderhub.errors import ConnectorRefused

_DIALECTS = {
    "postgresql": postgresql.dialect,
    "mariadb": mysql.dialect,
    "mysql": mysql.dialect,
    "sqlite": sqlite.dialect,
    "microsoft sql server": mssql.dialect,
    "mssql": mssql.dialect,
    "oracle": oracle.dialect,
}
#: What the PostgreSQL driver needs to give types as they are.
_POSTGRESQL = {"BoolsAsChar": "0", "ByteaAsLongVarBinary": "1", "TextAsLongVarchar": "1"}


def dialect_named(name: str) -> Dialect:
    """The dialect of a database by the name that its driver gives it, with ``?`` for parameters.

    :raises ConnectorRefused: SQLAlchemy itself has none.
    """
    made = _DIALECTS.get(name.lower())
    if made is None:
        raise ConnectorRefused(
            f"The driver says that the database is {name!r}, whose SQL is not known.",
            todo=f"Say in the connection's extra which it understands: dialect: {', '.join(sorted(_DIALECTS))}.",
        )
    dialect: Dialect = made(paramstyle="qmark")
    return dialect


def connection_string(where: Address, driver: str, more: Mapping[str, str]) -> str:
    """Keys and values; a value that could end before its end stands in braces (some drivers take none elsewhere)."""
    given: dict[str, Any] = {"DSN": where.text("dsn")} if where.text("dsn") else {"DRIVER": driver}
    if driver.startswith("ODBC Driver"):
        given["SERVER"] = f"{where.host},{where.port}" if where.port else where.host
    else:
        given |= {"SERVER": where.host or None, "PORT": where.port}
    given |= {"DATABASE": where.database or None, "UID": where.user, "PWD": where.secret, **more}
    given |= dict(where.extra.get("odbc") or {})
    parts = {name: str(value) for name, value in given.items() if value is not None}
    return ";".join(
        f"{name}={{{value}}}" if name == "DRIVER" else f"{name}={_quoted(value)}"
        for name, value in parts.items()
    )


def _quoted(value: str) -> str:
    if value.isprintable() and value == value.strip() and not set(value) & set("[]{}(),;?*=!@"):
        return value
    return "{" + value.replace("}", "}}") + "}"


class OdbcSession:
    """See ``Session``. The dialect follows from what the driver says, or from ``extra.dialect``."""

    label = "ODBC (pyodbc)"

    def __init__(self, where: Address, credentials: Credentials, timeout: float) -> None:
        self._where = where
        self.process = DriverProcess("pyodbc", Saying(str(where), credentials), timeout)
        self._dialect: Dialect | None = None

    @property
    def dialect(self) -> Dialect:
        if self._dialect is None:
            self._open()
        assert self._dialect is not None  # noqa: S101 - _open set it or raised
        return self._dialect

    def bind(self, value: Any, kind: Kind) -> ColumnElement[Any]:
        if kind in (Kind.MOMENT, Kind.INSTANT) and self.dialect.name == "sqlite":
            raise ConnectorRefused(
                "SQLite keeps times as texts, which do not compare as times do.",
                todo="Compare a number or a date: a counter that grows with every change, or an outbox.",
            )
        if kind is Kind.INSTANT and isinstance(value, dt.datetime):
            # ODBC has no zones; the session is UTC
            value = value.astimezone(dt.UTC).replace(tzinfo=None)
        return bound(value, kind)

    def as_read(self, column: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        return column

    def describe(self, statement: ClauseElement) -> list[Described]:
        text, values = self._compiled(statement)
        return self.process.describe(text, values)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        self._open()
        self.process.begin()
        try:
            yield
        finally:
            if self.process.is_open:
                self.process.end()

    def table(self, statement: ClauseElement) -> pa.Table:
        text, values = self._compiled(statement)
        return self.process.table(text, values)

    def change(
        self, statement: ClauseElement, rows: Sequence[Mapping[str, Any]], *, dry: bool = False
    ) -> None:
        self._open()
        made = [compiled(statement, self.dialect, row) for row in rows or ({},)]
        self.process.change(made[0][0], [values for _, values in made], dry=dry)

    def close(self) -> None:
        self.process.close()

    def _compiled(self, statement: ClauseElement) -> tuple[str, Any]:
        self._open()
        return compiled(statement, self.dialect)

    def _open(self) -> None:
        if self.process.is_open:
            return
        driver = self._where.text("driver") or ""
        if not driver and not self._where.text("dsn"):
            raise ConnectorRefused(
                "The ODBC connection names no driver.",
                todo="Say it in the connection's extra: driver (as odbcinst lists it) or dsn.",
            )
        more = _POSTGRESQL if "postgresql" in driver.lower() else {}
        made = self.process.open(connection_string(self._where, driver, more))
        self._dialect = dialect_named(self._where.text("dialect") or made)
