"""One run of a flow's five stages in one process."""

from __future__ import annotations

from orderhub.stage import Flow, HubContext, RunResult


def new_run(ctx: HubContext, flow: Flow, trigger: str = "manual") -> str:
    """A name for a run outside of Airflow (there the DAG run's id is the name)."""
    raise NotImplementedError


def run_flow(ctx: HubContext, flow: Flow, *, run: str | None = None, trigger: str = "manual") -> RunResult:
    """All five stages. A stage that fails for a reason that may pass (a target is away) does not stop the others; it
    is named in ``problems`` and a later run goes on."""
    raise NotImplementedError
