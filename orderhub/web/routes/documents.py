"""Pages of documents: the list, one document's whole path, and the two actions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi import Path as PathParameter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orderhub.errors import LedgerError
from orderhub.web import page
from orderhub.web.ports import Actions
from orderhub.web.routes import lists
from orderhub.web.search import Search

router = APIRouter(include_in_schema=False)

#: Ids are 64-bit integers in the ledger; anything else cannot be one.
Id = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
Reason = Annotated[str, Form(max_length=2000)]


@router.get("/documents")
def documents(request: Request) -> Response:
    """The list."""
    search = Search.parse(request.query_params)
    return lists.answer(request, lists.DOCUMENTS, search, page.reading_of(request).documents(search))


@router.get("/documents.csv")
def documents_csv(request: Request) -> Response:
    """All that the list's search finds, as a file for spreadsheets."""
    search = Search.parse(request.query_params)
    return lists.download("documents", page.reading_of(request).documents_csv(search))


@router.get("/documents/{document_id}")
def document(request: Request, document_id: Id) -> Response:
    """One document's whole path."""
    view = page.reading_of(request).document(document_id)
    return page.render(request, "document.html", view=view, here="documents")


@router.get("/documents/{document_id}/live")
def live(request: Request, document_id: Id) -> Response:
    """The parts of the page that change by themselves; 204 while nothing did."""
    view = page.reading_of(request).document(document_id, with_panes=False)
    if view.successor is not None and request.headers.get("x-follow"):
        target = f"{page.base_of(request)}/documents/{view.successor.id}?retried={document_id}"
        return Response(status_code=204, headers={"hx-redirect": target})
    return page.unless_seen(request, page.render(request, "document_live.html", view=view, swap=True))


@router.get("/documents/{document_id}/panes")
def panes(request: Request, document_id: Id) -> Response:
    """Source and canonical form side by side, with the origin of every value: asked for later when the file is big."""
    view = page.reading_of(request).document(document_id, patient=True)
    return page.render(request, "document_panes.html", view=view)


@router.get("/documents/{document_id}/canonical.json")
def canonical(request: Request, document_id: Id) -> Response:
    """The canonical bytes as they are kept."""
    path = page.reading_of(request).path(document_id)
    if path.canonical is None:
        return JSONResponse(
            {"error": {"code": "NOT_FOUND", "message": "This document has no canonical form."}},
            status_code=404,
        )
    return _download(path.canonical, f"document-{document_id}.json")


@router.post("/documents/{document_id}/retry")
async def retry(request: Request, document_id: Id, reason: Reason = "") -> Response:
    """Send a quarantined document through translation again, then show it."""
    actions: Actions = request.app.state.actions
    return await _act(request, document_id, actions.retry, reason.strip())


@router.post("/documents/{document_id}/discard")
async def discard(request: Request, document_id: Id, reason: Reason = "") -> Response:
    """Close a quarantined document for good."""
    actions: Actions = request.app.state.actions
    return await _act(request, document_id, actions.discard, reason.strip())


async def _act(request: Request, document_id: int, action: Any, reason: str) -> Response:
    try:
        await run_in_threadpool(action, document_id, user=page.user_of(request), reason=reason)
    except LedgerError as problem:
        return page.refused(request, problem)
    target = f"{page.base_of(request)}/documents/{document_id}"
    if page.is_partial(request):
        return Response(status_code=204, headers={"hx-redirect": target})
    return Response(status_code=303, headers={"location": target})


def _download(data: bytes, name: str) -> Response:
    """Bytes as a file that no browser opens in the page. ``name`` is ours, never a partner's."""
    return Response(
        data,
        media_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )
