"""The SQL connector keeps the contract on any ODBC source: SQLite through its driver, by keys and by an outbox column."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from servers.sql_tables import SqlContract, SqliteTables, Tables

from orderhub.connector import Credentials
from orderhub.testing import PortsForTests, Settings

pytestmark = pytest.mark.integration


class _OnSqlite(SqlContract):
    odbc = True

    @pytest.fixture
    def tables(self, tmp_path: Path) -> Tables:
        return SqliteTables(tmp_path / "source.db")

    @pytest.fixture
    def unreachable(self, settings: Settings) -> tuple[Settings, PortsForTests] | None:
        """A file cannot be away; a server can."""
        lost = Credentials(
            url="odbc://127.0.0.1:1", user="nobody", secret="x", extra={"driver": "PostgreSQL Unicode"}
        )
        return settings, PortsForTests(credentials={"source": lost})


class TestSqlSqliteOdbcByKeys(_OnSqlite):
    connector = "sql"
    by: ClassVar[Settings] = {"by": "keys"}

    # what was read is remembered by the bookmark alone
    test_settle_is_repeatable_also_by_another_process = None


class TestSqlSqliteOdbcByColumn(_OnSqlite):
    """The document's own table says what was taken."""

    connector = "sql"
    by: ClassVar[Settings] = {
        "by": "outbox",
        "mark": {"column": "state", "open": "new", "done": "taken"},
    }
