"""Which flows have work that a run could do now."""

from __future__ import annotations

from sqlalchemy import Connection, text

# Each part reads a partial index that holds open rows only. What a living worker has leased is under way and not counted.
_OPEN = text(
    """
    SELECT flow FROM ledger.interchange
    WHERE (state = 'received' OR retry_requested_at IS NOT NULL)
      AND (lease_until IS NULL OR lease_until < clock_timestamp())
    UNION
    SELECT flow FROM ledger.document WHERE state = 'translated' AND batch_id IS NULL
    UNION
    SELECT flow FROM ledger.batch WHERE state = 'open' AND (lease_until IS NULL OR lease_until < clock_timestamp())
    UNION
    SELECT flow FROM ledger.outbox
    WHERE (state IN ('pending', 'in_doubt') AND next_attempt_at <= clock_timestamp())
       OR (state = 'leased' AND lease_until < clock_timestamp())
    """
)


def flows_with_work(connection: Connection) -> frozenset[str]:
    """Names of flows with interchanges to translate, batches to validate or effects to send, none of which is leased or
    postponed at this moment. An effect that an earlier document of its order holds back counts too."""
    return frozenset(connection.execute(_OPEN).scalars())
