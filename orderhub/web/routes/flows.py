"""Pages of flows and of their runs, linked with the scheduler's own pages both ways."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Path as PathParameter
from starlette.requests import Request
from starlette.responses import Response

from orderhub.web import page
from orderhub.web.connectors import Connectors, SourceView
from orderhub.web.flow_views import FlowView, RunPage
from orderhub.web.routes.documents import Id

router = APIRouter(include_in_schema=False)

#: Names of flows are DAG ids; whatever else the scheduler runs has a page that says that it is no flow.
Name = Annotated[str, PathParameter(max_length=250, pattern=r"^[A-Za-z0-9_.\-]+$")]


@router.get("/flows")
def flows(request: Request) -> Response:
    """All flows; as a part when htmx asks for it."""
    found = page.watching_of(request).flows()
    context: dict[str, Any] = {"found": found, "sources": _sources(request, *found.flows), "here": "flows"}
    if page.is_partial(request):
        return page.unless_seen(request, page.render(request, "flows_live.html", **context))
    return page.render(request, "flows.html", **context)


@router.get("/flows/{name}")
def flow(request: Request, name: Name) -> Response:
    """One flow; as a part when htmx asks for it."""
    found = page.watching_of(request).flow(name)
    context: dict[str, Any] = {"found": found, "sources": _sources(request, found.view), "here": "flows"}
    if page.is_partial(request):
        return page.unless_seen(request, page.render(request, "flow_live.html", **context))
    return page.render(request, "flow.html", **context)


def _sources(request: Request, *views: FlowView) -> dict[str, SourceView]:
    held: Connectors = request.app.state.connectors
    return held.sources([view.flow for view in views if view.flow is not None])


@router.get("/runs")
def run_named(
    request: Request,
    flow: Annotated[str, Query(max_length=250)] = "",
    run: Annotated[str, Query(max_length=250)] = "",
) -> Response:
    """A run by the scheduler's name of it, which is how the scheduler's own pages link to it. A plus sign in it may have
    come as the space that it stands for in an address."""
    name = run.replace(" ", "+").replace("\0", "")
    return _run(request, page.watching_of(request).run_named(flow.replace("\0", ""), name))


@router.get("/runs/{run_id}")
def run(request: Request, run_id: Id) -> Response:
    """A run by its ledger id; as a part when htmx asks for it."""
    return _run(request, page.watching_of(request).run(run_id))


def _run(request: Request, found: RunPage) -> Response:
    if page.is_partial(request):
        return page.unless_seen(request, page.render(request, "run_live.html", found=found, here="flows"))
    return page.render(request, "run.html", found=found, here="flows")
