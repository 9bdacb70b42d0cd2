"""What the suites find: rules and how often they are broken, and Great Expectations' data docs."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from orderhub.web import page
from orderhub.web.quality import WINDOWS, Quality
from orderhub.web.reading import NotThere

router = APIRouter(include_in_schema=False)

DEFAULT = "7d"


@router.get("/quality")
def quality(request: Request) -> Response:
    """The page; the part that changes when htmx asks for it."""
    asked = request.query_params.get("window", DEFAULT)
    held: Quality = request.app.state.quality
    view = held.view(asked if asked in WINDOWS else DEFAULT)
    template = "quality_live.html" if page.is_partial(request) else "quality.html"
    answer = page.render(request, template, view=view, windows=WINDOWS, here="quality")
    return page.unless_seen(request, answer) if page.is_partial(request) else answer


@router.get("/quality/docs/{name}")
def docs(request: Request, name: str) -> Response:
    """One file of the data docs."""
    held: Quality = request.app.state.quality
    path = held.page(name)
    if path is None:
        raise NotThere(
            "This page of the data docs is not there (any more).",
            todo="They are built a few minutes after a validation; `orderhub quality build` does it now.",
        )
    return FileResponse(path)
