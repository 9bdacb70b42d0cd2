"""What every driver gives: a session that describes, reads blocks of rows as Arrow tables, and marks rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol, cast

from sqlalchemy import (
    BigInteger,
    Boolean,
    ClauseElement,
    ColumnElement,
    Date,
    DateTime,
    Float,
    LargeBinary,
    Numeric,
    String,
    Time,
    Uuid,
    bindparam,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from connectors.sql.values import Described, Kind
from orderhub.connector import Credentials
from orderhub.errors import ConnectorError, ConnectorProtocolError, ConnectorRefused, ConnectorUnavailable

TYPES: Mapping[Kind, TypeEngine[Any]] = {
    Kind.INTEGER: BigInteger(),
    Kind.NUMBER: Numeric(),
    Kind.FLOAT: Float(),
    Kind.TEXT: String(),
    Kind.BOOLEAN: Boolean(),
    Kind.DATE: Date(),
    Kind.TIME: Time(),
    Kind.MOMENT: DateTime(),
    Kind.INSTANT: DateTime(timezone=True),
    Kind.UUID: Uuid(as_uuid=False),
    Kind.BYTES: LargeBinary(),
}


class Session(Protocol):
    """One connection, opened by the first use. All methods raise typed errors; after ``ConnectorUnavailable`` the session is
    closed and the next use opens it anew.

    :raises ConnectorUnavailable: not reached, ended, overloaded, timed out.
    :raises ConnectorRefused: credentials, rights, a table or column that is not there.
    """

    @property
    def dialect(self) -> Dialect:
        """Compiles statements for the driver."""

    @property
    def label(self) -> str:
        """What reads, for people."""

    def bind(self, value: Any, kind: Kind) -> ColumnElement[Any]:
        """A bound value, to be compared with a column of this kind."""

    def as_read(self, column: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
        """What is selected to read a column exactly and fast."""

    def describe(self, statement: ClauseElement) -> list[Described]:
        """The columns of a statement that gives no rows."""

    def snapshot(self) -> Any:
        """A context in which every ``table`` sees the same moment; nothing is written."""

    def table(self, statement: ClauseElement) -> Any:
        """All rows as a ``pyarrow.Table``; a column may be of texts where its kind has an exact text."""

    def change(
        self, statement: ClauseElement, rows: Sequence[Mapping[str, Any]], *, dry: bool = False
    ) -> None:
        """Execute for every row of named values in one transaction; ``dry``: take it back."""

    def close(self) -> None:
        """Safe to call twice."""


def bound(value: Any, kind: Kind) -> ColumnElement[Any]:
    """A bound value with the SQLAlchemy type of its kind.

    :raises ConnectorRefused: columns of that kind cannot be compared.
    """
    if kind not in TYPES:
        raise ConnectorRefused(
            "A column of a type that the hub does not know cannot be compared.",
            todo="Name a column that is a number, a text, a time or a UUID.",
        )
    return bindparam(None, value, TYPES[kind], unique=True)


def compiled(
    statement: ClauseElement, dialect: Dialect, given: Mapping[str, Any] | None = None
) -> tuple[str, Any]:
    """SQL text and parameters for a driver: a list where its placeholders are positional, else a dict."""
    made = cast(
        "SQLCompiler", statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    )
    values = made.construct_params(dict(given) if given is not None else None)
    if made.positional:
        return made.string, [values[name] for name in made.positiontup or ()]
    return made.string, dict(values)


class Saying:
    """Turns a driver's errors into the hub's, by SQLSTATE and the server's own numbers."""

    # classes of SQLSTATE: connection, resources, operator intervention, time-outs; then conflicts of transactions
    _AWAY = re.compile(r"^(08|53|57|HYT|40001|40P01|25006|25P03|IM004)")
    # sign-in, syntax or access rule, no such database or schema, no such data source, feature
    _REFUSED = re.compile(r"^(28|42|3D|3F|IM00[23]|0A|22|23|HYC00|44)")
    _NOT_LET_IN = re.compile(
        r'authentication failed|no pg_hba.conf entry|no password supplied|(database|role) "[^"]*" does not exist'
    )
    # said with the state for anything; the last two by psqlODBC, of a session that ended before a statement or while it
    # was opened
    _GONE = re.compile(
        r"connection has been lost|server closed the connection|server has gone away|internal SAVEPOINT failed"
        r"|ISOLATION change request to the server error"
    )
    _MYSQL_AWAY = frozenset(
        (1040, 1053, 1077, 1152, 1159, 1161, 1184, 1205, 1213, 1317, 1927, 1969, 2002, 2003, 2005)
    ) | {2006, 2013, 2055, 3024, 4031}
    _MYSQL_REFUSED = range(1000, 1900)
    _ORACLE_AWAY = frozenset((28, 31, 60, 1012, 1013, 1033, 1034, 1089, 1090, 3113, 3114, 3135, 12170))
    _ORACLE_LISTENER = range(12500, 12620)

    def __init__(self, where: str, credentials: Credentials) -> None:
        self.where, self._secret = where, credentials.secret

    def raise_typed(
        self, error: BaseException, *, state: str | None = None, mysql: int | None = None, oracle: int = 0
    ) -> NoReturn:
        """:raises ConnectorError: what the driver's error means."""
        text = " ".join(str(error).split())[:300]
        if self._secret and len(self._secret) > 3:
            text = text.replace(self._secret, "***")
        if self._NOT_LET_IN.search(text):
            state = "28000"  # what PostgreSQL's drivers give for it is that of a connection that fails
        away = (
            bool(state and self._AWAY.match(state))
            or bool(self._GONE.search(text))
            or mysql in self._MYSQL_AWAY
        )
        away = away or oracle in self._ORACLE_AWAY or oracle in self._ORACLE_LISTENER
        refused = bool(state and self._REFUSED.match(state)) or (mysql or 0) in self._MYSQL_REFUSED
        raise self.typed(text, away=away, refused=refused or oracle > 0) from error

    def typed(self, text: str, *, away: bool, refused: bool) -> ConnectorError:
        if away:
            return ConnectorUnavailable(
                f"{self.where} is not there now: {text}",
                todo="The next pull goes on where this one was; look at the server when it stays away.",
            )
        if refused:
            return ConnectorRefused(
                f"{self.where} refused: {text}",
                todo="Correct the connection, the names in the settings, or the rights of the hub's user.",
            )
        return ConnectorProtocolError(
            f"{self.where} answered with an error: {text}",
            todo="Look the error up in the database's or the driver's documentation.",
        )


@contextmanager
def whole(connection: Any, *, dry: bool) -> Iterator[None]:
    """All of a change or nothing of it: committed at the end, unless it is ``dry`` or fails."""
    try:
        yield
    except BaseException:
        # pymysql says when the connection is closed already; a rollback would then hide the error
        if getattr(connection, "open", True):
            connection.rollback()
        raise
    if dry:
        connection.rollback()
    else:
        connection.commit()


@contextmanager
def nothing() -> Iterator[None]:
    """A context that does nothing."""
    yield
