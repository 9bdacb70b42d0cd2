"""The connector oracle_ebs keeps the contract, over tables of the interface and a stand-in for the import (servers/ebs.py).

On PostgreSQL: that is not Oracle, and shows the connector's own steps alone, not that Oracle takes its statements. On an Oracle
server only with ORACLE_DSN, ``oracle://user:secret@host:1521/service`` of a schema without such tables. Nowhere E-Business Suite.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
import sqlalchemy as sa
from servers.ebs import SETTINGS, StandIn, on_postgres

from orderhub.connector import Credentials, LoadItem
from orderhub.ledger.engine import create_engine
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

DSN = os.environ.get("ORACLE_DSN", "")
NOWHERE = Credentials(url="oracle://127.0.0.1:1/nothing", user="nobody", secret="x")


class _WithStandIn(ConnectorContract):
    """``system`` is the stand-in, whose import runs meanwhile."""

    @pytest.fixture
    def settings(self) -> Settings:
        return {**SETTINGS, "wait_seconds": 60}

    @pytest.fixture
    def effects(self, system: StandIn) -> Effects:
        return system.effects

    @pytest.fixture
    def state(self, system: StandIn) -> Callable[[], object]:
        return lambda: [system.rows(table) for table in system.interface.metadata.sorted_tables]

    @pytest.fixture
    def items(self) -> list[LoadItem]:
        mark = uuid.uuid4().hex[:8]
        return [load_item(sample_order(f"CT-{mark}-{number}"), source=number) for number in range(1, 4)]

    @pytest.fixture
    def unacceptable(self) -> LoadItem:
        """A unit that the import does not know."""
        order = sample_order("CT-UNIT")
        order.lines[1] = msgspec.structs.replace(order.lines[1], unit="KGM")
        return load_item(order)

    @pytest.fixture
    def unreachable(self) -> tuple[Settings, PortsForTests]:
        return SETTINGS, PortsForTests(credentials={"ebs": NOWHERE})


@pytest.mark.integration
class TestOracleEbsOverPostgreSqlWithAStandInForTheImport(_WithStandIn):
    connector = "oracle_ebs"

    @pytest.fixture
    def system(self, empty_database: str) -> Iterator[StandIn]:
        engine = create_engine(empty_database)
        system = StandIn(engine)
        system.create()
        with system.importing():
            yield system
        engine.dispose()

    @pytest.fixture
    def peer(self, system: StandIn) -> str:
        with system.engine.connect() as connection:
            version = connection.scalar(sa.text("SHOW server_version"))
        return f"PostgreSQL {version} with a stand-in for the import (not Oracle)"

    @pytest.fixture
    def failing(self) -> dict[str, Any]:
        """``left``: how many statements go through before one is ended with its session; None: all."""
        return {"left": None, "failure": Failure()}

    @pytest.fixture(autouse=True)
    def _over_postgres(self, failing: dict[str, Any]) -> Iterator[None]:
        def kill(connection: Any, cursor: Any, *_: object) -> None:
            if failing["left"] is not None:
                failing["left"] -= 1
                if failing["left"] == -1:
                    failing["failure"].happened = True
                    with contextlib.suppress(Exception):
                        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

        with on_postgres(kill):
            yield

    @pytest.fixture
    def ports(self, system: StandIn, empty_database: str) -> PortsForTests:
        return PortsForTests(credentials={"ebs": Credentials(url=empty_database)})

    @pytest.fixture
    def fail_at(self, failing: dict[str, Any]) -> FailAt:
        """The server ends the session at the n-th statement."""

        @contextlib.contextmanager
        def at(step: int) -> Iterator[Failure]:
            failing.update(left=step, failure=Failure())
            try:
                yield failing["failure"]
            finally:
                failing["left"] = None

        return at


@pytest.mark.oracle
@pytest.mark.integration
@pytest.mark.skipif(
    not DSN, reason="NOT TESTED: the connector oracle_ebs needs an Oracle server (ORACLE_DSN)"
)
class TestOracleEbsOnOracleWithAStandInForTheImport(_WithStandIn):
    connector = "oracle_ebs"
    peer = "Oracle with a stand-in for the import"

    @pytest.fixture
    def system(self) -> Iterator[StandIn]:
        start, _, service = DSN.rpartition("/")
        engine = sa.create_engine(
            f"{start.replace('oracle:', 'oracle+oracledb:', 1)}/?service_name={service}"
        )
        system = StandIn(engine)
        system.create()
        try:
            with system.importing():
                yield system
        finally:
            system.drop()
            engine.dispose()

    @pytest.fixture
    def ports(self, system: StandIn) -> PortsForTests:
        at, service = system.engine.url, urlsplit(DSN).path
        credentials = Credentials(
            url=f"oracle://{at.host}:{at.port or 1521}{service}", user=at.username, secret=at.password
        )
        return PortsForTests(credentials={"ebs": credentials})
