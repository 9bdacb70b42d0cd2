"""The REST API, version 1: the same questions and actions as the pages, as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from orderhub.web import page
from orderhub.web.bodies import (
    ActionBody,
    DocumentBody,
    DocumentDetail,
    DocumentList,
    ErrorBody,
    InterchangeBody,
    InterchangeList,
)
from orderhub.web.ports import Actions
from orderhub.web.routes.documents import Id
from orderhub.web.search import RANGES, SORTS, Search

REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorBody, "description": "nobody is signed in"},
    403: {"model": ErrorBody, "description": "no right to, or sent by another site"},
    404: {"model": ErrorBody, "description": "no such thing"},
    409: {"model": ErrorBody, "description": "its state does not allow it"},
    503: {"model": ErrorBody, "description": "the ledger or archive is out of reach; try again later"},
}

router = APIRouter(prefix="/api/v1", responses=REFUSALS)

Many = Annotated[list[str], Query()]
Size = Annotated[int, Query(ge=1, le=200, description="rows in a page")]
Cursor = Annotated[str, Query(description="the `older` of the page before")]
Text = Annotated[str, Query(description="words in number, partner, supplier or file name")]
Sort = Annotated[str, Query(description=f"one of {', '.join(SORTS)}")]
Range = Annotated[str, Query(description=f"received in the last: {', '.join(RANGES)}")]
Day = Annotated[str, Query(description="a date (YYYY-MM-DD) in UTC")]


@router.get("/documents", tags=["documents"])
def documents(
    request: Request,
    q: Text = "",
    state: Many = [],  # noqa: B006 - FastAPI copies defaults
    flow: Many = [],  # noqa: B006
    partner: Many = [],  # noqa: B006
    type: Many = [],  # noqa: B006
    run: Annotated[str, Query(description="the scheduler's name of a run that touched them")] = "",
    range: Range = "",
    since: Day = "",
    until: Day = "",
    sort: Sort = SORTS[0],
    after: Cursor = "",
    size: Size = 50,
) -> DocumentList:
    """Find documents, newest first."""
    listing = page.reading_of(request).documents(Search.parse(request.query_params), size=size)
    return DocumentList(
        documents=[DocumentBody.of(row) for row in listing.rows],
        total=listing.total,
        total_is_a_minimum=listing.more_than_total,
        older=listing.older,
        newer=listing.newer,
    )


@router.get("/documents/{document_id}", tags=["documents"])
def document(request: Request, document_id: Id) -> DocumentDetail:
    """One document's whole path: canonical form, findings at their places, timeline, effects, answers."""
    return DocumentDetail.of_path(page.reading_of(request).path(document_id))


@router.post("/documents/{document_id}/retry", tags=["documents"], status_code=202)
async def retry(request: Request, document_id: Id, body: ActionBody | None = None) -> DocumentDetail:
    """Translate a quarantined, conflicting or rejected document again from its original."""
    actions: Actions = request.app.state.actions
    return await _act(request, document_id, actions.retry, body)


@router.post("/documents/{document_id}/discard", tags=["documents"])
async def discard(request: Request, document_id: Id, body: ActionBody) -> DocumentDetail:
    """Close a quarantined, conflicting or rejected document for good, with a reason."""
    actions: Actions = request.app.state.actions
    return await _act(request, document_id, actions.discard, body)


async def _act(request: Request, document_id: int, action: Any, body: ActionBody | None) -> DocumentDetail:
    reading = page.reading_of(request)
    reason = body.reason.strip() if body is not None else ""
    await run_in_threadpool(reading.path, document_id)
    await run_in_threadpool(action, document_id, user=page.user_of(request), reason=reason)
    return DocumentDetail.of_path(await run_in_threadpool(reading.path, document_id))


@router.get("/interchanges", tags=["interchanges"])
def interchanges(
    request: Request,
    q: Text = "",
    state: Many = [],  # noqa: B006 - FastAPI copies defaults
    flow: Many = [],  # noqa: B006
    after: Cursor = "",
    size: Size = 50,
) -> InterchangeList:
    """Find received files, newest first."""
    listing = page.reading_of(request).files(Search.parse(request.query_params), size=size)
    return InterchangeList(
        interchanges=[InterchangeBody.of(row) for row in listing.rows],
        older=listing.older,
        newer=listing.newer,
    )


@router.get("/interchanges/{interchange_id}", tags=["interchanges"])
def interchange(request: Request, interchange_id: Id) -> InterchangeBody:
    """One received file with what was found in its envelope."""
    return InterchangeBody.of(page.reading_of(request).interchange(interchange_id))
