"""All or nothing per interchange: what the other documents of the same interchange look like."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, text

from orderhub.documents import Document, from_canonical
from orderhub.findings import Finding, Severity
from orderhub.ledger.codec import findings_from
from orderhub.ledger.states import DocumentState

#: The finding of a document that is kept back only because of another one.
HELD = "INTERCHANGE_HELD"

_SIBLINGS = text(
    """
    SELECT id, interchange_id, state, type, canonical, findings FROM ledger.document
    WHERE interchange_id = ANY(CAST(:interchanges AS bigint[])) AND NOT id = ANY(CAST(:known AS bigint[]))
      AND state IN ('translated', 'quarantined')
    ORDER BY id
    """
)


def siblings(
    connection: Connection, interchanges: Sequence[int], known: Sequence[int]
) -> tuple[set[int], dict[int, tuple[int, Document]]]:
    """The other documents of these interchanges.

    :returns: interchanges of which one is in quarantine for a reason of its own; and the documents that wait in other
        batches, by id, with their interchange.
    """
    broken: set[int] = set()
    waiting: dict[int, tuple[int, Document]] = {}
    rows = connection.execute(_SIBLINGS, {"interchanges": list(interchanges), "known": list(known)})
    for row in rows:
        if row.state == DocumentState.QUARANTINED.value:
            own = [f for f in findings_from(row.findings) if f.severity is Severity.ERROR and f.code != HELD]
            if own:
                broken.add(row.interchange_id)
            continue
        try:
            waiting[row.id] = (row.interchange_id, from_canonical(row.type, bytes(row.canonical)))
        except (msgspec.ValidationError, KeyError):
            broken.add(row.interchange_id)
    return broken, waiting


def held() -> Finding:
    """Why a good document is kept back."""
    return Finding(
        code=HELD,
        severity=Severity.ERROR,
        message="Another order of the same interchange cannot be accepted, and the agreement with this partner says all or "
        "nothing. Correct that one, then retry both.",
        rule="agreement/on_failure",
    )
