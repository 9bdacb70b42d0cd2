"""Acknowledgements: the answer to the sender follows from the validation, once, and is never rewritten."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from orderhub.findings import Finding
from orderhub.ledger.codec import findings_from, findings_to_json
from orderhub.ledger.records import AcknowledgementOutcome, AcknowledgementRow, DueAcknowledgement
from orderhub.ledger.states import InterchangeState

#: The kind of the technical answer to an interchange (CONTRL, 997, 999); the business answer is per document.
TECHNICAL = "technical"
BUSINESS = "business"

_DUE = text(
    """
    SELECT i.id, i.name, i.state, i.sender, i.receiver, i.control_reference, i.findings, i.duplicate_of,
        coalesce(c.accepted, 0) AS accepted, coalesce(c.rejected, 0) AS rejected,
        (SELECT a.outcome FROM ledger.acknowledgement AS a
         WHERE a.interchange_id = i.duplicate_of AND a.kind = :kind AND a.document_id IS NULL) AS stored
    FROM ledger.interchange AS i
    LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE state IN ('accepted', 'loading', 'loaded', 'waiting', 'rejected', 'duplicate'))
                AS accepted,
            count(*) FILTER (WHERE state IN ('quarantined', 'conflict', 'discarded')) AS rejected,
            count(*) FILTER (WHERE state IN ('translated', 'retrying')) AS open
        FROM (SELECT DISTINCT ON (d.ordinal) d.state FROM ledger.document AS d WHERE d.interchange_id = i.id
              ORDER BY d.ordinal, d.generation DESC) AS latest
    ) AS c ON true
    WHERE i.flow = :flow AND i.answered_at IS NULL AND i.state <> 'received' AND c.open = 0
    ORDER BY i.id LIMIT :limit
    """
)


def due(connection: Connection, flow: str, *, limit: int = 1000) -> list[DueAcknowledgement]:
    """Interchanges whose documents all have a verdict and whose technical answer is not recorded, oldest first, with the
    answer that follows: accepted when every document went on (a duplicate of an accepted one too), rejected when none
    did, else partially accepted. A duplicate interchange gets the answer that its original got."""
    found = []
    for row in connection.execute(_DUE, {"flow": flow, "kind": TECHNICAL, "limit": limit}):
        state = InterchangeState(row.state)
        found.append(
            DueAcknowledgement(
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
            )
        )
    return found


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
