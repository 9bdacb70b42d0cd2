"""One run of a flow's five stages in one process. Airflow runs the same five as tasks."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from typing import TypeVar

import msgspec

from orderhub.acknowledge import acknowledge
from orderhub.errors import ConfigError, HubError
from orderhub.ledger import flow_state, runs
from orderhub.ledger.engine import transaction
from orderhub.load import load
from orderhub.pull import pull, receive_again
from orderhub.stage import (
    AcknowledgeResult,
    Flow,
    HubContext,
    LoadResult,
    PullResult,
    RunResult,
    TranslateResult,
    ValidateResult,
)
from orderhub.translate import translate
from orderhub.validate import validate

log = logging.getLogger(__name__)

T = TypeVar("T")


def start_run(ctx: HubContext, flow: Flow, *, trigger: str = "manual", external: str | None = None) -> int:
    """The ledger id of a run. ``external`` is the scheduler's own name of it: every task of one scheduled run gets the
    same id."""
    with transaction(ctx.ledger) as connection:
        return runs.start(connection, flow.name, trigger=trigger, external=external)


def finish_run(ctx: HubContext, run: int, result: RunResult | None = None) -> None:
    """Record that a run is over, and what it did."""
    with transaction(ctx.ledger) as connection:
        runs.finish(connection, run, result=msgspec.to_builtins(result) if result is not None else None)


def run_flow(
    ctx: HubContext,
    flow: Flow,
    *,
    trigger: str = "manual",
    external: str | None = None,
    received: tuple[dt.datetime, dt.datetime] | None = None,
) -> RunResult:
    """All five stages. A stage that fails does not keep the others from what they can do: its error is named in
    ``problems``, what it left open is taken up by the next run.

    :param received: from and to (UTC-aware): a backfill. Instead of pulling, what the flow received in that time is
        translated again, and nobody is answered.
    :raises ConfigError: the flow is paused, and this is no backfill: a pause keeps what arrives at its source, from which a
        backfill takes nothing.
    """
    if received is None:
        with transaction(ctx.ledger) as connection:
            paused = flow.paused or flow_state.is_paused(connection, flow.name)
        if paused:
            raise ConfigError(
                f"The flow {flow.name} is paused; what arrives waits at its source.", todo="Resume it first."
            )
    run = start_run(ctx, flow, trigger=trigger, external=external)
    problems: list[str] = []

    def attempt(stage: str, work: Callable[[], T], instead: T) -> T:
        try:
            return work()
        except HubError as error:
            log.warning("%s: %s", stage, error, extra={"flow": flow.name, "run": run})
            problems.append(f"{stage}: {error}")
            return instead
        except Exception as error:
            # a defect in one stage is no reason to leave the others' work undone
            log.exception("%s broke off", stage, extra={"flow": flow.name, "run": run})
            problems.append(f"{stage}: broke off with {type(error).__name__}: {error}")
            return instead

    if received is None:
        pulled = attempt("pull", lambda: pull(ctx, flow, run), PullResult())
    else:
        start, end = received
        pulled = attempt("pull", lambda: receive_again(ctx, flow, run, start=start, end=end), PullResult())
    translated = attempt("translate", lambda: translate(ctx, flow, run), TranslateResult())
    problems += [f"translate: {problem}" for problem in translated.problems]
    validated: list[ValidateResult] = []
    for batch in translated.batches:
        outcome = attempt("validate", lambda batch=batch: validate(ctx, flow, run, batch), None)  # type: ignore[misc]
        if outcome is not None:
            validated.append(outcome)
    loaded: list[LoadResult] = []
    for target in flow.load:
        done = attempt(f"load {target.name}", lambda name=target.name: load(ctx, flow, run, None, name), None)  # type: ignore[misc]
        if done is not None:
            loaded.append(done)
    answered = AcknowledgeResult()
    if received is None:
        answered = attempt("acknowledge", lambda: acknowledge(ctx, flow, run), answered)
        problems += [f"acknowledge: {problem}" for problem in answered.problems]
    result = RunResult(
        flow=flow.name,
        run=run,
        pull=pulled,
        translate=translated,
        validate=validated,
        load=loaded,
        acknowledge=answered,
        problems=problems,
    )
    finish_run(ctx, run, result)
    return result
