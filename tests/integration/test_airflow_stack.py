"""Flows in the real Airflow: listed, run, woken by a file, refused when broken, picked up when new."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from airflow_support import until

from orderhub.formats.generate import generate_files
from orderhub.services.airflow_parts import access_token
from orderhub.services.stack import Stack

pytestmark = [pytest.mark.integration, pytest.mark.slow]

STEPS = {"pull", "translate", "validate", "load_warehouse", "load_tryton", "acknowledge", "verdict"}
NEW_FLOW = """\
flow: {name}
owner: procurement
trigger: {{arrival: true, timezone: Europe/Berlin}}
pull: {{connector: folder, settings: {{path: {name}, stable_seconds: 0.1}}}}
load: [{{connector: warehouse}}]
"""


class Airflow:
    """Airflow's public API as the hub's own user."""

    def __init__(self, stack: Stack) -> None:
        token = access_token(stack.endpoints)
        self.client = httpx.Client(
            base_url=stack.endpoints.airflow_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            trust_env=False,
        )

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.client.get(f"/api/v2{path}", params=query)
        answer.raise_for_status()
        return dict(answer.json())

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """Newest first."""
        found = self.get(f"/dags/{flow}/dagRuns", order_by="-run_after", limit=100)["dag_runs"]
        return list(found)

    def start(self, flow: str) -> str:
        answer = self.client.post(f"/api/v2/dags/{flow}/dagRuns", json={"logical_date": None})
        answer.raise_for_status()
        return str(answer.json()["dag_run_id"])

    def ended(self, flow: str, run: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def over() -> bool:
            found[:] = [self.get(f"/dags/{flow}/dagRuns/{run}")]
            return found[0]["state"] in ("success", "failed")

        until(over, f"the end of {run}")
        return found[0]

    def tasks(self, flow: str, run: str) -> list[dict[str, Any]]:
        return list(self.get(f"/dags/{flow}/dagRuns/{run}/taskInstances")["task_instances"])

    def flows(self) -> set[str]:
        return {dag["dag_id"] for dag in self.get("/dags", tags="orderhub", limit=100)["dags"]}

    def errors(self) -> list[dict[str, Any]]:
        return list(self.get("/importErrors")["import_errors"])


@pytest.fixture(scope="module")
def airflow(stack: Stack) -> Iterator[Airflow]:
    api = Airflow(stack)
    until(lambda: {"edifact_orders", "csv_orders"} <= api.flows(), "the sample flows")
    yield api
    api.client.close()


@pytest.fixture
def flows_folder(stack: Stack) -> Path:
    return stack.settings.path("flows_folder")


def test_every_flow_file_is_a_dag_and_none_is_broken(airflow: Airflow, flows_folder: Path) -> None:
    until(lambda: airflow.flows() == {path.stem for path in flows_folder.glob("*.yaml")}, "all flows")
    assert airflow.errors() == []
    dag = airflow.get("/dags/edifact_orders/details")
    assert dag["owners"] == ["procurement"]
    assert "edifact_orders_d96a__purchase_order" in dag["doc_md"]
    assert {task["task_id"] for task in airflow.get("/dags/edifact_orders/tasks")["tasks"]} == STEPS


def test_a_run_without_anything_to_do_is_green_and_still_acknowledges(airflow: Airflow, stack: Stack) -> None:
    (stack.settings.path("flows_folder") / "idle.yaml").write_text(
        NEW_FLOW.format(name="idle"), encoding="utf-8"
    )
    until(lambda: "idle" in airflow.flows(), "the new flow, without a restart")
    run = airflow.start("idle")
    assert airflow.ended("idle", run)["state"] == "success"
    states = {task["task_id"]: task["state"] for task in airflow.tasks("idle", run)}
    assert states == {
        "pull": "success",
        "translate": "success",
        "validate": "skipped",
        "load_warehouse": "skipped",
        "acknowledge": "success",
        "verdict": "success",
    }


def test_a_file_that_arrives_runs_the_flow_into_the_ledger(airflow: Airflow, stack: Stack) -> None:
    number = f"AF{time.time_ns()}"
    inbox = stack.endpoints.inbox_folder / "edifact_orders"
    until(inbox.is_dir, "the watched folder")
    (inbox / ".tmp").write_bytes(order(number))
    (inbox / ".tmp").rename(inbox / f"{number}.edi")

    def state() -> str | None:
        with psycopg.connect(stack.endpoints.database_url) as connection:
            row = connection.execute(
                "SELECT state FROM ledger.document WHERE number = %s", (number,)
            ).fetchone()
        return row[0] if row else None

    until(lambda: state() == "loaded", "the loaded document")
    # the sweep that Airflow starts by itself on a fresh hub may be there before the run of the arrival
    with psycopg.connect(stack.endpoints.database_url) as connection:
        took = connection.execute(
            "SELECT r.external FROM ledger.transition AS t JOIN ledger.document AS d ON d.id = t.document_id "
            "JOIN ledger.run AS r ON r.id = t.run WHERE d.number = %s AND t.to_state = 'loaded'",
            (number,),
        ).fetchone()
    assert took is not None
    run = str(took[0])
    assert run.startswith(("arrival__", "scheduled__"))
    until(
        lambda: any(one["dag_run_id"].startswith("arrival__") for one in airflow.runs("edifact_orders")),
        "the run of the arrival",
    )
    assert airflow.ended("edifact_orders", run)["state"] == "success"
    tasks = airflow.tasks("edifact_orders", run)
    assert {task["task_id"] for task in tasks} == STEPS
    assert {task["state"] for task in tasks} == {"success"}
    with psycopg.connect(stack.endpoints.database_url) as connection:
        row = connection.execute(
            "SELECT finished_at IS NOT NULL FROM ledger.run WHERE external = %s", (run,)
        ).fetchone()
        answer = connection.execute(
            "SELECT r.content, s.name, s.state FROM ledger.reply AS r JOIN ledger.reply_sending AS s ON s.reply_id = r.id "
            "JOIN ledger.interchange AS i ON i.id = r.interchange_id WHERE i.name = %s",
            (f"{number}.edi",),
        ).fetchone()
    assert row == (True,)
    # the sender was answered into the folder of his name
    assert answer is not None
    assert answer[2] == "sent"
    outbox = stack.folder.path / "outbox" / "acme_retail"
    assert (outbox / answer[1]).read_bytes() == bytes(answer[0])


def test_a_backfill_translates_again_what_was_received_in_its_interval(
    airflow: Airflow, stack: Stack
) -> None:
    number = f"BF{time.time_ns()}"
    inbox = stack.endpoints.inbox_folder / "edifact_orders"
    until(inbox.is_dir, "the watched folder")
    (inbox / ".tmp").write_bytes(order(number))
    (inbox / ".tmp").rename(inbox / f"{number}.edi")

    def look(query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(stack.endpoints.database_url, autocommit=True) as connection:
            return connection.execute(query, (number,)).fetchall()

    documents = "SELECT state, generation FROM ledger.document WHERE number = %s ORDER BY generation"
    effects = (
        "SELECT o.target, o.state, o.attempts, o.reference FROM ledger.outbox AS o JOIN ledger.document AS d "
        "ON d.id = o.document_id WHERE d.number = %s ORDER BY o.id"
    )
    until(lambda: look(documents) == [("loaded", 1)], "the loaded document")
    sent = look(effects)
    with psycopg.connect(stack.endpoints.database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE ledger.interchange SET received_at = '2026-02-10 12:00+00' WHERE name = %s",
            (f"{number}.edi",),
        )

    def backfill(*, expected: list[tuple[str, int]]) -> None:
        began = dt.datetime.now(dt.UTC)
        started = subprocess.run(
            [
                *(sys.executable, "-m", "orderhub.cli.main", "airflow", "backfill", "create"),
                *("--dag-id", "edifact_orders", "--from-date", "2026-02-10", "--to-date", "2026-02-12"),
                *("--reprocess-behavior", "completed"),
            ],
            env={**os.environ, **stack.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert started.returncode == 0, started.stderr

        def runs() -> list[dict[str, Any]]:
            return [run for run in airflow.runs("edifact_orders") if run["run_type"] == "backfill"]

        def over() -> bool:
            ends = [run["end_date"] for run in runs()]
            return bool(ends) and all(end and dt.datetime.fromisoformat(end) > began for end in ends)

        # the command made all of them before it ended
        until(over, "the end of the backfill's runs")
        assert {run["state"] for run in runs()} == {"success"}
        assert look(documents) == expected
        assert look(effects) == sent
        # Airflow itself looks only every 30 s whether a backfill is over, and makes no other one before
        newest = airflow.get("/backfills", dag_id="edifact_orders", order_by="-id")["backfills"][0]
        if not newest["completed_at"]:
            airflow.client.put(f"/api/v2/backfills/{newest['id']}/cancel")
            newest = airflow.get(f"/backfills/{newest['id']}")
        assert newest["completed_at"]

    backfill(expected=[("loaded", 1), ("duplicate", 2)])
    backfill(expected=[("loaded", 1), ("superseded", 2), ("duplicate", 3)])


def test_a_broken_flow_file_is_shown_with_its_line_and_the_others_run_on(
    airflow: Airflow, flows_folder: Path
) -> None:
    broken = flows_folder / "broken.yaml"
    broken.write_text(
        NEW_FLOW.format(name="broken").replace("arrival: true", "arrival: perhaps"), encoding="utf-8"
    )
    try:
        until(airflow.errors, "the import error")
        (error,) = airflow.errors()
        assert "broken.yaml" in error["stack_trace"]
        assert "line 3" in error["stack_trace"]
        run = airflow.start("csv_orders")
        assert airflow.ended("csv_orders", run)["state"] == "success"
        assert {"edifact_orders", "csv_orders"} <= airflow.flows()
    finally:
        broken.unlink()
    until(lambda: not airflow.errors(), "the end of the error")


def test_pages_and_schema_refuse_whoever_is_not_signed_in(airflow: Airflow, stack: Stack) -> None:
    with httpx.Client(base_url=stack.endpoints.airflow_url, timeout=60, trust_env=False) as nobody:
        for path in ("documents", "openapi.json", "static/app.css", "api/documents", "nothing"):
            assert nobody.get(f"/orderhub/{path}").status_code == 401, path
            forged = nobody.get(f"/orderhub/{path}", headers={"Authorization": "Bearer e30.e30.e30"})
            assert forged.status_code == 401, path
    assert airflow.client.get("/orderhub/documents").status_code == 200
    assert airflow.client.get("/orderhub/openapi.json").status_code == 200
    views = {
        (view["destination"], view["href"])
        for plugin in airflow.get("/plugins")["plugins"]
        for view in plugin["external_views"]
    }
    assert ("nav", "/orderhub/") in views
    assert ("dag", "/orderhub/flows/{DAG_ID}") in views
    assert ("dag_run", "/orderhub/runs?flow={DAG_ID}&run={RUN_ID}") in views
    assert airflow.get("/plugins/importErrors")["import_errors"] == []


def order(number: str) -> bytes:
    """A small order of the sample partner, as ``orderhub generate`` writes it."""
    (file,) = generate_files("edifact", orders=1, lines=2, seed=1)
    name, data = file
    return data.replace(name.removesuffix(".edi").encode(), number.encode())
