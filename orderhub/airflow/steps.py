"""What a task does: open the hub's context, run one stage, say in the log what came of it. Imported by tasks only."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import msgspec
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.utils.types import DagRunType

from orderhub.acknowledge import acknowledge as acknowledge_stage
from orderhub.airflow.ports import connection_credentials
from orderhub.errors import HubError
from orderhub.flows.context import open_context
from orderhub.flows.definition import parse_flow
from orderhub.flows.runner import finish_run, start_run
from orderhub.ledger import flow_state
from orderhub.ledger.engine import transaction
from orderhub.load import load as load_stage
from orderhub.pull import pull as pull_stage
from orderhub.pull import receive_again
from orderhub.services import endpoints
from orderhub.services.settings import get_settings
from orderhub.stage import Flow, HubContext
from orderhub.translate import translate as translate_stage
from orderhub.validate import validate as validate_stage

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

T = TypeVar("T")

#: The XCom in which the translation names what it left to the next run.
PROBLEMS = "problems"


def pull(flow: str, context: Context) -> list[int]:
    """Run the stage; ledger ids of the new interchanges. A paused flow skips the run.

    A backfill pulls nothing: what the flow received in the run's interval is translated again, paused or not.
    """
    if _is_backfill(context):
        start, end = context["data_interval_start"], context["data_interval_end"]
        if start is None or end is None:
            raise AirflowFailException(
                "The run has no data interval. Start it with `airflow backfill create`."
            )
        return _step(
            flow,
            context,
            lambda ctx, flow, run: (
                _said(receive_again(ctx, flow, run, start=_utc(start), end=_utc(end))).interchanges
            ),
        )

    def work(ctx: HubContext, flow: Flow, run: int) -> list[int]:
        with transaction(ctx.ledger) as connection:
            paused = flow_state.is_paused(connection, flow.name)
        if flow.paused or paused:
            raise AirflowSkipException(f"Flow {flow.name} is paused; what arrives waits at its source.")
        return _said(pull_stage(ctx, flow, run)).interchanges

    return _step(flow, context, work)


def translate(flow: str, context: Context) -> list[int]:
    """Run the stage; ledger ids of the batches that have something to validate or to load, left ones included. Interchanges
    that were left to the next run do not keep the batches from going on: ``acknowledge`` fails for them at the end."""
    result = _step(flow, context, lambda ctx, flow, run: _said(translate_stage(ctx, flow, run)))
    if result.problems:
        context["ti"].xcom_push(key=PROBLEMS, value=result.problems)
    return result.batches


def validate(flow: str, context: Context, batch: int) -> None:
    """Run the stage on one batch."""
    _step(flow, context, lambda ctx, flow, run: _said(validate_stage(ctx, flow, run, batch)))


def load(flow: str, context: Context, batch: int, target: str) -> None:
    """Run the stage on one batch and target."""
    _step(flow, context, lambda ctx, flow, run: _said(load_stage(ctx, flow, run, batch, target)))


def acknowledge(flow: str, context: Context) -> None:
    """Run the stage and close the run; fails, when that is done, for what the translation or this stage left to the next
    run. A backfill answers nobody: the sender was told when its message came."""

    def work(ctx: HubContext, flow: Flow, run: int) -> list[str]:
        unsent = [] if _is_backfill(context) else _said(acknowledge_stage(ctx, flow, run)).problems
        finish_run(ctx, run)
        return unsent

    unsent = _step(flow, context, work)
    problems = [*(context["ti"].xcom_pull(task_ids="translate", key=PROBLEMS) or ()), *unsent]
    if problems:
        raise AirflowFailException("Left to the next run: " + " ".join(problems))


def _is_backfill(context: Context) -> bool:
    # the run tells it as an enumeration of its own, which is a text as well
    return bool(context["dag_run"].run_type == DagRunType.BACKFILL_JOB.value)


def _utc(moment: dt.datetime) -> dt.datetime:
    return dt.datetime.fromtimestamp(moment.timestamp(), dt.UTC)


def _step(name: str, context: Context, work: Callable[[HubContext, Flow, int], T]) -> T:
    """One stage in the hub's context, within the run that all tasks of this DAG run share."""
    with _typed_failures():
        settings = get_settings()
        flow = parse_flow(settings.path("flows_folder") / f"{name}.yaml")
        ctx = open_context(settings, endpoints.load(settings), connections=connection_credentials)
        try:
            dag_run = context["dag_run"]
            run = start_run(ctx, flow, trigger=DagRunType(dag_run.run_type).value, external=dag_run.run_id)
            return work(ctx, flow, run)
        finally:
            ctx.close()


def _said(result: T) -> T:
    log.info("%s: %s", type(result).__name__, msgspec.json.encode(result).decode())
    return result


@contextmanager
def _typed_failures() -> Iterator[None]:
    """An error that a retry cannot help fails the task at once; the message says what to do."""
    try:
        yield
    except HubError as error:
        if error.retryable:
            raise
        raise AirflowFailException(str(error)) from error
