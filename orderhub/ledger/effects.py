"""Effects of documents that gave way: locked and cancelled. Lock order, everywhere: outbox rows by id, then documents."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, text

_LOCK = text(
    "SELECT id FROM ledger.outbox WHERE document_id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE"
)
_CANCEL = text(
    """
    UPDATE ledger.outbox SET state = 'cancelled', updated_at = clock_timestamp(), reason = :reason
    WHERE document_id = ANY(CAST(:ids AS bigint[])) AND state IN ('pending', 'waiting', 'rejected')
    """
)


def lock(connection: Connection, documents: Collection[int]) -> None:
    """Lock the effects of documents before the documents themselves are moved: a worker that records outcomes takes the
    two in this order, too."""
    if documents:
        connection.execute(_LOCK, {"ids": list(documents)})


def cancel(connection: Connection, documents: Collection[int], *, reason: str) -> None:
    """Cancel what was not sent, or was refused: left open it would hold back later documents of the same order. What is
    on its way is looked up and recorded as always."""
    if documents:
        connection.execute(_CANCEL, {"ids": list(documents), "reason": reason})
