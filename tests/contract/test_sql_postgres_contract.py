"""The SQL connector keeps the contract on PostgreSQL, natively and over ODBC."""

from __future__ import annotations

import pytest
from servers.sql_tables import (
    OutboxTable,
    PostgresTables,
    SqlContract,
    Tables,
    WatermarkTable,
    sql_postgres,  # noqa: F401 - a fixture
)

pytestmark = pytest.mark.integration


class _OnPostgres(SqlContract):
    @pytest.fixture
    def tables(self, sql_postgres: str) -> Tables:  # noqa: F811 - the fixture
        return PostgresTables(sql_postgres)


class TestSqlPostgresByWatermark(WatermarkTable, _OnPostgres):
    connector = "sql"


class TestSqlPostgresByOutbox(OutboxTable, _OnPostgres):
    connector = "sql"


class TestSqlPostgresOdbcByWatermark(WatermarkTable, _OnPostgres):
    connector = "sql"
    odbc = True
