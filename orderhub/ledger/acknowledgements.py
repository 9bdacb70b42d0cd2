"""Acknowledgements: the answer to the sender follows from the validation, once, and is never rewritten."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from orderhub.findings import Finding
from orderhub.ledger.codec import findings_from, findings_to_json
from orderhub.ledger.records import AcknowledgementOutcome, AcknowledgementRow, DueAcknowledgement
from orderhub.ledger.states import DocumentState, InterchangeState

#: The kind of the technical answer to an interchange (CONTRL, 997, 999); the business answer is per document.
TECHNICAL = "technical"
BUSINESS = "business"

_VERDICT = """
    SELECT i.id, i.name, i.state, i.sender, i.receiver, i.control_reference, i.findings, i.archive_key,
        coalesce(i.duplicate_of, CASE WHEN i.state = 'translated' AND c.accepted > 0 AND c.others = 0 THEN i.same_bytes_as
            END) AS duplicate_of,
        coalesce(i.format, o.format) AS format, coalesce(i.message, o.message) AS message,
        i.company, coalesce(c.accepted, 0) AS accepted, coalesce(c.rejected, 0) AS rejected,
        (SELECT a.outcome FROM ledger.acknowledgement AS a
         WHERE a.interchange_id = i.duplicate_of AND a.kind = :kind AND a.document_id IS NULL) AS stored
    FROM ledger.interchange AS i LEFT JOIN ledger.interchange AS o ON o.id = i.duplicate_of
    LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE state IN ('accepted', 'loading', 'loaded', 'waiting', 'rejected', 'duplicate'))
                AS accepted,
            count(*) FILTER (WHERE state IN ('quarantined', 'conflict', 'discarded')) AS rejected,
            count(*) FILTER (WHERE state IN ('translated', 'retrying')) AS open,
            count(*) FILTER (WHERE state <> 'duplicate' OR NOT EXISTS (
                SELECT 1 FROM ledger.document AS h
                WHERE h.id = latest.duplicate_of AND h.interchange_id = i.same_bytes_as)) AS others
        FROM (SELECT DISTINCT ON (d.ordinal) d.state, d.duplicate_of FROM ledger.document AS d WHERE d.interchange_id = i.id
              ORDER BY d.ordinal, d.generation DESC) AS latest
    ) AS c ON true
"""
_DUE = text(
    _VERDICT
    + """
    WHERE i.flow = :flow AND i.answered_at IS NULL AND i.state <> 'received' AND c.open = 0
      AND NOT i.id = ANY(CAST(:exclude AS bigint[]))
    ORDER BY i.id LIMIT :limit
    """
)
_OF_ONE = text(_VERDICT + " WHERE i.id = :id AND i.state <> 'received' AND c.open = 0")


def due(
    connection: Connection, flow: str, *, limit: int = 1000, exclude: Collection[int] = ()
) -> list[DueAcknowledgement]:
    """Interchanges whose documents all have a verdict and whose technical answer is not recorded, oldest first, with the
    answer that follows: accepted when every document went on (a duplicate of an accepted one too), rejected when none
    did, else partially accepted. A duplicate interchange gets the answer that its original got, one that was translated
    because both came at once too. ``exclude``: ids to pass
    over."""
    values = {"flow": flow, "kind": TECHNICAL, "limit": limit, "exclude": list(exclude)}
    return [_due(row) for row in connection.execute(_DUE, values)]


def verdict_of(connection: Connection, interchange_id: int) -> DueAcknowledgement | None:
    """What follows for one interchange as it is now, recorded or not; None while its documents have no verdict."""
    row = connection.execute(_OF_ONE, {"id": interchange_id, "kind": TECHNICAL}).one_or_none()
    return None if row is None else _due(row)


def _due(row: Row[Any]) -> DueAcknowledgement:
    state = InterchangeState(row.state)
    return DueAcknowledgement(
        interchange_id=row.id,
        name=row.name,
        state=state,
        sender=row.sender,
        receiver=row.receiver,
        control_reference=row.control_reference,
        outcome=_outcome(state, row.accepted, row.rejected, row.stored),
        accepted=row.accepted,
        rejected=row.rejected,
        findings=findings_from(row.findings),
        duplicate_of=row.duplicate_of,
        archive_key=row.archive_key,
        format=row.format,
        message=row.message,
        company=row.company,
    )


def _outcome(
    state: InterchangeState, accepted: int, rejected: int, stored: str | None
) -> AcknowledgementOutcome:
    if state is InterchangeState.DUPLICATE:
        return AcknowledgementOutcome(stored) if stored else AcknowledgementOutcome.ACCEPTED
    if accepted == 0:
        return AcknowledgementOutcome.REJECTED
    if rejected or state is InterchangeState.PARTIAL:
        return AcknowledgementOutcome.PARTIALLY_ACCEPTED
    return AcknowledgementOutcome.ACCEPTED


_RECORD = text(
    """
    INSERT INTO ledger.acknowledgement (interchange_id, document_id, kind, outcome, findings, run)
    VALUES (:interchange_id, :document_id, :kind, :outcome, CAST(:findings AS jsonb), :run)
    ON CONFLICT DO NOTHING RETURNING id
    """
)
_ANSWERED = text(
    "UPDATE ledger.interchange SET answered_at = clock_timestamp() WHERE id = :id AND answered_at IS NULL"
)


def record(
    connection: Connection,
    interchange_id: int,
    outcome: AcknowledgementOutcome,
    *,
    kind: str = TECHNICAL,
    document_id: int | None = None,
    findings: Sequence[Finding] = (),
    run: int | None = None,
) -> bool:
    """Record an answer. False when there is one already; that one stays as it is."""
    made = connection.execute(
        _RECORD,
        {
            "interchange_id": interchange_id,
            "document_id": document_id,
            "kind": kind,
            "outcome": outcome.value,
            "findings": findings_to_json(findings),
            "run": run,
        },
    ).scalar()
    if kind == TECHNICAL and document_id is None:
        connection.execute(_ANSWERED, {"id": interchange_id})
    return made is not None


def is_answered(connection: Connection, interchange_id: int) -> bool:
    """Whether the technical outcome of an interchange is recorded."""
    query = text("SELECT answered_at IS NOT NULL FROM ledger.interchange WHERE id = :id")
    return bool(connection.execute(query, {"id": interchange_id}).scalar())


def hold(connection: Connection, interchange_id: int) -> None:
    """Lock an interchange for this transaction, so that one worker at a time decides about its answer."""
    connection.execute(
        text("SELECT 1 FROM ledger.interchange WHERE id = :id FOR UPDATE"), {"id": interchange_id}
    )


def mark_answered(connection: Connection, interchange_id: int) -> None:
    """Nothing is to be said to the sender (what came is an answer itself): it is not due any more."""
    connection.execute(_ANSWERED, {"id": interchange_id})


_MESSAGES = text(
    """
    SELECT DISTINCT ON (ordinal) ordinal, state,
        CASE WHEN state IN ('quarantined', 'conflict', 'discarded') THEN findings END AS findings
    FROM ledger.document WHERE interchange_id = :id ORDER BY ordinal, generation DESC
    """
)


def message_states(
    connection: Connection, interchange_id: int
) -> dict[int, tuple[DocumentState, list[Finding]]]:
    """What became of each message that a mapping took, by its ordinal; findings of those that were held back."""
    return {
        row.ordinal: (DocumentState(row.state), findings_from(row.findings))
        for row in connection.execute(_MESSAGES, {"id": interchange_id})
    }


_RECORDED = text(
    """
    SELECT id, interchange_id, document_id, kind, outcome, findings, recorded_at FROM ledger.acknowledgement
    WHERE interchange_id = :id ORDER BY id
    """
)


def recorded(connection: Connection, interchange_id: int) -> list[AcknowledgementRow]:
    """The answers of an interchange, oldest first."""
    return [
        AcknowledgementRow(
            **{
                **row._mapping,
                "outcome": AcknowledgementOutcome(row.outcome),
                "findings": findings_from(row.findings),
            }
        )
        for row in connection.execute(_RECORDED, {"id": interchange_id})
    ]
