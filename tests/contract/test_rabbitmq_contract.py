"""The RabbitMQ connector keeps the contract, on a real broker; where AMQP cannot, this file says what it does instead."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pika
import pytest
from servers.cutting import CuttingProxy, cutting
from servers.rabbitmq import RabbitMq

from orderhub.connector import Connector, Credentials, LoadItem, OutcomeState
from orderhub.testing import Arrive, ConnectorContract, Effects, FailAt, PortsForTests, Replies, Settings

pytestmark = pytest.mark.integration

REPLY = b"UNB+UNOC:3+1+2+261120:0831+1'UNZ+0+1'"


@pytest.fixture(scope="module")
def way(rabbit: RabbitMq) -> Iterator[CuttingProxy]:
    with cutting(rabbit.port) as proxy:
        yield proxy


class Queue:
    """A queue as its other users see it, past the connector."""

    def __init__(self, rabbit: RabbitMq, name: str) -> None:
        self.name = name
        self._connection = rabbit.connect()
        self._channel = self._connection.channel()
        self._channel.confirm_delivery()
        self._channel.queue_declare(name, durable=True)

    def put(self, data: bytes, **properties: Any) -> None:
        given = pika.BasicProperties(delivery_mode=2, **({"message_id": str(uuid.uuid4())} | properties))
        self._channel.basic_publish("", self.name, data, given, mandatory=True)

    def count(self) -> int:
        return int(self._channel.queue_declare(self.name, passive=True).method.message_count)

    def messages(self) -> list[tuple[Any, bytes]]:
        """All that is there; it stays."""
        found = []
        with self._connection.channel() as channel:
            while True:
                method, properties, body = channel.basic_get(self.name)
                if method is None:
                    return found
                found.append((properties, body))

    def close(self) -> None:
        self._channel.queue_delete(self.name)
        self._connection.close()


@pytest.fixture
def queue(rabbit: RabbitMq) -> Iterator[Queue]:
    made = Queue(rabbit, f"orders-{uuid.uuid4()}")
    yield made
    made.close()


class TestRabbitMq(ConnectorContract):
    """What a consumer does that keeps message ids, as the README asks of it, is what counts as an effect: AMQP has no way to ask
    whether something was published, so after a lost answer the hub sends again under the same id."""

    connector = "rabbitmq"

    @pytest.fixture
    def peer(self, rabbit: RabbitMq) -> str:
        connection = rabbit.connect()
        version = connection._impl.server_properties["version"]  # pika shows it nowhere else
        connection.close()
        return f"RabbitMQ {version}"

    @pytest.fixture
    def settings(self, queue: Queue) -> Settings:
        return {"connection": "shop", "queue": queue.name, "idle_seconds": 30}

    @pytest.fixture
    def ports(self, rabbit: RabbitMq, way: CuttingProxy) -> PortsForTests:
        return PortsForTests(credentials={"shop": rabbit.credentials(way.port)})

    @pytest.fixture
    def unreachable(self, settings: Settings) -> tuple[Settings, PortsForTests]:
        return settings, PortsForTests(credentials={"shop": Credentials(url="amqp://127.0.0.1:1")})

    @pytest.fixture
    def arrive(self, queue: Queue) -> Arrive:
        return lambda name, data: queue.put(data, headers={"name": name})

    @pytest.fixture
    def state(self, queue: Queue) -> Callable[[], object]:
        return queue.count

    @pytest.fixture
    def effects(self, queue: Queue) -> Effects:
        def count(keys: Sequence[str]) -> dict[str, int]:
            seen = {properties.message_id for properties, _ in queue.messages()}
            return {key: 1 for key in keys if key in seen}

        return count

    @pytest.fixture
    def fail_at(self, way: CuttingProxy) -> FailAt:
        return way.fail_at

    @pytest.fixture
    def replies(self, queue: Queue) -> Replies:
        return lambda: {properties.headers["name"]: body for properties, body in queue.messages()}

    @pytest.fixture
    def reply_fails_at(self, way: CuttingProxy) -> FailAt:
        return way.fail_at

    def test_load_twice_equals_once(
        self, make: Callable[[], Connector[Any]], items: list[LoadItem], queue: Queue, effects: Effects
    ) -> None:
        """The broker cannot say what was published: the same key again is the same message id again."""
        for _ in range(2):
            assert {outcome.state for outcome in make().load(items)} == {OutcomeState.WRITTEN}
        ids = Counter(properties.message_id for properties, _ in queue.messages())
        assert ids == Counter({item.key: 2 for item in items})
        bodies = {(properties.message_id, body) for properties, body in queue.messages()}
        assert len(bodies) == len(items)
        self.not_shown("that the same key has no second effect by itself: the consumer must keep message ids")

    def test_the_same_reply_again_is_one(self, make: Callable[[], Connector[Any]], queue: Queue) -> None:
        for _ in range(2):
            make().reply("CONTRL_acme_1_ab12.edi", REPLY, "key-1")
        assert {(p.message_id, body) for p, body in queue.messages()} == {("key-1", REPLY)}
        self.not_shown("that an answer is there once by itself: its receiver must keep message ids")

    def test_a_reply_never_replaces_another(self, make: Callable[[], Connector[Any]], queue: Queue) -> None:
        """A queue replaces nothing; two answers of one name are two messages with two ids."""
        make().reply("CONTRL_acme_1_ab12.edi", REPLY, "key-1")
        make().reply("CONTRL_acme_1_ab12.edi", b"something else", "key-3")
        assert [(p.message_id, body) for p, body in queue.messages()] == [
            ("key-1", REPLY),
            ("key-3", b"something else"),
        ]
