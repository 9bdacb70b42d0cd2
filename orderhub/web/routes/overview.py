"""The overview: what flows, what stands, what has to be looked at."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from orderhub.ledger import inbox_reasons
from orderhub.web import page
from orderhub.web.overview import WINDOWS

router = APIRouter(include_in_schema=False)

DEFAULT = "24h"


@router.get("/")
def overview(request: Request) -> Response:
    """The page; the part that changes when htmx asks for it."""
    asked = request.query_params.get("window", DEFAULT)
    window = asked if asked in WINDOWS else DEFAULT
    view = page.watching_of(request).overview(window)
    context: dict[str, Any] = {
        "view": view,
        "windows": WINDOWS,
        "reasons": inbox_reasons.WORDS,
        "here": "overview",
    }
    if page.is_partial(request):
        return page.unless_seen(request, page.render(request, "overview_live.html", **context))
    return page.render(request, "overview.html", **context)
