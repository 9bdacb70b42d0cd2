"""The connector oracle_warehouse keeps the contract, on an Oracle server: only with ORACLE_DSN.

ORACLE_DSN is ``oracle://user:secret@host:1521/service`` of a schema whose tables may be written to.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

import msgspec
import oracledb
import pytest

from orderhub.connector import Credentials, LoadItem
from orderhub.testing import ConnectorContract, Effects, PortsForTests, Settings, load_item, sample_order

DSN = os.environ.get("ORACLE_DSN", "")

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.integration,
    pytest.mark.skipif(
        not DSN, reason="NOT TESTED: the connector oracle_warehouse needs an Oracle server (ORACLE_DSN)"
    ),
]


class TestOracleWarehouse(ConnectorContract):
    connector = "oracle_warehouse"
    peer = "Oracle"

    @pytest.fixture
    def settings(self) -> Settings:
        return {"connection": "reporting"}

    @pytest.fixture
    def ports(self) -> PortsForTests:
        url = urlsplit(DSN)
        credentials = Credentials(
            url=f"oracle://{url.hostname}:{url.port or 1521}{url.path}",
            user=unquote(url.username or ""),
            secret=unquote(url.password or ""),
        )
        return PortsForTests(credentials={"reporting": credentials})

    @pytest.fixture
    def items(self) -> list[LoadItem]:
        """Five documents that no run before has loaded."""
        mark = uuid.uuid4().hex[:8]
        return [load_item(sample_order(f"CT-{mark}-{number}"), source=number) for number in range(1, 6)]

    @pytest.fixture
    def unacceptable(self) -> LoadItem:
        """A text that is too long for its column."""
        return load_item(msgspec.structs.replace(sample_order("CT-LONG"), contract_number="x" * 5000))

    @pytest.fixture
    def effects(self) -> Effects:
        url = urlsplit(DSN)

        def count(keys: Sequence[str]) -> dict[str, int]:
            with (
                oracledb.connect(
                    host=url.hostname,
                    port=url.port or 1521,
                    service_name=url.path[1:],
                    user=unquote(url.username or ""),
                    password=unquote(url.password or ""),
                ) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute("SELECT table_name FROM user_tables WHERE table_name = 'WAREHOUSE_LOAD'")
                if not cursor.fetchall():
                    return {}
                cursor.execute(
                    "SELECT l.key, count(*) FROM warehouse_load l JOIN purchase_order o "
                    "ON o.identity = l.identity AND o.version = l.version GROUP BY l.key"
                )
                return {key: found for key, found in cursor if key in keys}

        return count

    @pytest.fixture
    def unreachable(self) -> tuple[Settings, PortsForTests]:
        nowhere = Credentials(url="oracle://127.0.0.1:1/nothing", user="nobody", secret="x")
        return {"connection": "reporting"}, PortsForTests(credentials={"reporting": nowhere})
