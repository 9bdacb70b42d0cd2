"""Engines and transactions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from orderhub.errors import LedgerUnavailable

T = TypeVar("T")

#: SQLSTATE of a broken deadlock and of a serialisation conflict: the same transaction may simply run again.
_AGAIN = frozenset({"40P01", "40001"})


def psycopg_url(url: str | URL) -> URL:
    """The URL with psycopg 3 as its driver, whatever it named."""
    parsed = make_url(url)
    if parsed.get_backend_name() in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def create_engine(url: str | URL, *, pool_size: int = 5, **options: Any) -> Engine:
    """An engine on psycopg 3, whatever driver the URL names; times come back in UTC. Opens nothing yet."""
    return sa.create_engine(
        psycopg_url(url),
        pool_size=pool_size,
        max_overflow=10,
        pool_pre_ping=True,
        connect_args={"options": "-c timezone=UTC", "application_name": "orderhub"},
        **options,
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction; a database out of reach becomes ``LedgerUnavailable``."""
    try:
        with engine.begin() as connection:
            yield connection
    except (OperationalError, psycopg.OperationalError) as problem:
        if sqlstate(problem) in _AGAIN:
            raise
        cause = problem.orig if isinstance(problem, OperationalError) else problem
        raise LedgerUnavailable(
            f"The ledger's database cannot be used: {str(cause).strip()}.",
            todo="Check that PostgreSQL runs and that the database URL in the settings is right.",
        ) from problem


def retrying(engine: Engine, work: Callable[[Connection], T], *, attempts: int = 5) -> T:
    """Run ``work`` in a transaction; again when the database broke a deadlock or a serialisation conflict."""
    for attempt in range(1, attempts + 1):
        try:
            with transaction(engine) as connection:
                return work(connection)
        except (DBAPIError, psycopg.Error) as problem:
            if sqlstate(problem) not in _AGAIN or attempt == attempts:
                raise
            time.sleep(0.02 * 2**attempt)
    raise AssertionError("unreachable")


def sqlstate(problem: DBAPIError | psycopg.Error) -> str | None:
    """The SQLSTATE of a database error; COPY raises psycopg's own, everything else SQLAlchemy's."""
    cause = problem.orig if isinstance(problem, DBAPIError) else problem
    state = getattr(cause, "sqlstate", None)
    return None if state is None else str(state)
