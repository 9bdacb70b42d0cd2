"""The SQL connector keeps the contract on MariaDB, natively and over ODBC."""

from __future__ import annotations

import pytest
from servers.mariadb import MariaDb, mariadb  # noqa: F401 - a fixture
from servers.sql_tables import (
    MariaDbTables,
    OutboxTable,
    SqlContract,
    Tables,
    WatermarkTable,
    sql_mariadb,  # noqa: F401 - a fixture
)

from orderhub.testing import PortsForTests

pytestmark = pytest.mark.integration


class _OnMariaDb(SqlContract):
    @pytest.fixture
    def tables(self, sql_mariadb: tuple[MariaDb, str]) -> Tables:  # noqa: F811 - the fixture
        return MariaDbTables(*sql_mariadb)


class TestSqlMariaDbByWatermark(WatermarkTable, _OnMariaDb):
    connector = "sql"


class TestSqlMariaDbByOutbox(OutboxTable, _OnMariaDb):
    """Rows by pymysql, as where no ODBC driver is installed."""

    connector = "sql"

    @pytest.fixture
    def ports(self, at: Tables) -> PortsForTests:
        given = at.credentials(odbc=False)
        return PortsForTests(
            credentials={
                "source": type(given)(
                    url=given.url,
                    user=given.user,
                    secret=given.secret,
                    extra={**given.extra, "odbc_driver": ""},
                )
            }
        )


class TestSqlMariaDbOdbcByWatermark(WatermarkTable, _OnMariaDb):
    connector = "sql"
    odbc = True
