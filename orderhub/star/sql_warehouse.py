"""What a warehouse in a SQL database of its own is as a connector, whichever database it is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import sqlalchemy as sa
import sqlalchemy.exc
from sqlalchemy.schema import CreateColumn

from orderhub.connector import Capability, Connector, ConnectorSettings, Health, LoadItem, Outcome
from orderhub.errors import ConnectorError, ConnectorRefused, ConnectorUnavailable, OutcomeUnclear
from orderhub.star import sql_store
from orderhub.star.halving import Refused, in_halves
from orderhub.star.merge import as_found, merge
from orderhub.star.sql import Star
from orderhub.star.sql_store import SqlStore

_ATTEMPTS = 3


class SqlWarehouseSettings(ConnectorSettings):
    """``connection`` names the database; ``create_tables`` makes what is missing before the first load."""

    connection: str
    create_tables: bool = True


class Failures(Protocol):
    """What a driver's errors mean."""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises."""

    def again(self, error: BaseException) -> bool:
        """Whether the same may go well at once (a deadlock)."""

    def about_data(self, error: BaseException) -> bool:
        """Whether the server refused the content."""

    def unknown_column(self, error: BaseException) -> bool:
        """Whether the server knows no column of a name that a statement has."""

    def lost(self, error: BaseException) -> bool:
        """Whether the connection went, so that nobody can say what the server did."""

    def in_words(self, error: BaseException) -> str:
        """What server or driver say, one line without a full stop; never a statement's values."""

    def typed(self, error: BaseException) -> ConnectorRefused | ConnectorUnavailable:
        """The hub's error."""


SettingsT = TypeVar("SettingsT", bound=SqlWarehouseSettings)


class SqlWarehouse(Connector[SettingsT], Generic[SettingsT]):
    """Loads into the star schema, one transaction per batch. A subclass says how to connect and what errors mean."""

    capabilities = Capability.LOAD | Capability.UPSERT | Capability.FIND
    failures: ClassVar[Failures]

    _engine: sa.Engine | None = None
    _star: Star | None = None
    _created = False

    @abstractmethod
    def make_engine(self) -> sa.Engine:
        """An engine whose transactions see what was committed before each statement."""

    @abstractmethod
    def make_store(self, connection: sa.Connection) -> SqlStore:
        """The store on a connection."""

    def make_star(self) -> Star:
        """The tables."""
        return Star()

    @property
    def star(self) -> Star:
        """The tables, described once."""
        if self._star is None:
            self._star = self.make_star()
        return self._star

    def check(self) -> Health:
        """Whether the database can be reached and has, or may get, the tables."""
        try:
            with self._connected() as connection:
                missing = sql_store.missing_tables(connection, self.star)
                lacking, dialect = sql_store.missing_columns(connection, self.star), connection.dialect
        except ConnectorError as error:
            return Health(ok=False, sentence=f"{error.what} {error.todo}")
        except self._errors() as error:
            said = self.failures.in_words(error)
            return Health(ok=False, sentence=f"The warehouse cannot be reached: {said}.")
        if missing and not self.settings.create_tables:
            return Health(ok=False, sentence=f"The warehouse lacks {', '.join(missing)}.")
        if lacking:
            old = outdated(lacking, dialect)
            return Health(ok=False, sentence=f"{old.what} {old.todo}")
        later = f" {len(missing)} of its tables are made by the first load." if missing else ""
        return Health(ok=True, sentence=f"The warehouse can be reached.{later}")

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """Load a batch: one transaction; refused batches in halves.

        :raises ConnectorUnavailable: when nothing was written. :raises ConnectorRefused: tables or rights are missing.
        """
        if items and self.settings.create_tables and not self._created:
            self._create()
        return in_halves(items, self._write)

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """What the warehouse has under these keys."""
        if not keys:
            return {}
        try:
            with self._connected() as connection:
                if sql_store.missing_tables(connection, self.star):
                    return {}
                return as_found(self.make_store(connection).answers(keys))
        except self._errors() as error:
            raise self._typed(error) from error

    def close(self) -> None:
        """Close the connections."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _connected(self) -> sa.Connection:
        if self._engine is None:
            self._engine = self.make_engine()
        return self._engine.connect()

    def _errors(self) -> tuple[type[Exception], ...]:
        return (sqlalchemy.exc.SQLAlchemyError, OSError, UnicodeError, *self.failures.errors)

    def _typed(self, error: Exception) -> ConnectorRefused | ConnectorUnavailable:
        """The hub's error; that a table is older than the hub is said with what it lacks."""
        if self.failures.unknown_column(error):
            with suppress(*self._errors()), self._connected() as connection:
                if lacking := sql_store.missing_columns(connection, self.star):
                    return outdated(lacking, connection.dialect)
        return self.failures.typed(error)

    def _write(self, items: list[LoadItem]) -> list[Outcome]:
        for attempt in range(_ATTEMPTS):
            try:
                return self._transaction(items)
            except self._errors() as error:
                if self.failures.again(error) and attempt < _ATTEMPTS - 1:
                    continue
                if self.failures.about_data(error) or isinstance(error, UnicodeError):
                    raise Refused(self.failures.in_words(error)) from error
                raise self._typed(error) from error
        raise AssertionError("unreachable")

    def _transaction(self, items: list[LoadItem]) -> list[Outcome]:
        with self._connected() as connection:
            outcomes = merge(self.make_store(connection), items)
            try:
                connection.commit()
            except self._errors() as error:
                if self.failures.lost(error):
                    raise OutcomeUnclear(
                        "The connection to the warehouse was lost while it committed "
                        f"({self.failures.in_words(error)}).",
                        todo="The hub looks up what is there before it goes on.",
                    ) from error
                raise
        return outcomes

    def _create(self) -> None:
        try:
            with self._connected() as connection:
                sql_store.create(connection, self.star)
                connection.commit()
        except self._errors() as error:
            raise self.failures.typed(error) from error
        self._created = True


def outdated(lacking: Mapping[str, Sequence[sa.Column[Any]]], dialect: sa.Dialect) -> ConnectorUnavailable:
    """Tables that were made before the hub knew all their columns, or by somebody else: which, and what adds the columns.

    The hub changes no table that is there. Loads wait, and go on when the columns are added.
    """
    said = [
        f"{name} lacks {', '.join(column.name for column in columns)}" for name, columns in lacking.items()
    ]
    quoted = dialect.identifier_preparer
    statements = []
    for name, columns in lacking.items():
        added = ", ".join(str(CreateColumn(column).compile(dialect=dialect)).strip() for column in columns)
        statements.append(f"ALTER TABLE {quoted.quote(name)} ADD ({added});")
    return ConnectorUnavailable(
        f"The warehouse's tables are older than the hub, or somebody else's: {'; '.join(said)}.",
        todo=f"If they are the hub's, let the administrator run: {' '.join(statements)} Loads wait, and go on by themselves "
        "afterwards. If not, give the warehouse a database of its own.",
    )
