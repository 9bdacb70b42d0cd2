"""Interchanges: recorded when they arrive, claimed for translation, finished with what came out of them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from orderhub.connector import Bookmark
from orderhub.documents import MASTER_DATA
from orderhub.errors import LeaseLost, LedgerError
from orderhub.ledger import audit, bookmarks, effects
from orderhub.ledger.codec import clean, clean_or_none, findings_to_json, to_json
from orderhub.ledger.records import (
    Arrival,
    ClaimedInterchange,
    Recorded,
    TranslationSummary,
    Unsettled,
    Verdict,
)
from orderhub.ledger.states import TRANSLATION_OUTCOMES, DocumentState, Environment, InterchangeState
from orderhub.ledger.transitions import move_documents, move_interchanges

#: Longer arrival names are kept by their beginning and hash: an index entry has a limit of 2.7 kB.
_ARRIVAL_LIMIT = 800

_INSERT = text(
    """
    WITH first AS (
        SELECT min(id) AS id FROM ledger.interchange
        WHERE sha256 = CAST(:sha256 AS text) AND flow = :flow AND company = :company AND environment = :environment
    ), made AS (
        INSERT INTO ledger.interchange (company, environment, flow, agreement, connector, connection, stream, name,
            arrival, sha256, size, archive_key, media_type, problem, attributes, handle, same_bytes_as, run)
        SELECT :company, :environment, :flow, :agreement, :connector, :connection, :stream, :name, :arrival,
            CAST(:sha256 AS text), :size, CAST(:archive_key AS text), CAST(:media_type AS text),
            CAST(:problem AS text), CAST(:attributes AS jsonb), CAST(:handle AS jsonb), first.id, CAST(:run AS bigint)
        FROM first
        ON CONFLICT DO NOTHING
        RETURNING id, same_bytes_as
    ), noted AS (
        INSERT INTO ledger.transition (interchange_id, to_state, actor, run)
        SELECT id, 'received', 'pull', CAST(:run AS bigint) FROM made
    )
    SELECT id, same_bytes_as FROM made
    """
)
_KNOWN = text(
    """
    SELECT id, state, same_bytes_as, settled_at IS NOT NULL AS settled FROM ledger.interchange
    WHERE flow = :flow AND stream = :stream AND arrival = :arrival
    """
)
# What could not be read when it arrived (no bytes of it are kept) and can be read now. A worker that holds the empty one
# loses it.
_FILLED = text(
    """
    UPDATE ledger.interchange AS i
    SET sha256 = CAST(:sha256 AS text), size = :size, archive_key = CAST(:archive_key AS text),
        media_type = CAST(:media_type AS text), problem = CAST(:problem AS text), name = :name,
        attributes = CAST(:attributes AS jsonb), handle = CAST(:handle AS jsonb), settled_at = NULL, attempts = 0,
        answered_at = NULL,
        fence = i.fence + 1, lease_owner = NULL, lease_until = NULL, run = coalesce(CAST(:run AS bigint), i.run),
        same_bytes_as = (
            SELECT min(f.id) FROM ledger.interchange AS f
            WHERE f.sha256 = CAST(:sha256 AS text) AND f.flow = i.flow AND f.company = i.company
              AND f.environment = i.environment)
    WHERE i.flow = :flow AND i.stream = :stream AND i.arrival = :arrival AND i.archive_key IS NULL
    RETURNING i.id, i.same_bytes_as
    """
)
# Nobody was told what was recorded of it: without bytes there is nobody to tell.
_UNTOLD = text(
    """
    DELETE FROM ledger.acknowledgement AS a WHERE a.interchange_id = :id
      AND NOT EXISTS (SELECT 1 FROM ledger.reply AS r WHERE r.interchange_id = :id)
    """
)


def _arrival_key(arrival: str) -> str:
    arrival = clean(arrival)
    if len(arrival) <= _ARRIVAL_LIMIT:
        return arrival
    return f"{arrival[:_ARRIVAL_LIMIT]}#{hashlib.sha256(arrival.encode()).hexdigest()}"


def record_arrival(
    connection: Connection, arrival: Arrival, *, bookmark: Bookmark = None, run: int | None = None
) -> Recorded:
    """Record one arrival and, in the same transaction, the stream's bookmark (kept as it is when None). An arrival that
    is known without its bytes, because it could not be used, takes them over, is ``received`` again and will be answered
    for what it is."""
    values = {
        "company": arrival.company,
        "environment": arrival.environment.value,
        "flow": arrival.flow,
        "agreement": arrival.agreement,
        "connector": arrival.connector,
        "connection": arrival.connection,
        "stream": arrival.stream,
        "name": clean(arrival.name),
        "arrival": _arrival_key(arrival.arrival),
        "sha256": arrival.sha256,
        "size": arrival.size,
        "archive_key": arrival.archive_key,
        "media_type": clean_or_none(arrival.media_type),
        "problem": clean_or_none(arrival.problem),
        "attributes": to_json(arrival.attributes),
        "handle": to_json(arrival.handle),
        "run": run,
    }
    made = connection.execute(_INSERT, values).one_or_none()
    if bookmark is not None:
        bookmarks.put(connection, arrival.flow, arrival.stream, bookmark, run=run)
    if made is None and arrival.archive_key is not None:
        made = connection.execute(_FILLED, values).one_or_none()
        if made is not None:
            connection.execute(_UNTOLD, {"id": made.id})
            move_interchanges(
                connection,
                [made.id],
                InterchangeState.RECEIVED,
                actor="pull",
                run=run,
                reason="it can be read now",
            )
    if made is not None:
        first = made.same_bytes_as
        return Recorded(
            id=made.id,
            verdict=Verdict.NEW if first is None else Verdict.DUPLICATE,
            state=InterchangeState.RECEIVED,
            settled=False,
            same_bytes_as=first,
        )
    known = connection.execute(_KNOWN, values).one()
    return Recorded(
        id=known.id,
        verdict=Verdict.KNOWN,
        state=InterchangeState(known.state),
        settled=known.settled,
        same_bytes_as=known.same_bytes_as,
    )


_UNSETTLED = text(
    """
    SELECT id, name, arrival, state, handle, attributes, archive_key FROM ledger.interchange
    WHERE flow = :flow AND settled_at IS NULL AND (CAST(:stream AS text) IS NULL OR stream = :stream)
    ORDER BY id LIMIT :limit
    """
)


def unsettled(
    connection: Connection, flow: str, *, stream: str | None = None, limit: int = 1000
) -> list[Unsettled]:
    """Arrivals recorded but not settled with their connector, oldest first."""
    rows = connection.execute(_UNSETTLED, {"flow": flow, "stream": stream, "limit": limit})
    return [Unsettled(**{**row._mapping, "state": InterchangeState(row.state)}) for row in rows]


def mark_settled(connection: Connection, ids: list[int]) -> None:
    """The connector was told. Repeatable."""
    connection.execute(
        text(
            "UPDATE ledger.interchange SET settled_at = clock_timestamp() "
            "WHERE id = ANY(CAST(:ids AS bigint[])) AND settled_at IS NULL"
        ),
        {"ids": ids},
    )


_CLAIM = text(
    """
    WITH due AS (
        SELECT id FROM ledger.interchange
        WHERE flow = :flow AND (state = 'received' OR retry_requested_at IS NOT NULL)
          AND (lease_until IS NULL OR lease_until < clock_timestamp())
          AND NOT id = ANY(CAST(:exclude AS bigint[]))
        ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE ledger.interchange AS i
    SET lease_owner = :worker, lease_until = clock_timestamp() + make_interval(secs => :seconds),
        fence = fence + 1, attempts = attempts + 1, run = coalesce(CAST(:run AS bigint), i.run)
    FROM due WHERE i.id = due.id
    RETURNING i.*, (
        SELECT array_agg(DISTINCT d.ordinal) FROM ledger.document AS d
        WHERE d.interchange_id = i.id AND d.state = 'retrying') AS wanted, (
        SELECT array_agg(latest.ordinal) FROM (
            SELECT DISTINCT ON (d.ordinal) d.ordinal, d.state FROM ledger.document AS d WHERE d.interchange_id = i.id
            ORDER BY d.ordinal, d.generation DESC) AS latest
        WHERE latest.state = 'discarded') AS discarded
    """
)


def claim_received(
    connection: Connection,
    flow: str,
    *,
    worker: str,
    limit: int = 1,
    lease_seconds: float = 300,
    run: int | None = None,
    exclude: Collection[int] = (),
) -> list[ClaimedInterchange]:
    """Lease interchanges of the flow that wait for translation (new, or asked for again), oldest first; those whose
    lease ran out too. ``exclude``: ids to pass over. Commit at once; translate and finish in a later transaction."""
    rows = connection.execute(
        _CLAIM,
        {
            "flow": flow,
            "worker": worker,
            "limit": limit,
            "seconds": lease_seconds,
            "run": run,
            "exclude": list(exclude),
        },
    ).all()
    return [_claimed(row, worker) for row in sorted(rows, key=lambda row: int(row.id))]


def _claimed(row: Row[Any], worker: str) -> ClaimedInterchange:
    whole = row.state == InterchangeState.RECEIVED.value
    return ClaimedInterchange(
        id=row.id,
        worker=worker,
        fence=row.fence,
        generation=row.generation + 1,
        ordinals=None if whole else frozenset(row.wanted or ()),
        discarded=frozenset(row.discarded or ()),
        company=row.company,
        environment=Environment(row.environment),
        flow=row.flow,
        agreement=row.agreement,
        connector=row.connector,
        connection=row.connection,
        stream=row.stream,
        name=row.name,
        sha256=row.sha256,
        size=row.size,
        archive_key=row.archive_key,
        media_type=row.media_type,
        problem=row.problem,
        attributes=row.attributes,
        same_bytes_as=row.same_bytes_as,
        attempts=row.attempts,
        received_at=row.received_at,
    )


_HOLDS = "id = :id AND fence = :fence AND lease_owner = :worker"


def _key(claim: ClaimedInterchange) -> dict[str, Any]:
    return {"id": claim.id, "fence": claim.fence, "worker": claim.worker}


def _lost(claim: ClaimedInterchange) -> LeaseLost:
    return LeaseLost(
        f"Interchange {claim.id} is no longer leased to {claim.worker} (fence {claim.fence}).",
        todo="Stop without writing; another worker goes on with it.",
    )


def hold(connection: Connection, claim: ClaimedInterchange) -> None:
    """Lock the interchange for this transaction and make sure that the lease is still ours. Raises ``LeaseLost``."""
    query = text(f"SELECT 1 FROM ledger.interchange WHERE {_HOLDS} FOR UPDATE")  # noqa: S608 - a constant
    if connection.execute(query, _key(claim)).scalar() is None:
        raise _lost(claim)


def renew(connection: Connection, claim: ClaimedInterchange, *, lease_seconds: float = 300) -> None:
    """Hold a lease longer. Raises ``LeaseLost``."""
    query = text(
        f"""
        UPDATE ledger.interchange SET lease_until = clock_timestamp() + make_interval(secs => :seconds)
        WHERE {_HOLDS}
        """  # noqa: S608 - a constant
    )
    if connection.execute(query, {**_key(claim), "seconds": lease_seconds}).rowcount != 1:
        raise _lost(claim)


_GIVE_BACK = text(
    f"""
    UPDATE ledger.interchange SET lease_owner = NULL, lease_until = NULL, attempts = greatest(attempts - 1, 0)
    WHERE {_HOLDS}
    """  # noqa: S608 - a constant
)


def give_back(connection: Connection, claim: ClaimedInterchange) -> None:
    """End a lease without a result, so that the next run takes the interchange again (an archive out of reach). The
    attempt that the claim counted is taken back: it was not the interchange that failed."""
    connection.execute(_GIVE_BACK, _key(claim))


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
    WHERE {_HOLDS}
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
    hold(connection, claim)
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
            **_key(claim),
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


def known_archive_keys(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Which of these archive keys an interchange has; what ``Archive.sweep`` asks."""
    query = text(
        "SELECT DISTINCT archive_key FROM ledger.interchange WHERE archive_key = ANY(CAST(:keys AS text[]))"
    )
    return set(connection.execute(query, {"keys": list(keys)}).scalars())
