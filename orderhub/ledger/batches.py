"""Batches of documents for validation, leased with fencing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from orderhub.errors import LeaseLost, LedgerError
from orderhub.ledger import leasable
from orderhub.ledger.codec import findings_from, places_from
from orderhub.ledger.records import BatchDocument, ClaimedBatch
from orderhub.ledger.states import Environment

_MAKE = text(
    """
    WITH free AS (
        SELECT id FROM ledger.document WHERE flow = :flow AND state = 'translated' AND batch_id IS NULL
        ORDER BY id LIMIT :size FOR UPDATE SKIP LOCKED
    ), made AS (
        INSERT INTO ledger.batch (flow, run, size)
        SELECT :flow, CAST(:run AS bigint), count(*) FROM free HAVING count(*) > 0
        RETURNING id
    ), put AS (
        UPDATE ledger.document AS d SET batch_id = made.id FROM free, made WHERE d.id = free.id
    )
    SELECT id FROM made
    """
)
_OPEN = text(
    f"""
    SELECT id FROM ledger.batch WHERE flow = :flow AND state = 'open'
    UNION
    SELECT o.batch_id FROM ledger.outbox AS o
    WHERE o.flow = :flow AND o.batch_id IS NOT NULL AND {leasable.MOVES_BY_ITSELF}
    ORDER BY 1
    """  # noqa: S608 - a constant
)


def make_batches(connection: Connection, flow: str, *, run: int | None = None, size: int = 500) -> list[int]:
    """Put the flow's translated documents into batches and return the ids of every batch that has something to validate
    or to load now: new ones and ones that an earlier run left open. What waits for a person opens no batch."""
    while connection.execute(_MAKE, {"flow": flow, "run": run, "size": size}).scalar() is not None:
        pass
    return [int(found) for found in connection.execute(_OPEN, {"flow": flow}).scalars()]


_CLAIM = text(
    """
    WITH due AS (
        SELECT id FROM ledger.batch
        WHERE id = :id AND state = 'open' AND (lease_until IS NULL OR lease_until < clock_timestamp())
        FOR UPDATE SKIP LOCKED
    )
    UPDATE ledger.batch AS b
    SET lease_owner = :worker, lease_until = clock_timestamp() + make_interval(secs => :seconds), fence = fence + 1
    FROM due WHERE b.id = due.id
    RETURNING b.id, b.flow, b.fence
    """
)
_DOCUMENTS = text(
    """
    SELECT id, interchange_id, ordinal, generation, company, environment, flow, agreement, type, number, revision,
        canonical, content_hash, places, findings
    FROM ledger.document WHERE batch_id = :id AND state = 'translated' ORDER BY id
    """
)


def claim_batch(
    connection: Connection, batch_id: int, *, worker: str, lease_seconds: float = 300
) -> ClaimedBatch | None:
    """Lease a batch; None when it is done or another worker holds it. Commit at once."""
    values = {"id": batch_id, "worker": worker, "seconds": lease_seconds}
    row = connection.execute(_CLAIM, values).one_or_none()
    if row is None:
        return None
    documents = [
        BatchDocument(
            **{
                **found._mapping,
                "environment": Environment(found.environment),
                "canonical": bytes(found.canonical),
                "places": places_from(found.places),
                "findings": findings_from(found.findings),
            }
        )
        for found in connection.execute(_DOCUMENTS, {"id": batch_id})
    ]
    return ClaimedBatch(id=row.id, worker=worker, fence=row.fence, flow=row.flow, documents=documents)


def _key(claim: ClaimedBatch) -> dict[str, Any]:
    return {"id": claim.id, "fence": claim.fence, "worker": claim.worker}


_RENEW = text(
    """
    UPDATE ledger.batch SET lease_until = clock_timestamp() + make_interval(secs => :seconds)
    WHERE id = :id AND fence = :fence AND lease_owner = :worker AND state = 'open'
    """
)
_DONE = text(
    """
    UPDATE ledger.batch SET state = 'done', done_at = clock_timestamp(), lease_owner = NULL, lease_until = NULL
    WHERE id = :id AND fence = :fence AND lease_owner = :worker AND state = 'open'
    """
)
_LEFT = text(
    "SELECT id FROM ledger.document WHERE batch_id = :id AND state = 'translated' ORDER BY id LIMIT 1"
)


def _lost(claim: ClaimedBatch) -> LeaseLost:
    return LeaseLost(
        f"Batch {claim.id} is no longer leased to {claim.worker} (fence {claim.fence}).",
        todo="Stop without writing; another worker goes on with it.",
    )


def renew_batch(connection: Connection, claim: ClaimedBatch, *, lease_seconds: float = 300) -> None:
    """Hold a lease longer. Raises ``LeaseLost``."""
    if connection.execute(_RENEW, {**_key(claim), "seconds": lease_seconds}).rowcount != 1:
        raise _lost(claim)


def finish_batch(connection: Connection, claim: ClaimedBatch) -> None:
    """End the batch, in one transaction with ``accept`` and ``quarantine`` of its documents. Raises ``LeaseLost``, and
    ``LedgerError`` when a document of it has no verdict yet."""
    if connection.execute(_DONE, _key(claim)).rowcount != 1:
        raise _lost(claim)
    left = connection.execute(_LEFT, {"id": claim.id}).scalar()
    if left is not None:
        raise LedgerError(
            f"Batch {claim.id} cannot end: document {left} has no verdict yet.",
            todo="Accept or quarantine every document of the batch first.",
        )
