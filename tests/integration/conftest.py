"""What integration tests share beside the real parts of ``tests/conftest.py``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, text

from orderhub.ledger.engine import create_engine

if TYPE_CHECKING:
    from orderhub.services.stack import Stack


@pytest.fixture(scope="session")
def shared_engine(stores: Stack, ledger_template: str) -> Iterator[Engine]:
    """One migrated database for all tests that leave its tables as they are."""
    name = f"{ledger_template}_shared"
    with psycopg.connect(stores.superuser_dsn, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER orderhub TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(ledger_template)
            )
        )
    made = create_engine(stores.endpoints.database_url.rsplit("/", 1)[0] + f"/{name}", pool_size=8)
    yield made
    made.dispose()


_TABLES = text(
    """
    SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
    WHERE schemaname IN ('ledger', 'warehouse') AND tablename <> 'alembic_version'
    """
)


@pytest.fixture
def engine(shared_engine: Engine) -> Engine:
    """An engine on a migrated, emptied database; for tests that change rows only. Much faster than a database each."""
    with shared_engine.begin() as connection:
        tables = connection.execute(_TABLES).scalar_one()
        connection.execute(text("ALTER TABLE ledger.audit DISABLE TRIGGER USER"))
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
        connection.execute(text("ALTER TABLE ledger.audit ENABLE TRIGGER USER"))
    return shared_engine


@pytest.fixture
def own_engine(database: str) -> Iterator[Engine]:
    """An engine on a migrated database of the test's own, which may drop constraints."""
    made = create_engine(database, pool_size=8)
    yield made
    made.dispose()
