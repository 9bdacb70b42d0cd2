"""Flow files as DAGs, as Airflow's DAG processor and a task see them: in a process of their own, with Airflow's DagBag."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
DAGS = PROJECT / "dags"

FLOW = """\
flow: {name}
owner: procurement
description: Orders of {name}
partner: acme
trigger: {trigger}
pull: {{connector: folder, stream: orders, settings: {{path: {name}}}}}
translate: {{mapping: edifact_orders_d96a__purchase_order, version: 1}}
validate: {{suite: purchase_order_core}}
load:
  - {{connector: warehouse}}
  - {{connector: tryton, settings: {{connection: erp}}}}
acknowledge: {{technical: contrl}}
{more}
"""
DRIVERS = (
    "psycopg",
    "asyncpg",
    "redis",
    "pyodbc",
    "oracledb",
    "lxml",
    "zeep",
    "great_expectations",
    "pandas",
    "numpy",
    "fsspec",
    "connectors.folder.connector",
    "connectors.tryton.connector",
    "connectors.warehouse.connector",
)

PARSE = """
import json, os, sys, time
from pathlib import Path
import airflow.sdk
before = set(sys.modules)
{asking}
from airflow.dag_processing.dagbag import BundleDagBag
folder = Path({dags!r})
bag = BundleDagBag(dag_folder=os.devnull, bundle_path=folder, bundle_name="dags")
bag.process_file(str(folder / "orderhub_flows.py"), only_if_updated=False)
seconds = []
for _ in range(3):
    started = time.process_time()
    bag.process_file(str(folder / "orderhub_flows.py"), only_if_updated=False)
    seconds.append(time.process_time() - started)
new = {{m.partition(".")[0] for m in set(sys.modules) - before}} | (set(sys.modules) - before)
bag.process_file(str(folder / "orderhub_broken_flows.py"), only_if_updated=False)
dags = {{
    d.dag_id: {{
        "tasks": sorted(d.task_ids),
        "owner": d.owner,
        "tags": sorted(d.tags),
        "doc": d.doc_md,
        "timetable": type(d.timetable).__name__,
        "paused": d.is_paused_upon_creation,
        "outlets": sorted(a.name for t in d.tasks for a in t.outlets),
        "inlets": sorted(a.name for t in d.tasks for a in t.inlets),
        "max_active_runs": d.max_active_runs,
        "retries": sorted({{t.retries for t in d.tasks}}),
    }}
    for d in bag.dags.values()
}}
print("\\n" + json.dumps({{"dags": dags, "errors": bag.import_errors, "seconds": min(seconds), "modules": sorted(new)}}))
"""


def write_flow(folder: Path, name: str, trigger: str = "{arrival: true}", more: str = "") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(FLOW.format(name=name, trigger=trigger, more=more), encoding="utf-8")
    return path


def parse(flows: Path, home: Path, *, dag_id: str | None = None) -> dict[str, Any]:
    """What Airflow makes of the DAG folder; with ``dag_id``, as a task of that DAG sees it."""
    environment = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/none.db",
        "ORDERHUB_FLOWS_FOLDER": str(flows),
        "ORDERHUB_PROJECT_FOLDER": str(PROJECT),
    }
    asking = f"os.environ['_AIRFLOW_PARSING_CONTEXT_DAG_ID'] = {dag_id!r}" if dag_id else ""
    code = PARSE.format(asking=asking, dags=str(DAGS))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.alone
def test_a_hundred_flow_files_parse_within_a_second_and_load_no_driver(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    for number in range(100):
        write_flow(flows, f"flow_{number:03}")
    seen = parse(flows, tmp_path)
    assert len(seen["dags"]) == 100
    # processor time, and the best of three, so that a busy machine does not fail this
    assert seen["seconds"] <= 1.0, f"{seen['seconds']:.2f} s"
    assert not set(DRIVERS) & set(seen["modules"])


def test_a_flow_becomes_the_five_steps_with_what_people_want_to_know(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    write_flow(flows, "acme_orders", "{arrival: true, timezone: Europe/Berlin}")
    write_flow(flows, "nightly", '{cron: "15 2 * * *", timezone: Europe/Berlin}', "paused: true")
    dags = parse(flows, tmp_path)["dags"]
    acme = dags["acme_orders"]
    assert acme["tasks"] == [
        "acknowledge",
        "load_tryton",
        "load_warehouse",
        "pull",
        "translate",
        "validate",
        "verdict",
    ]
    assert acme["owner"] == "procurement"
    assert {"orderhub", "arrival", "from:folder", "to:tryton", "to:warehouse", "partner:acme"} <= set(
        acme["tags"]
    )
    for told in ("acme", "edifact_orders_d96a__purchase_order", "partners/acme.yaml", "purchase_order_core"):
        assert told in acme["doc"]
    assert acme["inlets"] == ["folder:acme_orders"]
    assert acme["outlets"] == ["tryton (erp) purchase orders", "warehouse purchase orders"]
    # the daily sweep, with real data intervals
    assert acme["timetable"] == "CronDataIntervalTimetable"
    assert acme["max_active_runs"] == 1
    assert min(acme["retries"]) >= 1
    assert dags["nightly"]["paused"] is True
    assert dags["nightly"]["timetable"] == "NullTimetable"


def test_a_task_builds_only_its_own_dag(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    for name in ("one", "two", "three"):
        write_flow(flows, name)
    (flows / "broken.yaml").write_text("flow: broken\n", encoding="utf-8")
    seen = parse(flows, tmp_path, dag_id="two")
    assert list(seen["dags"]) == ["two"]
    assert seen["errors"] == {}


def test_a_name_that_cannot_be_a_flows_is_never_made_into_a_path(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    write_flow(tmp_path, "one")
    seen = parse(flows, tmp_path, dag_id="../one")
    assert (seen["dags"], seen["errors"]) == ({}, {})


def test_a_broken_flow_file_is_an_import_error_with_its_line_and_the_others_stay(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    write_flow(flows, "good")
    write_flow(flows, "bad", "{arrival: perhaps}")
    write_flow(flows, "worse", "{cron: often}")
    seen = parse(flows, tmp_path)
    assert list(seen["dags"]) == ["good"]
    assert list(seen["errors"]) == ["orderhub_broken_flows.py"]
    error = seen["errors"]["orderhub_broken_flows.py"]
    assert "bad.yaml" in error
    assert "line 5" in error
    assert "worse.yaml" in error
