"""Bring the database to the current schema (schemas ``ledger`` and ``warehouse``, one history)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import URL, Connection, NullPool, text

from orderhub.ledger.engine import psycopg_url, transaction

#: The advisory lock under which one process upgrades while others wait ("hub migr" in ASCII).
_LOCK = 0x6875626D696772


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "orderhub.ledger:migrations")
    config.attributes["connection"] = connection
    return config


def upgrade(url: str | URL, revision: str = "head") -> None:
    """Upgrade in one transaction; safe to call from several processes at once (an advisory lock lets one work and the
    others wait). Raises ``LedgerUnavailable`` when the database cannot be reached."""
    engine = sa.create_engine(psycopg_url(url), poolclass=NullPool)
    try:
        with transaction(engine) as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            connection.execute(text("CREATE SCHEMA IF NOT EXISTS ledger"))
            connection.execute(text("CREATE SCHEMA IF NOT EXISTS warehouse"))
            command.upgrade(_config(connection), revision)
    finally:
        engine.dispose()


def current(url: str | URL) -> str | None:
    """The revision that the database has; None for an empty one."""
    engine = sa.create_engine(psycopg_url(url), poolclass=NullPool)
    try:
        with transaction(engine) as connection:
            context = MigrationContext.configure(connection, opts={"version_table_schema": "ledger"})
            return context.get_current_revision()
    finally:
        engine.dispose()
