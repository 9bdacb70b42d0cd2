"""The warehouse in Oracle. See README.md in this folder: it was never run against a server."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

import oracledb
import pydantic
import sqlalchemy as sa

from connectors.oracle_warehouse.failures import OracleFailures
from connectors.oracle_warehouse.statements import OracleStar
from connectors.oracle_warehouse.store import OracleStore
from orderhub.errors import ConnectorRefused
from orderhub.star.sql_warehouse import SqlWarehouse, SqlWarehouseSettings
from orderhub.transport.tls import tls_context


class OracleWarehouseSettings(SqlWarehouseSettings):
    """``array_rows`` rows go to the server in one array bind; ``connect_seconds`` for the server's first answer."""

    array_rows: int = pydantic.Field(5000, ge=1, le=50000)
    connect_seconds: float = pydantic.Field(10, gt=0)


class OracleWarehouse(SqlWarehouse[OracleWarehouseSettings]):
    """Loads by array binds and MERGE, versioned by the rules that all warehouses share."""

    name = "oracle_warehouse"
    settings_type = OracleWarehouseSettings
    failures = OracleFailures()

    def make_engine(self) -> sa.Engine:
        """Oracle's default isolation is READ COMMITTED."""
        return sa.create_engine("oracle+oracledb://", creator=self._connect, pool_pre_ping=True)

    def make_star(self) -> OracleStar:
        """The tables with their stages."""
        return OracleStar()

    def make_store(self, connection: sa.Connection) -> OracleStore:
        """The store with array binds."""
        return OracleStore(connection, cast(OracleStar, self.star), self.settings.array_rows)

    def _connect(self) -> oracledb.Connection:
        credentials = self.ports.credentials(self.settings.connection)
        url = urlsplit(credentials.url)
        service = credentials.extra.get("service_name") or credentials.extra.get("database") or url.path[1:]
        if url.scheme not in ("oracle", "oracles") or not url.hostname or not service:
            raise ConnectorRefused(
                f"The connection {self.settings.connection!r} does not name an Oracle service.",
                todo="Give it an address like oracle://host:1521 and the service's name as its schema.",
            )
        secured: dict[str, Any] = {}
        if url.scheme == "oracles" or {"ca_file", "client_certificate"} & set(credentials.extra):
            secured = {"protocol": "tcps", "ssl_context": tls_context(credentials)}
        connection = oracledb.connect(
            host=url.hostname,
            port=url.port or 1521,
            service_name=str(service),
            user=credentials.user,
            password=credentials.secret,
            tcp_connect_timeout=self.settings.connect_seconds,
            **secured,
        )
        with connection.cursor() as cursor:
            cursor.execute("ALTER SESSION SET TIME_ZONE = 'UTC'")
        return connection
