"""One case with everything that helps to decide: findings, what was tried with which versions, notes, history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from orderhub.findings import Finding
from orderhub.ledger import inbox
from orderhub.ledger.codec import findings_from
from orderhub.ledger.inbox import Case
from orderhub.ledger.records import Effect, MappingStamp, Step, Suite
from orderhub.ledger.states import OutboxState


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wrote about a case."""

    at: dt.datetime
    actor: str
    text: str


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One translation of the message: with which mapping and suite, and what came of it. ``suite`` is None while it was
    not judged, or no suite judged it."""

    document_id: int
    generation: int
    state: str
    mapping: MappingStamp | None
    suite: Suite | None
    at: dt.datetime


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person did to the case, from the audit log."""

    at: dt.datetime
    actor: str
    action: str
    detail: dict[str, Any]


class CaseDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A case with its surroundings. ``tries`` are oldest first; ``findings`` those of the latest one (of the whole file
    for a case about a file); ``effect`` is the one in doubt; ``held_with`` are messages of the same file that are kept
    back only because of another one."""

    case: Case
    findings: list[Finding]
    finding_count: int
    tries: list[Try]
    notes: list[Note]
    actions: list[Action]
    timeline: list[Step]
    effect: Effect | None
    held_with: int


_DOCUMENT = text("SELECT findings, finding_count FROM ledger.document WHERE id = :id")
_FILE = text("SELECT findings, finding_count FROM ledger.interchange WHERE id = :id")
_TRIES = text(
    """
    SELECT id, generation, state, mapping_name, mapping_version, mapping_hash, suite_name, suite_hash, created_at
    FROM ledger.document WHERE interchange_id = :interchange AND ordinal = :ordinal ORDER BY generation
    """
)
_NOTES = text("SELECT at, actor, text FROM ledger.inbox_note WHERE case_id = :id ORDER BY id")
_ACTIONS = text(
    """
    SELECT at, actor, action, detail FROM ledger.audit
    WHERE subject IN ('case:' || CAST(:id AS text), 'interchange:' || CAST(:interchange AS text))
       OR subject IN (SELECT 'document:' || d.id FROM ledger.document AS d
                      WHERE d.interchange_id = :interchange AND d.ordinal = :ordinal)
    ORDER BY seq
    """
)
_TIMELINE = text(
    """
    SELECT t.at, CASE WHEN t.document_id IS NULL THEN 'interchange:' || t.interchange_id ELSE 'document:' || t.document_id
        END AS subject, t.from_state, t.to_state, t.actor, t.run, t.reason
    FROM ledger.transition AS t
    WHERE t.interchange_id = :interchange
       OR t.document_id IN (SELECT d.id FROM ledger.document AS d
                            WHERE d.interchange_id = :interchange AND d.ordinal = :ordinal)
    ORDER BY t.at, t.id
    """
)
_EFFECT = text(
    """
    SELECT id, target, state, idempotency_key AS key, attempts, outcome, reference, version, code, reason, field,
        next_attempt_at, updated_at
    FROM ledger.outbox WHERE id = :id
    """
)
_HELD = text(
    """
    SELECT count(*) FROM ledger.inbox_case
    WHERE interchange_id = :interchange AND open AND code = 'INTERCHANGE_HELD' AND id <> :id
    """
)


def detail(
    connection: Connection, case_id: int, *, owners: Mapping[str, str] | None = None
) -> CaseDetail | None:
    """One case, open or not; None when there is none of that id."""
    found = inbox.by_id(connection, [case_id], owners=owners)
    if not found:
        return None
    case = found[0]
    where = {"interchange": case.interchange_id, "ordinal": case.ordinal, "id": case.id}
    if case.document_id is None:
        judged = connection.execute(_FILE, {"id": case.interchange_id}).one()
    else:
        judged = connection.execute(_DOCUMENT, {"id": case.document_id}).one()
    effect = connection.execute(_EFFECT, {"id": case.outbox_id}).one_or_none() if case.outbox_id else None
    return CaseDetail(
        case=case,
        findings=findings_from(judged.findings),
        finding_count=judged.finding_count,
        tries=_tries(connection, case),
        notes=[Note(**row._mapping) for row in connection.execute(_NOTES, {"id": case.id})],
        actions=[
            Action(
                at=row.at,
                actor=row.actor,
                action=row.action,
                detail=msgspec.json.decode(row.detail, type=dict[str, Any]),
            )
            for row in connection.execute(_ACTIONS, where)
        ],
        timeline=[Step(**row._mapping) for row in connection.execute(_TIMELINE, where)],
        effect=Effect(**{**effect._mapping, "state": OutboxState(effect.state)}) if effect else None,
        held_with=int(connection.execute(_HELD, where).scalar_one()),
    )


def _tries(connection: Connection, case: Case) -> list[Try]:
    if case.ordinal == 0:
        return []
    rows = connection.execute(_TRIES, {"interchange": case.interchange_id, "ordinal": case.ordinal})
    return [
        Try(
            document_id=row.id,
            generation=row.generation,
            state=row.state,
            mapping=MappingStamp(row.mapping_name, row.mapping_version, row.mapping_hash)
            if row.mapping_name
            else None,
            suite=Suite(row.suite_name, row.suite_hash) if row.suite_name else None,
            at=row.created_at,
        )
        for row in rows
    ]
