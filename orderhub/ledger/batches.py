"""Batches of documents for validation, leased with fencing."""

from __future__ import annotations

from sqlalchemy import Connection

from orderhub.ledger.records import ClaimedBatch


def make_batches(connection: Connection, flow: str, *, run: str | None = None, size: int = 500) -> list[int]:
    """Put the flow's translated documents into batches and return the ids of every batch that is to be validated now:
    new ones and ones that an earlier run left open."""
    raise NotImplementedError


def claim_batch(
    connection: Connection, batch_id: int, *, worker: str, lease_seconds: float = 300
) -> ClaimedBatch | None:
    """Lease a batch; None when it is done or another worker holds it. Commit at once."""
    raise NotImplementedError


def renew_batch(connection: Connection, claim: ClaimedBatch, *, lease_seconds: float = 300) -> None:
    """Hold a lease longer. Raises ``LeaseLost``."""
    raise NotImplementedError


def finish_batch(connection: Connection, claim: ClaimedBatch) -> None:
    """End the batch, in one transaction with ``accept`` and ``quarantine`` of its documents. Raises ``LeaseLost``, and
    ``LedgerError`` when a document of it has no verdict yet."""
    raise NotImplementedError
