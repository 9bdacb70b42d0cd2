"""The third stage."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from orderhub.document_findings import place_findings
from orderhub.documents import Document
from orderhub.findings import Finding, Severity, graded
from orderhub.ledger import artifacts, documents, validations
from orderhub.ledger.engine import retrying, transaction
from orderhub.ledger.records import Accepted, BatchDocument, ClaimedBatch, Suite, Target
from orderhub.ledger.states import Environment
from orderhub.source import document_places
from orderhub.stage import Flow, HubContext, ValidateResult
from orderhub.validate.reference import reference
from orderhub.validate.siblings import held, in_conflict, siblings
from orderhub.validate.suite import CompiledSuite, Judgement, compiled_suite, suite_path

log = logging.getLogger(__name__)


def validate(ctx: HubContext, flow: Flow, run: int, batch: int) -> ValidateResult:
    """Give every document of a batch its verdict: accepted, quarantined with findings, duplicate or conflict.

    Structure first (the canonical schema), then the flow's suite over the whole batch at once. Verdicts, identities and
    the outbox rows of the accepted ones are one transaction; a crash before it leaves the batch to the next run.

    :raises ConfigError: the suite is missing or wrong; the batch stays open.
    """
    # before the claim: the first use imports for seconds
    suite = _suite(ctx, flow)
    with transaction(ctx.ledger) as connection:
        claim = documents.claim_batch(connection, batch, worker=ctx.worker, lease_seconds=ctx.lease_seconds)
    if claim is None:
        return ValidateResult(batch=batch)
    findings, judgement = _judge(ctx, claim, suite)
    placed = _with_places(ctx, flow, claim, findings)
    bad = {number: found for number, found in placed.items() if _is_bad(found)}
    for number, held_back in _held_back(ctx, flow, claim, suite, set(bad)).items():
        bad[number] = [*held_back, *placed.get(number, [])]
    noted = {number: found for number, found in placed.items() if number not in bad}
    return retrying(
        ctx.ledger,
        lambda connection: _write(ctx, flow, run, claim, suite, judgement, bad, noted, connection),
    )


def _is_bad(findings: Sequence[Finding]) -> bool:
    return any(finding.severity is Severity.ERROR for finding in findings)


def _held_back(
    ctx: HubContext, flow: Flow, claim: ClaimedBatch, suite: CompiledSuite | None, bad: set[int]
) -> dict[int, list[Finding]]:
    """Good documents of interchanges in which another one is bad, where the agreement says all or nothing."""
    strict = [row for row in claim.documents if _all_or_nothing(ctx, flow, row.agreement)]
    if not strict:
        return {}
    broken = {row.interchange_id for row in strict if row.id in bad}
    agreements = {row.interchange_id: row.agreement for row in strict}
    with transaction(ctx.ledger) as connection:
        known = [row.id for row in claim.documents]
        elsewhere, waiting = siblings(connection, sorted({row.interchange_id for row in strict}), known)
        here = [row.id for row in strict if row.id not in bad]
        taken = in_conflict(connection, [*here, *waiting])
    broken |= elsewhere | set(taken.values())
    if suite is not None and waiting:
        # as their own batch will judge them, else one is accepted here whose sibling is kept back there
        others = [(number, document) for number, (_, document) in waiting.items()]
        judged = suite.run(others, reference(ctx, strict[0].company, (document for _, document in others)))
        for number, found in judged.items():
            interchange = waiting[number][0]
            if _is_bad(_as_agreed(ctx, agreements[interchange], found)):
                broken.add(interchange)
    # a conflict goes on to acceptance, which says with what
    own = bad | taken.keys()
    return {row.id: [held()] for row in strict if row.interchange_id in broken and row.id not in own}


def _all_or_nothing(ctx: HubContext, flow: Flow, agreement: str) -> bool:
    if flow.validate.on_failure is not None:
        return flow.validate.on_failure == "interchange"
    return bool(agreement) and ctx.partners.get(agreement).on_failure == "interchange"


def _as_agreed(ctx: HubContext, agreement: str, findings: list[Finding]) -> list[Finding]:
    """Findings with what the agreement says about their codes."""
    return graded(findings, ctx.partners.get(agreement).severities if agreement else {})


def _judge(
    ctx: HubContext, claim: ClaimedBatch, suite: CompiledSuite | None
) -> tuple[dict[int, list[Finding]], Judgement | None]:
    findings: dict[int, list[Finding]] = {}
    decoded: list[tuple[int, Document]] = []
    for row in claim.documents:
        try:
            decoded.append((row.id, row.document()))
        except (msgspec.ValidationError, KeyError) as error:
            findings[row.id] = [
                Finding(
                    code="DOCUMENT_SCHEMA",
                    severity=Severity.ERROR,
                    message=f"The document does not fit the canonical schema: {error}. Correct the mapping.",
                    rule="schema",
                )
            ]
    if suite is not None and decoded:
        agreements = {row.id: row.agreement for row in claim.documents}
        # a batch is of one flow, and a flow trades for one company
        compared = reference(ctx, claim.documents[0].company, (document for _, document in decoded))
        judgement = suite.judge(decoded, compared)
        for number, found in judgement.findings.items():
            findings[number] = _as_agreed(ctx, agreements[number], found)
        return findings, judgement
    return findings, None


def _suite(ctx: HubContext, flow: Flow) -> CompiledSuite | None:
    """The flow's suite; kept in the ledger when first used."""
    if flow.validate.suite is None:
        return None
    suite = compiled_suite(suite_path(ctx.suites, flow.validate.suite))
    kept: set[str] = ctx.memory.setdefault("suites kept", set())
    if suite.definition.content_hash not in kept:
        with transaction(ctx.ledger) as connection:
            artifacts.register(
                connection, kind="suite", name=suite.name, version=None, content=suite.definition.content
            )
        kept.add(suite.definition.content_hash)
    return suite


def _with_places(
    ctx: HubContext, flow: Flow, claim: ClaimedBatch, findings: dict[int, list[Finding]]
) -> dict[int, list[Finding]]:
    """Findings with the place in the source of the value that they are about."""
    rows = [row for row in claim.documents if row.id in findings]
    fields = {number: [f.field for f in found if f.field is not None] for number, found in findings.items()}
    places = document_places(ctx, flow, _keys(rows), fields)
    return {
        number: [
            msgspec.structs.replace(finding, place=places[number].get(finding.field or "", finding.place))
            for finding in found
        ]
        for number, found in findings.items()
    }


def _keys(rows: Sequence[BatchDocument]) -> dict[int, tuple[int, int]]:
    return {row.id: (row.interchange_id, row.ordinal) for row in rows}


def _write(
    ctx: HubContext,
    flow: Flow,
    run: int,
    claim: ClaimedBatch,
    suite: CompiledSuite | None,
    judgement: Judgement | None,
    bad: dict[int, list[Finding]],
    noted: dict[int, list[Finding]],
    connection: Connection,
) -> ValidateResult:
    stamp = Suite(suite.name, suite.definition.content_hash) if suite is not None else None
    good = [row for row in claim.documents if row.id not in bad]
    accepted = duplicates = conflicts = 0
    moved = documents.quarantine(connection, bad, suite=stamp, run=run)
    documents.add_findings(connection, noted)
    verdicts, late = _accept(ctx, flow, run, stamp, good, connection)
    for rows, verdict in verdicts:
        accepted += len(verdict.accepted)
        duplicates += len(verdict.duplicates)
        conflicts += len(verdict.conflicts)
        if verdict.conflicts:
            taken = [row for row in rows if row.id in verdict.conflicts]
            number = {row.id: ["number"] for row in taken}
            place_findings(connection, document_places(ctx, flow, _keys(taken), number))
    if suite is not None and judgement is not None:
        validations.record(
            connection,
            batch=claim.id,
            flow=flow.name,
            run=run,
            suite=suite.name,
            suite_hash=suite.definition.content_hash,
            documents=len(claim.documents),
            failed=len(bad),
            rules=judgement.rules,
            results=judgement.results,
        )
    documents.finish_batch(connection, claim)
    result = ValidateResult(
        batch=claim.id,
        accepted=accepted,
        quarantined=len(moved) + late,
        duplicates=duplicates,
        conflicts=conflicts,
    )
    log.info(
        "batch %d: %d accepted, %d quarantined, %d duplicates, %d conflicts",
        claim.id,
        accepted,
        len(moved) + late,
        duplicates,
        conflicts,
        extra={"flow": flow.name, "run": run, "batch": claim.id},
    )
    return result


def _accept(
    ctx: HubContext,
    flow: Flow,
    run: int,
    stamp: Suite | None,
    good: Sequence[BatchDocument],
    connection: Connection,
) -> tuple[list[tuple[list[BatchDocument], Accepted]], int]:
    """Accept documents, a verdict for each environment; and how many were held back after all, because one of their
    interchange turned out to be in conflict only now (somebody else took its number in this moment)."""
    savepoint = connection.begin_nested()
    verdicts = [
        (
            rows,
            documents.accept(
                connection,
                [row.id for row in rows],
                targets=_targets(flow, environment),
                suite=stamp,
                run=run,
            ),
        )
        for environment, rows in _by_environment(good)
    ]
    conflicts = {number for _, verdict in verdicts for number in verdict.conflicts}
    broken = {
        row.interchange_id
        for row in good
        if row.id in conflicts and _all_or_nothing(ctx, flow, row.agreement)
    }
    late = [row for row in good if row.interchange_id in broken and row.id not in conflicts]
    if not late:
        savepoint.commit()
        return verdicts, 0
    savepoint.rollback()
    kept_back = documents.quarantine(connection, {row.id: [held()] for row in late}, suite=stamp, run=run)
    left = [row for row in good if row not in late]
    again, later = _accept(ctx, flow, run, stamp, left, connection)
    return again, len(kept_back) + later


def _by_environment(rows: Sequence[BatchDocument]) -> list[tuple[Environment, list[BatchDocument]]]:
    split: dict[Environment, list[BatchDocument]] = {}
    for row in rows:
        split.setdefault(row.environment, []).append(row)
    return list(split.items())


def _targets(flow: Flow, environment: Environment) -> list[Target]:
    # `when: approved` is read but nothing waits yet: approval comes with purchasing
    return [
        Target(target.name)
        for target in flow.load
        if environment is not Environment.TEST or target.test_documents
    ]
