"""Leases of interchanges: claimed for translation by one worker, held, renewed, given back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, text

from orderhub.errors import LeaseLost
from orderhub.ledger.records import ClaimedInterchange
from orderhub.ledger.states import Environment, InterchangeState

#: The lease is still the claim's; with the parameters of ``holder``.
HOLDS = "id = :id AND fence = :fence AND lease_owner = :worker"

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


def holder(claim: ClaimedInterchange) -> dict[str, Any]:
    """What ``HOLDS`` asks for: ``id``, ``fence``, ``worker``."""
    return {"id": claim.id, "fence": claim.fence, "worker": claim.worker}


def _lost(claim: ClaimedInterchange) -> LeaseLost:
    return LeaseLost(
        f"Interchange {claim.id} is no longer leased to {claim.worker} (fence {claim.fence}).",
        todo="Stop without writing; another worker goes on with it.",
    )


def hold(connection: Connection, claim: ClaimedInterchange) -> None:
    """Lock the interchange for this transaction and make sure that the lease is still ours. Raises ``LeaseLost``."""
    query = text(f"SELECT 1 FROM ledger.interchange WHERE {HOLDS} FOR UPDATE")  # noqa: S608 - a constant
    if connection.execute(query, holder(claim)).scalar() is None:
        raise _lost(claim)


def renew(connection: Connection, claim: ClaimedInterchange, *, lease_seconds: float = 300) -> None:
    """Hold a lease longer. Raises ``LeaseLost``."""
    query = text(
        f"""
        UPDATE ledger.interchange SET lease_until = clock_timestamp() + make_interval(secs => :seconds)
        WHERE {HOLDS}
        """  # noqa: S608 - a constant
    )
    if connection.execute(query, {**holder(claim), "seconds": lease_seconds}).rowcount != 1:
        raise _lost(claim)


_GIVE_BACK = text(
    f"""
    UPDATE ledger.interchange SET lease_owner = NULL, lease_until = NULL, attempts = greatest(attempts - 1, 0)
    WHERE {HOLDS}
    """  # noqa: S608 - a constant
)


def give_back(connection: Connection, claim: ClaimedInterchange) -> None:
    """End a lease without a result, so that the next run takes the interchange again (an archive out of reach). The
    attempt that the claim counted is taken back: it was not the interchange that failed."""
    connection.execute(_GIVE_BACK, holder(claim))
