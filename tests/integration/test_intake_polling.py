"""A queue on a real server, asked by the real intake: its connection is Airflow's, its bookmark the ledger's, and the run
that follows is the command line's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from orderhub.connector_registry import ConnectorRegistry
from orderhub.flows.registry import FlowRegistry
from orderhub.intake.polling.poller import Poller
from orderhub.intake.scheduler_api import Started
from orderhub.intake.watcher import Intake
from orderhub.services.stack import Stack

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PROJECT = Path(__file__).resolve().parents[2]
SAMPLES = PROJECT / "samples" / "inbox" / "edifact_orders"
FLOW = """\
flow: queue_orders
owner: procurement
trigger: {arrival: true}
pull:
  connector: redis_stream
  stream: orders
  settings: {connection: shop, key: "shop:orders", poll_seconds: 0.3}
translate: {mapping: edifact_orders_d96a__purchase_order, version: 1}
validate: {suite: purchase_order_core}
load: [{connector: warehouse}]
acknowledge: {technical: none}
"""


@contextmanager
def intake_over(flows: Path, started: list[tuple[str, bool]]) -> Iterator[Poller]:
    connectors = ConnectorRegistry()
    pollers: list[Poller] = []

    def start(flow: str, reminder: bool = False) -> Started:
        started.append((flow, reminder))
        return Started.QUEUED

    def poller(arrived: Callable[[str, bool], None]) -> Poller:
        pollers.append(Poller(arrived))
        return pollers[-1]

    intake = Intake(
        FlowRegistry(flows),
        lambda flow: connectors.settings(flow.pull.connector, flow.pull.settings),
        flows.parent / "inbox",
        start,
        rescan_seconds=0.5,
        poller=poller,
    )
    thread = threading.Thread(target=intake.run)
    thread.start()
    try:
        yield pollers[0]
    finally:
        intake.stop()
        thread.join(timeout=20)
    assert not thread.is_alive()


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)


def test_a_message_of_a_queue_wakes_its_flow_and_is_loaded(
    stores: Stack,
    database: str,
    valkey_url: str,
    valkey: redis.Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "queue_orders.yaml").write_text(FLOW, encoding="utf-8")
    server = urlsplit(valkey_url)
    shop = {
        "conn_type": "redis",
        "host": "127.0.0.1",
        "port": server.port,
        "password": server.password,
        "extra": {"db": 0},
    }
    surroundings = stores.environment | {
        "ORDERHUB_DATABASE_URL": database,
        "ORDERHUB_FLOWS_FOLDER": str(flows),
        "AIRFLOW_CONN_SHOP": json.dumps(shop),
    }
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)

    def run() -> None:
        done = subprocess.run(
            [sys.executable, "-m", "orderhub.cli.main", "flow", "run", "queue_orders"],
            env=os.environ.copy(),
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def loaded() -> int:
        with psycopg.connect(database) as connection:
            row = connection.execute("SELECT count(*) FROM warehouse.purchase_order").fetchone()
        return int(row[0]) if row else 0

    started: list[tuple[str, bool]] = []
    with intake_over(flows, started) as poller:
        until(lambda: poller.figures.answered >= 1, "a first answer")
        assert started == [], "woken although nothing waits"
        valkey.xadd("shop:orders", {"name": "a.edi", "data": (SAMPLES / "01_good_single.edi").read_bytes()})
        until(lambda: started, "a start")
        run()
        assert loaded() == 1
        asked = poller.figures.answered
        until(lambda: poller.figures.answered >= asked + 3, "more answers")
        count = len(started)
        until(lambda: poller.figures.answered >= asked + 6, "more answers")
        assert len(started) == count, "woken although everything was taken"
        valkey.xadd(
            "shop:orders", {"name": "b.edi", "data": (SAMPLES / "02_good_three_messages.edi").read_bytes()}
        )
        until(lambda: len(started) > count, "a start for what came later")
        assert started[0] == ("queue_orders", False)
        assert started[-1] == ("queue_orders", False)
        run()
        assert loaded() == 4
        assert poller.figures.crashes == 0
