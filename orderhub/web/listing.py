"""Pages of documents and files. (First form: offset cursors over the ledger's own queries.)"""

from __future__ import annotations

from sqlalchemy import Connection

from orderhub.ledger import queries
from orderhub.ledger.records import DocumentRow, InterchangeRow
from orderhub.web.search import Search
from orderhub.web.views import Facet, Listing
from orderhub.web.words import DOCUMENT_STATES, FILE_STATES

PAGE_SIZE = 50


def documents(
    connection: Connection, search: Search, *, size: int = PAGE_SIZE, interchange_id: int | None = None
) -> Listing[DocumentRow]:
    offset = int(search.after) if search.after.isdigit() else 0
    where = queries.DocumentFilter(
        text=search.q,
        states=search.state,
        flows=search.flow,
        agreement=search.partner[0] if search.partner else None,
        type=search.type[0] if search.type else None,
        interchange_id=interchange_id,
        received_from=search.received_from,
        received_before=search.received_before,
    )
    page = queries.find_documents(connection, where, limit=size, offset=offset)
    counts = queries.counts_by_state(connection)
    return Listing(
        rows=page.rows,
        total=page.total,
        older=str(offset + size) if page.total > offset + size else "",
        newer=str(max(0, offset - size)) if offset else "",
        facets={"state": [Facet(s, counts.get(s, 0), s in search.state) for s in DOCUMENT_STATES]},
    )


def files(connection: Connection, search: Search, *, size: int = PAGE_SIZE) -> Listing[InterchangeRow]:
    offset = int(search.after) if search.after.isdigit() else 0
    rows = queries.find_interchanges(
        connection, states=search.state, text=search.q, limit=size + 1, offset=offset
    )
    return Listing(
        rows=rows[:size],
        total=len(rows),
        older=str(offset + size) if len(rows) > size else "",
        newer=str(max(0, offset - size)) if offset else "",
        facets={"state": [Facet(s, None, s in search.state) for s in FILE_STATES]},
    )
