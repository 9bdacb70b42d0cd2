"""Arrivals: interchanges recorded with their stream's bookmark when they are pulled, and settled with their connector."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import Connection, text

from orderhub.connector import Bookmark
from orderhub.ledger import bookmarks
from orderhub.ledger.codec import clean, clean_or_none, to_json
from orderhub.ledger.records import Arrival, Recorded, Unsettled, Verdict
from orderhub.ledger.states import InterchangeState
from orderhub.ledger.transitions import move_interchanges

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


def known_archive_keys(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Which of these archive keys an interchange has; what ``Archive.sweep`` asks."""
    query = text(
        "SELECT DISTINCT archive_key FROM ledger.interchange WHERE archive_key = ANY(CAST(:keys AS text[]))"
    )
    return set(connection.execute(query, {"keys": list(keys)}).scalars())
