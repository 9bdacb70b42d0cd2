"""TLS of the drivers that speak no HTTP, with an authority of one's own: taken when it vouches for the server, else refused
before anything is said, the password least of all."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from servers.certificates import Authority, make_authority
from servers.mariadb import MariaDb, mariadb_server
from servers.rabbitmq import RabbitMq
from servers.sql_tables import DOCUMENT, MariaDbTables, WatermarkTable, need_odbc
from servers.tls_front import tls_front
from servers.valkey import DurableValkey, durable_valkey

from orderhub.connector import Connector, Credentials, OutcomeState
from orderhub.connector_registry import registry
from orderhub.errors import ConnectorRefused
from orderhub.testing import PortsForTests, load_item, sample_order

pytestmark = pytest.mark.integration


@pytest.fixture
def made() -> Iterator[list[Connector[Any]]]:
    connectors: list[Connector[Any]] = []
    yield connectors
    for connector in connectors:
        connector.close()


def connect(
    made: list[Connector[Any]], name: str, settings: dict[str, Any], credentials: Credentials
) -> Connector[Any]:
    ports = PortsForTests(credentials={"far": credentials})
    made.append(registry().create(name, {"connection": "far", **settings}, ports))
    return made[-1]


@pytest.fixture(scope="module")
def streams() -> Iterator[DurableValkey]:
    with durable_valkey() as server:
        yield server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder: Path = tmp_path_factory.mktemp("authority")
    return make_authority(folder)


def works(connector: Connector[Any]) -> None:
    """It is reached, and takes an order."""
    health = connector.check()
    assert health.ok, health.sentence
    [outcome] = connector.load([load_item(sample_order(f"TLS-{uuid.uuid4()}"))])
    assert outcome.state is OutcomeState.WRITTEN, outcome


def refused(connector: Connector[Any], why: str) -> None:
    """No use of it goes through, and a sentence says why."""
    health = connector.check()
    assert not health.ok
    assert "certificate" in health.sentence
    assert why in health.sentence
    with pytest.raises(ConnectorRefused, match=why) as caught:
        connector.load([load_item(sample_order("TLS-1"))])
    assert "s3cret" not in str(caught.value)


EXPIRED, OTHER_NAME = "expired", "mismatch"
UNVERIFIED = "certificate is not verified"


class TestValkey:
    """TLS ends before the server: the one of the tests is built without."""

    @contextmanager
    def at(
        self,
        made: list[Connector[Any]],
        server: DurableValkey,
        certificate: Path,
        host: str = "127.0.0.1",
        query: str = "",
        **extra: Any,
    ) -> Iterator[Connector[Any]]:
        with tls_front(server.port, certificate, host) as port:
            credentials = Credentials(url=f"rediss://{host}:{port}/0{query}", extra=extra)
            yield connect(made, "redis_stream", {"key": f"tls:{uuid.uuid4()}"}, credentials)
            made.pop().close()

    def test_a_private_authority_vouches_for_the_server(
        self, made: list[Connector[Any]], streams: DurableValkey, authority: Authority
    ) -> None:
        with self.at(made, streams, authority.server, ca_file=str(authority.ca_file)) as connector:
            works(connector)

    def test_certificates_that_cannot_be_trusted_are_refused(
        self, made: list[Connector[Any]], streams: DurableValkey, authority: Authority
    ) -> None:
        known = {"ca_file": str(authority.ca_file)}
        with self.at(made, streams, authority.expired, **known) as connector:
            refused(connector, EXPIRED)
        with self.at(made, streams, authority.server) as connector:
            refused(connector, "local issuer")
        with self.at(made, streams, authority.server, host="127.0.0.2", **known) as connector:
            refused(connector, OTHER_NAME)

    def test_an_address_does_not_turn_the_verification_off(
        self, made: list[Connector[Any]], streams: DurableValkey, authority: Authority
    ) -> None:
        with (
            self.at(made, streams, authority.expired, query="?ssl_cert_reqs=none") as connector,
            pytest.raises(ConnectorRefused, match="ssl_cert_reqs"),
        ):
            connector.waiting("orders", None)

    def test_a_file_that_is_missing_is_a_sentence(
        self, made: list[Connector[Any]], streams: DurableValkey, authority: Authority, tmp_path: Path
    ) -> None:
        with self.at(made, streams, authority.server, ca_file=str(tmp_path / "none.pem")) as connector:
            health = connector.check()
        assert not health.ok
        assert "is no file" in health.sentence


class TestRabbitMq:
    @pytest.fixture
    def queue(self, rabbit: RabbitMq) -> Iterator[str]:
        name = f"tls-{uuid.uuid4()}"
        connection = rabbit.connect()
        connection.channel().queue_declare(name, durable=True)
        yield name
        connection.channel().queue_delete(name)
        connection.close()

    def credentials(self, port: int, **extra: Any) -> Credentials:
        return Credentials(url=f"amqps://localhost:{port}", user="guest", secret="guest", extra=extra)

    def test_a_private_authority_vouches_for_the_broker(
        self, made: list[Connector[Any]], rabbit: RabbitMq, queue: str
    ) -> None:
        known = self.credentials(rabbit.tls_port, ca_file=str(rabbit.authority.ca_file))
        works(connect(made, "rabbitmq", {"queue": queue}, known))

    def test_certificates_that_cannot_be_trusted_are_refused(
        self, made: list[Connector[Any]], rabbit: RabbitMq, queue: str, authority: Authority
    ) -> None:
        refused(connect(made, "rabbitmq", {"queue": queue}, self.credentials(rabbit.tls_port)), "certificate")
        with tls_front(rabbit.port, authority.expired) as port:
            known = self.credentials(port, ca_file=str(authority.ca_file))
            refused(connect(made, "rabbitmq", {"queue": queue}, known), EXPIRED)


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDb]:
    with mariadb_server(tls=True) as server:
        yield server


class TestMariaDb:
    """As a warehouse, and as a source by either driver. The user is let in over TLS alone."""

    @pytest.fixture
    def credentials(self, mariadb: MariaDb) -> Iterator[Callable[..., Credentials]]:
        """``credentials(**extra)`` of an empty database."""
        with mariadb.database() as database:
            with mariadb.connect() as connection, connection.cursor() as cursor:
                cursor.execute("CREATE OR REPLACE USER far@'127.0.0.1' IDENTIFIED BY 's3cret' REQUIRE SSL")
                cursor.execute(f"GRANT ALL ON {database}.* TO far@'127.0.0.1'")
            yield lambda **extra: Credentials(
                url=f"mysql://127.0.0.1:{mariadb.port}",
                user="far",
                secret="s3cret",
                extra={"database": database, **extra},
            )

    def test_a_warehouse(
        self, made: list[Connector[Any]], mariadb: MariaDb, credentials: Callable[..., Credentials]
    ) -> None:
        assert mariadb.authority is not None
        known = credentials(ca_file=str(mariadb.authority.ca_file))
        works(secured := connect(made, "mariadb_warehouse", {}, known))
        assert UNVERIFIED not in secured.check().sentence
        assert UNVERIFIED in connect(made, "mariadb_warehouse", {}, credentials()).check().sentence
        refused(connect(made, "mariadb_warehouse", {}, credentials(tls=True)), "certificate")
        with mariadb.showing_expired():
            refused(connect(made, "mariadb_warehouse", {}, known), EXPIRED)

    @pytest.mark.parametrize("driver", ["arrow-odbc", "pymysql"])
    def test_a_source(
        self,
        made: list[Connector[Any]],
        mariadb: MariaDb,
        credentials: Callable[..., Credentials],
        driver: str,
        authority: Authority,
    ) -> None:
        assert mariadb.authority is not None
        need_odbc("MariaDB Unicode")
        tables = MariaDbTables(mariadb, str(credentials().extra["database"]))
        tables.order("first", "text")
        tables.close()
        by = {"odbc_driver": ""} if driver == "pymysql" else {}
        settings = {**DOCUMENT, "read": WatermarkTable.by, "connection": "far"}
        known = credentials(ssl_ca=str(mariadb.authority.ca_file), **by)
        connector = connect(made, "sql", settings, known)
        health = connector.check()
        assert health.ok, health.sentence
        assert UNVERIFIED not in health.sentence
        assert UNVERIFIED in connect(made, "sql", settings, credentials(**by)).check().sentence
        [page] = connector.pull("orders", None)
        assert b"first" in (page.data or b"")
        stranger = connect(made, "sql", settings, credentials(ssl_ca=str(authority.ca_file), **by))
        assert "certificate" in stranger.check().sentence
        with mariadb.showing_expired():
            expired = connect(made, "sql", settings, known)
            assert EXPIRED in expired.check().sentence
            with pytest.raises(ConnectorRefused, match=EXPIRED):
                list(expired.pull("orders", None))
