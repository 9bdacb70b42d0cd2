"""Which flows have work that a run could do now."""

from __future__ import annotations

from sqlalchemy import Connection, text

from orderhub.ledger import leasable, sendings

#: A run records outcomes at its end. What has none for so long was left by one that died, or was translated by a backfill,
#: which answers nobody.
LEFT_BEHIND_MINUTES = 10

_UNDER_WAY = "('pending', 'leased', 'in_doubt')"

# Each part reads a partial index that holds open rows only; effects are asked for flow by flow, until
# the first that can be sent. What a living worker has leased is under way and not counted.
_OPEN = text(
    f"""
    WITH RECURSIVE sending AS (
        (SELECT flow FROM ledger.outbox WHERE state IN {_UNDER_WAY} ORDER BY flow LIMIT 1)
        UNION ALL
        SELECT (SELECT o.flow FROM ledger.outbox AS o WHERE o.state IN {_UNDER_WAY} AND o.flow > s.flow
                ORDER BY o.flow LIMIT 1)
        FROM sending AS s WHERE s.flow IS NOT NULL
    )
    SELECT flow FROM ledger.interchange
    WHERE (state = 'received' OR retry_requested_at IS NOT NULL)
      AND (lease_until IS NULL OR lease_until < clock_timestamp())
    UNION
    SELECT flow FROM ledger.document WHERE state = 'translated' AND batch_id IS NULL
    UNION
    SELECT flow FROM ledger.batch WHERE state = 'open' AND (lease_until IS NULL OR lease_until < clock_timestamp())
    UNION
    SELECT s.flow FROM sending AS s
    WHERE EXISTS (SELECT 1 FROM ledger.outbox AS o WHERE o.flow = s.flow AND {leasable.DUE} AND {leasable.FREE} OFFSET 0)
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
