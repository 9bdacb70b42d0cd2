"""The warehouse in MySQL or MariaDB. See README.md in this folder."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pydantic
import sqlalchemy as sa

from connectors.mariadb_warehouse.failures import MariaDbFailures
from connectors.mariadb_warehouse.local_data import LocalDataConnection
from connectors.mariadb_warehouse.store import MariaDbStore
from orderhub.connector import Credentials, Health, Ports
from orderhub.errors import ConnectorRefused
from orderhub.star.sql_warehouse import SqlWarehouse, SqlWarehouseSettings
from orderhub.transport.tls import tls_context

_MODE = "SET SESSION sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone='+00:00'"


class MariaDbWarehouseSettings(SqlWarehouseSettings):
    """``connect_seconds`` for the server's first answer, ``answer_seconds`` for one statement."""

    connect_seconds: int = pydantic.Field(10, ge=1)
    answer_seconds: int = pydantic.Field(600, ge=1)


class MariaDbWarehouse(SqlWarehouse[MariaDbWarehouseSettings]):
    """Loads by LOAD DATA, versioned by the rules that all warehouses share."""

    name = "mariadb_warehouse"
    settings_type = MariaDbWarehouseSettings
    failures = MariaDbFailures()

    def __init__(self, settings: MariaDbWarehouseSettings, ports: Ports) -> None:
        super().__init__(settings, ports)
        self._composed: dict[Any, str] = {}

    def check(self) -> Health:
        """As of every warehouse; says also when the connection leaves the server unverified."""
        health = super().check()
        if not health.ok or _asks_for_tls(self.ports.credentials(self.settings.connection)):
            return health
        todo = "Set tls or ca_file in the connection's extra."
        return Health(ok=True, sentence=f"{health.sentence} The server's certificate is not verified. {todo}")

    def make_engine(self) -> sa.Engine:
        """READ COMMITTED: what a merge sees is what was committed before it got the lock."""
        return sa.create_engine(
            "mysql+pymysql://",
            creator=self._connect,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            # by place: the store binds some statements itself
            paramstyle="format",
        )

    def make_store(self, connection: sa.Connection) -> MariaDbStore:
        """The store with LOAD DATA."""
        return MariaDbStore(connection, self.star, self._composed)

    def _connect(self) -> LocalDataConnection:
        credentials = self.ports.credentials(self.settings.connection)
        url = urlsplit(credentials.url)
        database = credentials.extra.get("database") or url.path.lstrip("/")
        if url.scheme not in ("mysql", "mariadb") or not url.hostname or not database:
            raise ConnectorRefused(
                f"The connection {self.settings.connection!r} does not name a MySQL or MariaDB database.",
                todo="Give it an address like mysql://host:3306 and the database's name as its schema.",
            )
        return LocalDataConnection(
            host=url.hostname,
            port=url.port or 3306,
            user=credentials.user or "",
            password=credentials.secret or "",
            database=str(database),
            charset="utf8mb4",
            local_infile=True,
            connect_timeout=self.settings.connect_seconds,
            read_timeout=self.settings.answer_seconds,
            write_timeout=self.settings.answer_seconds,
            ssl=tls_context(credentials) if _asks_for_tls(credentials) else None,
            init_command=_MODE,
        )


def _asks_for_tls(credentials: Credentials) -> bool:
    """Whether TLS is a must, with the certificate verified. Else the driver takes what the server offers, unverified."""
    wanted = str(credentials.extra.get("tls", "")).lower() in ("true", "1", "yes", "on")
    return wanted or bool({"ca_file", "client_certificate"} & set(credentials.extra))
