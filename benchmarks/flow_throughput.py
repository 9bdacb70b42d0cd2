"""One file of 10,000 orders from the watched folder to the warehouse, through the real flow in Airflow.

Two batch sizes: the number of tasks must be a constant plus two for each batch begun (validate and one load), whatever
the number of orders; and the table says in which step the time goes. Wall time, on a hub of its own that does nothing else.
"""

from __future__ import annotations

import datetime as dt
import math
import shutil
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import psycopg

from benchmarks import Result
from orderhub.formats.generate import generate
from orderhub.services.airflow_parts import access_token
from orderhub.services.endpoints import Endpoints
from orderhub.services.settings import get_settings, load_settings
from orderhub.services.stack import Stack

BENCH = True
ORDERS = 10_000
LINES = 10
BATCHES = (500, 2000)
PATIENCE = 900.0
#: Tasks of a run that do not depend on how much there is: pull, translate, acknowledge, verdict.
CONSTANT = 4
#: Tasks of each batch: validate, and one load for each target.
EACH = 2
_FLOW = """\
flow: bulk_{size}
owner: procurement
trigger: {{arrival: true}}
pull: {{connector: folder, settings: {{path: bulk_{size}, complete_when: renamed}}}}
translate: {{mapping: edifact_orders_d96a__purchase_order, version: {version}}}
validate: {{suite: purchase_order_core}}
load: [{{connector: warehouse, test_documents: true}}]
batch_size: {size}
"""


def run(rounds: int) -> list[Result]:
    """Both batch sizes once, whatever ``rounds`` says."""
    project = get_settings().project_folder
    folder = Path(tempfile.mkdtemp(prefix="oh-flow-", dir="/tmp"))
    folder.chmod(0o711)
    flows = folder / "flows"
    flows.mkdir()
    for size in BATCHES:
        text = _FLOW.format(size=size, version=_version(project))
        (flows / f"bulk_{size}.yaml").write_text(text, encoding="utf-8")
    parts = frozenset({"postgres", "valkey", "ledger", "airflow-tables", "airflow", "intake"})
    settings = load_settings(data_folder=folder / "data", project_folder=project, flows_folder=str(flows))
    results: list[Result] = []
    try:
        with Stack(settings, parts=parts) as stack:
            for number, size in enumerate(BATCHES):
                results += _measure(stack.endpoints, size, seed=number + 1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return results


def _version(project: Path) -> int:
    text = (project / "mappings" / "edifact_orders_d96a__purchase_order.yaml").read_text(encoding="utf-8")
    return next(int(line.split(":")[1]) for line in text.splitlines() if line.startswith("version:"))


def _measure(reachable: Endpoints, size: int, *, seed: int) -> list[Result]:
    flow = f"bulk_{size}"
    inbox = reachable.inbox_folder / flow
    end = time.monotonic() + 120
    while not inbox.is_dir():
        if time.monotonic() > end:
            raise SystemExit(f"{inbox} is not watched after two minutes")
        time.sleep(0.2)
    # the first run after a start pays for what Airflow imports late
    _drop(inbox, "warm.edi", generate("edifact", orders=1, lines=1, seed=900 + seed))
    _loaded(reachable, flow, 1)
    _idle(reachable, flow)
    begun = dt.datetime.now(dt.UTC)
    _drop(inbox, "bulk.edi", generate("edifact", orders=ORDERS, lines=LINES, seed=seed))
    renamed = time.time()
    at = _loaded(reachable, flow, ORDERS + 1)
    tasks = _tasks(reachable, flow, begun)
    seconds = at - renamed
    expected = CONSTANT + EACH * math.ceil(ORDERS / size)
    spent: dict[str, float] = defaultdict(float)
    for task in tasks:
        spent[task["task_id"]] += float(task["duration"] or 0)
    name = f"10,000 orders in one file, folder to warehouse, batches of {size:,}"
    return [
        Result(name, round(ORDERS / seconds, 1), None, None, "orders/s"),
        Result(
            f"{name}: tasks / 4 + 2 x ceil(orders / batch)", float(len(tasks)), float(expected), None, "tasks"
        ),
        *(
            Result(f"{name}: in {step}", round(spent[step], 1), None, None, "s of tasks")
            for step in ("pull", "translate", "validate", "load_warehouse", "acknowledge")
        ),
    ]


def _drop(inbox: Path, name: str, pieces: Any) -> None:
    part = inbox / f".{name}.part"
    with part.open("wb") as file:
        file.writelines(pieces)
    part.rename(inbox / name)


def _loaded(reachable: Endpoints, flow: str, count: int) -> float:
    """When the last of so many documents of the flow was loaded (seconds since the epoch)."""
    end = time.monotonic() + PATIENCE
    with psycopg.connect(reachable.database_url, autocommit=True) as database:
        while time.monotonic() < end:
            row = database.execute(
                "SELECT count(*), extract(epoch FROM max(updated_at)) FROM ledger.document "
                "WHERE flow = %s AND state = 'loaded'",
                (flow,),
            ).fetchone()
            if row is not None and row[0] >= count:
                return float(row[1])
            time.sleep(0.2)
        states = database.execute(
            "SELECT state, count(*) FROM ledger.document WHERE flow = %s GROUP BY state", (flow,)
        ).fetchall()
    raise SystemExit(f"{flow}: not loaded after {PATIENCE:.0f} s: {dict(states)}")


def _get(reachable: Endpoints, path: str, **query: Any) -> dict[str, Any]:
    answer = httpx.get(
        f"{reachable.airflow_url}/api/v2{path}",
        params=query,
        headers={"Authorization": f"Bearer {access_token(reachable)}"},
        trust_env=False,
        timeout=30,
    )
    answer.raise_for_status()
    return dict(answer.json())


def _idle(reachable: Endpoints, flow: str) -> None:
    end = time.monotonic() + 120
    while _get(reachable, f"/dags/{flow}/dagRuns", state=["queued", "running"], limit=1)["total_entries"]:
        if time.monotonic() > end:
            raise SystemExit(f"{flow}: a run does not end")
        time.sleep(0.3)


def _tasks(reachable: Endpoints, flow: str, since: dt.datetime) -> list[dict[str, Any]]:
    """The task instances of the run that loaded the file."""
    _idle(reachable, flow)
    runs = _get(reachable, f"/dags/{flow}/dagRuns", order_by="-run_after", limit=20)["dag_runs"]
    best: list[dict[str, Any]] = []
    for each in runs:
        if dt.datetime.fromisoformat(each["run_after"]) < since:
            continue
        found = _get(reachable, f"/dags/{flow}/dagRuns/{each['dag_run_id']}/taskInstances", limit=500)
        best = max(best, list(found["task_instances"]), key=len)
    return best
