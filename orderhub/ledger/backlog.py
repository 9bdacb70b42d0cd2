"""Which flows have work that a run could do now."""

from __future__ import annotations

from sqlalchemy import Connection, text

from orderhub.ledger import leasable, sendings

# Each part reads a partial index that holds open rows only. What a living worker has leased is under way and not counted.
_OPEN = text(
    f"""
    SELECT flow FROM ledger.interchange
    WHERE (state = 'received' OR retry_requested_at IS NOT NULL)
      AND (lease_until IS NULL OR lease_until < clock_timestamp())
    UNION
    SELECT flow FROM ledger.document WHERE state = 'translated' AND batch_id IS NULL
    UNION
    SELECT flow FROM ledger.batch WHERE state = 'open' AND (lease_until IS NULL OR lease_until < clock_timestamp())
    UNION
    SELECT o.flow FROM ledger.outbox AS o WHERE {leasable.DUE} AND {leasable.FREE}
    UNION
    SELECT s.flow FROM ledger.reply_sending AS s WHERE {sendings.DUE}
    """  # noqa: S608 - a constant
)


def flows_with_work(connection: Connection) -> frozenset[str]:
    """Names of flows with interchanges to translate, batches to validate, effects or answers to send, none of which is
    leased or postponed at this moment. An effect that waits for a person (an approval, or a repair of what was refused
    before it) does not count."""
    return frozenset(connection.execute(_OPEN).scalars())
