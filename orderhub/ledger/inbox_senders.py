"""Senders that no agreement knows: who they are, how many files of theirs wait, since when, and an example."""

from __future__ import annotations

import datetime as dt

import msgspec
from sqlalchemy import Connection, text

from orderhub.ledger.inbox_reasons import UNKNOWN_SENDER


class UnknownSender(msgspec.Struct, frozen=True, kw_only=True):
    """One identifier (with its qualifier: UNB 0007, ISA05) that files of a flow name as their sender; empty for files of a
    format that names none, of which the flow does not say whose they are. ``agreement`` is the
    partner whose place the files came to, where the flow has one; ``example`` the oldest file."""

    identifier: str
    qualifier: str
    format: str
    flow: str
    agreement: str
    files: int
    since: dt.datetime
    last: dt.datetime
    example_id: int
    example: str
    cases: list[int]


# The finding says which qualifier stood beside the identifier: its rule is identifiers/<format>/<qualifier>.
_SENDERS = text(
    """
    SELECT s.identifier, s.qualifier, s.format, i.flow, max(i.agreement) AS agreement, count(DISTINCT i.id) AS files,
        min(c.since) AS since, max(c.since) AS last, min(i.id) AS example_id,
        (array_agg(i.name ORDER BY i.id))[1] AS example, array_agg(DISTINCT c.id) AS cases
    FROM ledger.inbox_case AS c
    JOIN ledger.interchange AS i ON i.id = c.interchange_id
    CROSS JOIN LATERAL (
        SELECT coalesce(f ->> 'value', '') AS identifier, coalesce(split_part(f ->> 'rule', '/', 3), '') AS qualifier,
            coalesce(nullif(split_part(f ->> 'rule', '/', 2), ''), i.format, '') AS format
        FROM jsonb_array_elements(i.findings) AS each(f) WHERE f ->> 'code' = :code
    ) AS s
    WHERE c.open AND c.state = 'unknown_sender' AND (CAST(:identifier AS text) IS NULL OR s.identifier = :identifier)
    GROUP BY s.identifier, s.qualifier, s.format, i.flow
    ORDER BY since, s.identifier, s.qualifier, s.format, i.flow
    """
)


def senders(connection: Connection, *, identifier: str | None = None) -> list[UnknownSender]:
    """Unknown senders of which files wait, the longest waiting first."""
    rows = connection.execute(_SENDERS, {"code": UNKNOWN_SENDER, "identifier": identifier})
    return [UnknownSender(**row._mapping) for row in rows]


def suggestion(sender: UnknownSender) -> str:
    """The YAML lines that let an agreement know this sender; for files without one the line that the flow needs."""
    if not sender.identifier:
        return "partner: name_of_the_agreement"
    parts = [f"format: {sender.format or 'edifact'}", f"id: {_quoted(sender.identifier)}"]
    if sender.qualifier:
        parts.append(f"qualifier: {_quoted(sender.qualifier)}")
    lines = ["identifiers:", f"  - {{{', '.join(parts)}}}"]
    if sender.format == "edifact" and sender.qualifier == "14" and _is_gln(sender.identifier):
        lines.append(f'glns: ["{sender.identifier}"]')
    return "\n".join(lines)


def _quoted(value: str) -> str:
    # JSON is YAML 1.2, and escapes whatever a sender wrote
    return msgspec.json.encode(value).decode()


def _is_gln(value: str) -> bool:
    return len(value) == 13 and value.isascii() and value.isdigit()
