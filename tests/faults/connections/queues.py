"""Brokers killed, and connections to them cut, in the middle: what they confirmed is there afterwards, and the ledger has each
message once."""

from __future__ import annotations

import contextlib
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import msgspec
from faults.connections.account import Account
from faults.connections.work import Disturbance, Place, archived, at_work
from hub_harness import Hub
from servers.cutting import CuttingProxy, cutting
from servers.rabbitmq import RabbitMq
from servers.valkey import DurableValkey

from orderhub.connector import Capability, Connector, Credentials, LoadItem, OutcomeState
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
    known = server.credentials()
    kills = [killed(server, chance.uniform(0, 0.02), account) for _ in range(2)]
    publish("redis_stream", settings, known, items, kills, account)
    with server.client() as client:
        stored = Counter(fields["idempotency-key"] for _, fields in client.xrange(key))
    # what is unclear is looked up before it is sent again
    if stored != Counter(item.key for item in items):
        account.wrong.append(f"the stream does not have each message once: {stored}")
    with _pulling(place, "redis_stream", settings, known) as at:
        for after in sorted(chance.sample(range(1, len(items)), 2)):
            pull_until_killed(at, server, after, account)
        take(at, account, calm=True)
        _compare(at, items, account)
    with server.client() as client:
        if client.xpending(key, "orderhub")["pending"]:
            account.wrong.append("messages were never acknowledged")
    return account


def rabbitmq(seed: int, place: Place, server: RabbitMq) -> Account:
    """Publish to a queue and pull from it; at moments of the seed the broker is killed in the one, the connection cut in the
    other.

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
    kill_publisher = seed % 2 == 0
    with cutting(server.port) as way:
        known = server.credentials(way.port)
        with contextlib.closing(_connector("rabbitmq", settings | {"declare": True}, known)) as connector:
            assert list(connector.pull("orders", None)) == []  # makes the queue
            moment = chance.uniform(0, 0.3)
            if kill_publisher:
                broken = [killed(server, moment, account)]
            else:
                broken = [_cut(way, chance.randrange(8, 300), account) for _ in range(2)]
            publish("rabbitmq", settings, known, items, broken, account)
            with _pulling(place, "rabbitmq", settings, known) as at:
                if kill_publisher:
                    for _ in range(2):
                        with _cut(way, chance.randrange(8, 60), account):
                            take(at, account)
                else:
                    pull_until_killed(at, server, chance.randrange(1, len(items)), account)
                take(at, account, calm=True)
                # what was not acknowledged goes back to the queue a moment later, and is nowhere until then
                until = time.monotonic() + 60
                while time.monotonic() < until and (
                    _settled(at) < len(items) or connector.waiting("orders", None)
                ):
                    take(at, account, calm=True)
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
    connector_name: str,
    settings: dict[str, Any],
    known: Credentials,
    items: list[LoadItem],
    disturbances: Sequence[Disturbance],
    account: Account,
) -> None:
    """Publish as the hub does, each attempt under one disturbance: what is unclear is looked up where the connector can, and
    else sent again under its key."""
    left = {item.key: item for item in items}
    waiting = list(disturbances)
    while left:
        unclear: set[str] = set()
        with contextlib.closing(_connector(connector_name, settings, known)) as connector:
            with waiting.pop(0) if waiting else contextlib.nullcontext():
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
            if unclear and Capability.FIND in connector.capabilities:
                for key in connector.find(sorted(unclear)):
                    left.pop(key, None)
                account.looked_up += len(unclear)


@contextmanager
def killed(server: Server, seconds: float, account: Account) -> Iterator[None]:
    """The server is killed after so many seconds, and started again afterwards."""
    timer = threading.Timer(seconds, server.kill)
    timer.start()
    yield
    timer.join()
    account.disturbances += 1
    server.start()


@contextmanager
def _cut(way: CuttingProxy, step: int, account: Account) -> Iterator[None]:
    """The connection ends at the n-th step: what is sent is lost, or what is answered."""
    with way.fail_at(step) as failure:
        yield
    account.disturbances += failure.happened


def _pulling(
    place: Place, connector: str, settings: dict[str, Any], known: Credentials
) -> AbstractContextManager[Hub]:
    source = PullStep(connector=connector, stream="orders", settings=settings)
    return at_work(place, "edifact_orders", {"shop": known}, source=source)


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
        take(at, account)
    finally:
        over.set()
        thread.join(60)
    if killed:
        account.disturbances += 1
        server.start()


def take(at: Hub, account: Account, *, calm: bool = False) -> None:
    """Pull what is there; undisturbed, that must go through."""
    try:
        pull(at.ctx, at.flow, start_run(at.ctx, at.flow))
    except ConnectorError as error:
        if calm or not error.retryable:
            account.wrong.append(f"a pull ended with {error!r}")


def _settled(at: Hub) -> int:
    return int(at.rows("SELECT count(settled_at) AS n FROM ledger.interchange")[0]["n"])


def _compare(at: Hub, items: list[LoadItem], account: Account) -> None:
    """Every message once in the ledger, and none of them unsettled."""
    numbers = Counter(str(msgspec.json.decode(data)["number"]) for data in archived(at))
    account.count((item.document.number for item in items), numbers)
    if at.rows("SELECT count(*) AS n FROM ledger.interchange WHERE settled_at IS NULL")[0]["n"]:
        account.wrong.append("an interchange was never settled")


def _connector(name: str, settings: dict[str, Any], known: Credentials) -> Connector[Any]:
    return registry().create(name, settings, PortsForTests(credentials={"shop": known}))
