"""Queues as their other users see them: consumers that died, messages that nobody can use, brokers that say nothing."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pika
import pytest
from servers.cutting import cutting
from servers.rabbitmq import RabbitMq
from servers.valkey import DurableValkey, durable_valkey

from orderhub.connector import Connector, Credentials, OutcomeState, Settlement
from orderhub.connector_registry import registry
from orderhub.errors import ConnectorRefused, ConnectorUnavailable, MappingError
from orderhub.testing import PortsForTests, load_item, sample_order

pytestmark = pytest.mark.integration

KEY = "shop:orders"


@pytest.fixture(scope="module")
def valkey_server() -> Iterator[DurableValkey]:
    with durable_valkey() as running:
        yield running


def redis_connector(server: DurableValkey, make: list[Connector[Any]], **settings: Any) -> Connector[Any]:
    ports = PortsForTests(credentials={"shop": server.credentials()})
    given = {"connection": "shop", "key": KEY} | settings
    make.append(registry().create("redis_stream", given, ports))
    return make[-1]


@pytest.fixture
def made(valkey_server: DurableValkey) -> Iterator[list[Connector[Any]]]:
    with valkey_server.client() as client:
        client.flushall()
    connectors: list[Connector[Any]] = []
    yield connectors
    for connector in connectors:
        connector.close()


class TestRedisStreams:
    def test_what_a_dead_consumer_left_is_taken_over_and_not_before(
        self, valkey_server: DurableValkey, made: list[Connector[Any]]
    ) -> None:
        with valkey_server.client() as client:
            for number in range(3):
                client.xadd(KEY, {"data": f"n{number}"})
            client.xgroup_create(KEY, "orderhub", id="0")
            client.xreadgroup("orderhub", "another", {KEY: ">"}, count=2)
            patient = redis_connector(valkey_server, made, claim_after_seconds=3600)
            assert [one.data for one in patient.pull("orders", None)] == [b"n2"]
            assert patient.waiting("orders", None)
            eager = redis_connector(valkey_server, made, claim_after_seconds=0)
            assert sorted(one.data or b"" for one in eager.pull("orders", None)) == [b"n0", b"n1", b"n2"]
            for one in eager.pull("orders", None):
                eager.settle(one, Settlement.ACCEPTED)
            assert client.xpending(KEY, "orderhub")["pending"] == 0
            assert not eager.waiting("orders", None)

    def test_trimming_waits_for_every_group(
        self, valkey_server: DurableValkey, made: list[Connector[Any]]
    ) -> None:
        with valkey_server.client() as client:
            ids = [client.xadd(KEY, {"data": f"n{number}"}) for number in range(5)]
            client.xgroup_create(KEY, "slow", id="0")
            client.xreadgroup("slow", "c", {KEY: ">"}, count=3)
            client.xack(KEY, "slow", ids[0])
            connector = redis_connector(valkey_server, made, after="trim")
            for one in connector.pull("orders", None):
                connector.settle(one, Settlement.ACCEPTED)
            assert [entry for entry, _ in client.xrange(KEY)] == ids[1:]
            # nothing is new, and still what the slow one has done since goes
            client.xack(KEY, "slow", *ids[1:3])
            assert list(connector.pull("orders", None)) == []
            assert [entry for entry, _ in client.xrange(KEY)] == ids[2:]

    def test_entries_that_cannot_be_used_are_shown_and_do_not_come_again(
        self, valkey_server: DurableValkey, made: list[Connector[Any]]
    ) -> None:
        connector = redis_connector(
            valkey_server, made, dead_letter="dead", max_bytes=20, claim_after_seconds=0
        )
        with valkey_server.client() as client:
            client.xadd(KEY, {"other": "field"})
            client.xadd(KEY, {"data": "x" * 21})
            client.xadd(KEY, {"data": ""})
            client.xadd(KEY, {b"data": b"\xff\xfe", b"name": b"a\nb\x1b[31m"})
            gone = client.xadd(KEY, {"data": "deleted"})
            assert len(list(connector.pull("orders", None))) == 5
            client.xdel(KEY, gone)
            found = list(connector.pull("orders", None))
            assert [one.problem is not None for one in found] == [True, True, True, False, True]
            assert [one.data for one in found] == [b'{"other": "field"}', b"x" * 21, None, b"\xff\xfe", None]
            assert "\n" not in found[3].name
            assert "\x1b" not in found[3].name
            for one in found:
                for _ in range(2):
                    connector.settle(one, Settlement.REFUSED if one.problem else Settlement.ACCEPTED)
            assert list(connector.pull("orders", None)) == []
            reasons = [fields["orderhub-reason"] for _, fields in client.xrange("dead")]
            assert len(reasons) == 3  # of what is gone there is nothing to keep
            assert "no field 'data'" in reasons[0]

    def test_a_refused_entry_stays_until_its_copy_is_among_the_dead_letters(
        self, valkey_server: DurableValkey, made: list[Connector[Any]]
    ) -> None:
        connector = redis_connector(valkey_server, made, dead_letter="dead", after="delete")
        with valkey_server.client() as client:
            client.set("dead", "a text, and no stream")
            client.xadd(KEY, {"other": "field"})
            [refused] = connector.pull("orders", None)
            for _ in range(2):
                with pytest.raises(ConnectorRefused):
                    connector.settle(refused, Settlement.REFUSED)
            assert client.xpending(KEY, "orderhub")["pending"] == 1
            client.delete("dead")
            for _ in range(2):
                connector.settle(refused, Settlement.REFUSED)
            assert [fields["other"] for _, fields in client.xrange("dead")] == ["field"]
            assert client.xpending(KEY, "orderhub")["pending"] == client.xlen(KEY) == 0

    def test_a_wrong_password_and_a_key_of_another_kind_are_told(
        self, valkey_server: DurableValkey, made: list[Connector[Any]]
    ) -> None:
        with valkey_server.client() as client:
            client.set(KEY, "a text")
        connector = redis_connector(valkey_server, made)
        assert "holds a string" in connector.check().sentence
        with pytest.raises(ConnectorRefused):
            list(connector.pull("orders", None))
        ports = PortsForTests(
            credentials={"shop": Credentials(url=f"redis://127.0.0.1:{valkey_server.port}", secret="s3cret")}
        )
        made.append(registry().create("redis_stream", {"connection": "shop", "key": KEY}, ports))
        with pytest.raises(ConnectorRefused) as caught:
            made[-1].waiting("orders", None)
        assert "s3cret" not in str(caught.value)


@pytest.fixture
def queue_name(rabbit: RabbitMq) -> Iterator[str]:
    name = f"orders-{uuid.uuid4()}"
    yield name
    connection = rabbit.connect()
    for one in (name, f"{name}.dead"):
        connection.channel().queue_delete(one)
    connection.close()


def rabbit_connector(rabbit: RabbitMq, made: list[Connector[Any]], **settings: Any) -> Connector[Any]:
    ports = PortsForTests(credentials={"shop": rabbit.credentials()})
    # nobody else takes from the queues: a pull has all that was ready, however long the broker takes for it
    given = {"connection": "shop", "idle_seconds": 10} | settings
    made.append(registry().create("rabbitmq", given, ports))
    return made[-1]


def put(rabbit: RabbitMq, queue: str, *messages: tuple[bytes, dict[str, Any]]) -> None:
    connection = rabbit.connect()
    channel = connection.channel()
    channel.confirm_delivery()
    for data, properties in messages:
        channel.basic_publish(
            "", queue, data, pika.BasicProperties(delivery_mode=2, **properties), mandatory=True
        )
    connection.close()


def take_all(rabbit: RabbitMq, queue: str) -> list[tuple[Any, bytes]]:
    connection = rabbit.connect()
    channel = connection.channel()
    found = []
    while True:
        method, properties, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            connection.close()
            return found
        found.append((properties, body))


@pytest.fixture
def rabbits() -> Iterator[list[Connector[Any]]]:
    connectors: list[Connector[Any]] = []
    yield connectors
    for connector in connectors:
        connector.close()


class TestRabbitMq:
    def test_a_message_without_an_id_is_known_by_what_does_not_change(
        self, rabbit: RabbitMq, queue_name: str, rabbits: list[Connector[Any]]
    ) -> None:
        connector = rabbit_connector(rabbit, rabbits, queue=queue_name, declare=True, queue_type="quorum")
        assert list(connector.pull("orders", None)) == []
        put(
            rabbit,
            queue_name,
            (b"a", {}),
            (b"b", {}),
            (b"a", {"timestamp": 1}),
            (b"a", {"headers": {"n": 1}}),
            (b"a", {"message_id": "1"}),
            (b"b", {"message_id": "1"}),
            (b"b", {"message_id": "1"}),  # a publisher that tried again
        )
        eventually(lambda: "7 messages wait" in connector.check().sentence)
        first = [one.arrival for one in connector.pull("orders", None)]
        assert len(first) == len(set(first)) == 6
        eventually(lambda: "7 messages wait" in connector.check().sentence)
        seen = []
        for one in connector.pull("orders", None):
            seen.append(one.arrival)
            connector.settle(one, Settlement.ACCEPTED)
        assert seen == first
        eventually(lambda: not connector.waiting("orders", None))
        assert take_all(rabbit, queue_name) == []

    def test_messages_that_cannot_be_used_are_kept_and_do_not_come_again(
        self, rabbit: RabbitMq, queue_name: str, rabbits: list[Connector[Any]]
    ) -> None:
        connector = rabbit_connector(
            rabbit,
            rabbits,
            queue=queue_name,
            declare=True,
            dead_letter=f"{queue_name}.dead",
            max_bytes=10,
        )
        assert list(connector.pull("orders", None)) == []
        put(
            rabbit,
            queue_name,
            (b"x" * 11, {"message_id": "big"}),
            (b"", {"message_id": "empty"}),
            (b"fine", {}),
        )
        eventually(lambda: "3 messages wait" in connector.check().sentence)
        found = []
        for one in connector.pull("orders", None):
            found.append(one)
            for _ in range(2):
                connector.settle(one, Settlement.REFUSED if one.problem else Settlement.ACCEPTED)
        assert [one.problem is not None for one in found] == [True, True, False]
        assert found[0].data == b"x" * 11
        assert list(connector.pull("orders", None)) == []
        dead = take_all(rabbit, f"{queue_name}.dead")
        assert [body for _, body in dead] == [b"x" * 11, b""]
        assert "11 bytes" in dead[0][0].headers["orderhub-reason"]

    def test_what_no_queue_takes_is_refused_and_said(
        self, rabbit: RabbitMq, rabbits: list[Connector[Any]]
    ) -> None:
        item = load_item(sample_order("U-1"))
        connector = rabbit_connector(rabbit, rabbits, exchange="amq.direct", routing_key="nobody")
        [outcome] = connector.load([item])
        assert (outcome.state, outcome.code) == (OutcomeState.REJECTED, "CONNECTOR_UNROUTABLE")
        connector = rabbit_connector(rabbit, rabbits, exchange="no-such-exchange", routing_key="x")
        assert not connector.check().ok
        [outcome] = connector.load([item])
        assert outcome.state is OutcomeState.UNCLEAR

    def test_what_stops_a_load_does_not_make_its_first_messages_go_out_again(
        self, rabbit: RabbitMq, queue_name: str, rabbits: list[Connector[Any]]
    ) -> None:
        """An error of the whole call says that nothing was published."""

        def write(mapping: str, document: Any, given: Any) -> Any:
            if document.number == "S-2":
                raise MappingError("The mapping was changed.", todo="Correct it.")
            return SimpleNamespace(data=b"{}", media_type="application/json")

        ports = PortsForTests(credentials={"shop": rabbit.credentials()}, resources={"write": write})
        settings = {"connection": "shop", "queue": queue_name, "declare": True, "mapping": "m"}
        rabbits.append(registry().create("rabbitmq", settings, ports))
        assert list(rabbits[-1].pull("orders", None)) == []
        first, second = (load_item(sample_order(f"S-{number}"), source=number) for number in (1, 2))
        with pytest.raises(ConnectorRefused):
            rabbits[-1].load([second, first])
        outcomes = rabbits[-1].load([first, second])
        assert [outcome.state for outcome in outcomes] == [OutcomeState.WRITTEN, OutcomeState.UNCLEAR]
        assert [body for _, body in take_all(rabbit, queue_name)] == [b"{}"]

    def test_a_broker_that_says_nothing_is_given_up_in_good_time(
        self, rabbit: RabbitMq, queue_name: str, rabbits: list[Connector[Any]]
    ) -> None:
        with cutting(rabbit.port) as way:
            ports = PortsForTests(credentials={"shop": rabbit.credentials(way.port)})
            settings = {"connection": "shop", "queue": queue_name, "declare": True, "timeout_seconds": 2}
            rabbits.append(registry().create("rabbitmq", settings, ports))
            connector = rabbits[-1]
            assert list(connector.pull("orders", None)) == []
            items = [load_item(sample_order(f"D-{number}"), source=number) for number in (1, 2)]
            began = time.monotonic()
            with way.silent(), pytest.raises(ConnectorUnavailable):
                connector.load(items)
            assert time.monotonic() - began < 60
            assert {outcome.state for outcome in connector.load(items)} == {OutcomeState.WRITTEN}

    def test_a_missing_queue_and_a_wrong_password_are_told(
        self, rabbit: RabbitMq, rabbits: list[Connector[Any]]
    ) -> None:
        connector = rabbit_connector(rabbit, rabbits, queue="not-there")
        health = connector.check()
        assert not health.ok
        assert "not-there" in health.sentence
        with pytest.raises(ConnectorRefused):
            connector.waiting("orders", None)
        bad = Credentials(url=f"amqp://127.0.0.1:{rabbit.port}", user="guest", secret="s3cret")
        ports = PortsForTests(credentials={"shop": bad})
        rabbits.append(registry().create("rabbitmq", {"connection": "shop", "queue": "q"}, ports))
        with pytest.raises(ConnectorRefused) as caught:
            rabbits[-1].waiting("orders", None)
        assert "s3cret" not in str(caught.value)


def eventually(true: Callable[[], bool], seconds: float = 60) -> None:
    """A quorum queue counts a moment after it confirmed."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
