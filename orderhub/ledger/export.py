"""Lists of the ledger as tables for spreadsheets: documents, files and the cases of the inbox, however many there are.

A list is taken as it is at one moment: its ids first, in their order, eight bytes each. Their rows follow in chunks, each in a
short transaction of its own, so that a slow reader keeps nothing open. Column names are those of the records; they and the
values stay English, for programs.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, TextClause

from orderhub.formats.csv.cells import Cell, for_spreadsheets
from orderhub.ledger import inbox, queries
from orderhub.ledger.engine import transaction
from orderhub.ledger.inbox import Case
from orderhub.ledger.records import DocumentRow, InterchangeRow

Row = TypeVar("Row")

#: Rows that are read from the ledger at a time.
CHUNK = 500

DOCUMENT_COLUMNS: Mapping[str, Callable[[DocumentRow], Cell]] = {
    "id": lambda row: row.id,
    "type": lambda row: row.type,
    "number": lambda row: row.number,
    "revision": lambda row: row.revision,
    "state": lambda row: row.state.value,
    "environment": lambda row: row.environment.value,
    "company": lambda row: row.company,
    "partner": lambda row: row.agreement,
    "buyer": lambda row: row.buyer,
    "supplier": lambda row: row.supplier,
    "issued_on": lambda row: row.issued_on,
    "flow": lambda row: row.flow,
    "file": lambda row: row.file,
    "references": lambda row: ", ".join(
        f"{target} {reference}" for target, reference in row.references.items()
    ),
    "findings": lambda row: row.finding_count,
    "code": lambda row: row.first_finding.code if row.first_finding else None,
    "field": lambda row: row.first_finding.field if row.first_finding else None,
    "value": lambda row: row.first_finding.value if row.first_finding else None,
    "message": lambda row: row.first_finding.message if row.first_finding else None,
    "received_at": lambda row: row.received_at,
    "updated_at": lambda row: row.updated_at,
}
FILE_COLUMNS: Mapping[str, Callable[[InterchangeRow], Cell]] = {
    "id": lambda row: row.id,
    "name": lambda row: row.name,
    "state": lambda row: row.state.value,
    "environment": lambda row: row.environment.value,
    "company": lambda row: row.company,
    "format": lambda row: row.format,
    "message": lambda row: row.message,
    "release": lambda row: row.release,
    "sender": lambda row: row.sender,
    "partner": lambda row: row.agreement,
    "flow": lambda row: row.flow,
    "documents": lambda row: row.documents,
    "findings": lambda row: row.finding_count,
    "problem": lambda row: row.problem or (row.first_finding.message if row.first_finding else None),
    "size": lambda row: row.size,
    "sha256": lambda row: row.sha256,
    "received_at": lambda row: row.received_at,
}
CASE_COLUMNS: Mapping[str, Callable[[Case], Cell]] = {
    "id": lambda case: case.id,
    "kind": lambda case: case.kind.value,
    "state": lambda case: case.state.value,
    "number": lambda case: case.number,
    "target": lambda case: case.target,
    "environment": lambda case: case.environment,
    "company": lambda case: case.company,
    "partner": lambda case: case.agreement,
    "flow": lambda case: case.flow,
    "file": lambda case: case.file,
    "document": lambda case: case.document_id,
    "code": lambda case: case.code,
    "field": lambda case: case.field,
    "value": lambda case: case.value,
    "message": lambda case: case.message,
    "owner": lambda case: case.owner or case.default_owner,
    "taken": lambda case: case.owner is not None,
    "since": lambda case: case.since,
    "overdue": lambda case: case.overdue,
    "notes": lambda case: case.notes,
}


def ids_of(connection: Connection, statement: TextClause, values: Mapping[str, Any]) -> array[int]:
    """The first column of all rows; read through a cursor of the server, so that only the numbers are held."""
    rows = connection.execute(statement, values, execution_options={"yield_per": 10_000})
    return array("q", rows.scalars())


def in_chunks(
    engine: Engine, ids: Sequence[int], rows: Callable[[Connection, Sequence[int]], Iterable[Row]]
) -> Iterator[Row]:
    """The rows of these ids, in their order as ``rows`` gives them."""
    for start in range(0, len(ids), CHUNK):
        with transaction(engine) as connection:
            chunk = list(rows(connection, list(ids[start : start + CHUNK])))
        yield from chunk


def documents_csv(engine: Engine, ids: Sequence[int]) -> Iterator[bytes]:
    """These documents as a file for spreadsheets, in pieces. Raises ``LedgerUnavailable``."""
    return as_csv(DOCUMENT_COLUMNS, in_chunks(engine, ids, queries.documents_by_id))


def files_csv(engine: Engine, ids: Sequence[int]) -> Iterator[bytes]:
    """The same of files."""
    return as_csv(FILE_COLUMNS, in_chunks(engine, ids, queries.interchanges_by_id))


def cases_csv(engine: Engine, ids: Sequence[int], owners: Mapping[str, str]) -> Iterator[bytes]:
    """The same of cases. A case that was settled meanwhile is left out.

    :param owners: flow → the owner its file names, who has what nobody took.
    """

    def rows(connection: Connection, chunk: Sequence[int]) -> Iterator[Case]:
        found = {case.id: case for case in inbox.by_id(connection, chunk, owners=owners)}
        asked = (found[one] for one in chunk if one in found)
        return (case for case in asked if case.open or case.closed_as == "discarded")

    return as_csv(CASE_COLUMNS, in_chunks(engine, ids, rows))


def as_csv(columns: Mapping[str, Callable[[Row], Cell]], rows: Iterable[Row]) -> Iterator[bytes]:
    """Rows as a file for spreadsheets, in pieces."""
    getters = tuple(columns.values())
    return for_spreadsheets(columns, ([get(row) for get in getters] for row in rows))
