"""The fourth stage."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import msgspec
from sqlalchemy import Connection

from orderhub.connector import Capability, Connector, Outcome, OutcomeState
from orderhub.document_findings import message_keys, replace_findings
from orderhub.documents.values import value_text
from orderhub.errors import ConfigError, ConnectorError, LeaseLost, LedgerUnavailable, OutcomeUnclear
from orderhub.findings import Finding, Place, Severity
from orderhub.ledger import outbox
from orderhub.ledger.engine import retrying, transaction
from orderhub.ledger.records import Work
from orderhub.load.heartbeat import kept
from orderhub.source import document_places
from orderhub.stage import Flow, HubContext, LoadResult

log = logging.getLogger(__name__)

#: Documents per call of a target: what one worker holds, and what a target's failure concerns at once.
CHUNK = 100
#: What was tried so often without an outcome is sent alone from then on, so that an order on which its target breaks does
#: not hold up the others.
TOGETHER = 3
#: After so many failed calls, one after the other, it is the target that is out of order and not some documents.
FAILURES_IN_A_ROW = 5
#: Longest pause (seconds) before a target is tried again that was away, and before one document is on which it broke.
LONGEST_AWAY = 30
LONGEST_BROKEN = 900


class ConnectorBroke(ConnectorError):
    """A connector raised what it should not: a defect in it. Whether its call had an effect is not known."""

    code: ClassVar[str] = "CONNECTOR_BROKE"


def load(ctx: HubContext, flow: Flow, run: int, batch: int | None, target: str) -> LoadResult:
    """Load what the outbox holds for this target: of one batch, or (batch None) whatever is open for the flow.

    Every effect is leased and committed before it is sent. What an earlier attempt may have done already is looked up
    (``find``) and only sent when the target does not have it. A rejected document does not stop the others, nor does one
    on which the connector breaks: it is tried again later and later, and the failure is raised at the end.

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
    failures: list[ConnectorError] = []

    def lease(connection: Connection) -> list[Work]:
        return outbox.lease(
            connection,
            flow.name,
            target,
            worker=ctx.worker,
            limit=CHUNK,
            lease_seconds=ctx.lease_seconds,
            batch_id=batch,
            run=run,
        )

    while works := retrying(ctx.ledger, lease):
        try:
            with kept(ctx, works):
                _send(ctx, flow, connector, works, run, counts, failures)
        except LeaseLost as error:
            # another worker has them now and will look up what this one did
            log.warning("lost a lease: %s", error, extra={"flow": flow.name, "run": run, "target": target})
            counts["waiting"] += len(works)
    if failures:
        raise failures[0]
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
    failures: list[ConnectorError],
) -> None:
    """Send leased works; failures are added to the list and their works are tried again later.

    :raises ConnectorError: the target is away or out of order; all that is left is postponed.
    """
    parts = _parts(works)
    in_a_row = 0
    while parts:
        part, *parts = parts
        sendable: list[Work] = []
        try:
            fresh = _look_up(ctx, flow, connector, part, run, counts)
            sendable = _readable(ctx, flow, fresh, run, counts)
            if sendable:
                with _typed(flow, part[0].target):
                    outcomes = connector.load([work.item(*_allowed(ctx, work)) for work in sendable])
                _record(ctx, flow, sendable, outcomes, run, counts)
        except ConnectorError as error:
            # the contract: a connector raises only when nothing of the call had an effect
            broke = isinstance(error, (ConnectorBroke, OutcomeUnclear))
            _postpone(ctx, part, error, unclear=broke and bool(sendable))
            in_a_row += 1
            if error.retryable or (len(part) > 1 and not broke) or in_a_row == FAILURES_IN_A_ROW:
                _postpone(ctx, [work for rest in parts for work in rest], error)
                raise
            failures.append(error)
        else:
            in_a_row = 0


def _allowed(ctx: HubContext, work: Work) -> tuple[frozenset[str], frozenset[str]]:
    """The master data that the agreement lets the target create, and update; none while its file cannot be used."""
    if not work.agreement:
        return frozenset(), frozenset()
    try:
        agreement = ctx.partners.get(work.agreement)
    except ConfigError as error:
        log.warning("nothing is created or updated for document %d: %s", work.document_id, error)
        return frozenset(), frozenset()
    return agreement.creates, agreement.updates


def _parts(works: Sequence[Work]) -> list[list[Work]]:
    together = [work for work in works if work.attempts <= TOGETHER]
    alone = [[work] for work in works if work.attempts > TOGETHER]
    return [together, *alone] if together else alone


@contextmanager
def _typed(flow: Flow, target: str) -> Iterator[None]:
    """Whatever else a connector raises becomes ``ConnectorBroke``."""
    try:
        yield
    except (ConnectorError, LeaseLost, LedgerUnavailable):
        raise
    except Exception as error:
        raise ConnectorBroke(
            f"The connector of target {target} of flow {flow.name} broke off: {type(error).__name__}: {error}.",
            todo="The log has the traceback. What was sent is looked up and tried again later.",
        ) from error


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
    with _typed(flow, works[0].target):
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

    def record(connection: Connection) -> None:
        outbox.record_outcomes(connection, works, complete, run=run)
        if findings:
            replace_findings(connection, findings, rule=f"target/{works[0].target}")

    retrying(ctx.ledger, record)
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
                value=_value(work, outcome.field),
                field=outcome.field,
            )
        ]
    return findings


def _value(work: Work, field: str | None) -> str | None:
    """The value that a target refused, as the document has it: what it names by its field."""
    if field is None:
        return None
    try:
        return value_text(work.item().document, field)
    except (msgspec.ValidationError, KeyError):
        return None  # a document that no longer fits its definition was refused for that


def _postpone(
    ctx: HubContext, works: Sequence[Work], error: ConnectorError, *, unclear: bool = False
) -> None:
    log.warning("postponed: %s", error, exc_info=isinstance(error, ConnectorBroke))
    retrying(
        ctx.ledger,
        lambda connection: outbox.postpone(
            connection,
            works,
            code=error.code,
            reason=str(error),
            # what counts the attempts may have been a killed worker; a target that is back shall not wait for them
            longest_seconds=LONGEST_AWAY if error.retryable else LONGEST_BROKEN,
            unclear=unclear,
        ),
    )
