"""The page of the intake's keys: made and shown once, looked at, ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from orderhub.errors import HubError
from orderhub.web import page
from orderhub.web.i18n import N_
from orderhub.web.intake import PREFIX
from orderhub.web.keys import Keys, Made
from orderhub.web.routes.documents import Reason

router = APIRouter(include_in_schema=False)

#: For how long a key can be made on the page (days), with the word of the menu; 0 has no end.
TERMS: tuple[tuple[int, str], ...] = (
    (30, N_("30 days")),
    (90, N_("90 days")),
    (365, N_("1 year")),
    (0, N_("no end")),
)

Name = Annotated[str, Form(max_length=250)]


def _of(request: Request) -> Keys:
    held: Keys = request.app.state.keys
    return held


def _context(request: Request, made: Made | None = None) -> dict[str, Any]:
    groups = _of(request).groups()
    return {
        "groups": groups,
        "made": made,
        "terms": TERMS,
        "address": f"{page.base_of(request)}{PREFIX}",
        "here": "connectors",
    }


@router.get("/intake-keys")
def keys(request: Request) -> Response:
    """The page; the list alone when htmx asks for it."""
    context = _context(request)
    if page.is_partial(request):
        return page.unless_seen(request, page.render(request, "keys_live.html", **context))
    return page.render(request, "keys.html", **context)


@router.post("/intake-keys")
async def make(
    request: Request,
    flow: Name,
    name: Annotated[str, Form(max_length=200)] = "",
    days: Annotated[int, Form(ge=0, le=3650)] = 0,
    test: Annotated[str, Form(max_length=1)] = "",
) -> Response:
    """Make a key and show it: in this answer, and nowhere else."""
    actor = page.user_of(request).id

    def work() -> Made:
        return _of(request).make(flow, name=name, test=test == "1", days=days or None, actor=actor)

    return await _acted(request, work, "key_made_part.html", "#made")


@router.post("/intake-keys/revoke")
async def revoke(request: Request, key: Name, reason: Reason = "") -> Response:
    """End a key at once; then the list again."""
    actor = page.user_of(request).id

    def work() -> None:
        _of(request).revoke(key, actor=actor, reason=reason.strip())

    return await _acted(request, work, "keys_live.html", "#keys-list")


async def _acted(request: Request, work: Callable[[], Made | None], template: str, target: str) -> Response:
    """Do it, then answer with a part of the page, which takes its place in ``target``; without htmx with the whole page."""
    try:
        made = await run_in_threadpool(work)
    except HubError as problem:
        return page.refused(request, problem)
    context = await run_in_threadpool(_context, request, made)
    if not page.is_partial(request):
        return page.render(request, "keys.html", **context)
    answer = page.render(request, template, **context)
    answer.headers["hx-retarget"] = target
    answer.headers["hx-reswap"] = "innerHTML"
    answer.headers["hx-trigger-after-swap"] = "acted"
    return answer
