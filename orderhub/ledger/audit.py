"""The audit log: append only, each row chained to the one before by hash.

The hash is SHA-256 over the canonical JSON array ``[seq, at, actor, action, subject, detail, prev_hash]`` where ``at``
is ISO 8601 in UTC with microseconds and ``detail`` the JSON text as stored.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from orderhub.ledger.codec import clean, to_json

#: Appenders of the chain take this advisory lock, so that it cannot fork ("hub audt" in ASCII).
_LOCK = 0x68756261756474
#: The previous hash of the first row.
GENESIS = "0" * 64


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the log. ``subject`` is ``kind:id`` (``document:17``, ``flow:acme_orders``)."""

    seq: int
    at: dt.datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    prev_hash: str
    hash: str


class AuditCheck(msgspec.Struct, frozen=True, kw_only=True):
    """``broken_at`` is the first row whose hash or link is wrong, ``problem`` says what. ``head`` is the last hash; kept
    elsewhere it also proves that the end was not cut off."""

    ok: bool
    rows: int
    head: str
    broken_at: int | None = None
    problem: str | None = None


def _hash(seq: int, at: dt.datetime, actor: str, action: str, subject: str, detail: str, prev: str) -> str:
    stamp = at.astimezone(dt.UTC).isoformat(timespec="microseconds")
    return hashlib.sha256(msgspec.json.encode([seq, stamp, actor, action, subject, detail, prev])).hexdigest()


_LAST = text("SELECT seq, hash FROM ledger.audit ORDER BY seq DESC LIMIT 1")
_INSERT = text(
    """
    INSERT INTO ledger.audit (seq, at, actor, action, subject, detail, prev_hash, hash)
    VALUES (:seq, :at, :actor, :action, :subject, :detail, :prev_hash, :hash)
    """
)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A row to be: what ``append_all`` takes."""

    actor: str
    action: str
    subject: str
    detail: dict[str, Any] = {}


def append(
    connection: Connection, *, actor: str, action: str, subject: str, detail: dict[str, Any] | None = None
) -> int:
    """Append a row in the caller's transaction and return its number; appenders wait for each other until commit, so do
    it last."""
    entry = Entry(actor=actor, action=action, subject=subject, detail=detail or {})
    return append_all(connection, [entry])[0]


def append_all(connection: Connection, entries: Sequence[Entry]) -> list[int]:
    """Append rows in this order, as ``append`` does, in three statements however many they are."""
    if not entries:
        return []
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    last = connection.execute(_LAST).one_or_none()
    seq, prev = (0, GENESIS) if last is None else (int(last.seq), str(last.hash))
    made: list[dict[str, Any]] = []
    for entry in entries:
        seq += 1
        at = dt.datetime.now(dt.UTC)
        actor, action, subject = clean(entry.actor), clean(entry.action), clean(entry.subject)
        stored = to_json(entry.detail)
        digest = _hash(seq, at, actor, action, subject, stored, prev)
        made.append(
            {
                "seq": seq,
                "at": at,
                "actor": actor,
                "action": action,
                "subject": subject,
                "detail": stored,
                "prev_hash": prev,
                "hash": digest,
            }
        )
        prev = digest
    connection.execute(_INSERT, made)
    return [int(row["seq"]) for row in made]


_ALL = text(
    "SELECT seq, at, actor, action, subject, detail, prev_hash, hash FROM ledger.audit ORDER BY seq"
).execution_options(yield_per=5000)


def verify(connection: Connection, *, expected_head: str | None = None) -> AuditCheck:
    """Walk the whole chain, streaming. ``expected_head`` is a hash noted earlier that must still occur in it."""
    prev, seq, count, head_seen = GENESIS, 0, 0, expected_head in (None, GENESIS)

    def broken(problem: str) -> AuditCheck:
        return AuditCheck(ok=False, rows=count, head=prev, broken_at=seq, problem=problem)

    with connection.execute(_ALL) as found:
        for row in found:
            count += 1
            if row.seq != seq + 1:
                seq += 1
                return broken(f"row {seq} is missing")
            seq = row.seq
            if row.prev_hash != prev:
                return broken(f"row {seq} does not follow the row before it")
            if row.hash != _hash(seq, row.at, row.actor, row.action, row.subject, row.detail, prev):
                return broken(f"row {seq} was changed after it was written")
            prev = row.hash
            head_seen = head_seen or prev == expected_head
    if not head_seen:
        seq += 1
        return broken("the end of the log was cut off")
    return AuditCheck(ok=True, rows=count, head=prev)


_ROWS = text(
    """
    SELECT seq, at, actor, action, subject, detail, prev_hash, hash FROM ledger.audit
    WHERE (CAST(:subject AS text) IS NULL OR subject = :subject)
      AND (CAST(:actor AS text) IS NULL OR actor = :actor)
    ORDER BY seq DESC LIMIT :limit OFFSET :offset
    """
)


def rows(
    connection: Connection,
    *,
    subject: str | None = None,
    actor: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[AuditRow]:
    """Rows, newest first."""
    found = connection.execute(_ROWS, {"subject": subject, "actor": actor, "limit": limit, "offset": offset})
    return [
        AuditRow(**{**row._mapping, "detail": msgspec.json.decode(row.detail, type=dict[str, Any])})
        for row in found
    ]
