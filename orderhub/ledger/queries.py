"""Questions that pages and commands ask."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, TextClause, text

from orderhub.ledger import acknowledgements, search
from orderhub.ledger.codec import findings_from, places_from
from orderhub.ledger.records import (
    DocumentPath,
    DocumentRow,
    Effect,
    FlowStatus,
    InterchangeRow,
    MappingStamp,
    Page,
    Step,
    Suite,
)
from orderhub.ledger.states import DocumentState, Environment, InterchangeState, OutboxState

#: Totals beyond this are not counted any further.
COUNT_LIMIT = 10_000


class DocumentFilter(msgspec.Struct, frozen=True, kw_only=True):
    """All given conditions hold. ``text`` looks for words (or beginnings of words) in number, buyer, supplier, partner and
    file name; ``states``, ``flows`` any of. ``reference`` is a target's own name for it (``PO00017``)."""

    text: str = ""
    states: Sequence[str] = ()
    flows: Sequence[str] = ()
    company: str | None = None
    environment: str | None = None
    agreement: str | None = None
    type: str | None = None
    number: str | None = None
    interchange_id: int | None = None
    reference: str | None = None
    received_from: dt.datetime | None = None
    received_before: dt.datetime | None = None
    superseded: bool = False


_SIMPLE = ("company", "environment", "agreement", "type", "number", "interchange_id")
_ROW = """
    d.id, d.interchange_id, i.name AS file, d.company, d.environment, d.flow, d.agreement, d.type, d.number, d.revision,
    d.ordinal, d.generation, d.state, d.buyer, d.supplier, d.issued_on, d.finding_count,
    coalesce(jsonb_path_query_first(d.findings, '$[*] ? (@.severity == "error")'), d.findings -> 0) AS first_finding,
    i.received_at, d.updated_at,
    (SELECT jsonb_object_agg(o.target, o.reference) FROM ledger.outbox AS o
     WHERE o.document_id = d.id AND o.reference IS NOT NULL) AS refs
"""


def _conditions(where: DocumentFilter) -> tuple[str, dict[str, Any]]:
    parts: list[str] = []
    values: dict[str, Any] = {}
    for name in _SIMPLE:
        value = getattr(where, name)
        if value is not None:
            parts.append(f"d.{name} = :{name}")
            values[name] = value
    if where.states:
        parts.append("d.state = ANY(CAST(:states AS text[]))")
        values["states"] = [str(state) for state in where.states]
    elif not where.superseded:
        parts.append("d.state <> 'superseded'")
    if where.flows:
        parts.append("d.flow = ANY(CAST(:flows AS text[]))")
        values["flows"] = list(where.flows)
    if where.text.strip():
        words = search.query(where.text)
        parts.append("false" if words is None else "d.search @@ CAST(:words AS tsquery)")
        values["words"] = words
    if where.reference is not None:
        parts.append("d.id IN (SELECT document_id FROM ledger.outbox WHERE reference = :reference)")
        values["reference"] = where.reference
    if where.received_from is not None:
        parts.append("i.received_at >= :received_from")
        values["received_from"] = where.received_from
    if where.received_before is not None:
        parts.append("i.received_at < :received_before")
        values["received_before"] = where.received_before
    return " AND ".join(parts) or "true", values


def _found(where: DocumentFilter) -> tuple[str, dict[str, Any]]:
    conditions, values = _conditions(where)
    return (
        f"ledger.document AS d JOIN ledger.interchange AS i ON i.id = d.interchange_id WHERE {conditions}",
        values,
    )


def all_documents(where: DocumentFilter | None = None) -> tuple[TextClause, dict[str, Any]]:
    """The statement that gives the ids of all documents that fit, newest first, and the values bound in it."""
    source, values = _found(where or DocumentFilter())
    return text(f"SELECT d.id FROM {source} ORDER BY d.id DESC"), values  # noqa: S608 - constants


def find_documents(
    connection: Connection, where: DocumentFilter | None = None, *, limit: int = 50, offset: int = 0
) -> Page:
    """Documents, newest first. Superseded ones only when asked for."""
    source, values = _found(where or DocumentFilter())
    rows = connection.execute(
        text(f"SELECT {_ROW} FROM {source} ORDER BY d.id DESC LIMIT :limit OFFSET :offset"),  # noqa: S608 - constants
        {**values, "limit": limit, "offset": offset},
    ).all()
    total = connection.execute(
        text(f"SELECT count(*) FROM (SELECT 1 FROM {source} LIMIT {COUNT_LIMIT}) AS found"),  # noqa: S608 - constants
        values,
    ).scalar_one()
    return Page(rows=[_document_row(row) for row in rows], total=total, limit=limit, offset=offset)


_BY_ID = text(
    f"""
    SELECT {_ROW} FROM ledger.document AS d JOIN ledger.interchange AS i ON i.id = d.interchange_id
    WHERE d.id = ANY(CAST(:ids AS bigint[])) ORDER BY array_position(CAST(:ids AS bigint[]), d.id)
    """  # noqa: S608 - constants
)


def documents_by_id(connection: Connection, ids: Sequence[int]) -> list[DocumentRow]:
    """These documents in this order; ids that do not exist are left out."""
    if not ids:
        return []
    return [_document_row(row) for row in connection.execute(_BY_ID, {"ids": list(ids)})]


def _document_row(row: Row[Any]) -> DocumentRow:
    first = findings_from([row.first_finding]) if row.first_finding else []
    return DocumentRow(
        id=row.id,
        interchange_id=row.interchange_id,
        file=row.file,
        company=row.company,
        environment=Environment(row.environment),
        flow=row.flow,
        agreement=row.agreement,
        type=row.type,
        number=row.number,
        revision=row.revision,
        ordinal=row.ordinal,
        generation=row.generation,
        state=DocumentState(row.state),
        buyer=row.buyer,
        supplier=row.supplier,
        issued_on=row.issued_on,
        finding_count=row.finding_count,
        first_finding=first[0] if first else None,
        references=row.refs or {},
        received_at=row.received_at,
        updated_at=row.updated_at,
    )


_ONE = text(
    f"""
    SELECT {_ROW}, d.canonical, d.content_hash, d.mapping_name, d.mapping_version, d.mapping_hash, d.suite_name,
        d.suite_hash, d.message_reference, d.places, d.findings, d.duplicate_of, d.conflict_with,
        (SELECT n.document_id FROM ledger.identity AS n WHERE n.company = d.company AND n.environment = d.environment
            AND n.agreement = d.agreement AND n.type = d.type AND n.number = d.number AND n.revision = d.revision
            AND NOT n.released LIMIT 1) AS holder
    FROM ledger.document AS d JOIN ledger.interchange AS i ON i.id = d.interchange_id WHERE d.id = :id
    """  # noqa: S608 - constants
)
_TIMELINE = text(
    """
    SELECT at, CASE WHEN document_id IS NULL THEN 'interchange:' || interchange_id ELSE 'document:' || document_id END
        AS subject, from_state, to_state, actor, run, reason
    FROM ledger.transition WHERE document_id = :id OR interchange_id = :interchange_id ORDER BY at, id
    """
)
_EFFECTS = text(
    """
    SELECT id, target, state, idempotency_key AS key, attempts, outcome, reference, version, code, reason, field,
        next_attempt_at, updated_at
    FROM ledger.outbox WHERE document_id = :id ORDER BY id
    """
)
_VERSIONS = text(
    f"""
    SELECT {_ROW} FROM ledger.document AS d JOIN ledger.interchange AS i ON i.id = d.interchange_id
    WHERE d.id = :id OR (d.number = :number AND d.number <> '' AND d.company = :company
        AND d.environment = :environment AND d.agreement = :agreement AND d.type = :type)
    ORDER BY d.id DESC LIMIT 200
    """  # noqa: S608 - constants
)


def document_path(connection: Connection, document_id: int) -> DocumentPath | None:
    """One document's whole path; None when there is no such document."""
    row = connection.execute(_ONE, {"id": document_id}).one_or_none()
    if row is None:
        return None
    around = interchange(connection, row.interchange_id)
    if around is None:
        return None
    shown = _document_row(row)
    same = {
        "id": document_id,
        "number": shown.number,
        "company": shown.company,
        "environment": shown.environment.value,
        "agreement": shown.agreement,
        "type": shown.type,
    }
    answers = acknowledgements.recorded(connection, row.interchange_id)
    return DocumentPath(
        row=shown,
        interchange=around,
        canonical=None if row.canonical is None else bytes(row.canonical),
        content_hash=row.content_hash,
        mapping=MappingStamp(row.mapping_name, row.mapping_version, row.mapping_hash)
        if row.mapping_name
        else None,
        suite=Suite(row.suite_name, row.suite_hash) if row.suite_name else None,
        message_reference=row.message_reference,
        places=places_from(row.places),
        findings=findings_from(row.findings),
        timeline=[
            Step(**step._mapping)
            for step in connection.execute(
                _TIMELINE, {"id": document_id, "interchange_id": row.interchange_id}
            )
        ],
        effects=[
            Effect(**{**effect._mapping, "state": OutboxState(effect.state)})
            for effect in connection.execute(_EFFECTS, {"id": document_id})
        ],
        acknowledgements=[answer for answer in answers if answer.document_id in (None, document_id)],
        versions=[_document_row(version) for version in connection.execute(_VERSIONS, same)],
        duplicate_of=row.duplicate_of,
        conflict_with=row.conflict_with,
        holder=row.holder,
    )


_INTERCHANGE = """
    SELECT id, name, company, environment, flow, agreement, connector, stream, arrival, state, sha256, size, archive_key,
        format, message, release, sender, receiver, control_reference, messages, documents, problem, findings,
        finding_count, duplicate_of, received_at, settled_at, run
    FROM ledger.interchange AS i
"""
_FIND_INTERCHANGES = text(
    _INTERCHANGE
    + """
    WHERE (CAST(:flow AS text) IS NULL OR flow = :flow)
      AND (CAST(:states AS text[]) IS NULL OR state = ANY(CAST(:states AS text[])))
      AND (CAST(:part AS text) IS NULL OR strpos(lower(name), lower(:part)) > 0)
    ORDER BY id DESC LIMIT :limit OFFSET :offset
    """
)
_ONE_INTERCHANGE = text(_INTERCHANGE + " WHERE id = :id")


def _interchange_row(row: Row[Any]) -> InterchangeRow:
    return InterchangeRow(
        **{
            **row._mapping,
            "environment": Environment(row.environment),
            "state": InterchangeState(row.state),
            "findings": findings_from(row.findings),
        }
    )


def find_interchanges(
    connection: Connection,
    *,
    flow: str | None = None,
    states: Sequence[str] = (),
    text: str = "",
    limit: int = 50,
    offset: int = 0,
) -> list[InterchangeRow]:
    """Interchanges, newest first; ``text`` is part of the file name."""
    values = {
        "flow": flow,
        "states": [str(state) for state in states] or None,
        "part": text.strip() or None,
        "limit": limit,
        "offset": offset,
    }
    return [_interchange_row(row) for row in connection.execute(_FIND_INTERCHANGES, values)]


def interchange(connection: Connection, interchange_id: int) -> InterchangeRow | None:
    """One interchange; None when there is none of that id."""
    row = connection.execute(_ONE_INTERCHANGE, {"id": interchange_id}).one_or_none()
    return None if row is None else _interchange_row(row)


_INTERCHANGES_BY_ID = text(
    _INTERCHANGE
    + " WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY array_position(CAST(:ids AS bigint[]), id)"
)


def interchanges_by_id(connection: Connection, ids: Sequence[int]) -> list[InterchangeRow]:
    """These interchanges in this order; ids that do not exist are left out."""
    if not ids:
        return []
    return [_interchange_row(row) for row in connection.execute(_INTERCHANGES_BY_ID, {"ids": list(ids)})]


_COUNTS = text(
    """
    SELECT state, count(*) AS n FROM ledger.document WHERE CAST(:flow AS text) IS NULL OR flow = :flow
    GROUP BY state ORDER BY state
    """
)


def counts_by_state(connection: Connection, *, flow: str | None = None) -> dict[str, int]:
    """Documents by state."""
    return {row.state: row.n for row in connection.execute(_COUNTS, {"flow": flow})}


_STATUS = text(
    """
    SELECT 'interchange' AS kind, flow, '' AS target, state, count(*) AS n FROM ledger.interchange
        GROUP BY flow, state
    UNION ALL SELECT 'document', flow, '', state, count(*) FROM ledger.document GROUP BY flow, state
    UNION ALL SELECT 'outbox', flow, target, state, count(*) FROM ledger.outbox GROUP BY flow, target, state
    ORDER BY 1, 2, 3, 4
    """
)
_LAST = text("SELECT flow, max(received_at) AS last FROM ledger.interchange GROUP BY flow")
_PAUSED = text("SELECT flow, paused FROM ledger.flow_state")


def status(connection: Connection) -> list[FlowStatus]:
    """Every flow that the ledger has seen, by name."""
    counts: dict[str, dict[str, Any]] = {}

    def of(flow: str) -> dict[str, Any]:
        return counts.setdefault(flow, {"interchange": {}, "document": {}, "outbox": {}})

    for row in connection.execute(_STATUS):
        entry = of(row.flow)[row.kind]
        if row.kind == "outbox":
            entry = entry.setdefault(row.target, {})
        entry[row.state] = row.n
    paused = {row.flow: row.paused for row in connection.execute(_PAUSED)}
    for flow in paused:
        of(flow)
    last = {row.flow: row.last for row in connection.execute(_LAST)}
    return [
        FlowStatus(
            flow=flow,
            paused=bool(paused.get(flow)),
            interchanges=entry["interchange"],
            documents=entry["document"],
            outbox=entry["outbox"],
            last_received_at=last.get(flow),
        )
        for flow, entry in sorted(counts.items())
    ]
