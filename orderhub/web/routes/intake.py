"""The HTTP intake: partners and applications post documents, with a key of their own and no sign-in.

Every route here asks for the key first. Errors are problem details (RFC 9457) with a stable ``code``.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from orderhub.errors import HubError
from orderhub.ledger.posts import IdempotencyConflict
from orderhub.web import page
from orderhub.web.intake import PREFIX, Intake, IntakeRefused, no_valid_key
from orderhub.web.posted_body import BodyRefused

log = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
_TITLES = {
    400: "Bad request",
    401: "Not signed in",
    404: "Not there",
    408: "Too slow",
    413: "Too large",
    415: "Not understood",
    422: "Not the same request",
    429: "Too many requests",
    500: "The hub is set up wrongly",
    503: "Not now",
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": title, "content": {PROBLEM: {}}} for status, title in _TITLES.items()
}

router = APIRouter(prefix=PREFIX.rstrip("/"), tags=["intake"], responses=_PROBLEMS)

Endpoint = Annotated[str, Path(description="the endpoint that the flow names")]


@router.post(
    "/{endpoint}",
    status_code=202,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        },
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": False,
                "schema": {"type": "string"},
                "description": description,
            }
            for name, description in (
                (
                    "Idempotency-Key",
                    "the same key and body again gives the stored answer, another body is refused",
                ),
                ("Orderhub-Test", "`true`: test data"),
                ("Orderhub-Name", "what people shall see as its name"),
            )
        ],
    },
)
async def post_document(request: Request, endpoint: Endpoint) -> Response:
    """Post one document or interchange. 202: it is in the hub's archive and ledger and will be worked on; the answer says where
    to ask what became of it."""
    try:
        intake = _intake(request)
        key = await run_in_threadpool(intake.key, request)
        posted = await intake.post(request, key, endpoint)
    except HubError as error:
        return _problem(request, error)
    where = f"{page.base_of(request)}{PREFIX}{endpoint}/{posted.interchange}"
    body = {
        "interchange": posted.interchange,
        "sha256": posted.sha256,
        "size": posted.size,
        "test": posted.test,
        "received_at": posted.received_at,
        "state_url": where,
    }
    headers = {"location": where}
    if posted.again:
        headers["idempotent-replayed"] = "true"
    return Response(msgspec.json.encode(body), 202, headers, "application/json")


@router.get("/{endpoint}/{interchange}")
async def posted_state(
    request: Request, endpoint: Endpoint, interchange: Annotated[str, Path(description="its number")]
) -> Response:
    """What became of something that was posted with the same key."""
    try:
        intake = _intake(request)
        key = await run_in_threadpool(intake.key, request)
        # judged after the key: who has none learns nothing
        number = (
            int(interchange)
            if interchange.isascii() and interchange.isdecimal() and len(interchange) < 19
            else 0
        )
        state = await run_in_threadpool(intake.state, key, endpoint, number)
    except HubError as error:
        return _problem(request, error)
    return Response(msgspec.json.encode(state), 200, None, "application/json")


def _intake(request: Request) -> Intake:
    intake: Intake | None = request.app.state.intake
    if intake is None:
        # nothing is taken here, so no key can be good
        raise no_valid_key()
    return intake


def _problem(request: Request, error: HubError) -> Response:
    """Problem details. What is the hub's own affair (its settings, its stores) is not told to strangers in full."""
    headers: dict[str, str] = {}
    code, detail = error.code, f"{error.what} {error.todo}"
    if isinstance(error, IntakeRefused):
        status, code, headers = error.status, error.said, error.headers
    elif isinstance(error, BodyRefused):
        status = error.status
    elif isinstance(error, IdempotencyConflict):
        status = 422
    elif error.retryable:
        status, headers = 503, {"retry-after": "10"}
        detail = "The hub cannot take it now. Send it again, with the same idempotency key."
    else:
        status, detail = 500, "The hub cannot take it. Its operator must look at its log."
    _log(request, status, error)
    body = {
        "type": f"urn:orderhub:error:{code}",
        "title": _TITLES.get(status, "Refused"),
        "status": status,
        "detail": detail,
        "code": code,
    }
    return Response(msgspec.json.encode(body), status, headers, PROBLEM)


def _log(request: Request, status: int, error: HubError) -> None:
    level = logging.ERROR if status >= 500 else logging.INFO
    log.log(level, "%s %r: %d %s", request.method, request.url.path, status, error)
