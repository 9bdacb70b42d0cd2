"""The flow with a SOAP service at either end, run by Airflow with the connections that stand there."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest
from airflow_support import until
from servers import soap

from orderhub.services.airflow_parts import access_token
from orderhub.services.folder import DataFolder
from orderhub.services.stack import Stack

pytestmark = [pytest.mark.integration, pytest.mark.slow]
FILES = Path(__file__).with_name("soap_flow")
FLOW = "soap_exchange"


def connection(name: str, url: str) -> dict[str, str]:
    return {
        "connection_id": name,
        "conn_type": "orderhub_soap",
        "host": url,
        "login": soap.USER,
        "password": soap.PASSWORD,
    }


def test_airflow_runs_the_flow_from_one_service_into_another(stack: Stack, project_data: DataFolder) -> None:
    cache = project_data.path / "cache"
    with (
        soap.running(cache) as source,
        soap.running(cache) as target,
        httpx.Client(
            base_url=stack.endpoints.airflow_url,
            headers={"Authorization": f"Bearer {access_token(stack.endpoints)}"},
            timeout=60,
            trust_env=False,
        ) as airflow,
    ):
        for entered in (
            connection("exchange_source", source.wsdl("digest")),
            connection("exchange_target", target.wsdl("plain")),
        ):
            airflow.post("/api/v2/connections", json=entered).raise_for_status()
        for name in ("mappings", "flows"):
            shutil.copytree(FILES / name, stack.settings.path(f"{name}_folder"), dirs_exist_ok=True)
        until(lambda: airflow.get(f"/api/v2/dags/{FLOW}").is_success, "the flow's DAG")
        tasks = {one["task_id"] for one in airflow.get(f"/api/v2/dags/{FLOW}/tasks").json()["tasks"]}
        assert {"pull", "translate", "validate", "load_soap", "load_warehouse", "acknowledge"} <= tasks
        source.put(*(soap.order(f"A-{number}") for number in range(3)))
        airflow.patch(f"/api/v2/dags/{FLOW}", json={"is_paused": False}).raise_for_status()
        started = airflow.post(f"/api/v2/dags/{FLOW}/dagRuns", json={"logical_date": None})
        run = started.raise_for_status().json()["dag_run_id"]

        def state() -> str:
            return str(airflow.get(f"/api/v2/dags/{FLOW}/dagRuns/{run}").json()["state"])

        until(lambda: state() in ("success", "failed"), "the end of the run")
        assert state() == "success"
        numbers = [one["order"]["number"] for one in target.told()["submitted"]]
        assert numbers == ["A-0", "A-1", "A-2"]
        assert all(one["confirmed"] for one in source.told()["orders"])
        page = airflow.get(f"/orderhub/flows/{FLOW}")
        assert page.is_success
        assert "soap" in page.text
        documents = airflow.get("/orderhub/documents", params={"flow": FLOW})
        assert "A-2" in documents.text
        # the services end here, and nobody is to ask them any more
        airflow.patch(f"/api/v2/dags/{FLOW}", json={"is_paused": True}).raise_for_status()
