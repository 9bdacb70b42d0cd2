"""The HTTP intake's connector keeps the contract, on the ledger and the archive that posts are recorded in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from orderhub.ledger import intake_keys, posts
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import create_engine, transaction
from orderhub.ledger.states import Environment
from orderhub.security.keys import KeyRing
from orderhub.testing import Arrive, ConnectorContract, PortsForTests, Settings

pytestmark = pytest.mark.integration


class TestHttpIntake(ConnectorContract):
    connector = "http_intake"
    peer = "PostgreSQL (the ledger); the routes have tests of their own"

    @pytest.fixture
    def engine(self, database: str) -> Iterator[Engine]:
        engine = create_engine(database)
        yield engine
        engine.dispose()

    @pytest.fixture
    def archive(self, tmp_path: Path) -> Archive:
        return Archive(str(tmp_path / "archive"), KeyRing.from_text(KeyRing.generate()))

    @pytest.fixture
    def settings(self) -> Settings:
        return {"endpoint": "acme"}

    @pytest.fixture
    def ports(self, engine: Engine, archive: Archive) -> PortsForTests:
        return PortsForTests(resources={"posts": posts.Posts(engine, archive)})

    @pytest.fixture
    def unreachable(self, settings: Settings, archive: Archive) -> tuple[Settings, PortsForTests]:
        nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
        return settings, PortsForTests(resources={"posts": posts.Posts(nowhere, archive)})

    @pytest.fixture
    def arrive(self, engine: Engine, archive: Archive) -> Arrive:
        with transaction(engine) as connection:
            key, _ = intake_keys.create(connection, "acme_posts", name="ACME", actor="test")

        def post(name: str, data: bytes) -> None:
            given = posts.Post(
                flow="acme_posts",
                stream="orders",
                endpoint="acme",
                agreement="",
                company="default",
                environment=Environment.PRODUCTION,
                name=name,
                media_type="text/plain",
                stored=archive.store(data),
            )
            with transaction(engine) as connection:
                posts.record(connection, key, given)

        return post

    @pytest.fixture
    def state(self, engine: Engine) -> Callable[[], object]:
        def picture() -> object:
            with engine.connect() as connection:
                return connection.execute(
                    text("SELECT id, settled_at FROM ledger.interchange ORDER BY id")
                ).all()

        return picture
