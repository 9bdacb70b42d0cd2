"""Sending of stored answers: leased with fencing, handed to a connector, recorded.

The same promises as the outbox of documents: leased and committed before anything is sent, recorded only under the fence of
the lease. A connector is idempotent by key, so a lease that ran out is simply sent again.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, text

from orderhub.errors import LeaseLost
from orderhub.ledger.codec import clean_or_none
from orderhub.ledger.replies import Kind


class ReplyWork(msgspec.Struct, frozen=True, kw_only=True):
    """One sending leased to one worker. ``key`` is the idempotency key, ``name`` the hub's own name for the file;
    ``attempts`` counts leases, this one included."""

    id: int
    worker: str
    fence: int
    reply_id: int
    interchange_id: int
    flow: str
    agreement: str
    kind: Kind
    number: int
    name: str
    key: str
    content: bytes
    attempts: int


#: A sending that nobody holds. What failed is tried again in every run; ``next_attempt_at`` only says when it is a reason
#: to start one.
FREE = """
    s.state <> 'sent' AND (s.state IN ('pending', 'failed')
        OR (s.state = 'leased' AND s.lease_until < clock_timestamp()))
"""
#: A sending that is a reason to start a run.
DUE = f"{FREE} AND s.next_attempt_at <= clock_timestamp()"

_LEASE = text(
    f"""
    WITH due AS (
        SELECT s.id FROM ledger.reply_sending AS s WHERE s.flow = :flow AND s.id > :after AND {FREE}
        ORDER BY s.id LIMIT :limit FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE ledger.reply_sending AS s
        SET state = 'leased', lease_owner = :worker, fence = s.fence + 1, attempts = s.attempts + 1,
            lease_until = clock_timestamp() + make_interval(secs => :seconds), updated_at = clock_timestamp()
        FROM due WHERE s.id = due.id
        RETURNING s.id, s.fence, s.reply_id, s.interchange_id, s.flow, s.name, s.idempotency_key, s.attempts
    )
    SELECT t.*, r.agreement, r.kind, r.number, r.content
    FROM taken AS t JOIN ledger.reply AS r ON r.id = t.reply_id ORDER BY t.id
    """  # noqa: S608 - constants
)


def lease(
    connection: Connection,
    flow: str,
    *,
    worker: str,
    after: int = 0,
    limit: int = 20,
    lease_seconds: float = 120,
) -> list[ReplyWork]:
    """Lease sendings of the flow with an id above ``after``, oldest first. Commit before sending."""
    rows = connection.execute(
        _LEASE, {"flow": flow, "worker": worker, "after": after, "limit": limit, "seconds": lease_seconds}
    )
    return [
        ReplyWork(
            id=row.id,
            worker=worker,
            fence=row.fence,
            reply_id=row.reply_id,
            interchange_id=row.interchange_id,
            flow=row.flow,
            agreement=row.agreement,
            kind=row.kind,
            number=row.number,
            name=row.name,
            key=row.idempotency_key,
            content=bytes(row.content),
            attempts=row.attempts,
        )
        for row in rows
    ]


_HOLDS = "id = :id AND fence = :fence AND lease_owner = :worker AND state = 'leased'"
_SENT = text(
    f"""
    UPDATE ledger.reply_sending
    SET state = 'sent', sent_at = clock_timestamp(), updated_at = clock_timestamp(), reference = :reference, code = NULL,
        reason = NULL, lease_owner = NULL, lease_until = NULL
    WHERE {_HOLDS}
    """  # noqa: S608 - constants
)
_FAILED = text(
    f"""
    UPDATE ledger.reply_sending
    SET state = 'failed', code = :code, reason = :reason, updated_at = clock_timestamp(), lease_owner = NULL,
        lease_until = NULL,
        next_attempt_at = clock_timestamp() + make_interval(secs => least(900, power(2, least(attempts, 10))))
    WHERE {_HOLDS}
    """  # noqa: S608 - constants
)


def _lost(work: ReplyWork) -> LeaseLost:
    return LeaseLost(
        f"The sending {work.id} of answer {work.reply_id} is no longer leased to {work.worker} (fence {work.fence}).",
        todo="Stop without writing; another worker goes on with it.",
    )


def record_sent(connection: Connection, work: ReplyWork, *, reference: str | None) -> None:
    """It is there. ``reference`` is the connector's own word for where. Raises ``LeaseLost``."""
    values = {
        "id": work.id,
        "fence": work.fence,
        "worker": work.worker,
        "reference": clean_or_none(reference),
    }
    if connection.execute(_SENT, values).rowcount != 1:
        raise _lost(work)


def record_failed(connection: Connection, work: ReplyWork, *, code: str, reason: str) -> None:
    """It is not there; the number stays, the next run tries again (a run is started for it after 2 s, doubled with each
    attempt, at most 15 minutes). Raises ``LeaseLost``."""
    values = {"id": work.id, "fence": work.fence, "worker": work.worker, "code": code}
    if connection.execute(_FAILED, {**values, "reason": clean_or_none(reason)}).rowcount != 1:
        raise _lost(work)


_OPEN = text(
    """
    SELECT count(*) FROM ledger.reply_sending WHERE flow = :flow AND state <> 'sent'
    """
)


def unsent(connection: Connection, flow: str) -> int:
    """Sendings of the flow that did not succeed yet."""
    return int(connection.execute(_OPEN, {"flow": flow}).scalar_one())


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """How far some interchanges are: ``open`` have no outcome yet; answers to them that were ``sent``, and that ``wait``."""

    open: int
    sent: int
    waiting: int


_ANSWERED = text(
    """
    SELECT
        (SELECT count(*) FROM ledger.interchange
         WHERE id = ANY(CAST(:ids AS bigint[])) AND answered_at IS NULL) AS open,
        count(*) FILTER (WHERE s.state = 'sent') AS sent, count(*) FILTER (WHERE s.state <> 'sent') AS waiting
    FROM ledger.reply_sending AS s WHERE s.interchange_id = ANY(CAST(:ids AS bigint[]))
    """
)


def answered(connection: Connection, interchanges: Sequence[int]) -> Answered:
    """How far the answers to these interchanges are."""
    row = connection.execute(_ANSWERED, {"ids": list(interchanges)}).one()
    return Answered(open=row.open, sent=row.sent, waiting=row.waiting)
