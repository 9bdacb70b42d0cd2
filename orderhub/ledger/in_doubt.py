"""Effects of which nobody knows whether the target has them, decided by a person when the target cannot be asked.

By themselves they are looked up (``Connector.find``) as soon as the target's own limit has passed; this is for a target
that cannot answer. The lease's fence rises, so that a worker that is just looking writes nothing any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from sqlalchemy import Connection, text

from orderhub.errors import LedgerError
from orderhub.ledger import audit
from orderhub.ledger.codec import clean
from orderhub.ledger.outbox import settle_documents


class NotInDoubt(LedgerError):
    """The effect is settled, or a worker is looking it up in this moment."""

    code: ClassVar[str] = "LEDGER_NOT_IN_DOUBT"


_LOCK = text(
    """
    SELECT id, document_id, target, state, attempts, reason, idempotency_key,
        state = 'in_doubt' OR (state = 'leased' AND unclear AND lease_until < clock_timestamp()) AS unclear
    FROM ledger.outbox WHERE id = :id FOR UPDATE
    """
)
_THERE = text(
    """
    UPDATE ledger.outbox
    SET state = 'done', outcome = 'written', reference = :reference, unclear = false, fence = fence + 1,
        lease_owner = NULL, lease_until = NULL, code = NULL, reason = :reason, updated_at = clock_timestamp()
    WHERE id = :id
    """
)
_NOT_THERE = text(
    """
    UPDATE ledger.outbox
    SET state = 'pending', unclear = false, fence = fence + 1, lease_owner = NULL, lease_until = NULL, code = NULL,
        reason = :reason, next_attempt_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE id = :id
    """
)
_LOOK = text(
    """
    UPDATE ledger.outbox SET next_attempt_at = clock_timestamp()
    WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'in_doubt'
    """
)


def resolve(
    connection: Connection, outbox_id: int, *, there: bool, actor: str, reason: str, reference: str = ""
) -> int:
    """Say whether the target has the effect; returns its document. When it is there it counts as done under the
    reference that the target gave it; when it is not, it is sent again with the same key.

    :raises NotInDoubt: it is settled meanwhile, or is being looked up.
    :raises LedgerError: no reason, or no reference for one that is there.
    """
    if not reason.strip():
        raise LedgerError(
            "An effect in doubt is decided only with a reason.", todo="Say how you know, in a few words."
        )
    if there and not reference.strip():
        raise LedgerError(
            "What is there has a reference in the target.", todo="Look it up in the target and give it."
        )
    row = connection.execute(_LOCK, {"id": outbox_id}).one_or_none()
    if row is None or not row.unclear:
        now = "gone" if row is None else "being looked up" if row.state == "leased" else row.state
        raise NotInDoubt(
            f"Effect {outbox_id} is no longer in doubt: it is {now}.",
            todo="Look at it again; nothing was changed.",
        )
    values = {"id": outbox_id, "reason": clean(reason)[:1000]}
    if there:
        connection.execute(_THERE, {**values, "reference": clean(reference.strip())[:200]})
    else:
        connection.execute(_NOT_THERE, values)
    settle_documents(connection, [row.document_id], actor=actor)
    audit.append(
        connection,
        actor=actor,
        action="effect.is_there" if there else "effect.is_not_there",
        subject=f"document:{row.document_id}",
        detail={
            "target": row.target,
            "effect": outbox_id,
            "key": row.idempotency_key,
            "attempts": row.attempts,
            "reference": reference if there else None,
            "reason": reason,
        },
    )
    return int(row.document_id)


def look_up_now(connection: Connection, ids: Sequence[int]) -> None:
    """Let effects in doubt be looked up at the flow's next run, however far their next attempt was put off."""
    connection.execute(_LOOK, {"ids": list(ids)})
