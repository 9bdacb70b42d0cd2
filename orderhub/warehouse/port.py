"""The warehouse as connectors see it: a batch in, outcomes out, in transactions of its own and with typed errors."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
import sqlalchemy.exc
from sqlalchemy import Connection, Engine, text

from orderhub.connector import Health, LoadItem, Outcome
from orderhub.errors import ConnectorRefused, ConnectorUnavailable, OutcomeUnclear
from orderhub.star import tables
from orderhub.star.halving import Refused, in_halves
from orderhub.star.merge import storable
from orderhub.warehouse import load as loading

#: SQLSTATE classes that are about the data of a statement: data exception, integrity constraint.
_ABOUT_DATA = ("22", "23")
#: Serialization failure and deadlock: the same again, at once.
_AGAIN = ("40001", "40P01")
_ATTEMPTS = 3
_NEEDED = tuple(f"warehouse.{name}" for name in tables.names())


class WarehousePort:
    """Loads into and finds in the warehouse behind an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def check(self) -> Health:
        """Whether the warehouse's tables are there; reads only."""
        try:
            with self._engine.connect() as connection:
                missing = [
                    name
                    for name in _NEEDED
                    if connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar() is None
                ]
        except sqlalchemy.exc.SQLAlchemyError as error:
            return Health(ok=False, sentence=f"The warehouse cannot be reached: {_reason(error)}.")
        if missing:
            return Health(
                ok=False,
                sentence=f"The warehouse lacks {', '.join(missing)}; `orderhub up` brings its tables up to date.",
            )
        return Health(ok=True, sentence="The warehouse can be reached and has its tables.")

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """One outcome per item, in order. A batch is one transaction; when the database refuses it, halves are tried, down
        to the documents that it refuses by themselves.

        :raises ConnectorUnavailable: when nothing was written. :raises ConnectorRefused: tables or rights are missing.
        """
        return in_halves(items, self._write)

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """What the warehouse has under these keys.

        :raises ConnectorUnavailable: the database cannot be reached. :raises ConnectorRefused: tables are missing.
        """
        askable = [key for key in keys if storable(key)]
        try:
            with self._engine.connect() as connection:
                return loading.find(connection, askable)
        except (sqlalchemy.exc.SQLAlchemyError, psycopg.Error) as error:
            raise _typed(error) from error

    def _write(self, items: list[LoadItem]) -> list[Outcome]:
        for attempt in range(_ATTEMPTS):
            try:
                return self._transaction(items)
            except (sqlalchemy.exc.SQLAlchemyError, psycopg.Error) as error:
                if _state(error) in _AGAIN and attempt < _ATTEMPTS - 1:
                    continue
                if _state(error)[:2] in _ABOUT_DATA or isinstance(
                    error, sqlalchemy.exc.DataError | psycopg.DataError
                ):
                    raise Refused(_reason(error)) from error
                raise _typed(error) from error
        raise AssertionError("unreachable")

    def _transaction(self, items: list[LoadItem]) -> list[Outcome]:
        with self._engine.connect() as connection:
            outcomes = loading.load(connection, items)
            _commit(connection)
        return outcomes


def _commit(connection: Connection) -> None:
    """Commit; a connection that is lost meanwhile leaves it open whether the commit arrived."""
    try:
        connection.commit()
    except (sqlalchemy.exc.SQLAlchemyError, psycopg.Error) as error:
        if _state(error) == "" or _state(error)[:2] in ("08", "57"):
            raise OutcomeUnclear(
                f"The connection to the warehouse was lost while it committed ({_reason(error)}).",
                todo="The hub looks up what is there before it goes on.",
            ) from error
        raise


def _state(error: BaseException) -> str:
    """The SQLSTATE, or an empty text when the error is not the server's."""
    origin = getattr(error, "orig", None) or error
    return str(getattr(origin, "sqlstate", None) or "")


def _reason(error: BaseException) -> str:
    """The first line of what the driver says; never the statement's parameters."""
    origin = getattr(error, "orig", None) or error
    lines = str(origin).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(origin).__name__


def _typed(error: Exception) -> ConnectorUnavailable | ConnectorRefused:
    if _state(error)[:2] in ("42", "3F", "28"):
        return ConnectorRefused(
            f"The warehouse's database refused: {_reason(error)}.",
            todo="Start the hub again (`orderhub up` brings its tables up to date), and check the rights of its database user.",
        )
    return ConnectorUnavailable(
        f"The warehouse cannot be reached: {_reason(error)}.", todo="Check the database; the hub tries again."
    )
