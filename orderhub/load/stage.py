"""The fourth stage."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from orderhub.connector import Capability, Connector, Outcome, OutcomeState
from orderhub.document_findings import message_keys, replace_findings
from orderhub.errors import ConfigError, ConnectorError, LeaseLost
from orderhub.findings import Finding, Place, Severity
from orderhub.ledger import outbox
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import Work
from orderhub.load.heartbeat import kept
from orderhub.source import document_places
from orderhub.stage import Flow, HubContext, LoadResult

log = logging.getLogger(__name__)

#: Documents per call of a target: what one worker holds, and what a target's failure concerns at once.
CHUNK = 100


def load(ctx: HubContext, flow: Flow, run: int, batch: int | None, target: str) -> LoadResult:
    """Load what the outbox holds for this target: of one batch, or (batch None) whatever is open for the flow.

    Every effect is leased and committed before it is sent. What an earlier attempt may have done already is looked up
    (``find``) and only sent when the target does not have it. A rejected document does not stop the others.

    :raises ConnectorUnavailable: after recording, when the target could not be reached; a later call goes on.
    :raises ConnectorError: the same for any other failure of the connector as a whole.
    """
    chosen = flow.target(target)
    connector = ctx.connectors(chosen.connector, chosen.settings)
    if Capability.LOAD not in connector.capabilities:
        raise ConfigError(
            f"The connector {chosen.connector} of flow {flow.name} cannot load.",
            todo="Name a connector that can, see `orderhub connector list`.",
        )
    counts: Counter[str] = Counter()
    while True:
        with transaction(ctx.ledger) as connection:
            works = outbox.lease(
                connection,
                flow.name,
                target,
                worker=ctx.worker,
                limit=CHUNK,
                lease_seconds=ctx.lease_seconds,
                batch_id=batch,
                run=run,
            )
        if not works:
            break
        try:
            with kept(ctx, works):
                _send(ctx, flow, connector, works, run, counts)
        except LeaseLost as error:
            # another worker has them now and will look up what this one did
            log.warning("lost a lease: %s", error, extra={"flow": flow.name, "run": run, "target": target})
            counts["waiting"] += len(works)
    return LoadResult(
        target=target,
        written=counts[OutcomeState.WRITTEN],
        unchanged=counts[OutcomeState.UNCHANGED],
        rejected=counts[OutcomeState.REJECTED],
        unclear=counts[OutcomeState.UNCLEAR],
        waiting=counts["waiting"],
    )


def _send(
    ctx: HubContext,
    flow: Flow,
    connector: Connector[Any],
    works: Sequence[Work],
    run: int,
    counts: Counter[str],
) -> None:
    try:
        fresh = _look_up(ctx, flow, connector, works, run, counts)
        sendable = _readable(ctx, flow, fresh, run, counts)
        if not sendable:
            return
        outcomes = connector.load([work.item() for work in sendable])
    except ConnectorError as error:
        # the contract: raised only when nothing of the call had an effect
        _postpone(ctx, works, error)
        raise
    _record(ctx, flow, sendable, outcomes, run, counts)


def _look_up(
    ctx: HubContext,
    flow: Flow,
    connector: Connector[Any],
    works: Sequence[Work],
    run: int,
    counts: Counter[str],
) -> list[Work]:
    """Record what the target has already of the unclear ones; give back what is left to send."""
    unclear = [work for work in works if work.unclear]
    if not unclear or Capability.FIND not in connector.capabilities:
        # without FIND the target's load is idempotent by key, as the contract test proves
        return list(works)
    found = connector.find([work.key for work in unclear])
    there = [work for work in unclear if work.key in found]
    if there:
        _record(ctx, flow, there, [found[work.key] for work in there], run, counts)
    done = {work.id for work in there}
    return [work for work in works if work.id not in done]


def _readable(
    ctx: HubContext, flow: Flow, works: Sequence[Work], run: int, counts: Counter[str]
) -> list[Work]:
    """Reject what no longer fits the definition of its document, so that it does not hold up the others."""
    good: list[Work] = []
    bad: list[tuple[Work, Outcome]] = []
    for work in works:
        try:
            work.item()
        except (msgspec.ValidationError, KeyError) as error:
            reason = f"The stored document does not fit its definition: {error}."
            bad.append(
                (
                    work,
                    Outcome(
                        key=work.key, state=OutcomeState.REJECTED, code="DOCUMENT_UNREADABLE", reason=reason
                    ),
                )
            )
        else:
            good.append(work)
    if bad:
        _record(ctx, flow, [work for work, _ in bad], [outcome for _, outcome in bad], run, counts)
    return good


def _record(
    ctx: HubContext,
    flow: Flow,
    works: Sequence[Work],
    outcomes: Sequence[Outcome],
    run: int,
    counts: Counter[str],
) -> None:
    by_key = {outcome.key: outcome for outcome in outcomes}
    # a connector that forgets a key leaves its effect unknown
    complete = [
        by_key.get(work.key)
        or Outcome(key=work.key, state=OutcomeState.UNCLEAR, reason="no outcome was given")
        for work in works
    ]
    findings = _findings(ctx, flow, works, complete)
    with transaction(ctx.ledger) as connection:
        outbox.record_outcomes(connection, works, complete, run=run)
        if findings:
            replace_findings(connection, findings, rule=f"target/{works[0].target}")
    for work, outcome in zip(works, complete, strict=True):
        counts[outcome.state] += 1
        log.info(
            "%s %s in %s: %s %s",
            work.type,
            work.number,
            work.target,
            outcome.state.value,
            outcome.reference or outcome.reason or "",
            extra={"flow": work.flow, "run": run, "document": work.document_id, "target": work.target},
        )


def _findings(
    ctx: HubContext, flow: Flow, works: Sequence[Work], outcomes: Sequence[Outcome]
) -> dict[int, list[Finding]]:
    """What a target refused, as findings of the documents, at the place of the value that it names. A document that was
    refused before and went through now has none of this target any more."""
    pairs = list(zip(works, outcomes, strict=True))
    findings: dict[int, list[Finding]] = {
        work.document_id: []
        for work, outcome in pairs
        if work.attempts > 1 and outcome.state in (OutcomeState.WRITTEN, OutcomeState.UNCHANGED)
    }
    refused = [(work, outcome) for work, outcome in pairs if outcome.state is OutcomeState.REJECTED]
    if not refused:
        return findings
    with transaction(ctx.ledger) as connection:
        keys = message_keys(connection, [work.document_id for work, _ in refused])
    fields = {work.document_id: [outcome.field or "number"] for work, outcome in refused}
    places = document_places(ctx, flow, keys, fields)
    for work, outcome in refused:
        place = places.get(work.document_id, {}).get(outcome.field or "number", Place())
        findings[work.document_id] = [
            Finding(
                code=outcome.code or "TARGET_REJECTED",
                severity=Severity.ERROR,
                message=outcome.reason or f"{work.target} refused the document without saying why.",
                place=place,
                rule=f"target/{work.target}",
                field=outcome.field,
            )
        ]
    return findings


def _postpone(ctx: HubContext, works: Sequence[Work], error: ConnectorError) -> None:
    with transaction(ctx.ledger) as connection:
        outbox.postpone(connection, works, code=error.code, reason=str(error))
