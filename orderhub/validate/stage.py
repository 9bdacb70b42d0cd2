"""The third stage."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from orderhub.documents import Document
from orderhub.findings import Finding, Place, Severity
from orderhub.ledger import artifacts, documents
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import BatchDocument, ClaimedBatch, Suite, Target
from orderhub.ledger.states import Environment
from orderhub.source import source_places
from orderhub.stage import Flow, HubContext, ValidateResult
from orderhub.validate.suite import CompiledSuite, ExpectationSuiteFile, suite_path

log = logging.getLogger(__name__)


def validate(ctx: HubContext, flow: Flow, run: int, batch: int) -> ValidateResult:
    """Give every document of a batch its verdict: accepted, quarantined with findings, duplicate or conflict.

    Structure first (the canonical schema), then the flow's suite over the whole batch at once. Verdicts, identities and
    the outbox rows of the accepted ones are one transaction; a crash before it leaves the batch to the next run.

    :raises ConfigError: the suite is missing or wrong; the batch stays open.
    """
    with transaction(ctx.ledger) as connection:
        claim = documents.claim_batch(connection, batch, worker=ctx.worker, lease_seconds=ctx.lease_seconds)
    if claim is None:
        return ValidateResult(batch=batch)
    suite = _suite(ctx, flow)
    findings = _judge(claim, suite)
    bad = {
        number
        for number, found in findings.items()
        if any(finding.severity is Severity.ERROR for finding in found)
    }
    placed = _with_places(ctx, flow, claim, {number: findings[number] for number in bad})
    return _write(ctx, flow, run, claim, suite, placed)


def _judge(claim: ClaimedBatch, suite: CompiledSuite | None) -> dict[int, list[Finding]]:
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
        findings.update(suite.run(decoded))
    return findings


def _suite(ctx: HubContext, flow: Flow) -> CompiledSuite | None:
    """The flow's suite, compiled once per process and content; kept in the ledger when first used."""
    if flow.validate.suite is None:
        return None
    path = suite_path(ctx.suites, flow.validate.suite)
    definition = ExpectationSuiteFile(path)
    key = f"suite:{definition.content_hash}"
    compiled = ctx.memory.get(key)
    if not isinstance(compiled, CompiledSuite):
        compiled = CompiledSuite(definition)
        with transaction(ctx.ledger) as connection:
            artifacts.register(
                connection, kind="suite", name=definition.name, version=None, content=definition.content
            )
        ctx.memory[key] = compiled
    return compiled


def _with_places(
    ctx: HubContext, flow: Flow, claim: ClaimedBatch, findings: dict[int, list[Finding]]
) -> dict[int, list[Finding]]:
    """Findings with the place in the source of the value that they are about."""
    rows = {row.id: row for row in claim.documents}
    wanted: dict[int, dict[int, list[str]]] = {}
    for number, found in findings.items():
        row = rows[number]
        fields = [finding.field for finding in found if finding.field is not None]
        wanted.setdefault(row.interchange_id, {})[row.ordinal] = fields
    places: dict[tuple[int, int], dict[str, Place]] = {}
    for interchange, messages in wanted.items():
        for ordinal, fields in source_places(ctx, flow, interchange, messages).items():
            places[interchange, ordinal] = fields
    return {
        number: [
            msgspec.structs.replace(
                finding,
                place=places.get((rows[number].interchange_id, rows[number].ordinal), {}).get(
                    finding.field or "", finding.place
                ),
            )
            for finding in found
        ]
        for number, found in findings.items()
    }


def _write(
    ctx: HubContext,
    flow: Flow,
    run: int,
    claim: ClaimedBatch,
    suite: CompiledSuite | None,
    bad: dict[int, list[Finding]],
) -> ValidateResult:
    stamp = Suite(suite.name, suite.definition.content_hash) if suite is not None else None
    good = [row for row in claim.documents if row.id not in bad]
    accepted = duplicates = conflicts = 0
    with transaction(ctx.ledger) as connection:
        moved = documents.quarantine(connection, bad, suite=stamp, run=run)
        for environment, rows in _by_environment(good):
            verdict = documents.accept(
                connection,
                [row.id for row in rows],
                targets=_targets(flow, environment),
                suite=stamp,
                run=run,
            )
            accepted += len(verdict.accepted)
            duplicates += len(verdict.duplicates)
            conflicts += len(verdict.conflicts)
        documents.finish_batch(connection, claim)
    result = ValidateResult(
        batch=claim.id,
        accepted=accepted,
        quarantined=len(moved),
        duplicates=duplicates,
        conflicts=conflicts,
    )
    log.info(
        "batch %d: %d accepted, %d quarantined, %d duplicates, %d conflicts",
        claim.id,
        accepted,
        len(moved),
        duplicates,
        conflicts,
        extra={"flow": flow.name, "run": run, "batch": claim.id},
    )
    return result


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
