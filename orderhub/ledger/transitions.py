"""The one way to change a state: checked against the allowed transitions, written down in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from sqlalchemy import Connection, text

from orderhub.errors import LedgerError
from orderhub.ledger.records import Suite
from orderhub.ledger.states import (
    DOCUMENT_TRANSITIONS,
    INTERCHANGE_TRANSITIONS,
    DocumentState,
    InterchangeState,
)


class TransitionRefused(LedgerError):
    """A state cannot follow the present one."""

    code: ClassVar[str] = "LEDGER_TRANSITION_REFUSED"


_MOVE_DOCUMENTS = text(
    """
    WITH wanted AS (
        SELECT id, state FROM ledger.document WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE
    ), moved AS (
        UPDATE ledger.document AS d
        SET state = :to, updated_at = clock_timestamp(),
            suite_name = coalesce(CAST(:suite_name AS text), d.suite_name),
            suite_hash = coalesce(CAST(:suite_hash AS text), d.suite_hash)
        FROM wanted AS w
        WHERE d.id = w.id AND w.state = ANY(CAST(:allowed AS text[]))
        RETURNING d.id, w.state AS was
    ), noted AS (
        INSERT INTO ledger.transition (document_id, from_state, to_state, actor, run, reason)
        SELECT id, was, :to, :actor, CAST(:run AS bigint), CAST(:reason AS text) FROM moved ORDER BY id
    )
    SELECT w.id, w.state, m.id IS NOT NULL AS moved FROM wanted AS w LEFT JOIN moved AS m ON m.id = w.id ORDER BY w.id
    """
)


def move_documents(
    connection: Connection,
    ids: Collection[int],
    to: DocumentState,
    *,
    actor: str,
    run: int | None = None,
    reason: str | None = None,
    only_from: Collection[DocumentState] | None = None,
    suite: Suite | None = None,
    strict: bool = False,
) -> list[int]:
    """Move documents to a state and return the ids that moved, ascending.

    ``only_from`` narrows the states they may come from. Those in another state stay as they are; when ``strict``, they
    raise ``TransitionRefused`` instead (roll back then).
    """
    if not ids:
        return []
    sources = {state for state, following in DOCUMENT_TRANSITIONS.items() if to in following}
    if only_from is not None:
        sources &= set(only_from)
    rows = connection.execute(
        _MOVE_DOCUMENTS,
        {
            "ids": list(ids),
            "to": to.value,
            "allowed": sorted(state.value for state in sources),
            "actor": actor,
            "run": run,
            "reason": reason,
            "suite_name": suite.name if suite else None,
            "suite_hash": suite.content_hash if suite else None,
        },
    ).all()
    if strict:
        present = {row.id for row in rows}
        missing = sorted(set(ids) - present)
        if missing:
            raise TransitionRefused(
                f"There is no document {missing[0]} in the ledger.", todo="Check the number and try again."
            )
        for row in rows:
            if not row.moved:
                allowed = ", ".join(sorted(state.value for state in sources))
                raise TransitionRefused(
                    f"Document {row.id} is {row.state} and cannot become {to.value} (only from: {allowed}).",
                    todo="Look at its present state; somebody else may have acted on it first.",
                )
    return [row.id for row in rows if row.moved]


_MOVE_INTERCHANGES = text(
    """
    WITH wanted AS (
        SELECT id, state FROM ledger.interchange WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE
    ), moved AS (
        UPDATE ledger.interchange AS i SET state = :to
        FROM wanted AS w WHERE i.id = w.id AND w.state = ANY(CAST(:allowed AS text[]))
        RETURNING i.id, w.state AS was
    ), noted AS (
        INSERT INTO ledger.transition (interchange_id, from_state, to_state, actor, run, reason)
        SELECT id, was, :to, :actor, CAST(:run AS bigint), CAST(:reason AS text) FROM moved ORDER BY id
    )
    SELECT id FROM moved ORDER BY id
    """
)


def move_interchanges(
    connection: Connection,
    ids: Sequence[int],
    to: InterchangeState,
    *,
    actor: str,
    run: int | None = None,
    reason: str | None = None,
) -> list[int]:
    """Move interchanges to a state and return the ids that moved."""
    if not ids:
        return []
    allowed = sorted(state.value for state, following in INTERCHANGE_TRANSITIONS.items() if to in following)
    rows = connection.execute(
        _MOVE_INTERCHANGES,
        {"ids": list(ids), "to": to.value, "allowed": allowed, "actor": actor, "run": run, "reason": reason},
    )
    return [int(row.id) for row in rows]
