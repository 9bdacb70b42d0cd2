"""Technical answers as they were made: number and bytes, never rewritten; and every sending of them.

An answer is made once per envelope. Number, bytes and the first sending enter the ledger in the transaction that records
the outcome. What is sent again (a duplicate came, a person asked) are the same bytes under the same number.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, text

from orderhub.errors import LedgerError
from orderhub.ledger import audit
from orderhub.ledger.codec import clean, clean_or_none
from orderhub.ledger.numbers import Way
from orderhub.ledger.records import AcknowledgementOutcome
from orderhub.ledger.states import Environment

Kind = Literal["contrl", "997", "999", "ta1"]
#: Why an answer is sent: the outcome was recorded; the same interchange came again; a person asked for it.
Cause = Literal["outcome", "duplicate", "request"]


class NewReply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that has its number. ``envelope`` counts the interchanges of the file from 1; ``verdict`` is what it says;
    ``suffix`` ends its file name, which never holds a partner's text."""

    interchange_id: int
    envelope: int
    kind: Kind
    flow: str
    company: str
    agreement: str
    way: Way
    number: int
    control_reference: str | None
    verdict: AcknowledgementOutcome
    messages: int
    messages_rejected: int
    content: bytes
    suffix: str
    run: int | None = None


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """One sending of an answer, for people."""

    id: int
    ordinal: int
    cause: Cause
    interchange_id: int
    name: str
    state: str
    attempts: int
    next_attempt_at: dt.datetime
    reference: str | None
    code: str | None
    reason: str | None
    actor: str
    created_at: dt.datetime
    sent_at: dt.datetime | None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A stored answer. ``number`` is the control number that it carries; ``sendings`` oldest first."""

    id: int
    interchange_id: int
    envelope: int
    kind: Kind
    flow: str
    company: str
    agreement: str
    standard: str
    environment: Environment
    own_id: str
    own_qualifier: str
    partner_id: str
    partner_qualifier: str
    number: int
    control_reference: str | None
    verdict: AcknowledgementOutcome
    messages: int
    messages_rejected: int
    name: str
    sha256: str
    size: int
    made_at: dt.datetime
    sendings: list[Sending]

    @property
    def state(self) -> str:
        """``sent`` once any sending succeeded, else the state of the last."""
        if any(sending.state == "sent" for sending in self.sendings):
            return "sent"
        return self.sendings[-1].state if self.sendings else "pending"

    @property
    def sent_at(self) -> dt.datetime | None:
        """When it first reached the partner's side."""
        return min((s.sent_at for s in self.sendings if s.sent_at is not None), default=None)


_ADD = text(
    """
    INSERT INTO ledger.reply (interchange_id, envelope, kind, flow, company, agreement, own_id, own_qualifier, partner_id,
        partner_qualifier, standard, environment, number, control_reference, verdict, messages, messages_rejected, name,
        content, sha256, run)
    VALUES (:interchange_id, :envelope, :kind, :flow, :company, :agreement, :own_id, :own_qualifier, :partner_id,
        :partner_qualifier, :standard, :environment, :number, :control_reference, :verdict, :messages,
        :messages_rejected, :name, :content, :sha256, :run)
    RETURNING id
    """
)


def add(connection: Connection, reply: NewReply) -> int:
    """Store an answer and its first sending; its id. Only together with the number it carries, in one transaction."""
    digest = hashlib.sha256(reply.content).hexdigest()
    name = f"{reply.kind.upper()}_{reply.agreement}_{reply.number:06d}_{digest[:8]}.{reply.suffix}"
    made = connection.execute(
        _ADD,
        {
            **reply.way.values(),
            "interchange_id": reply.interchange_id,
            "envelope": reply.envelope,
            "kind": reply.kind,
            "flow": reply.flow,
            "company": reply.company,
            "agreement": reply.agreement,
            "number": reply.number,
            "control_reference": clean_or_none(reply.control_reference),
            "verdict": reply.verdict.value,
            "messages": reply.messages,
            "messages_rejected": reply.messages_rejected,
            "name": name,
            "content": reply.content,
            "sha256": digest,
            "run": reply.run,
        },
    )
    number = int(made.scalar_one())
    _enqueue(connection, number, "outcome", reply.interchange_id, actor="acknowledge")
    return number


# The key holds what is sent and not the ids of this database, so that a target knows its effect after a new set-up too.
_ENQUEUE = text(
    """
    INSERT INTO ledger.reply_sending (reply_id, ordinal, cause, interchange_id, flow, name, idempotency_key, actor)
    SELECT r.id, n.ordinal, :cause, :interchange_id, r.flow,
        CASE WHEN n.ordinal = 1 THEN r.name
            ELSE regexp_replace(r.name, '\\.([a-z0-9]+)$', '-' || n.ordinal || '.\\1') END,
        encode(sha256(convert_to(r.name || '/' || r.sha256 || '/' || n.ordinal, 'UTF8')), 'hex'), :actor
    FROM ledger.reply AS r,
        LATERAL (SELECT coalesce(max(s.ordinal), 0) + 1 AS ordinal FROM ledger.reply_sending AS s WHERE s.reply_id = r.id)
        AS n
    WHERE r.id = :reply_id
    ON CONFLICT (reply_id, interchange_id) WHERE cause = 'duplicate' DO NOTHING
    RETURNING id
    """
)
_LOCK = text("SELECT id FROM ledger.reply WHERE id = :id FOR UPDATE")
_AT_ONCE = text(
    """
    UPDATE ledger.reply_sending SET next_attempt_at = clock_timestamp()
    WHERE reply_id = :id AND state <> 'sent' RETURNING id
    """
)


def _enqueue(
    connection: Connection, reply_id: int, cause: Cause, interchange_id: int, *, actor: str
) -> int | None:
    values = {"reply_id": reply_id, "cause": cause, "interchange_id": interchange_id, "actor": clean(actor)}
    found = connection.execute(_ENQUEUE, values).scalar()
    return None if found is None else int(found)


def send_again(
    connection: Connection,
    reply_id: int,
    *,
    cause: Cause,
    actor: str,
    interchange_id: int | None = None,
    reason: str = "",
) -> int | None:
    """Let a stored answer be sent once more, bytes and number as they are: the id of the sending. ``interchange_id`` is the
    duplicate that asks for it; each duplicate gets it once (None: it has it already). Asked for by a person, one that is
    still to be sent is only made due at once.

    :raises LedgerError: there is no such answer.
    """
    # one after the other, so that two that ask at once get two ordinals
    if connection.execute(_LOCK, {"id": reply_id}).scalar() is None:
        raise LedgerError(f"There is no answer {reply_id}.", todo="`orderhub answer list` shows them.")
    if interchange_id is None:
        query = text("SELECT interchange_id FROM ledger.reply WHERE id = :id")
        interchange_id = int(connection.execute(query, {"id": reply_id}).scalar_one())
    made: int | None = None
    if cause == "request":
        # what is still to be sent is sent now; a second one would only follow it
        made = connection.execute(_AT_ONCE, {"id": reply_id}).scalars().first()
    if made is None:
        made = _enqueue(connection, reply_id, cause, interchange_id, actor=actor)
    if cause == "request":
        audit.append(
            connection,
            actor=actor,
            action="answer.resend",
            subject=f"answer:{reply_id}",
            detail={"reason": reason},
        )
    return made


_COLUMNS = """
    r.id, r.interchange_id, r.envelope, r.kind, r.flow, r.company, r.agreement, r.standard, r.environment, r.own_id,
    r.own_qualifier, r.partner_id, r.partner_qualifier, r.number, r.control_reference, r.verdict, r.messages,
    r.messages_rejected, r.name, r.sha256, octet_length(r.content) AS size, r.made_at
"""
_SENDINGS = text(
    """
    SELECT id, reply_id, ordinal, cause, interchange_id, name, state, attempts, next_attempt_at, reference, code, reason,
        actor, created_at, sent_at
    FROM ledger.reply_sending WHERE reply_id = ANY(CAST(:ids AS bigint[])) ORDER BY reply_id, ordinal
    """
)


def _replies(connection: Connection, rows: list[Row[Any]]) -> list[Reply]:
    sendings: dict[int, list[Sending]] = {}
    for row in connection.execute(_SENDINGS, {"ids": [row.id for row in rows]}):
        values = dict(row._mapping)
        sendings.setdefault(values.pop("reply_id"), []).append(Sending(**values))
    return [
        Reply(
            **{
                **row._mapping,
                "environment": Environment(row.environment),
                "verdict": AcknowledgementOutcome(row.verdict),
                "sendings": sendings.get(row.id, []),
            }
        )
        for row in rows
    ]


_OF_INTERCHANGE = text(
    f"""
    SELECT {_COLUMNS} FROM ledger.reply AS r
    WHERE r.id IN (
        SELECT own.id FROM ledger.reply AS own WHERE own.interchange_id = :id
        UNION SELECT s.reply_id FROM ledger.reply_sending AS s WHERE s.interchange_id = :id)
    ORDER BY r.id
    """  # noqa: S608 - constants
)


def of_interchange(connection: Connection, interchange_id: int) -> list[Reply]:
    """The answers to an interchange, those of its original when it is a duplicate; by envelope."""
    return _replies(connection, list(connection.execute(_OF_INTERCHANGE, {"id": interchange_id}).all()))


_ONE = text(f"SELECT {_COLUMNS} FROM ledger.reply AS r WHERE r.id = :id")  # noqa: S608 - constants


def get(connection: Connection, reply_id: int) -> Reply | None:
    """One answer; None when there is none of that id."""
    found = _replies(connection, list(connection.execute(_ONE, {"id": reply_id}).all()))
    return found[0] if found else None


def content(connection: Connection, reply_id: int) -> bytes:
    """The bytes of an answer.

    :raises LedgerError: there is no such answer.
    """
    query = text("SELECT content FROM ledger.reply WHERE id = :id")
    found = connection.execute(query, {"id": reply_id}).scalar()
    if found is None:
        raise LedgerError(f"There is no answer {reply_id}.", todo="`orderhub answer list` shows them.")
    return bytes(found)


_FIND = text(
    f"""
    SELECT {_COLUMNS} FROM ledger.reply AS r
    WHERE (CAST(:agreement AS text) IS NULL OR r.agreement = :agreement)
      AND (CAST(:flow AS text) IS NULL OR r.flow = :flow)
      AND (CAST(:interchange AS bigint) IS NULL OR r.interchange_id = :interchange)
      AND (NOT :unsent OR EXISTS (
        SELECT 1 FROM ledger.reply_sending AS s WHERE s.reply_id = r.id AND s.state <> 'sent'))
    ORDER BY r.id DESC LIMIT :limit
    """  # noqa: S608 - constants
)


def find(
    connection: Connection,
    *,
    agreement: str | None = None,
    flow: str | None = None,
    interchange_id: int | None = None,
    unsent: bool = False,
    limit: int = 50,
) -> list[Reply]:
    """Answers, newest first; ``unsent`` those with a sending that is still to come."""
    values = {
        "agreement": agreement,
        "flow": flow,
        "interchange": interchange_id,
        "unsent": unsent,
        "limit": limit,
    }
    return _replies(connection, list(connection.execute(_FIND, values).all()))


def made_for(connection: Connection, interchange_id: int) -> list[int]:
    """Ids of the answers that were made for this very interchange."""
    query = text("SELECT id FROM ledger.reply WHERE interchange_id = :id ORDER BY envelope")
    return [int(found) for found in connection.execute(query, {"id": interchange_id}).scalars()]


def as_lines(data: bytes, standard: str) -> list[str]:
    """An answer's text for people, a segment a line. The hub writes answers with the usual separators."""
    text_of = data.decode("utf-8", "replace") if _is_utf8(data) else data.decode("latin-1")
    if standard == "x12":
        return [line + "~" for line in text_of.split("~") if line]
    lines = re.findall(r"(?:[^'?]|\?.)*'", text_of, re.DOTALL)
    return lines or [text_of]


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
