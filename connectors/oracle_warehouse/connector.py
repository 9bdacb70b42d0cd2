"""The warehouse in Oracle. See README.md in this folder: it was never run against a server."""

from __future__ import annotations

from typing import cast

import oracledb
import pydantic
import sqlalchemy as sa

from connectors.oracle_warehouse.statements import OracleStar
from connectors.oracle_warehouse.store import OracleStore
from orderhub.star.sql_warehouse import SqlWarehouse, SqlWarehouseSettings
from orderhub.transport.oracle import OracleFailures, connect


class OracleWarehouseSettings(SqlWarehouseSettings):
    """``array_rows`` rows go to the server in one array bind; ``connect_seconds`` for the server's first answer."""

    array_rows: int = pydantic.Field(5000, ge=1, le=50000)
    connect_seconds: float = pydantic.Field(10, gt=0)


class OracleWarehouse(SqlWarehouse[OracleWarehouseSettings]):
    """Loads by array binds and MERGE, versioned by the rules that all warehouses share."""

    name = "oracle_warehouse"
    settings_type = OracleWarehouseSettings
    failures = OracleFailures("The warehouse")

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
        settings = self.settings
        credentials = self.ports.credentials(settings.connection)
        connection = connect(credentials, name=settings.connection, seconds=settings.connect_seconds)
        with connection.cursor() as cursor:
            cursor.execute("ALTER SESSION SET TIME_ZONE = 'UTC'")
        return connection
