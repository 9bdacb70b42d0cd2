"""Answers the pages' and the API's questions from ledger and archive. Blocking: called in worker threads."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Engine

from orderhub.errors import ArchiveError, HubError
from orderhub.ledger import acknowledgements, export, queries, replies, runs
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import DocumentPath, DocumentRow, InterchangeRow
from orderhub.ledger.replies import Reply
from orderhub.web import answers, canonical, listing, original, views
from orderhub.web.ports import Tracer, WebSettings
from orderhub.web.search import PAGE_SIZE, Search
from orderhub.web.views import DocumentView, FileView, Listing

#: Bytes of an original in which a page looks for its message; what lies behind is only in the download.
SCANNED = 128 * 1024 * 1024
#: Above this size of an original (bytes) a page does not wait for the origin of its values.
TRACED_AT_ONCE = 1024 * 1024


class NotThere(HubError):
    """Nothing with this id, or nothing kept of it."""

    code = "NOT_FOUND"


class Reading:
    """Reads; never writes."""

    def __init__(
        self, engine: Engine, archive: Archive, settings: WebSettings, tracer: Tracer | None = None
    ) -> None:
        self._engine = engine
        self._archive = archive
        self._settings = settings
        self._tracer = tracer

    def documents(self, search: Search, *, size: int = PAGE_SIZE) -> Listing[DocumentRow]:
        with transaction(self._engine) as connection:
            return listing.documents(connection, search, size=size)

    def files(self, search: Search, *, size: int = PAGE_SIZE) -> Listing[InterchangeRow]:
        with transaction(self._engine) as connection:
            return listing.files(connection, search, size=size)

    def documents_csv(self, search: Search) -> Iterator[bytes]:
        """All documents that a search finds, in its order, as a file in pieces."""
        with transaction(self._engine) as connection:
            ids = listing.document_ids(connection, search)
        return export.documents_csv(self._engine, ids)

    def files_csv(self, search: Search) -> Iterator[bytes]:
        """The same of files."""
        with transaction(self._engine) as connection:
            ids = listing.file_ids(connection, search)
        return export.files_csv(self._engine, ids)

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

    def document(self, document_id: int, *, with_panes: bool = True, patient: bool = False) -> DocumentView:
        """Everything of one document. Raises :class:`NotThere`.

        :param with_panes: its original and canonical form too, which never change, so that the archive is read.
        :param patient: say where the values came from, however big the original is.
        """
        path = self.path(document_id)
        findings = views.numbered(path.findings)
        view = DocumentView(
            path=path, findings=findings, steps=views.steps(path), fields=[], runs=self._runs(path)
        )
        if not with_panes:
            return view
        pointers: list[original.Pointer] = []
        if path.canonical is not None and self._tracer is not None:
            view.trace_later = not patient and path.interchange.size > TRACED_AT_ONCE
            if not view.trace_later:
                pointers = self._trace(view)
        if path.canonical is not None:
            about = [(one.number, one.finding.severity.value, one.finding.field) for one in findings]
            view.fields, in_canonical = canonical.render(
                msgspec.json.decode(path.canonical),
                [(number, severity, name) for number, severity, name in about if name],
                {value.field: value.number for value in view.traces},
            )
        else:
            in_canonical = set()
        shown, view.original_problem = self._original(
            path.interchange, findings, message=path.row.ordinal, traces=pointers
        )
        view.original = shown
        view.findings = views.placed(findings, shown.placed if shown else set(), in_canonical)
        return view

    def _trace(self, view: DocumentView) -> list[original.Pointer]:
        assert self._tracer is not None  # noqa: S101 - asked before
        try:
            trace = self._tracer(view.path.row.id)
        except HubError as problem:
            # the page is of use without it, and says why it is not there
            view.trace_problem = f"{problem.what} {problem.todo}"
            return []
        view.trace_of_today = not trace.kept
        view.traces, pointers = views.traced(trace)
        return pointers

    def file(self, interchange_id: int) -> FileView:
        """Everything of one file. Raises :class:`NotThere`."""
        row = self.interchange(interchange_id)
        with transaction(self._engine) as connection:
            inside = listing.documents(connection, Search(sort="received"), size=200, interchange_id=row.id)
            recorded = acknowledgements.recorded(connection, row.id)
            answered = answers.answers_to(connection, row.id)
        findings = views.numbered(row.findings)
        shown, problem = self._original(row, findings, message=None)
        return FileView(
            row=row,
            findings=views.placed(findings, shown.placed if shown else set(), set()),
            documents=inside,
            acknowledgements=recorded,
            answers=answered,
            original=shown,
            original_problem=problem,
        )

    def answer(self, interchange_id: int, reply_id: int) -> tuple[Reply, bytes]:
        """An answer to a file and its bytes. Raises :class:`NotThere`."""
        with transaction(self._engine) as connection:
            found = [r for r in replies.of_interchange(connection, interchange_id) if r.id == reply_id]
            if not found:
                raise NotThere(
                    f"File {interchange_id} has no answer {reply_id}.", todo="Open the file's page."
                )
            return found[0], replies.content(connection, reply_id)

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
        self,
        row: InterchangeRow,
        findings: list[views.NumberedFinding],
        *,
        message: int | None,
        traces: Sequence[original.Pointer] = (),
    ) -> tuple[original.Original | None, str]:
        try:
            data = self._head(row)
        except (NotThere, ArchiveError) as problem:
            return None, f"{problem.what} {problem.todo}"
        pointers = [*(item.pointer() for item in findings), *traces]
        limit = self._settings.original_limit
        return original.render(data, pointers, limit=limit, message=message, size=row.size), ""
