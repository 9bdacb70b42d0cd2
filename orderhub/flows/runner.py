"""One run of a flow's five stages in one process."""

from __future__ import annotations

from orderhub.stage import Flow, HubContext, RunResult


def start_run(ctx: HubContext, flow: Flow, *, trigger: str = "manual", external_id: str | None = None) -> int:
    """The ledger id of a new run; the run of the same ``external_id`` (an Airflow run id) when there is one."""
    raise NotImplementedError


def finish_run(ctx: HubContext, run: int, *, problems: list[str] | None = None) -> None:
    """Record that the run is over, with what went wrong."""
    raise NotImplementedError


def run_flow(ctx: HubContext, flow: Flow, *, trigger: str = "manual") -> RunResult:
    """All five stages. A stage that fails for a reason that may pass (a target is away) does not stop the others; it
    is named in ``problems`` and a later run goes on."""
    raise NotImplementedError
