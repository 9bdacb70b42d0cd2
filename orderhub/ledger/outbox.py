"""The outbox: one row per accepted document and target; leased with fencing, sent, recorded.

Lock order, everywhere: outbox rows by id, then documents by id.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from orderhub.connector import Outcome, OutcomeState
from orderhub.errors import LeaseLost, LedgerError
from orderhub.ledger import audit, leasable
from orderhub.ledger.codec import clean_or_none
from orderhub.ledger.records import Work
from orderhub.ledger.states import DocumentState, Environment, OutboxState
from orderhub.ledger.transitions import move_documents

_DUE = f"""
    o.flow = :flow AND o.target = :target AND (CAST(:batch AS bigint) IS NULL OR o.batch_id = :batch)
    AND {leasable.DUE}
"""
# which of many are free is asked of a page of them at a time, so that it is never asked of all for a few
_PAGE = text(f"SELECT o.id FROM ledger.outbox AS o WHERE o.id > :after AND {_DUE} ORDER BY o.id LIMIT :page")  # noqa: S608 - a constant
_LEASE = text(
    f"""
    WITH due AS (
        SELECT o.id, o.state FROM ledger.outbox AS o
        WHERE o.id = ANY(CAST(:ids AS bigint[])) AND {leasable.DUE} AND {leasable.FREE}
        ORDER BY o.id LIMIT :limit FOR UPDATE OF o SKIP LOCKED
    ), taken AS (
        UPDATE ledger.outbox AS o
        SET state = 'leased', lease_owner = :worker, fence = o.fence + 1, attempts = o.attempts + 1,
            lease_until = clock_timestamp() + make_interval(secs => :seconds), updated_at = clock_timestamp(),
            unclear = o.unclear OR due.state IN ('leased', 'in_doubt')
        FROM due WHERE o.id = due.id
        RETURNING o.id, o.fence, o.document_id, o.interchange_id, o.flow, o.target, o.idempotency_key, o.identity,
            o.attempts, o.unclear
    )
    SELECT t.*, d.type, d.number, d.company, d.environment, d.agreement, d.canonical,
        d.content_hash
    FROM taken AS t JOIN ledger.document AS d ON d.id = t.document_id ORDER BY t.id
    """  # noqa: S608 - a constant
)
_COUNT_DUE = text(f"SELECT count(*) FROM ledger.outbox AS o WHERE {_DUE} AND {leasable.FREE}")  # noqa: S608 - a constant


def lease(
    connection: Connection,
    flow: str,
    target: str,
    *,
    worker: str,
    limit: int = 500,
    lease_seconds: float = 120,
    batch_id: int | None = None,
    run: int | None = None,
) -> list[Work]:
    """Lease what is due for a target, oldest first: pending rows, rows in doubt whose time has come, rows whose lease
    ran out (both ``unclear``). A later document of an order never overtakes an earlier one. Commit before sending."""
    wanted = {"flow": flow, "target": target, "batch": batch_id, "page": 2 * limit}
    lease = {"worker": worker, "seconds": lease_seconds}
    rows: list[Row[Any]] = []
    after = 0
    while len(rows) < limit:
        page = connection.execute(_PAGE, {**wanted, "after": after}).scalars().all()
        if not page:
            break
        rows += connection.execute(_LEASE, {**lease, "ids": page, "limit": limit - len(rows)})
        after = page[-1]
    move_documents(
        connection,
        {row.document_id for row in rows},
        DocumentState.LOADING,
        actor="load",
        run=run,
        reason=target,
        only_from=(DocumentState.ACCEPTED, DocumentState.WAITING),
    )
    return [
        Work(
            id=row.id,
            worker=worker,
            fence=row.fence,
            document_id=row.document_id,
            interchange_id=row.interchange_id,
            flow=row.flow,
            target=row.target,
            key=row.idempotency_key,
            identity=row.identity,
            type=row.type,
            number=row.number,
            company=row.company,
            environment=Environment(row.environment),
            agreement=row.agreement,
            canonical=bytes(row.canonical),
            content_hash=row.content_hash,
            attempts=row.attempts,
            unclear=row.unclear,
        )
        for row in rows
    ]


def due(connection: Connection, flow: str, target: str) -> int:
    """How many effects could be leased now."""
    return int(connection.execute(_COUNT_DUE, {"flow": flow, "target": target, "batch": None}).scalar_one())


_LOCK = text(
    """
    SELECT id, fence, state, lease_owner, outcome FROM ledger.outbox WHERE id = ANY(CAST(:ids AS bigint[]))
    ORDER BY id FOR UPDATE
    """
)


def _held(
    connection: Connection,
    works: Sequence[Work],
    done: dict[int, str] | None = None,
    *,
    settled_too: bool = False,
) -> list[Work]:
    """Lock the rows; those of the works that are still leased under their fence. ``done`` (id → outcome) are rows that
    may already carry that outcome under the same fence: a repeated call; with ``settled_too`` any that this very lease
    ended. Raises ``LeaseLost`` for any other."""
    rows = {row.id: row for row in connection.execute(_LOCK, {"ids": [work.id for work in works]})}
    held = []
    for work in works:
        row = rows.get(work.id)
        mine = row if row is not None and row.fence == work.fence else None
        if mine and mine.state == OutboxState.LEASED.value and mine.lease_owner == work.worker:
            held.append(work)
        elif not (mine and (settled_too or (done is not None and mine.outcome == done[work.id]))):
            raise LeaseLost(
                f"Outbox row {work.id} (document {work.document_id} to {work.target}) is no longer leased to "
                f"{work.worker} (fence {work.fence}).",
                todo="Stop without writing; another worker looks the effect up and goes on.",
            )
    return held


_RENEW = text(
    """
    UPDATE ledger.outbox SET lease_until = clock_timestamp() + make_interval(secs => :seconds)
    WHERE id = ANY(CAST(:ids AS bigint[]))
    """
)


def renew(connection: Connection, works: Sequence[Work], *, lease_seconds: float = 120) -> None:
    """Hold leases longer; those that this very lease has ended are passed over. Raises ``LeaseLost`` when another worker
    took one."""
    if works:
        held = _held(connection, works, settled_too=True)
        connection.execute(_RENEW, {"ids": [work.id for work in held], "seconds": lease_seconds})


_STATE_OF = {
    OutcomeState.WRITTEN: OutboxState.DONE,
    OutcomeState.UNCHANGED: OutboxState.DONE,
    OutcomeState.REJECTED: OutboxState.REJECTED,
    OutcomeState.UNCLEAR: OutboxState.IN_DOUBT,
}
_RECORD = text(
    """
    UPDATE ledger.outbox AS o
    SET state = r.state, outcome = r.outcome, reference = r.reference, version = r.version, code = r.code,
        reason = r.reason, field = r.field, unclear = r.state = 'in_doubt', lease_owner = NULL, lease_until = NULL,
        next_attempt_at = clock_timestamp() + CASE WHEN r.state = 'in_doubt'
            THEN make_interval(secs => :look_up_after) ELSE interval '0' END,
        updated_at = clock_timestamp()
    FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:outcomes AS text[]),
            CAST(:references AS text[]), CAST(:versions AS integer[]), CAST(:codes AS text[]),
            CAST(:reasons AS text[]), CAST(:fields AS text[]))
        AS r(id, state, outcome, reference, version, code, reason, field)
    WHERE o.id = r.id
    """
)


def record_outcomes(
    connection: Connection,
    works: Sequence[Work],
    outcomes: Sequence[Outcome],
    *,
    look_up_after: float = 60,
    run: int | None = None,
) -> None:
    """Record one outcome per work (matched by key): written and unchanged are done, rejected is rejected, unclear is in
    doubt and looked up after ``look_up_after`` seconds. Moves the documents on. Raises ``LeaseLost``, writing nothing,
    when another worker took one over; ``LedgerError`` when a work has no outcome. Repeatable with the same outcomes."""
    if not works:
        return
    by_key = {outcome.key: outcome for outcome in outcomes}
    missing = [work for work in works if work.key not in by_key]
    if missing:
        raise LedgerError(
            f"Target {missing[0].target} gave no outcome for key {missing[0].key} (document {missing[0].document_id}).",
            todo="The connector must return one outcome per key; treat the missing ones as unclear.",
        )
    held = _held(connection, works, {work.id: by_key[work.key].state.value for work in works})
    found = [(work, by_key[work.key]) for work in held]
    if found:
        connection.execute(
            _RECORD,
            {
                "ids": [work.id for work, _ in found],
                "states": [_STATE_OF[outcome.state].value for _, outcome in found],
                "outcomes": [outcome.state.value for _, outcome in found],
                "references": [clean_or_none(outcome.reference) for _, outcome in found],
                "versions": [outcome.version for _, outcome in found],
                "codes": [clean_or_none(outcome.code) for _, outcome in found],
                "reasons": [clean_or_none(outcome.reason) for _, outcome in found],
                "fields": [clean_or_none(outcome.field) for _, outcome in found],
                "look_up_after": look_up_after,
            },
        )
    settle_documents(connection, {work.document_id for work in works}, run=run)


_POSTPONE = text(
    """
    UPDATE ledger.outbox
    SET state = CASE WHEN unclear OR :unclear THEN 'in_doubt' ELSE 'pending' END, unclear = unclear OR :unclear,
        code = :code, reason = :reason, lease_owner = NULL, lease_until = NULL, updated_at = clock_timestamp(),
        next_attempt_at = clock_timestamp() + make_interval(secs => coalesce(CAST(:delay AS double precision),
            least(:longest, power(2, least(attempts, 10)))))
    WHERE id = ANY(CAST(:ids AS bigint[]))
    """
)


def postpone(
    connection: Connection,
    works: Sequence[Work],
    *,
    code: str,
    reason: str,
    delay_seconds: float | None = None,
    longest_seconds: float = 900,
    unclear: bool = False,
) -> None:
    """Give leases back because the target could not be reached: due again after ``delay_seconds`` (None: 2 s doubled
    with each attempt, at most ``longest_seconds``). Nothing had an effect, unless ``unclear``: then it is looked up first. What was
    unclear stays so, what this lease has recorded already too. Raises ``LeaseLost``."""
    if works:
        held = _held(connection, works, settled_too=True)
        values = {
            "code": code,
            "reason": clean_or_none(reason),
            "delay": delay_seconds,
            "longest": longest_seconds,
            "unclear": unclear,
        }
        connection.execute(_POSTPONE, {"ids": [work.id for work in held], **values})


_GONE = text(
    """
    WITH gone AS (
        SELECT id FROM ledger.outbox
        WHERE flow = :flow AND NOT target = ANY(CAST(:targets AS text[]))
          AND (state IN ('pending', 'in_doubt', 'waiting') OR (state = 'leased' AND lease_until < clock_timestamp()))
        ORDER BY id FOR UPDATE SKIP LOCKED
    )
    UPDATE ledger.outbox AS o
    SET state = 'rejected', outcome = 'rejected', code = :code, reason = :reason, lease_owner = NULL,
        lease_until = NULL, updated_at = clock_timestamp()
    FROM gone WHERE o.id = gone.id
    RETURNING o.document_id
    """
)
#: The flow has no such target any more.
TARGET_GONE = "TARGET_GONE"


def reject_gone(
    connection: Connection, flow: str, targets: Collection[str], *, run: int | None = None
) -> list[int]:
    """Reject open effects on targets that the flow no longer has: nobody would ever send them, and they would hold back
    their documents and the later ones of the same orders. Returns the documents, for a person to retry or discard."""
    reason = "The flow has no such target any more. Retry the document to send it where the flow goes now, or discard it."
    values = {"flow": flow, "targets": list(targets), "code": TARGET_GONE, "reason": reason}
    found = sorted({int(each) for each in connection.execute(_GONE, values).scalars()})
    move_documents(
        connection, found, DocumentState.LOADING, actor="load", run=run, only_from=(DocumentState.ACCEPTED,)
    )
    if found:
        settle_documents(connection, found, run=run)
    return found


_LOCK_DOCUMENTS = text(
    "SELECT id FROM ledger.document WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE"
)
_SUMMARY = text(
    """
    SELECT d.id, d.state, bool_or(o.state = 'rejected') AS rejected,
        bool_or(o.state IN ('pending', 'leased', 'in_doubt')) AS open, bool_or(o.state = 'waiting') AS waiting,
        max(o.target || ': ' || o.reason) FILTER (WHERE o.state = 'rejected') AS reason
    FROM ledger.document AS d JOIN ledger.outbox AS o ON o.document_id = d.id
    WHERE d.id = ANY(CAST(:ids AS bigint[])) AND d.state IN ('loading', 'waiting', 'rejected', 'loaded')
    GROUP BY d.id, d.state
    """
)


def settle_documents(
    connection: Connection, ids: Collection[int], *, run: int | None = None, actor: str = "load"
) -> None:
    """Bring documents to the state that follows from all their effects."""
    # locked first: two targets that finish at the same moment must see each other's rows
    connection.execute(_LOCK_DOCUMENTS, {"ids": list(ids)})
    moves: dict[tuple[DocumentState, str | None], list[int]] = {}
    for row in connection.execute(_SUMMARY, {"ids": list(ids)}):
        reason = None
        if row.rejected:
            to, reason = DocumentState.REJECTED, row.reason
        elif row.open:
            to = DocumentState.LOADING
        elif row.waiting:
            to = DocumentState.WAITING
        else:
            to = DocumentState.LOADED
        if to.value != row.state:
            moves.setdefault((to, reason), []).append(row.id)
    for (to, reason), moved in moves.items():
        move_documents(connection, moved, to, actor=actor, run=run, reason=reason, strict=True)


_RELEASE = text(
    """
    UPDATE ledger.outbox SET state = 'pending', next_attempt_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE document_id = ANY(CAST(:ids AS bigint[])) AND state = 'waiting'
      AND (CAST(:target AS text) IS NULL OR target = :target)
    RETURNING document_id
    """
)
_REQUEUE = text(
    """
    UPDATE ledger.outbox SET state = 'pending', next_attempt_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE document_id = ANY(CAST(:ids AS bigint[])) AND state = 'rejected'
    RETURNING document_id
    """
)


def release(
    connection: Connection,
    document_ids: Sequence[int],
    *,
    actor: str,
    target: str | None = None,
    reason: str = "",
) -> list[int]:
    """Release effects that wait for approval. Returns the documents released."""
    values = {"ids": list(document_ids), "target": target}
    detail: dict[str, Any] = {"target": target, "reason": reason}
    return _open_again(connection, _RELEASE, values, actor, "document.release", detail)


def requeue(
    connection: Connection, document_ids: Sequence[int], *, actor: str, reason: str = ""
) -> list[int]:
    """Send rejected effects again with the same key (the cause was fixed at the target). Returns the documents."""
    detail: dict[str, Any] = {"reason": reason}
    return _open_again(connection, _REQUEUE, {"ids": list(document_ids)}, actor, "document.requeue", detail)


def _open_again(
    connection: Connection,
    query: Any,
    values: dict[str, Any],
    actor: str,
    action: str,
    detail: dict[str, Any],
) -> list[int]:
    documents = sorted({int(found) for found in connection.execute(query, values).scalars()})
    move_documents(
        connection,
        documents,
        DocumentState.LOADING,
        actor=actor,
        reason=clean_or_none(detail["reason"]) or None,
        only_from=(DocumentState.WAITING, DocumentState.REJECTED),
    )
    for document_id in documents:
        audit.append(connection, actor=actor, action=action, subject=f"document:{document_id}", detail=detail)
    return documents
