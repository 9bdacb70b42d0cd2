"""The SQL connector and Oracle: connecting fails as it must; the contract itself only with ORACLE_DSN.

ORACLE_DSN is ``oracle://user:secret@host:1521/service`` of a schema whose tables may be written to.
"""

from __future__ import annotations

import os
import socket

import pytest
from servers.sql_tables import DOCUMENT, OutboxTable, SqlContract, Tables, WatermarkTable

from orderhub.connector import Credentials
from orderhub.connector_registry import registry
from orderhub.errors import ConnectorUnavailable
from orderhub.testing import PortsForTests

DSN = os.environ.get("ORACLE_DSN", "")
with_server = [
    pytest.mark.integration,
    pytest.mark.oracle,
    pytest.mark.skipif(not DSN, reason="NOT TESTED: the connector sql needs an Oracle server (ORACLE_DSN)"),
]


class OracleTables(Tables):
    def __init__(self, dsn: str) -> None:
        start, _, service = dsn.rpartition("/")
        super().__init__(f"{start.replace('oracle:', 'oracle+oracledb:', 1)}/?service_name={service}")
        self._service = service
        self.peer = "Oracle"

    def credentials(self, *, odbc: bool) -> Credentials:
        at = self.engine.url
        return Credentials(
            url=f"oracle://{at.host}:{at.port or 1521}",
            user=at.username,
            secret=at.password,
            extra={"service_name": self._service},
        )


class _OnOracle(SqlContract):
    @pytest.fixture
    def tables(self) -> Tables:
        return OracleTables(DSN)


class TestSqlOracleByWatermark(WatermarkTable, _OnOracle):
    connector = "sql"
    pytestmark = with_server


class TestSqlOracleByOutbox(OutboxTable, _OnOracle):
    connector = "sql"
    pytestmark = with_server


def test_a_server_that_is_not_there_is_said_by_the_real_driver() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can answer there
        where = Credentials(
            url=f"oracle://127.0.0.1:{taken.getsockname()[1]}",
            user="hub",
            secret="hunter2",
            extra={"service_name": "X"},
        )
        settings = {**DOCUMENT, "read": {"by": "keys"}}
        connector = registry().create("sql", settings, PortsForTests(credentials={"source": where}))
        with pytest.raises(ConnectorUnavailable) as caught:
            connector.waiting("orders", None)
        assert "DPY-6005" in str(caught.value)
        assert "hunter2" not in str(caught.value)
        health = connector.check()
        assert not health.ok
        connector.close()
