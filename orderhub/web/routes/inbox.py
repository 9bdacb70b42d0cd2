"""The inbox's pages: the list by reason and case, one case, and what people do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from orderhub.errors import LedgerError
from orderhub.ledger import inbox_reasons, inbox_senders
from orderhub.ledger.inbox import CaseFilter, Reason, Seen
from orderhub.ledger.inbox_actions import Acted
from orderhub.web import page
from orderhub.web.inbox import ACTIONS, Inbox
from orderhub.web.inbox_search import MORE, NOBODY, InboxSearch
from orderhub.web.reading import NotThere
from orderhub.web.routes import lists
from orderhub.web.routes.documents import Id
from orderhub.web.routes.documents import Reason as ReasonText

router = APIRouter(include_in_schema=False)

#: Cases chosen by hand in one request.
CHOSEN = 2000


def inbox_of(request: Request) -> Inbox:
    found: Inbox = request.app.state.inbox
    return found


def _context(request: Request, search: InboxSearch) -> dict[str, Any]:
    view = inbox_of(request).view(search)
    chosen = Reason.parse(search.reason) if search.reason else None
    return {
        "search": search,
        "view": view,
        "chosen": chosen,
        "reasons": inbox_reasons.WORDS,
        "suggestion": inbox_senders.suggestion,
        "nobody": NOBODY,
        "more": MORE,
        "acted": None,
        "here": "inbox",
    }


@router.get("/inbox")
def inbox(request: Request) -> Response:
    """The list; as a part when htmx asks for it."""
    search = InboxSearch.parse(request.query_params)
    context = _context(request, search)
    if page.is_partial(request):
        answer = page.render(request, "inbox_results.html", **context)
        return page.partial_list(request, answer, f"/inbox{search.address}")
    return page.render(request, "inbox.html", **context)


@router.get("/inbox.csv")
def inbox_csv(request: Request) -> Response:
    """All cases that the list's search finds, as a file for spreadsheets."""
    search = InboxSearch.parse(request.query_params)
    return lists.download("inbox", inbox_of(request).cases_csv(search))


@router.get("/inbox/{case_id}")
def case(request: Request, case_id: Id) -> Response:
    """One case: beside the list when htmx asks for it, else a page of its own."""
    detail = inbox_of(request).detail(case_id)
    context: dict[str, Any] = {"detail": detail, "reasons": inbox_reasons.WORDS, "here": "inbox"}
    template = "inbox_panel.html" if page.is_partial(request) else "inbox_case.html"
    return page.render(request, template, **context)


@router.post("/inbox/act/{action}")
async def act(
    request: Request,
    action: str,
    case: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies defaults
    where: Annotated[str, Form(max_length=8000)] = "",
    everything: Annotated[str, Form(alias="all", max_length=1)] = "",
    reason_is: Annotated[str, Form(max_length=1000)] = "",
    seen_at: Annotated[str, Form(max_length=40)] = "",
    reason: ReasonText = "",
    owner: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Act on the cases chosen, on all that fit the list's filters, or on all of a reason; then the list again."""
    if action not in ACTIONS:
        raise NotThere(f"There is no action {action}.", todo="Use one of the page's buttons.")
    search = InboxSearch.of_address(where)
    actor = page.user_of(request).id
    return await _do(
        request,
        search,
        lambda: inbox_of(request).act(
            action,
            _chosen(case, search, everything == "1", reason_is, seen_at),
            actor=actor,
            reason=reason.strip(),
            owner=owner.strip(),
        ),
        action,
    )


def _chosen(
    case: list[str], search: InboxSearch, everything: bool, reason_is: str, seen_at: str
) -> list[Seen] | CaseFilter:
    try:
        at = dt.datetime.fromisoformat(seen_at) if seen_at else None
    except ValueError:
        at = None
    at = at if at is not None and at.tzinfo is not None else None
    if reason_is or everything:
        if at is None:
            raise LedgerError(
                "It is not said when the list was looked at.", todo="Load the page again, then choose."
            )
        parsed = Reason.parse(reason_is) if reason_is else None
        if reason_is and parsed is None:
            raise LedgerError("There is no such reason.", todo="Choose one of the list.")
        where = search.where(seen_at=at)
        return where if parsed is None else _of_reason(search, parsed, at)
    found = []
    for one in case[:CHOSEN]:
        number, _, version = one.partition(":")
        if _is_number(number) and (not version or _is_number(version)):
            found.append(Seen(int(number), int(version) if version else None))
    if not found:
        raise LedgerError("No case is chosen.", todo="Choose at least one.")
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _of_reason(search: InboxSearch, reason: Reason, at: dt.datetime) -> CaseFilter:
    """All of a reason, within the other filters of the list."""
    return InboxSearch.of_address(search.query(reason=str(reason))).where(seen_at=at)


async def _do(request: Request, search: InboxSearch, does: Callable[[], Acted], action: str) -> Response:
    try:
        acted = await run_in_threadpool(does)
    except LedgerError as problem:
        return page.refused(request, problem)
    if not page.is_partial(request):
        target = f"{page.base_of(request)}/inbox{search.address}"
        return Response(status_code=303, headers={"location": target})
    context = await run_in_threadpool(_context, request, search)
    answer = page.render(request, "inbox_results.html", **(context | {"acted": (action, acted)}))
    answer.headers["hx-retarget"] = "#results"
    answer.headers["hx-reswap"] = "innerHTML"
    answer.headers["hx-trigger-after-swap"] = "acted"
    return page.unless_seen(request, answer)


@router.post("/inbox/{case_id}/resolve")
async def resolve(
    request: Request,
    case_id: Id,
    version: Annotated[int, Form(ge=0, le=2**31 - 1)],
    there: Annotated[str, Form(max_length=1)],
    reference: Annotated[str, Form(max_length=200)] = "",
    reason: ReasonText = "",
    where: Annotated[str, Form(max_length=8000)] = "",
) -> Response:
    """Decide an effect in doubt by hand."""
    actor = page.user_of(request).id
    return await _do(
        request,
        InboxSearch.of_address(where),
        lambda: inbox_of(request).resolve(
            Seen(case_id, version),
            there=there == "1",
            actor=actor,
            reason=reason.strip(),
            reference=reference.strip(),
        ),
        "resolve",
    )


@router.post("/inbox/{case_id}/note")
async def note(request: Request, case_id: Id, text: ReasonText = "") -> Response:
    """Write something down; then the case again."""
    try:
        await run_in_threadpool(inbox_of(request).note, case_id, actor=page.user_of(request).id, text=text)
    except LedgerError as problem:
        return page.refused(request, problem)
    if not page.is_partial(request):
        return Response(status_code=303, headers={"location": f"{page.base_of(request)}/inbox/{case_id}"})
    return await run_in_threadpool(case, request, case_id)


@router.post("/files/{interchange_id}/retry")
async def retry_file(request: Request, interchange_id: Id, reason: ReasonText = "") -> Response:
    """Translate a whole file again, then show it."""
    try:
        await run_in_threadpool(
            inbox_of(request).retry_file,
            interchange_id,
            actor=page.user_of(request).id,
            reason=reason.strip(),
        )
    except LedgerError as problem:
        return page.refused(request, problem)
    target = f"{page.base_of(request)}/files/{interchange_id}"
    if page.is_partial(request):
        return Response(status_code=204, headers={"hx-redirect": target})
    return Response(status_code=303, headers={"location": target})
