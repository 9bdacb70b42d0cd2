"""Acceptance: the identity is claimed, duplicates and conflicts are told apart, the outbox is filled; all in one go.

The claim is one ``INSERT .. ON CONFLICT DO NOTHING``: the unique constraint ``identity_once`` alone decides who was first,
also between two transactions at the same moment. Nothing looks first and inserts then.

Of master data (``orderhub.documents.MASTER_DATA``) the newest record counts: other content under the same number from a
later interchange is its next version and no conflict; one that comes late, from an earlier interchange than the record
that is there, is superseded at once. Two different records under one number in one interchange are a conflict: which of
them is meant, nobody can say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, text

from orderhub.documents import MASTER_DATA
from orderhub.findings import Finding, Place, Severity
from orderhub.ledger import effects
from orderhub.ledger.codec import findings_from, findings_to_json, places_from
from orderhub.ledger.records import Accepted, Suite, Target
from orderhub.ledger.states import DocumentState
from orderhub.ledger.transitions import move_documents

_LIVE = text(
    """
    SELECT id FROM ledger.document WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'translated'
    ORDER BY id FOR UPDATE
    """
)
# the order of insertion keeps two workers from waiting for each other
_CLAIM = text(
    """
    INSERT INTO ledger.identity
        (company, environment, agreement, type, number, revision, document_id, interchange_id, ordinal, content_hash)
    SELECT company, environment, agreement, type, number, revision, id, interchange_id, ordinal, content_hash
    FROM ledger.document WHERE id = ANY(CAST(:ids AS bigint[]))
    ORDER BY company, environment, agreement, type, number, revision, id
    ON CONFLICT DO NOTHING
    RETURNING document_id
    """
)
_TAKEN = text(
    """
    SELECT d.id, d.type, d.number, d.revision, d.interchange_id, d.ordinal, d.content_hash, d.places, d.findings,
        d.finding_count, i.id AS identity_id, i.document_id AS holder, i.interchange_id AS holder_interchange,
        i.ordinal AS holder_ordinal, i.content_hash AS holder_hash, i.released, h.state AS holder_state,
        f.name AS holder_file, f.received_at AS holder_received,
        EXISTS (SELECT 1 FROM ledger.outbox AS o WHERE o.document_id = h.id
                AND (o.unclear OR o.state IN ('done', 'leased', 'in_doubt'))) AS holder_sent,
        EXISTS (SELECT 1 FROM ledger.document AS n WHERE n.interchange_id = h.interchange_id AND n.ordinal = h.ordinal
                AND n.generation > h.generation AND n.state IN ('translated', 'retrying')) AS holder_corrected
    FROM ledger.document AS d
    JOIN ledger.identity AS i ON i.company = d.company AND i.environment = d.environment AND i.agreement = d.agreement
        AND i.type = d.type AND i.number = d.number AND i.revision = d.revision
    JOIN ledger.document AS h ON h.id = i.document_id
    JOIN ledger.interchange AS f ON f.id = h.interchange_id
    WHERE d.id = ANY(CAST(:ids AS bigint[]))
    ORDER BY i.id, d.id FOR UPDATE OF i
    """
)
_TAKE_OVER = text(
    """
    UPDATE ledger.identity AS i
    SET document_id = d.id, interchange_id = d.interchange_id, ordinal = d.ordinal, content_hash = d.content_hash,
        version = i.version + 1, released = false, claimed_at = clock_timestamp()
    FROM unnest(CAST(:identities AS bigint[]), CAST(:ids AS bigint[])) AS t(identity_id, document_id)
    JOIN ledger.document AS d ON d.id = t.document_id
    WHERE i.id = t.identity_id
    """
)
# A later interchange that said the same again has confirmed the record: what lies between the two is older than it.
_CONFIRMED = text(
    """
    SELECT h.id, greatest(
        (SELECT max(d.interchange_id) FROM ledger.document AS d WHERE d.duplicate_of = h.id),
        (SELECT max(f.id) FROM ledger.interchange AS f WHERE f.duplicate_of = h.interchange_id)) AS last
    FROM ledger.document AS h WHERE h.id = ANY(CAST(:ids AS bigint[]))
    """
)
_DUPLICATES = text(
    """
    UPDATE ledger.document AS d SET duplicate_of = t.first
    FROM unnest(CAST(:ids AS bigint[]), CAST(:firsts AS bigint[])) AS t(id, first) WHERE d.id = t.id
    """
)
_CONFLICTS = text(
    """
    UPDATE ledger.document AS d
    SET conflict_with = t.first, findings = CAST(t.findings AS jsonb), finding_count = d.finding_count + 1
    FROM unnest(CAST(:ids AS bigint[]), CAST(:firsts AS bigint[]), CAST(:findings AS text[])) AS t(id, first, findings)
    WHERE d.id = t.id
    """
)
# The key says which content of which identity goes to which target: the same wherever and whenever it is computed, so
# that a target knows it again even after the ledger was set up anew. `version` tells a return to earlier content apart.
# Rows are numbered in the order of the flow's targets: a document goes to the next one when the one before took it.
_ENQUEUE = text(
    """
    INSERT INTO ledger.outbox
        (document_id, interchange_id, batch_id, flow, target, identity, idempotency_key, state)
    SELECT d.id, d.interchange_id, d.batch_id, d.flow, t.name,
        concat_ws(':', p.company, d.environment, p.agreement, d.type, p.number),
        left(encode(sha256(convert_to(concat_ws(chr(31), d.company, d.environment, d.agreement, d.type, d.number,
            d.revision, i.version, d.content_hash, t.name), 'UTF8')), 'hex'), 40),
        t.state
    FROM ledger.document AS d
    JOIN ledger.identity AS i ON i.document_id = d.id
    CROSS JOIN LATERAL (
        SELECT replace(replace(d.company, '%', '%25'), ':', '%3A') AS company,
            replace(replace(d.agreement, '%', '%25'), ':', '%3A') AS agreement,
            replace(replace(d.number, '%', '%25'), ':', '%3A') AS number) AS p
    CROSS JOIN unnest(CAST(:targets AS text[]), CAST(:states AS text[])) WITH ORDINALITY AS t(name, state, place)
    WHERE d.id = ANY(CAST(:ids AS bigint[]))
    ORDER BY d.id, t.place
    ON CONFLICT DO NOTHING
    """
)

#: Holders in these states gave their identity up for a later generation of the same message.
_GONE = frozenset({DocumentState.SUPERSEDED, DocumentState.DISCARDED, DocumentState.RETRYING})


def accept(
    connection: Connection,
    ids: Sequence[int],
    *,
    targets: Sequence[Target],
    suite: Suite | None = None,
    actor: str = "validate",
    run: int | None = None,
) -> Accepted:
    """Accept translated documents and enqueue one effect per target. The same content under a taken identity becomes a
    ``duplicate``; other content from another message a ``conflict`` (with a finding that names the first document);
    from the same message of the same interchange (a corrected re-run) it takes the identity over as a new version, and so
    does a newer record of master data. Documents that are no longer ``translated`` are left as they are."""
    live = [int(found) for found in connection.execute(_LIVE, {"ids": list(ids)}).scalars()]
    if not live:
        return Accepted(accepted=[], duplicates={}, conflicts={})
    accepted = [int(found) for found in connection.execute(_CLAIM, {"ids": live}).scalars()]
    everything = _Verdicts()

    def admit(ids: list[int]) -> None:
        move_documents(
            connection, ids, DocumentState.ACCEPTED, actor=actor, run=run, suite=suite, strict=True
        )
        enqueue(connection, ids, targets, actor, run)

    rest = sorted(set(live) - set(accepted))
    if any(row_type in MASTER_DATA for row_type in _types(connection, rest)):
        # a newer record in this very list supersedes an accepted one, with its effects
        admit(sorted(accepted))
        admitted = set(accepted)
    else:
        admitted = set()
    while rest:
        found = _judge(connection, rest)
        _take_over(connection, found.takeovers, actor, run)
        accepted += found.takeovers.values()
        _mark(connection, found.duplicates, found.conflicts, found.texts)
        for judged, state, reason in (
            (found.duplicates, DocumentState.DUPLICATE, None),
            (found.conflicts, DocumentState.CONFLICT, None),
            (found.outdated, DocumentState.SUPERSEDED, "a newer record is there"),
        ):
            move_documents(
                connection, list(judged), state, actor=actor, run=run, reason=reason, suite=suite, strict=True
            )
        everything.duplicates |= found.duplicates
        everything.conflicts |= found.conflicts
        rest = found.later
        if rest:
            admit(sorted(set(accepted) - admitted))
            admitted |= set(accepted)
    accepted.sort()
    admit([one for one in accepted if one not in admitted])
    return Accepted(accepted=accepted, duplicates=everything.duplicates, conflicts=everything.conflicts)


class _Verdicts(msgspec.Struct):
    """Documents whose identity is taken, told apart. ``takeovers``: identity id → document id. ``texts``: the findings of
    conflicts. ``outdated``: master data, document id → the newer record. ``later``: to be judged again when what was
    taken over now has been admitted."""

    duplicates: dict[int, int] = {}
    conflicts: dict[int, int] = {}
    outdated: dict[int, int] = {}
    takeovers: dict[int, int] = {}
    texts: dict[int, str] = {}
    later: list[int] = []


def _types(connection: Connection, ids: list[int]) -> set[str]:
    if not ids:
        return set()
    query = text("SELECT DISTINCT type FROM ledger.document WHERE id = ANY(CAST(:ids AS bigint[]))")
    return set(connection.execute(query, {"ids": ids}).scalars())


def _judge(connection: Connection, ids: list[int]) -> _Verdicts:
    """Tell duplicates, conflicts, corrections and newer records apart."""
    found = _Verdicts()
    taken_now: dict[int, Row[Any]] = {}
    rows = connection.execute(_TAKEN, {"ids": ids}).all()
    confirmed = _confirmed(connection, rows)
    for row in rows:
        now = taken_now.get(row.identity_id)
        master = row.type in MASTER_DATA
        if now is not None and master and row.interchange_id > now.interchange_id:
            found.later.append(row.id)
            continue
        if now is not None:
            # the identity was taken over by a document earlier in this very list
            holder, content, gone, same_message = now.id, now.content_hash, False, False
        else:
            holder, content = row.holder, row.holder_hash
            same_message = (row.interchange_id, row.ordinal) == (row.holder_interchange, row.holder_ordinal)
            gone = (
                row.released or (same_message and DocumentState(row.holder_state) in _GONE) or _given_up(row)
            )
        standing = now.interchange_id if now is not None else row.holder_interchange
        newest = max(standing, confirmed.get(holder, 0))
        if content == row.content_hash and not gone:
            found.duplicates[row.id] = holder
        elif gone or same_message or (master and row.interchange_id > newest):
            found.takeovers[row.identity_id] = row.id
            taken_now[row.identity_id] = row
        elif master and row.interchange_id < newest and row.interchange_id != standing:
            found.outdated[row.id] = holder
        else:
            found.conflicts[row.id] = holder
            findings = [_conflict(row, holder), *findings_from(row.findings)]
            found.texts[row.id] = findings_to_json(findings)
    return found


def _confirmed(connection: Connection, rows: Sequence[Row[Any]]) -> dict[int, int]:
    """The latest interchange that said the same as a record that is there; only of master data."""
    holders = sorted({row.holder for row in rows if row.type in MASTER_DATA})
    if not holders:
        return {}
    return {row.id: row.last or 0 for row in connection.execute(_CONFIRMED, {"ids": holders})}


def _given_up(row: Row[Any]) -> bool:
    """A superseded holder of which no target has anything, and whose correction is not on its way (it is in quarantine, or
    has another number): the number is free for whoever comes with it."""
    superseded = DocumentState(row.holder_state) is DocumentState.SUPERSEDED
    return superseded and not row.holder_sent and not row.holder_corrected


def _conflict(row: Row[Any], holder: int) -> Finding:
    return Finding(
        code="LEDGER_IDENTITY_CONFLICT",
        severity=Severity.ERROR,
        message=f"{row.type} {row.number} (revision {row.revision}) with other content is already there: document {holder} "
        f"from {row.holder_file}, received {row.holder_received:%Y-%m-%d %H:%M} UTC. Compare the two; discard this one, "
        "or ask the sender to send a change with a new revision.",
        place=places_from(row.places).get("number", Place()),
        rule="identity",
        value=row.number,
        field="number",
    )


def _take_over(connection: Connection, takeovers: dict[int, int], actor: str, run: int | None) -> None:
    if not takeovers:
        return
    query = text("SELECT document_id FROM ledger.identity WHERE id = ANY(CAST(:ids AS bigint[]))")
    former = list(connection.execute(query, {"ids": list(takeovers)}).scalars())
    connection.execute(_TAKE_OVER, {"identities": list(takeovers), "ids": list(takeovers.values())})
    effects.lock(connection, former)
    replaced = move_documents(
        connection,
        former,
        DocumentState.SUPERSEDED,
        actor=actor,
        run=run,
        reason="a correction or a newer record took its identity",
        only_from=(DocumentState.ACCEPTED, DocumentState.WAITING, DocumentState.REJECTED),
    )
    effects.cancel(connection, replaced, reason="superseded by a correction or a newer record")


def _mark(
    connection: Connection, duplicates: dict[int, int], conflicts: dict[int, int], findings: dict[int, str]
) -> None:
    if duplicates:
        connection.execute(_DUPLICATES, {"ids": list(duplicates), "firsts": list(duplicates.values())})
    if conflicts:
        texts = [findings[document_id] for document_id in conflicts]
        connection.execute(
            _CONFLICTS, {"ids": list(conflicts), "firsts": list(conflicts.values()), "findings": texts}
        )


def enqueue(
    connection: Connection, accepted: list[int], targets: Sequence[Target], actor: str, run: int | None
) -> None:
    if not accepted:
        return
    if not targets:
        move_documents(connection, accepted, DocumentState.LOADED, actor=actor, run=run, reason="no target")
        return
    connection.execute(
        _ENQUEUE,
        {
            "ids": accepted,
            "targets": [target.name for target in targets],
            "states": ["waiting" if target.wait else "pending" for target in targets],
        },
    )
    if all(target.wait for target in targets):
        move_documents(
            connection, accepted, DocumentState.WAITING, actor=actor, run=run, reason="waits for approval"
        )
