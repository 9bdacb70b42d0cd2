"""The flow from a REST interface into SAP by OData, run by Airflow with the connections that stand there."""

from __future__ import annotations

import json
import shutil

import httpx
import pytest
from airflow_support import until
from servers.mock_sap import PASSWORD, USER, mock_sap
from servers.rest import rest_server
from test_rest_flow import FLOWS, arrive, order

from orderhub.services.airflow_parts import access_token
from orderhub.services.stack import Stack

pytestmark = [pytest.mark.integration, pytest.mark.slow]
FLOW = "rest_to_sap"


def test_airflow_runs_the_flow_from_pages_into_sap(stack: Stack) -> None:
    with (
        rest_server() as shop,
        mock_sap() as sap,
        httpx.Client(
            base_url=stack.endpoints.airflow_url,
            headers={"Authorization": f"Bearer {access_token(stack.endpoints)}"},
            timeout=60,
            trust_env=False,
        ) as airflow,
    ):
        shop.reset(token_lives=2)
        sign_in = {"auth": "oauth2", "token_url": "/token"}
        for name, kind, url, user, password, extra in (
            ("shop_api", "orderhub_rest", shop.url, "client", "word", sign_in),
            ("sap", "orderhub_odata", sap.url, USER, PASSWORD, {}),
        ):
            entered = {
                "connection_id": name,
                "conn_type": kind,
                "host": url,
                "login": user,
                "password": password,
                "extra": json.dumps(extra),
            }
            airflow.post("/api/v2/connections", json=entered).raise_for_status()
        shutil.copytree(FLOWS, stack.settings.path("flows_folder"), dirs_exist_ok=True)
        until(lambda: airflow.get(f"/api/v2/dags/{FLOW}").is_success, "the flow's DAG")
        tasks = {one["task_id"] for one in airflow.get(f"/api/v2/dags/{FLOW}/tasks").json()["tasks"]}
        assert {"pull", "translate", "validate", "load_odata", "load_warehouse", "acknowledge"} <= tasks
        arrive(shop, *(order(f"A-{number}") for number in range(5)))
        airflow.patch(f"/api/v2/dags/{FLOW}", json={"is_paused": False}).raise_for_status()
        started = airflow.post(f"/api/v2/dags/{FLOW}/dagRuns", json={"logical_date": None})
        run = started.raise_for_status().json()["dag_run_id"]

        def state() -> str:
            return str(airflow.get(f"/api/v2/dags/{FLOW}/dagRuns/{run}").json()["state"])

        until(lambda: state() in ("success", "failed"), "the end of the run")
        assert state() == "success"
        assert len(sap.orders()) == 5
        assert shop.state()["tokens_given"] > 1
        page = airflow.get(f"/orderhub/flows/{FLOW}")
        assert page.is_success
        assert "odata" in page.text
        assert "A-4" in airflow.get("/orderhub/documents", params={"flow": FLOW}).text
        # the servers end here, and nobody is to ask them any more
        airflow.patch(f"/api/v2/dags/{FLOW}", json={"is_paused": True}).raise_for_status()
