"""The warehouse as connectors see it: a batch in, outcomes out, in transactions of its own and with typed errors."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
import sqlalchemy.exc
from sqlalchemy import Connection, Engine, text

from orderhub.connector import Health, LoadItem, Outcome, OutcomeState
from orderhub.errors import ConnectorRefused, ConnectorUnavailable, OutcomeUnclear
from orderhub.warehouse import load as loading

#: SQLSTATE classes that are about the data of a statement: data exception, integrity constraint.
_ABOUT_DATA = ("22", "23")
#: Serialization failure and deadlock: the same again, at once.
_AGAIN = ("40001", "40P01")
_ATTEMPTS = 3
_NEEDED = (
    "warehouse.load",
    "warehouse.purchase_order",
    "warehouse.supplier",
    "warehouse.item",
    "warehouse.stock_level",
)


class _Refused(Exception):
    """The database refused the content of the batch; nothing of it was kept."""


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
                ok=False, sentence=f"The warehouse lacks {', '.join(missing)}; run its migrations first."
            )
        return Health(ok=True, sentence="The warehouse can be reached and has its tables.")

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """One outcome per item, in order. A batch is one transaction; when the database refuses it, halves are tried, down
        to the documents that it refuses by themselves.

        :raises ConnectorUnavailable: when nothing was written. :raises ConnectorRefused: tables or rights are missing.
        """
        outcomes: dict[int, Outcome] = {}
        waiting = [list(range(len(items)))] if items else []
        while waiting:
            part = waiting.pop()
            try:
                outcomes.update(zip(part, self._write([items[index] for index in part]), strict=True))
            except _Refused as error:
                if len(part) > 1:
                    middle = len(part) // 2
                    waiting += [part[middle:], part[:middle]]
                else:
                    outcomes[part[0]] = Outcome(
                        key=items[part[0]].key,
                        state=OutcomeState.REJECTED,
                        code="WAREHOUSE_REFUSED",
                        reason=f"The warehouse's database refused the document: {error}.",
                    )
            except (ConnectorUnavailable, OutcomeUnclear) as error:
                if isinstance(error, ConnectorUnavailable) and not _anything_written(outcomes):
                    raise
                for index in part + [index for other in waiting for index in other]:
                    outcomes[index] = Outcome(
                        key=items[index].key,
                        state=OutcomeState.UNCLEAR,
                        code=error.code,
                        reason=error.what,
                    )
                break
        return [outcomes[index] for index in range(len(items))]

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """What the warehouse has under these keys.

        :raises ConnectorUnavailable: the database cannot be reached. :raises ConnectorRefused: tables are missing.
        """
        askable = [key for key in keys if "\0" not in key]
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
                    raise _Refused(_reason(error)) from error
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


def _anything_written(outcomes: dict[int, Outcome]) -> bool:
    return any(outcome.state is OutcomeState.WRITTEN for outcome in outcomes.values())


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
            todo="Run the migrations and check the rights of the hub's database user.",
        )
    return ConnectorUnavailable(
        f"The warehouse cannot be reached: {_reason(error)}.", todo="Check the database; the hub tries again."
    )
