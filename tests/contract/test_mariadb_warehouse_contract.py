"""The connector mariadb_warehouse keeps the contract, on a MariaDB server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec
import pytest
from servers.mariadb import MariaDb, mariadb, mariadb_database
from sqlalchemy import event
from warehouse_effects import mariadb_effects

from connectors.mariadb_warehouse.connector import MariaDbWarehouse
from connectors.mariadb_warehouse.local_data import LocalDataConnection
from orderhub.connector import Credentials, LoadItem
from orderhub.testing import (
    ConnectorContract,
    Effects,
    FailAt,
    Failure,
    PortsForTests,
    Settings,
    load_item,
    sample_order,
)

pytestmark = pytest.mark.integration
__all__ = ["mariadb", "mariadb_database"]


class TestMariaDbWarehouse(ConnectorContract):
    connector = "mariadb_warehouse"

    @pytest.fixture
    def peer(self, mariadb: MariaDb) -> str:
        with mariadb.connect() as connection:
            # the prefix is for clients that know no MariaDB
            return f"MariaDB {connection.get_server_info().removeprefix('5.5.5-')}"

    @pytest.fixture
    def settings(self) -> Settings:
        return {"connection": "reporting"}

    @pytest.fixture
    def ports(self, mariadb: MariaDb, mariadb_database: str) -> PortsForTests:
        return PortsForTests(credentials={"reporting": mariadb.credentials(mariadb_database)})

    @pytest.fixture
    def effects(self, mariadb: MariaDb, mariadb_database: str) -> Effects:
        return lambda keys: mariadb_effects(mariadb, mariadb_database, keys)

    @pytest.fixture
    def state(self, mariadb: MariaDb, mariadb_database: str):
        def tables() -> Sequence[tuple[str, ...]]:
            with mariadb.connect(mariadb_database) as connection, connection.cursor() as cursor:
                cursor.execute("SHOW TABLES")
                return cursor.fetchall()

        return tables

    @pytest.fixture
    def fail_at(self, mariadb: MariaDb, monkeypatch: pytest.MonkeyPatch) -> FailAt:
        """The server ends the session before the n-th statement, in the middle of a LOAD DATA, or before the commit."""

        @contextlib.contextmanager
        def at(step: int) -> Iterator[Failure]:
            failure, seen = Failure(), 0
            make_engine = MariaDbWarehouse.make_engine

            def kill(driver) -> None:
                nonlocal seen
                if seen == step:
                    failure.happened = True
                    with mariadb.connect() as other, other.cursor() as cursor:
                        cursor.execute(f"KILL CONNECTION {driver.thread_id()}")
                seen += 1

            def made(connector):
                engine = make_engine(connector)
                event.listen(
                    engine,
                    "before_cursor_execute",
                    lambda connection, *rest: kill(connection.connection.driver_connection),
                )
                event.listen(
                    engine, "commit", lambda connection: kill(connection.connection.driver_connection)
                )
                return engine

            load = LocalDataConnection.load

            def loading(driver, statement, rows):
                def cut():
                    for place, row in enumerate(rows):
                        yield row
                        if place == 0:
                            kill(driver)

                return load(driver, statement, cut())

            with monkeypatch.context() as patched:
                patched.setattr(MariaDbWarehouse, "make_engine", made)
                patched.setattr(LocalDataConnection, "load", loading)
                yield failure

        return at

    @pytest.fixture
    def unacceptable(self) -> LoadItem:
        """More digits than the column has: never rounded."""
        order = sample_order("CT-DIGITS")
        line = msgspec.structs.replace(order.lines[0], price=Decimal("0.00000000001"))
        return load_item(msgspec.structs.replace(order, lines=[line, *order.lines[1:]]))

    @pytest.fixture
    def unreachable(self) -> tuple[Settings, PortsForTests]:
        nowhere = Credentials(url="mysql://127.0.0.1:1/nothing", user="nobody", secret="x")
        return {"connection": "reporting"}, PortsForTests(credentials={"reporting": nowhere})
