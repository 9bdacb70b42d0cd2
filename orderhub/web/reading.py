"""Answers the pages' and the API's questions from ledger and archive. Blocking: called in worker threads."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec
from sqlalchemy import Engine

from orderhub.errors import ArchiveError, HubError
from orderhub.ledger import acknowledgements, queries, runs
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import DocumentPath, DocumentRow, InterchangeRow
from orderhub.web import canonical, listing, original, views
from orderhub.web.ports import WebSettings
from orderhub.web.search import PAGE_SIZE, Search
from orderhub.web.views import DocumentView, FileView, Listing

#: Bytes of an original in which a page looks for its message; what lies behind is only in the download.
SCANNED = 32 * 1024 * 1024


class NotThere(HubError):
    """Nothing with this id, or nothing kept of it."""

    code = "NOT_FOUND"


class Reading:
    """Reads; never writes."""

    def __init__(self, engine: Engine, archive: Archive, settings: WebSettings) -> None:
        self._engine = engine
        self._archive = archive
        self._settings = settings

    def documents(self, search: Search, *, size: int = PAGE_SIZE) -> Listing[DocumentRow]:
        with transaction(self._engine) as connection:
            return listing.documents(connection, search, size=size)

    def files(self, search: Search, *, size: int = PAGE_SIZE) -> Listing[InterchangeRow]:
        with transaction(self._engine) as connection:
            return listing.files(connection, search, size=size)

    def path(self, document_id: int) -> DocumentPath:
        """Raises :class:`NotThere`."""
        with transaction(self._engine) as connection:
            path = queries.document_path(connection, document_id)
        if path is None:
            raise NotThere(
                f"There is no document {document_id}.", todo="Look it up in the list of documents."
            )
        return path

    def _runs(self, path: DocumentPath) -> dict[int, str]:
        with transaction(self._engine) as connection:
            return runs.external_ids(connection, {step.run for step in path.timeline if step.run is not None})

    def document(self, document_id: int, *, with_panes: bool = True) -> DocumentView:
        """Everything of one document. Raises :class:`NotThere`.

        :param with_panes: its original and canonical form too, which never change, so that the archive is read.
        """
        path = self.path(document_id)
        findings = views.numbered(path.findings)
        if not with_panes:
            return DocumentView(
                path=path, findings=findings, steps=views.steps(path), fields=[], runs=self._runs(path)
            )
        plain = msgspec.json.decode(path.canonical) if path.canonical else None
        fields, in_canonical = (
            canonical.render(
                plain,
                [
                    (item.number, item.finding.severity.value, item.finding.field)
                    for item in findings
                    if item.finding.field
                ],
            )
            if plain is not None
            else ([], set())
        )
        shown, problem = self._original(path.interchange, findings, message=path.row.ordinal)
        return DocumentView(
            path=path,
            findings=views.placed(findings, shown.placed if shown else set(), in_canonical),
            steps=views.steps(path),
            fields=fields,
            original=shown,
            original_problem=problem,
            runs=self._runs(path),
        )

    def file(self, interchange_id: int) -> FileView:
        """Everything of one file. Raises :class:`NotThere`."""
        row = self.interchange(interchange_id)
        with transaction(self._engine) as connection:
            inside = listing.documents(connection, Search(sort="received"), size=200, interchange_id=row.id)
            answers = acknowledgements.recorded(connection, row.id)
        findings = views.numbered(row.findings)
        shown, problem = self._original(row, findings, message=None)
        return FileView(
            row=row,
            findings=views.placed(findings, shown.placed if shown else set(), set()),
            documents=inside,
            acknowledgements=answers,
            original=shown,
            original_problem=problem,
        )

    def interchange(self, interchange_id: int) -> InterchangeRow:
        """Raises :class:`NotThere`."""
        with transaction(self._engine) as connection:
            row = queries.interchange(connection, interchange_id)
        if row is None:
            raise NotThere(f"There is no file {interchange_id}.", todo="Look it up in the list of files.")
        return row

    def chunks(self, row: InterchangeRow) -> Iterator[bytes]:
        """The original in pieces, each verified by its seal; the first is read at once, so that what hinders it is
        raised here. Raises :class:`NotThere`, ``ArchiveError``."""
        if row.archive_key is None:
            raise NotThere(
                f"Nothing was kept of file {row.id}: {row.problem or 'it had no content'}.",
                todo="Ask the sender to send it again.",
            )
        pieces = self._archive.chunks(row.archive_key)
        first = next(pieces, b"")
        return itertools.chain((first,), pieces)

    def _head(self, row: InterchangeRow) -> bytes:
        """As much of the original as is ever looked through for a page."""
        head = bytearray()
        for piece in self.chunks(row):
            head += piece
            if len(head) >= SCANNED:
                break
        return bytes(head[:SCANNED])

    def _original(
        self, row: InterchangeRow, findings: list[views.NumberedFinding], *, message: int | None
    ) -> tuple[original.Original | None, str]:
        try:
            data = self._head(row)
        except (NotThere, ArchiveError) as problem:
            return None, f"{problem.what} {problem.todo}"
        pointers = [item.pointer() for item in findings]
        limit = self._settings.original_limit
        return original.render(data, pointers, limit=limit, message=message, size=row.size), ""
