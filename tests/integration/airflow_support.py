"""What tests of flows in Airflow share: a client that is signed in, waiting, and a run from its beginning to its end."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from orderhub.services.airflow_parts import access_token
from orderhub.services.stack import Stack

#: How long anything is waited for that Airflow does: some seconds, and many times that on a busy machine.
PATIENCE = 400.0


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait for something that comes by itself.

    :raises AssertionError: ``what`` did not come.
    """
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come within {seconds:.0f} s"
        time.sleep(0.2)


def signed_in(stack: Stack) -> httpx.Client:
    """A client of Airflow's API and of the hub's pages."""
    return httpx.Client(
        base_url=stack.endpoints.airflow_url,
        headers={"Authorization": f"Bearer {access_token(stack.endpoints)}"},
        timeout=60,
        trust_env=False,
    )


def run_to_its_end(airflow: httpx.Client, flow: str) -> None:
    """Start a run of a flow and wait for its success."""
    started = airflow.post(f"/api/v2/dags/{flow}/dagRuns", json={"logical_date": None})
    number = started.raise_for_status().json()["dag_run_id"]

    def state() -> str:
        return str(airflow.get(f"/api/v2/dags/{flow}/dagRuns/{number}").json()["state"])

    until(lambda: state() in ("success", "failed"), f"the end of the run of {flow}")
    assert state() == "success"
