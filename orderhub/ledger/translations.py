"""Translations of interchanges: finished with what came out of them, left out where the same bytes were translated before,
asked for again."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection, text

from orderhub.documents import MASTER_DATA
from orderhub.errors import LedgerError
from orderhub.ledger import audit, effects, leases
from orderhub.ledger.codec import clean_or_none, findings_to_json
from orderhub.ledger.records import ClaimedInterchange, TranslationSummary
from orderhub.ledger.states import TRANSLATION_OUTCOMES, DocumentState, InterchangeState
from orderhub.ledger.transitions import move_documents, move_interchanges

_ORIGINAL = text(
    """
    SELECT i.id FROM ledger.interchange AS i
    WHERE i.id = :first AND i.state = 'translated' AND i.retry_requested_at IS NULL
      AND EXISTS (SELECT 1 FROM ledger.document AS d WHERE d.interchange_id = i.id)
      AND NOT EXISTS (
        SELECT 1 FROM ledger.document AS d WHERE d.interchange_id = i.id
          AND d.state IN ('translated', 'quarantined', 'conflict', 'rejected', 'retrying', 'discarded'))
      AND NOT EXISTS (
        SELECT 1 FROM ledger.document AS d
        JOIN ledger.identity AS n ON n.company = d.company AND n.environment = d.environment
          AND n.agreement = d.agreement AND n.type = d.type AND n.number = d.number AND n.revision = d.revision
        WHERE d.interchange_id = i.id AND d.type = ANY(CAST(:master_data AS text[]))
          AND n.interchange_id <> i.id AND n.content_hash <> d.content_hash)
      AND NOT EXISTS (SELECT 1 FROM ledger.document AS d WHERE d.interchange_id = :id)
    """
)


def settled_original(connection: Connection, claim: ClaimedInterchange) -> int | None:
    """The earlier interchange with the same bytes on this flow when every document of it went on (none quarantined,
    in conflict, discarded or open): this one may be finished as ``duplicate`` without translating it. None also when
    somebody asked for messages of this one again, when it has messages of its own already (their cases would stay as
    they are), and when a record of master data has changed since: then the same bytes say that it is to be again what it
    was."""
    if claim.same_bytes_as is None or claim.ordinals is not None:
        return None
    values = {"first": claim.same_bytes_as, "id": claim.id, "master_data": sorted(MASTER_DATA)}
    found = connection.execute(_ORIGINAL, values).scalar()
    return None if found is None else int(found)


_FINISH = text(
    f"""
    UPDATE ledger.interchange
    SET format = coalesce(CAST(:format AS text), format), message = coalesce(CAST(:message AS text), message),
        release = coalesce(CAST(:release AS text), release), sender = coalesce(CAST(:sender AS text), sender),
        receiver = coalesce(CAST(:receiver AS text), receiver),
        control_reference = coalesce(CAST(:control_reference AS text), control_reference),
        messages = CASE WHEN :whole THEN :messages ELSE messages END,
        documents = (SELECT count(DISTINCT ordinal) FROM ledger.document WHERE interchange_id = :id),
        findings = CASE WHEN :whole THEN CAST(:findings AS jsonb) ELSE findings END,
        finding_count = CASE WHEN :whole THEN :finding_count ELSE finding_count END,
        duplicate_of = CAST(:duplicate_of AS bigint), generation = :generation,
        agreement = coalesce(CAST(:agreement AS text), agreement), attempts = 0,
        translated_at = clock_timestamp(), lease_owner = NULL, lease_until = NULL,
        retry_requested_at = CASE WHEN :whole OR NOT EXISTS (
            SELECT 1 FROM ledger.document WHERE interchange_id = :id AND state = 'retrying')
            THEN NULL ELSE retry_requested_at END
    WHERE {leases.HOLDS}
    """  # noqa: S608 - a constant
)
# A message that was translated before says with what it is made now, and what came of the time before.
_MADE = text(
    """
    INSERT INTO ledger.transition (document_id, to_state, actor, run, reason)
    SELECT d.id, d.state, 'translate', CAST(:run AS bigint), 'translated again with ' || d.mapping_name || ' v'
        || d.mapping_version || ', before with ' || o.mapping_name || ' v' || o.mapping_version
    FROM ledger.document AS d
    LEFT JOIN ledger.document AS o ON o.interchange_id = d.interchange_id AND o.ordinal = d.ordinal
        AND o.generation = (SELECT max(m.generation) FROM ledger.document AS m WHERE m.interchange_id = d.interchange_id
                            AND m.ordinal = d.ordinal AND m.generation < d.generation)
    WHERE d.interchange_id = :id AND d.generation = :generation ORDER BY d.id
    """
)
_OLDER = text(
    """
    SELECT o.id FROM ledger.document AS o
    WHERE o.interchange_id = :id AND o.generation < :generation
      AND o.state IN ('translated', 'quarantined', 'conflict', 'rejected', 'retrying', 'duplicate')
      AND EXISTS (SELECT 1 FROM ledger.document AS n WHERE n.interchange_id = o.interchange_id
                  AND n.ordinal = o.ordinal AND n.generation = :generation)
    """
)
# Messages that a person gave up after the claim, when this translation no longer looked.
_GIVEN_UP = text(
    """
    SELECT n.id FROM ledger.document AS n
    JOIN ledger.document AS o ON o.interchange_id = n.interchange_id AND o.ordinal = n.ordinal
        AND o.generation = (SELECT max(m.generation) FROM ledger.document AS m WHERE m.interchange_id = n.interchange_id
                            AND m.ordinal = n.ordinal AND m.generation < n.generation)
    WHERE n.interchange_id = :id AND n.generation = :generation AND o.state = 'discarded'
    """
)
# What the latest generation of every message makes of the whole. A document that never came to validation (no batch) is
# one that the translation could not use; one that validation kept back is translated nevertheless.
_WHOLE = text(
    """
    SELECT i.state, i.messages, count(latest.ordinal) AS documents,
        count(*) FILTER (WHERE latest.state = 'retrying' OR (latest.state = 'quarantined' AND latest.batch_id IS NULL))
            AS bad,
        EXISTS (SELECT 1 FROM jsonb_array_elements(i.findings) AS each(f)
                WHERE f ->> 'severity' = 'error' OR f ->> 'code' = 'NO_MAPPING') AS wrong
    FROM ledger.interchange AS i
    LEFT JOIN (
        SELECT DISTINCT ON (d.ordinal) d.ordinal, d.state, d.batch_id FROM ledger.document AS d
        WHERE d.interchange_id = :id ORDER BY d.ordinal, d.generation DESC) AS latest ON true
    WHERE i.id = :id GROUP BY i.id
    """
)
_VANISHED = text(
    """
    SELECT id FROM ledger.document WHERE interchange_id = :id AND generation < :generation AND state = 'retrying'
      AND (CAST(:ordinals AS integer[]) IS NULL OR ordinal = ANY(CAST(:ordinals AS integer[])))
    """
)


def finish_translation(
    connection: Connection, claim: ClaimedInterchange, summary: TranslationSummary, *, run: int | None = None
) -> None:
    """Record what the translation found and give the lease back, in one transaction with ``documents.insert_translated``
    of the same claim. Older generations of the messages translated now are superseded; what a person discarded since the
    claim stays discarded. When only some messages were
    wanted, the whole is what all of its messages make of it now (a refused file that was repaired message by message is
    translated in the end). Raises ``LeaseLost`` when another worker took over: roll back then."""
    if summary.state not in TRANSLATION_OUTCOMES:
        raise LedgerError(
            f"A translation cannot end as {summary.state.value}.",
            todo=f"End it as one of {', '.join(state.value for state in TRANSLATION_OUTCOMES)}.",
        )
    leases.hold(connection, claim)
    whole = claim.ordinals is None
    key = {"id": claim.id, "generation": claim.generation}
    connection.execute(_MADE, {**key, "run": run})
    older = list(connection.execute(_OLDER, key).scalars())
    effects.lock(connection, older)
    superseded = move_documents(
        connection,
        older,
        DocumentState.SUPERSEDED,
        actor="translate",
        run=run,
        reason=f"generation {claim.generation}",
    )
    effects.cancel(connection, superseded, reason="superseded by a later translation")
    given_up = list(connection.execute(_GIVEN_UP, key).scalars()) if claim.generation > 1 else []
    for state in (DocumentState.QUARANTINED, DocumentState.DISCARDED):
        reason = "the message was discarded while it was translated again"
        move_documents(connection, given_up, state, actor="translate", run=run, reason=reason)
    ordinals = None if claim.ordinals is None else sorted(claim.ordinals)
    vanished = list(connection.execute(_VANISHED, {**key, "ordinals": ordinals}).scalars())
    move_documents(
        connection,
        vanished,
        DocumentState.QUARANTINED,
        actor="translate",
        run=run,
        reason="the translation gives no document for this message any more",
    )
    connection.execute(
        _FINISH,
        {
            **leases.holder(claim),
            "whole": whole,
            "generation": claim.generation,
            "format": summary.format,
            "message": clean_or_none(summary.message),
            "release": clean_or_none(summary.release),
            "sender": clean_or_none(summary.sender),
            "receiver": clean_or_none(summary.receiver),
            "control_reference": clean_or_none(summary.control_reference),
            "messages": summary.messages,
            "findings": findings_to_json(summary.findings),
            "finding_count": max(summary.finding_count, len(summary.findings)),
            "duplicate_of": summary.duplicate_of,
            "agreement": clean_or_none(summary.agreement),
        },
    )
    if whole:
        move_interchanges(connection, [claim.id], summary.state, actor="translate", run=run)
    else:
        _whole_again(connection, claim, run)


def _whole_again(connection: Connection, claim: ClaimedInterchange, run: int | None) -> None:
    row = connection.execute(_WHOLE, {"id": claim.id}).one()
    present = InterchangeState(row.state)
    if present not in (InterchangeState.REFUSED, InterchangeState.PARTIAL, InterchangeState.TRANSLATED):
        return
    if row.documents == row.bad:
        now = InterchangeState.REFUSED
    elif row.bad or row.wrong or row.documents < row.messages:
        now = InterchangeState.PARTIAL
    else:
        now = InterchangeState.TRANSLATED
    if now is not present:
        reason = "messages of it were translated again"
        move_interchanges(connection, [claim.id], now, actor="translate", run=run, reason=reason)


def translate_again(
    connection: Connection, ids: list[int], *, actor: str, reason: str, run: int | None = None
) -> list[int]:
    """Translate whole interchanges again (a refused one after a fix, a replay): back to ``received``. Messages whose
    document was discarded stay discarded. Returns those that were not already waiting."""
    moved = move_interchanges(
        connection, ids, InterchangeState.RECEIVED, actor=actor, run=run, reason=clean_or_none(reason)
    )
    connection.execute(
        text("UPDATE ledger.interchange SET attempts = 0 WHERE id = ANY(CAST(:ids AS bigint[]))"),
        {"ids": moved},
    )
    for interchange_id in moved:
        audit.append(
            connection,
            actor=actor,
            action="interchange.translate_again",
            subject=f"interchange:{interchange_id}",
            detail={"reason": reason},
        )
    return moved


_RECEIVED_WITHIN = text(
    """
    SELECT id FROM ledger.interchange
    WHERE flow = :flow AND received_at >= :start AND received_at < :end AND state <> 'received' AND problem IS NULL
      AND NOT (state IN ('refused', 'read') AND EXISTS (
        SELECT 1 FROM ledger.inbox_case AS c
        WHERE c.interchange_id = interchange.id AND c.kind = 'interchange' AND c.closed_as = 'discarded'))
    ORDER BY id
    """
)


def received_within(connection: Connection, flow: str, start: dt.datetime, end: dt.datetime) -> list[int]:
    """What the flow received from ``start`` up to (not with) ``end``, both UTC-aware, and translated once already; oldest
    first. What is still to be translated, what could not even be pulled, and files that a person gave up are left out."""
    values = {"flow": flow, "start": start, "end": end}
    return [int(found) for found in connection.execute(_RECEIVED_WITHIN, values).scalars()]
