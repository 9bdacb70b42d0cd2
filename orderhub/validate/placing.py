"""Places for findings that the ledger itself wrote: it knows which value is wrong, but not where in the source it is."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, text

from orderhub.findings import Finding, Place
from orderhub.ledger.codec import findings_from, findings_to_json

_READ = text("SELECT id, findings FROM ledger.document WHERE id = ANY(CAST(:ids AS bigint[]))")
_WRITE = text("UPDATE ledger.document SET findings = CAST(:findings AS jsonb) WHERE id = :id")


def place_findings(connection: Connection, places: Mapping[int, Mapping[str, Place]]) -> None:
    """Fill in places of findings that have a field and no place yet, in the caller's transaction.

    :param places: per document (ledger id) and canonical field.
    """
    for row in connection.execute(_READ, {"ids": list(places)}).all():
        here = places[row.id]
        placed = [_placed(finding, here) for finding in findings_from(row.findings)]
        connection.execute(_WRITE, {"id": row.id, "findings": findings_to_json(placed)})


def _placed(finding: Finding, here: Mapping[str, Place]) -> Finding:
    place = here.get(finding.field or "")
    if place is None or finding.place != Place():
        return finding
    return msgspec.structs.replace(finding, place=place)
