"""Which flows have work that a run could do now."""

from __future__ import annotations

from sqlalchemy import Connection, text

from orderhub.ledger import leasable, sendings

#: A run records outcomes at its end. What has none for so long was left by one that died, or was translated by a backfill,
#: which answers nobody.
LEFT_BEHIND_MINUTES = 10

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
    UNION
    SELECT i.flow FROM ledger.interchange AS i
    WHERE i.answered_at IS NULL AND i.state <> 'received'
      AND i.translated_at < clock_timestamp() - interval '{LEFT_BEHIND_MINUTES} minutes'
      AND NOT EXISTS (SELECT 1 FROM ledger.document AS d
                      WHERE d.interchange_id = i.id AND d.state IN ('translated', 'retrying'))
    """  # noqa: S608 - a constant
)


def flows_with_work(connection: Connection) -> frozenset[str]:
    """Names of flows with interchanges to translate, batches to validate, effects or answers to send, or outcomes that no
    run recorded; none of which is leased or postponed at this moment. An effect that waits for a person (an approval, or a
    repair of what was refused before it) does not count."""
    return frozenset(connection.execute(_OPEN).scalars())
