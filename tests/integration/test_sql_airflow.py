"""The flow out of a planning database, run by Airflow with the connection that stands there, and seen in the pages."""

from __future__ import annotations

import datetime as dt
import shutil
from decimal import Decimal

import pytest
from airflow_support import run_to_its_end, signed_in, until
from servers.sql_tables import sql_postgres  # noqa: F401 - a fixture
from test_sql_flows import DAY, DEMAND, HERE, PLANNED_ITEMS, PLANNING, in_postgres

from orderhub.services.stack import Stack

pytestmark = [pytest.mark.integration, pytest.mark.slow]
FLOW = "weekly_demand"
WEEK = dt.date(2026, 11, 2)


def test_airflow_runs_the_flow_out_of_a_database(
    stack: Stack,
    sql_postgres: str,  # noqa: F811 - the fixture
) -> None:
    source = in_postgres(sql_postgres, PLANNING)
    source.put(PLANNED_ITEMS, ("KC-0041", "Chain 9", None))
    for place in ("OULU", "TURKU"):
        source.put(
            DEMAND,
            ("KC-0041", place, "FC", WEEK, WEEK + dt.timedelta(6), Decimal("120.5"), "PCE", DAY, None),
        )
    given = source.credentials
    host, _, port = given.url.partition("://")[2].partition(":")
    with signed_in(stack) as airflow:
        entered = {
            "connection_id": "planning",
            "conn_type": "postgres",
            "host": host,
            "port": int(port),
            "login": given.user,
            "password": given.secret,
            "schema": given.extra["database"],
        }
        airflow.post("/api/v2/connections", json=entered).raise_for_status()
        shutil.copy2(HERE / "flows" / f"{FLOW}.yaml", stack.settings.path("flows_folder"))
        until(lambda: airflow.get(f"/api/v2/dags/{FLOW}").is_success, "the flow's DAG")
        tasks = {one["task_id"] for one in airflow.get(f"/api/v2/dags/{FLOW}/tasks").json()["tasks"]}
        assert {"pull", "translate", "validate", "load_warehouse", "acknowledge"} <= tasks
        airflow.patch(f"/api/v2/dags/{FLOW}", json={"is_paused": False}).raise_for_status()
        run_to_its_end(airflow, FLOW)
        source.run(
            DEMAND.update()
            .where(DEMAND.c.warehouse == "TURKU")
            .values(taken_back_at=DAY + dt.timedelta(hours=1))
        )
        run_to_its_end(airflow, FLOW)
        listed = airflow.get("/orderhub/api/v1/documents", params={"flow": FLOW}).raise_for_status().json()
        assert sorted((one["number"], one["state"]) for one in listed["documents"]) == [
            (f"KC-0041@OULU#forecast {WEEK}/2026-11-08", "loaded"),
            (f"KC-0041@TURKU#forecast {WEEK}/2026-11-08", "loaded"),
            (f"KC-0041@TURKU#forecast {WEEK}/2026-11-08", "loaded"),
        ]
        page = airflow.get(f"/orderhub/flows/{FLOW}")
        assert page.is_success
        assert "sql" in page.text
        assert "KC-0041@TURKU" in airflow.get("/orderhub/documents", params={"flow": FLOW}).text
        # the tables end here, and nobody is to ask for them any more
        airflow.patch(f"/api/v2/dags/{FLOW}", json={"is_paused": True}).raise_for_status()
    source.close()
