"""Brokers killed in the middle: what they confirmed is there afterwards, and the ledger has each message once."""

from __future__ import annotations

import contextlib
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from faults.connections.account import Account
from faults.connections.work import Place, archived, at_work
from hub_harness import Hub
from servers.rabbitmq import RabbitMq
from servers.valkey import DurableValkey

from orderhub.connector import Connector, LoadItem, OutcomeState
from orderhub.connector_registry import registry
from orderhub.errors import ConnectorError, ConnectorUnavailable
from orderhub.flows.runner import start_run
from orderhub.pull import pull
from orderhub.stage import PullStep
from orderhub.testing import PortsForTests, load_item, sample_order

DONE = (OutcomeState.WRITTEN, OutcomeState.UNCHANGED)
Server = DurableValkey | RabbitMq


def valkey(seed: int, place: Place, server: DurableValkey) -> Account:
    """Publish to a stream with two kills, then pull from it with two, at moments of the seed."""
    account, chance = Account(), random.Random(seed)
    key = f"trial:{seed}:{uuid.uuid4()}"
    settings = {"connection": "shop", "key": key, "batch": 7}
    items = orders(f"S{seed}", 40)
    publish(server, "redis_stream", settings, items, [chance.uniform(0, 0.02) for _ in range(2)], account)
    with server.client() as client:
        stored = Counter(fields["idempotency-key"] for _, fields in client.xrange(key))
    # what is unclear is looked up before it is sent again
    if stored != Counter(item.key for item in items):
        account.wrong.append(f"the stream does not have each message once: {stored}")
    with _pulling(place, server, "redis_stream", settings) as at:
        for after in sorted(chance.sample(range(1, len(items)), 2)):
            pull_until_killed(at, server, after, account)
        take_rest(at, account)
        _compare(at, items, account)
    with server.client() as client:
        if client.xpending(key, "orderhub")["pending"]:
            account.wrong.append("messages were never acknowledged")
    return account


def rabbitmq(seed: int, place: Place, server: RabbitMq) -> Account:
    """Publish to a queue with a kill, then pull from it with one, at moments of the seed.

    Classic queues: RabbitMQ 3.10 forgets a quorum queue that was made in the minutes before it is killed (README).
    """
    account, chance = Account(), random.Random(seed)
    queue = f"trial-{seed}-{uuid.uuid4()}"
    settings = {
        "connection": "shop",
        "queue": queue,
        "idle_seconds": 0.3,
        "prefetch": 20,
        "timeout_seconds": 8,
    }
    items = orders(f"R{seed}", 200)
    with contextlib.closing(_connector(server, "rabbitmq", settings | {"declare": True})) as connector:
        assert list(connector.pull("orders", None)) == []  # makes the queue
        publish(server, "rabbitmq", settings, items, [chance.uniform(0, 0.3)], account)
        with _pulling(place, server, "rabbitmq", settings) as at:
            pull_until_killed(at, server, chance.randrange(1, len(items)), account)
            # a broker that was just killed gives back what was not acknowledged a moment later
            until = time.monotonic() + 30
            take_rest(at, account)
            while connector.waiting("orders", None) and time.monotonic() < until:
                take_rest(at, account)
            _compare(at, items, account)
        if connector.waiting("orders", None):
            account.wrong.append("messages were left in the queue")
    connection = server.connect()
    connection.channel().queue_delete(queue)
    connection.close()
    return account


def orders(prefix: str, count: int) -> list[LoadItem]:
    """Orders as the hub hands them to a connector."""
    return [load_item(sample_order(f"{prefix}-{number}"), source=number) for number in range(1, count + 1)]


def publish(
    server: Server,
    connector_name: str,
    settings: dict[str, Any],
    items: list[LoadItem],
    kills: list[float],
    account: Account,
) -> None:
    """Publish as the hub does, while the server is killed after so many seconds of each attempt: what is unclear is looked up
    where the connector can, and sent again under its key."""
    left = {item.key: item for item in items}
    moments = list(kills)
    while left:
        unclear: set[str] = set()
        with contextlib.closing(_connector(server, connector_name, settings)) as connector:
            timer = threading.Timer(moments.pop(), server.kill) if moments else None
            if timer is not None:
                timer.start()
            try:
                for outcome in connector.load(list(left.values())):
                    if outcome.state in DONE:
                        del left[outcome.key]
                    elif outcome.state is OutcomeState.UNCLEAR:
                        unclear.add(outcome.key)
                    else:
                        account.wrong.append(f"an outcome that cannot be: {outcome}")
            except ConnectorUnavailable:
                unclear.update(left)
            if timer is not None:
                timer.join()
                account.disturbances += 1
                server.start()
            if unclear and connector_name == "redis_stream":
                for known in connector.find(sorted(unclear)):
                    left.pop(known, None)
                account.looked_up += len(unclear)


@contextlib.contextmanager
def _pulling(place: Place, server: Server, connector: str, settings: dict[str, Any]) -> Iterator[Hub]:
    source = PullStep(connector=connector, stream="orders", settings=settings)
    with at_work(place, "edifact_orders", {"shop": server.credentials()}, source=source) as at:
        yield at


def pull_until_killed(at: Hub, server: Server, after: int, account: Account) -> None:
    """Pull, and kill the server when so many interchanges are in the ledger; then start it again."""
    over = threading.Event()
    killed: list[bool] = []

    def watch() -> None:
        while not killed:
            last = over.is_set()
            if at.rows("SELECT count(*) AS n FROM ledger.interchange")[0]["n"] >= after:
                server.kill()
                killed.append(True)
            elif last:
                return
            time.sleep(0.002)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        pull(at.ctx, at.flow, start_run(at.ctx, at.flow))
    except ConnectorError as error:
        if not error.retryable:
            account.wrong.append(f"a pull ended with {error!r}")
    finally:
        over.set()
        thread.join(60)
    if killed:
        account.disturbances += 1
        server.start()


def take_rest(at: Hub, account: Account) -> None:
    """Pull what is left, undisturbed."""
    try:
        pull(at.ctx, at.flow, start_run(at.ctx, at.flow))
    except ConnectorError as error:
        account.wrong.append(f"a pull ended with {error!r}")


def _compare(at: Hub, items: list[LoadItem], account: Account) -> None:
    """Every message once in the ledger, and none of them unsettled."""
    numbers = Counter(str(msgspec.json.decode(data)["number"]) for data in archived(at))
    account.count((item.document.number for item in items), numbers)
    if at.rows("SELECT count(*) AS n FROM ledger.interchange WHERE settled_at IS NULL")[0]["n"]:
        account.wrong.append("an interchange was never settled")


def _connector(server: Server, name: str, settings: dict[str, Any]) -> Connector[Any]:
    return registry().create(name, settings, PortsForTests(credentials={"shop": server.credentials()}))
