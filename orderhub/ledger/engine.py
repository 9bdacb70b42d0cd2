"""Engines and transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine

T = TypeVar("T")


def create_engine(url: str | URL, *, pool_size: int = 5) -> Engine:
    """An engine on psycopg 3, whatever driver the URL names; times come back in UTC."""
    raise NotImplementedError


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction; connection failures become ``LedgerUnavailable``."""
    raise NotImplementedError
    yield


def retrying(engine: Engine, work: Callable[[Connection], T], *, attempts: int = 5) -> T:
    """Run ``work`` in a transaction; again when the database broke a deadlock or a serialisation conflict."""
    raise NotImplementedError
