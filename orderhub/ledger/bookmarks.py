"""Bookmarks: where the next pull of a stream goes on. Opaque JSON of the connector."""

from __future__ import annotations

from sqlalchemy import Connection, text

from orderhub.connector import Bookmark
from orderhub.ledger.codec import to_json
from orderhub.ledger.states import InterchangeState

_GET = text("SELECT value FROM ledger.bookmark WHERE flow = :flow AND stream = :stream")
#: One look at the end of the index for each state, however many interchanges the flow has.
_NEWEST = text(
    """
    SELECT coalesce(max(newest.id), 0) FROM unnest(CAST(:states AS text[])) AS state (name)
    CROSS JOIN LATERAL (
      SELECT id FROM ledger.interchange WHERE flow = :flow AND interchange.state = state.name
      ORDER BY id DESC LIMIT 1
    ) AS newest
    """
)
_PUT = text(
    """
    INSERT INTO ledger.bookmark (flow, stream, value, run) VALUES (:flow, :stream, CAST(:value AS jsonb), :run)
    ON CONFLICT (flow, stream)
    DO UPDATE SET value = excluded.value, run = excluded.run, updated_at = clock_timestamp()
    """
)


def get(connection: Connection, flow: str, stream: str) -> Bookmark:
    """The stream's bookmark; None from the beginning."""
    value: Bookmark = connection.execute(_GET, {"flow": flow, "stream": stream}).scalar()
    return value


def put(
    connection: Connection, flow: str, stream: str, bookmark: Bookmark, *, run: int | None = None
) -> None:
    """Set the bookmark; belongs into the transaction that records the arrival."""
    value = None if bookmark is None else to_json(bookmark)
    connection.execute(_PUT, {"flow": flow, "stream": stream, "value": value, "run": run})


def newest(connection: Connection, flow: str) -> int:
    """The id of the flow's newest interchange; 0 when it has none. It grows when the flow received something."""
    found: int = connection.execute(
        _NEWEST, {"flow": flow, "states": [state.value for state in InterchangeState]}
    ).scalar_one()
    return found
