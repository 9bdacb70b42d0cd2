"""Findings of documents that are in the ledger already: given a place, or added by a later stage.

Stands below the stages because validate and load both need it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, text

from orderhub.findings import MAX_FINDINGS, Finding, Place
from orderhub.ledger.codec import findings_from, findings_to_json

_READ = text(
    "SELECT id, findings, finding_count FROM ledger.document WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE"
)
_KEYS = text("SELECT id, interchange_id, ordinal FROM ledger.document WHERE id = ANY(CAST(:ids AS bigint[]))")
_WRITE = text(
    "UPDATE ledger.document SET findings = CAST(:findings AS jsonb), finding_count = :count WHERE id = :id"
)


def message_keys(connection: Connection, documents: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Per document (ledger id) its interchange and the ordinal of its message there."""
    rows = connection.execute(_KEYS, {"ids": list(documents)})
    return {row.id: (row.interchange_id, row.ordinal) for row in rows}


def place_findings(connection: Connection, places: Mapping[int, Mapping[str, Place]]) -> None:
    """Fill in places of findings that have a field and no place yet, in the caller's transaction.

    :param places: per document (ledger id) and canonical field.
    """
    for row in connection.execute(_READ, {"ids": list(places)}).all():
        placed = [_placed(finding, places[row.id]) for finding in findings_from(row.findings)]
        connection.execute(
            _WRITE, {"id": row.id, "findings": findings_to_json(placed), "count": row.finding_count}
        )


def replace_findings(connection: Connection, findings: Mapping[int, Sequence[Finding]], *, rule: str) -> None:
    """Put these in the place of the documents' findings of that rule, in the caller's transaction.

    :param findings: per document (ledger id); an empty list only removes.
    """
    for row in connection.execute(_READ, {"ids": list(findings)}).all():
        before = findings_from(row.findings)
        kept = [finding for finding in before if finding.rule != rule]
        added = list(findings[row.id])
        if not added and len(kept) == len(before):
            continue
        count = row.finding_count - (len(before) - len(kept)) + len(added)
        shown = (added + kept)[:MAX_FINDINGS]
        connection.execute(_WRITE, {"id": row.id, "findings": findings_to_json(shown), "count": count})


def _placed(finding: Finding, here: Mapping[str, Place]) -> Finding:
    place = here.get(finding.field or "")
    if place is None or finding.place != Place():
        return finding
    return msgspec.structs.replace(finding, place=place)
