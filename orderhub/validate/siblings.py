"""All or nothing per interchange: what the other documents of the same interchange look like."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import Connection, text

from orderhub.documents import MASTER_DATA, Document, from_canonical
from orderhub.findings import Finding, Severity
from orderhub.ledger.codec import findings_from
from orderhub.ledger.states import DocumentState

#: The finding of a document that is kept back only because of another one.
HELD = "INTERCHANGE_HELD"

_SIBLINGS = text(
    """
    SELECT id, interchange_id, state, type, canonical, findings FROM ledger.document
    WHERE interchange_id = ANY(CAST(:interchanges AS bigint[])) AND NOT id = ANY(CAST(:known AS bigint[]))
      AND state IN ('translated', 'quarantined', 'conflict')
    ORDER BY id
    """
)
# Documents whose number is taken by another message with other content (of master data: in the same file), or by an
# earlier message of the same file. What acceptance would say of them, as far as it can be known before; it alone
# decides.
_TAKEN = text(
    """
    SELECT d.id, d.interchange_id FROM ledger.document AS d
    JOIN ledger.identity AS i ON i.company = d.company AND i.environment = d.environment AND i.agreement = d.agreement
        AND i.type = d.type AND i.number = d.number AND i.revision = d.revision
    JOIN ledger.document AS h ON h.id = i.document_id
    WHERE d.id = ANY(CAST(:ids AS bigint[])) AND NOT i.released AND i.content_hash <> d.content_hash
      AND (i.interchange_id, i.ordinal) <> (d.interchange_id, d.ordinal) AND h.state <> 'superseded'
      AND NOT (d.type = ANY(CAST(:master_data AS text[])) AND i.interchange_id <> d.interchange_id)
    UNION
    SELECT d.id, d.interchange_id FROM ledger.document AS d
    JOIN ledger.document AS e ON e.interchange_id = d.interchange_id AND e.ordinal < d.ordinal
        AND e.company = d.company AND e.environment = d.environment AND e.agreement = d.agreement AND e.type = d.type
        AND e.number = d.number AND e.revision = d.revision AND e.content_hash <> d.content_hash
    WHERE d.id = ANY(CAST(:ids AS bigint[])) AND e.state = 'translated'
    """
)


def siblings(
    connection: Connection, interchanges: Sequence[int], known: Sequence[int]
) -> tuple[set[int], dict[int, tuple[int, Document]]]:
    """The other documents of these interchanges.

    :returns: interchanges of which one is kept back for a reason of its own (in quarantine, or in conflict with another
        document); and the documents that wait in other batches, by id, with their interchange.
    """
    broken: set[int] = set()
    waiting: dict[int, tuple[int, Document]] = {}
    rows = connection.execute(_SIBLINGS, {"interchanges": list(interchanges), "known": list(known)})
    for row in rows:
        if row.state == DocumentState.CONFLICT.value:
            broken.add(row.interchange_id)
            continue
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


def in_conflict(connection: Connection, documents: Collection[int]) -> dict[int, int]:
    """Those of the documents that would come into conflict with another document now, with their interchange."""
    if not documents:
        return {}
    return {
        row.id: row.interchange_id
        for row in connection.execute(_TAKEN, {"ids": list(documents), "master_data": sorted(MASTER_DATA)})
    }


def held() -> Finding:
    """Why a good document is kept back."""
    return Finding(
        code=HELD,
        severity=Severity.ERROR,
        message="Another order of the same interchange cannot be accepted, and the agreement with this partner says all or "
        "nothing. Correct that one, then retry both.",
        rule="agreement/on_failure",
    )
