"""The outbox: one row per accepted document and target; leased with fencing, sent, recorded."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from orderhub.connector import Outcome
from orderhub.ledger.records import Work


def lease(
    connection: Connection,
    flow: str,
    target: str,
    *,
    worker: str,
    limit: int = 500,
    lease_seconds: float = 120,
    batch_id: int | None = None,
    run: str | None = None,
) -> list[Work]:
    """Lease what is due for a target, oldest first: pending rows, rows in doubt whose time has come, rows whose lease
    ran out (both ``unclear``). A later document of an order never overtakes an earlier one. Commit before sending."""
    raise NotImplementedError


def renew(connection: Connection, works: Sequence[Work], *, lease_seconds: float = 120) -> None:
    """Hold leases longer. Raises ``LeaseLost`` when one is gone."""
    raise NotImplementedError


def record_outcomes(
    connection: Connection,
    works: Sequence[Work],
    outcomes: Sequence[Outcome],
    *,
    look_up_after: float = 60,
    run: str | None = None,
) -> None:
    """Record one outcome per work (matched by key): written and unchanged are done, rejected is rejected, unclear is in
    doubt and looked up after ``look_up_after`` seconds. Moves the documents on. Raises ``LeaseLost``, writing nothing,
    when another worker took one over. Repeatable with the same outcomes."""
    raise NotImplementedError


def postpone(
    connection: Connection,
    works: Sequence[Work],
    *,
    code: str,
    reason: str,
    delay_seconds: float | None = None,
) -> None:
    """Give leases back because the target could not be reached: due again after ``delay_seconds`` (None: 2 s doubled
    with each attempt, at most 15 minutes). Nothing had an effect; what was unclear stays so."""
    raise NotImplementedError


def release(
    connection: Connection,
    document_ids: Sequence[int],
    *,
    actor: str,
    target: str | None = None,
    reason: str = "",
) -> list[int]:
    """Release effects that wait for approval. Returns the documents released."""
    raise NotImplementedError


def requeue(
    connection: Connection, document_ids: Sequence[int], *, actor: str, reason: str = ""
) -> list[int]:
    """Send rejected effects again with the same key (the cause was fixed at the target). Returns the documents."""
    raise NotImplementedError


def due(connection: Connection, flow: str, target: str) -> int:
    """How many effects could be leased now."""
    raise NotImplementedError
