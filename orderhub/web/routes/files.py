"""Pages of files (interchanges): the list, one file, and its original to download."""

from __future__ import annotations

import re
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from orderhub.web import page
from orderhub.web.routes import lists
from orderhub.web.routes.documents import Id
from orderhub.web.search import Search

router = APIRouter(include_in_schema=False)


@router.get("/files")
def files(request: Request) -> Response:
    """The list."""
    search = Search.parse(request.query_params)
    return lists.answer(request, lists.FILES, search, page.reading_of(request).files(search))


@router.get("/files.csv")
def files_csv(request: Request) -> Response:
    """All that the list's search finds, as a file for spreadsheets."""
    search = Search.parse(request.query_params)
    return lists.download("files", page.reading_of(request).files_csv(search))


@router.get("/files/{interchange_id}")
def file(request: Request, interchange_id: Id) -> Response:
    """One file: what is in it and what was found in it."""
    view = page.reading_of(request).file(interchange_id)
    return page.render(request, "file.html", view=view, here="files")


@router.get("/files/{interchange_id}/original")
def original(request: Request, interchange_id: Id) -> Response:
    """The bytes as they arrived, always as a download: a browser must never open them as a page."""
    reading = page.reading_of(request)
    row = reading.interchange(interchange_id)
    return StreamingResponse(
        reading.chunks(row),
        media_type="application/octet-stream",
        headers={"content-disposition": attachment(row.name, row.id)},
    )


@router.get("/files/{interchange_id}/answers/{reply_id}")
def answer(request: Request, interchange_id: Id, reply_id: Id) -> Response:
    """The bytes of an answer as they were sent, as a download under the name that it was sent under."""
    found, data = page.reading_of(request).answer(interchange_id, reply_id)
    return Response(
        data,
        media_type="application/octet-stream",
        headers={"content-disposition": attachment(found.name, found.id)},
    )


def attachment(name: str, number: int) -> str:
    """Content-Disposition for a partner's file name (RFC 6266): a plain name of ours, theirs only encoded."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name.rsplit("/", 1)[-1]).strip("._")[:100] or f"file-{number}"
    theirs = re.sub(r"[\x00-\x1f\x7f/\\]", "_", name)[:150]
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(theirs, safe='')}"
