"""The warehouse connector keeps the contract, on PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import Engine, event, text

from orderhub.ledger.engine import create_engine
from orderhub.testing import ConnectorContract, Effects, FailAt, Failure, PortsForTests, Settings
from orderhub.warehouse.port import WarehousePort

pytestmark = pytest.mark.integration


class TestWarehouse(ConnectorContract):
    connector = "warehouse"

    @pytest.fixture
    def engine(self, database: str) -> Iterator[Engine]:
        engine = create_engine(database)
        yield engine
        engine.dispose()

    @pytest.fixture
    def asking(self, database: str) -> Iterator[Engine]:
        """A way of its own, which no arranged failure concerns."""
        engine = create_engine(database)
        yield engine
        engine.dispose()

    @pytest.fixture
    def peer(self, asking: Engine) -> str:
        with asking.connect() as connection:
            return f"PostgreSQL {connection.execute(text('SHOW server_version')).scalar_one()}"

    @pytest.fixture
    def ports(self, engine: Engine) -> PortsForTests:
        return PortsForTests(resources={"warehouse": WarehousePort(engine)})

    @pytest.fixture
    def effects(self, asking: Engine) -> Effects:
        def count(keys: Sequence[str]) -> dict[str, int]:
            query = text(
                "SELECT l.key, count(*) FROM warehouse.load l JOIN warehouse.purchase_order o "
                "ON o.identity = l.identity AND o.version = l.version WHERE l.key = ANY(:keys) GROUP BY l.key"
            )
            with asking.connect() as connection:
                return dict(connection.execute(query, {"keys": list(keys)}).all())

        return count

    @pytest.fixture
    def fail_at(self, engine: Engine) -> FailAt:
        """The server ends the session at the n-th statement."""

        @contextlib.contextmanager
        def at(step: int) -> Iterator[Failure]:
            seen = 0
            failure = Failure()

            def kill(connection, cursor, statement, parameters, context, executemany):
                nonlocal seen
                if seen == step:
                    failure.happened = True
                    with contextlib.suppress(Exception):
                        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
                seen += 1

            event.listen(engine, "before_cursor_execute", kill)
            try:
                yield failure
            finally:
                event.remove(engine, "before_cursor_execute", kill)

        return at

    @pytest.fixture
    def unreachable(self) -> tuple[Settings, PortsForTests]:
        nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
        return {}, PortsForTests(resources={"warehouse": WarehousePort(nowhere)})
