"""The page of connectors and its button, and the same as JSON."""

from __future__ import annotations

from typing import Annotated

import pydantic
from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from orderhub.errors import HubError
from orderhub.flows.health import CheckResult, ConnectorUse
from orderhub.web import page
from orderhub.web.connectors import Connectors
from orderhub.web.routes.api import REFUSALS

router = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1", responses=REFUSALS)

Name = Annotated[str, Form(max_length=250)]


def _of(request: Request) -> Connectors:
    held: Connectors = request.app.state.connectors
    return held


@router.get("/connectors")
def connectors(request: Request) -> Response:
    """The page; the part that changes when htmx asks for it."""
    return _page(request)


@router.post("/connectors/check")
def check(request: Request, flow: Name = "", use: Name = "") -> Response:
    """Ask now, then show what they said. A driver may take its time: this runs in a worker thread."""
    problem = ""
    try:
        _of(request).check(flow, use)
    except HubError as error:
        problem = f"{error.what} {error.todo}"
    if page.is_partial(request) or problem:
        return _page(request, problem)
    return Response(status_code=303, headers={"location": f"{page.base_of(request)}/connectors"})


def _page(request: Request, problem: str = "") -> Response:
    found = _of(request).view()
    if not page.is_partial(request):
        return page.render(
            request, "connectors.html", found=found, problem=problem, here="connectors", checked=False
        )
    asked = request.method == "POST"
    answer = page.render(
        request, "connectors_live.html", found=found, problem=problem, here="connectors", checked=asked
    )
    return answer if asked else page.unless_seen(request, answer)


class ConnectorUseBody(pydantic.BaseModel):
    """A use of a connector by a flow. ``ok`` is null while nobody asked."""

    flow: str
    use: str
    connector: str
    connection: str
    ok: bool | None
    sentence: str
    checked_at: str | None


class ConnectorBody(pydantic.BaseModel):
    """A connector as its manifest tells it, with its uses."""

    connector: str
    summary: str
    can: list[str]
    problem: str
    uses: list[ConnectorUseBody]


class CheckBody(pydantic.BaseModel):
    """What to ask: one use, all of a flow (without ``use``), or all (without either)."""

    model_config = pydantic.ConfigDict(extra="forbid")

    flow: str = pydantic.Field("", max_length=250)
    use: str = pydantic.Field("", max_length=250)


def _body(use: ConnectorUse, result: CheckResult | None) -> ConnectorUseBody:
    return ConnectorUseBody(
        flow=use.flow,
        use=use.use,
        connector=use.connector,
        connection=use.connection,
        ok=result.ok if result is not None else None,
        sentence=result.sentence if result is not None else "",
        checked_at=result.at.isoformat() if result is not None and result.at is not None else None,
    )


@api.get("/connectors", tags=["connectors"])
def list_connectors(request: Request) -> list[ConnectorBody]:
    """Every connector and its uses, with what each said when it was last asked."""
    found = _of(request).view()
    return [
        ConnectorBody(
            connector=view.name,
            summary=view.summary,
            can=view.can,
            problem=view.problem,
            uses=[_body(one.use, one.result) for one in view.uses],
        )
        for view in (*found.used, *found.unused)
    ]


@api.post("/connectors/check", tags=["connectors"])
def check_connectors(request: Request, body: CheckBody) -> list[ConnectorUseBody]:
    """Ask connectors now whether they can do their work."""
    held = _of(request)
    asked = {(one.flow, one.use) for one in held.check(body.flow, body.use)}
    return [_body(use, result) for use, result in held.results() if (use.flow, use.use) in asked]
