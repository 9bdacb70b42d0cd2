"""A queue and the hub's own API at the beginning of a flow, a stream and a queue at its end, run by Airflow when something arrives."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pika
import pytest
import redis
from airflow_support import signed_in, until
from hub_harness import PROJECT
from servers.rabbitmq import RabbitMq

from orderhub.services.stack import Stack

pytestmark = [pytest.mark.integration, pytest.mark.slow]
FLOWS = Path(__file__).with_name("queue_flow")
FILES = PROJECT / "samples" / "inbox" / "edifact_orders"


def own(name: str) -> bytes:
    """A sample with numbers that no other test sends to this Airflow: there they would be duplicates."""
    return (FILES / name).read_bytes().replace(b"PO-2026-", b"MQ-2026-").replace(b"ACME0", b"SHOP0")


def opened(
    rabbit: RabbitMq,
) -> tuple[pika.BlockingConnection, pika.adapters.blocking_connection.BlockingChannel]:
    """A connection of the test's own, for a moment: nobody answers heartbeats while the test waits for others."""
    connection = rabbit.connect()
    channel = connection.channel()
    channel.confirm_delivery()
    return connection, channel


def test_airflow_runs_flows_when_a_message_or_a_post_arrives(stack: Stack, rabbit: RabbitMq) -> None:
    broker, channel = opened(rabbit)
    for name in ("answers", "orders", "orders.refused"):
        channel.queue_delete(name)
    channel.queue_declare("answers", durable=True)
    channel.queue_declare("orders", durable=True, arguments={"x-queue-type": "classic"})
    broker.close()
    with (
        httpx.Client(base_url=stack.endpoints.airflow_url, timeout=60, trust_env=False) as anybody,
        signed_in(stack) as airflow,
    ):
        valkey = urlsplit(stack.endpoints.valkey_url)
        for entered in (
            {
                "connection_id": "shop_mq",
                "conn_type": "amqp",
                "host": "127.0.0.1",
                "port": rabbit.port,
                "login": "guest",
                "password": "guest",
            },
            {
                "connection_id": "shop_events",
                "conn_type": "redis",
                "host": "127.0.0.1",
                "port": valkey.port,
                "password": valkey.password,
            },
        ):
            airflow.post("/api/v2/connections", json=entered).raise_for_status()
        shutil.copytree(FLOWS, stack.settings.path("flows_folder"), dirs_exist_ok=True)
        for flow in ("queue_orders", "posted_orders"):
            until(lambda flow=flow: airflow.get(f"/api/v2/dags/{flow}").is_success, f"the DAG of {flow}")  # type: ignore[misc]
            airflow.patch(f"/api/v2/dags/{flow}", json={"is_paused": False}).raise_for_status()

        def documents(flow: str) -> dict[str, str]:
            found = airflow.get("/orderhub/api/v1/documents", params={"flow": flow}).raise_for_status().json()
            return {one["number"]: one["state"] for one in found["documents"]}

        # the hub's API: by key only, and the flow is woken at once
        made = subprocess.run(
            [sys.executable, "-m", "orderhub.cli.main", "intake", "key", "new", "posted_orders", "--json"],
            env=stack.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        headers = {
            "Authorization": f"Bearer {json.loads(made.stdout)['key']}",
            "Content-Type": "application/edifact",
            "Idempotency-Key": "first",
        }
        address, body = "/orderhub/api/v1/intake/acme", own("01_good_single.edi")
        assert anybody.post(address, content=body).status_code == 401
        assert airflow.post(address, content=body).status_code == 401
        taken = anybody.post(address, content=body, headers=headers)
        assert taken.status_code == 202, taken.text
        again = anybody.post(address, content=body, headers=headers)
        assert (again.status_code, again.json()) == (202, taken.json())
        assert anybody.get("/orderhub/api/v1/documents", headers=headers).status_code == 401

        def state() -> dict[str, object]:
            answer = anybody.get(
                taken.json()["state_url"], headers={"X-API-Key": headers["Authorization"][7:]}
            )
            found: dict[str, object] = answer.raise_for_status().json()
            return found

        until(lambda: [one["state"] for one in state()["documents"]] == ["loaded"], "the posted order")  # type: ignore[attr-defined]
        assert state()["state"] == "translated"

        # the queue: the intake asks it, the flow pulls, publishes what was accepted, and answers
        broker, channel = opened(rabbit)
        data = own("02_good_three_messages.edi")
        for _ in range(2):  # a publisher that did not see its confirm
            properties = pika.BasicProperties(message_id="m-1", delivery_mode=2)
            channel.basic_publish("", "orders", data, properties, mandatory=True)
        broker.close()
        until(lambda: list(documents("queue_orders").values()) == ["loaded"] * 3, "the orders of the queue")
        with redis.Redis.from_url(stack.endpoints.valkey_url, decode_responses=True) as client:
            published = [fields for _, fields in client.xrange("orders:accepted")]
        assert len(published) == len({one["idempotency-key"] for one in published}) == 3
        assert {one["type"] for one in published} == {"PurchaseOrder"}
        for one in published:
            json.loads(one["data"])
        answers = []
        broker, channel = opened(rabbit)

        def answered() -> bool:
            method, _, answer = channel.basic_get("answers", auto_ack=True)
            if method is not None:
                answers.append(answer)
            return bool(answers)

        until(answered, "the answer")
        assert b"UCI" in answers[0]
        until(
            lambda: channel.queue_declare("orders", passive=True).method.message_count == 0, "the empty queue"
        )
        [interchange] = airflow.get("/orderhub/api/v1/interchanges", params={"flow": "queue_orders"}).json()[
            "interchanges"
        ]
        assert interchange["name"] == "m-1"
        for flow, connector in (("queue_orders", "rabbitmq"), ("posted_orders", "http_intake")):
            page = airflow.get(f"/orderhub/flows/{flow}")
            assert page.is_success
            assert connector in page.text
            # others use this Airflow after this test
            airflow.patch(f"/api/v2/dags/{flow}", json={"is_paused": True}).raise_for_status()
        broker.close()
