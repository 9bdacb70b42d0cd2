"""Puts the pages and the API together into one FastAPI app, behind the guard."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy import Engine
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from orderhub.connector_registry import ConnectorRegistry
from orderhub.errors import HubError, LedgerError
from orderhub.flows.registry import FlowRegistry
from orderhub.ledger.archive import Archive
from orderhub.partners.registry import PartnerRegistry
from orderhub.web import i18n, page
from orderhub.web.acting import LedgerActions
from orderhub.web.connectors import Connectors
from orderhub.web.guard import Guard
from orderhub.web.i18n import N_
from orderhub.web.inbox import Inbox
from orderhub.web.intake import Intake, is_by_key
from orderhub.web.keys import Keys
from orderhub.web.ports import Actions, Checker, CurrentUser, Scheduler, Tracer, WebSettings
from orderhub.web.quality import Quality
from orderhub.web.reading import NotThere, Reading
from orderhub.web.routes import (
    api,
    documents,
    files,
    inbox,
    inbox_api,
    intake,
    keys,
    overview,
    quality,
    reference,
)
from orderhub.web.routes import connectors as connector_routes
from orderhub.web.routes import flows as flow_routes
from orderhub.web.watching import Watching

STATIC = Path(__file__).parent / "static"

DESCRIPTION = """Documents, files and what happened to them. Every route needs a signed-in user; unsafe methods also need
the right to act and, from a browser, the same origin. The intake needs a key of its own instead."""


#: For an address that no route has; what a route does not find, it says itself.
NOTHING_HERE = N_(
    "There is nothing at this address. Look for it in the lists, or ask whoever gave you the link."
)


def create_app(
    *,
    engine: Engine,
    archive: Archive,
    current_user: CurrentUser,
    actions: Actions | None = None,
    settings: WebSettings | None = None,
    flows: FlowRegistry | None = None,
    partners: PartnerRegistry | None = None,
    scheduler: Scheduler | None = None,
    wake: Callable[[str], None] | None = None,
    tracer: Tracer | None = None,
    suites: Path | None = None,
    data_docs: Path | None = None,
    connectors: ConnectorRegistry | None = None,
    checker: Checker | None = None,
    posted: Intake | None = None,
) -> FastAPI:
    """The app, to be served alone or mounted under any path.

    :param engine: of the ledger's database (``orderhub.ledger.engine.create_engine``); its pool bounds the pages' use.
    :param archive: where the originals are.
    :param current_user: says who sends a request; ``None`` means nobody, and nobody gets nothing.
    :param flows: the flow files; without them only the flows that the ledger has seen are shown.
    :param partners: the agreements, for the partners' names.
    :param scheduler: what starts the flows; without it runs are shown as the ledger knows them.
    :param wake: starts a flow at once after a retry; without it the next run picks the work up.
    :param tracer: says where the values of a document came from; without it only findings point into originals.
    :param suites: the folder of suite files, for the rules' words.
    :param data_docs: the folder of Great Expectations' data docs.
    :param connectors: the connectors; by default the installed ones.
    :param checker: asks them whether they can do their work; without it they are only listed.
    :param posted: takes what partners post with a key; without it nothing is taken.
    :param actions: what retry and discard do; by default they are done on the ledger and wait for the next run.
    """
    settings = settings or WebSettings()
    for language in i18n.LANGUAGES:
        i18n.catalog(language)
    app = FastAPI(
        title=settings.title,
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.settings = settings
    app.state.reading = Reading(engine, archive, settings, tracer)
    app.state.watching = Watching(engine, flows=flows, partners=partners, scheduler=scheduler)
    app.state.quality = Quality(engine, suites=suites, docs=data_docs)
    app.state.connectors = Connectors(registry=connectors, flows=flows, checker=checker)
    app.state.inbox = Inbox(engine, flows=flows, wake=wake)
    app.state.keys = Keys(engine, flows=flows, titles=app.state.watching.titles)
    app.state.intake = posted
    app.state.actions = actions or LedgerActions(engine)
    app.state.static_version = _version()
    app.include_router(overview.router)
    app.include_router(documents.router)
    app.include_router(files.router)
    app.include_router(flow_routes.router)
    app.include_router(inbox.router)
    app.include_router(quality.router)
    app.include_router(connector_routes.router)
    app.include_router(keys.router)
    app.include_router(reference.router)
    app.include_router(api.router)
    app.include_router(connector_routes.api)
    app.include_router(inbox_api.router)
    app.include_router(intake.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(HubError, _hub_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(Guard, current_user=current_user, settings=settings, by_key=is_by_key)
    return app


def _version() -> str:
    """Changes when a static file does, so that browsers may keep them."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _answer(request: Request, status: int, code: str, message: str) -> Response:
    wants_page = "text/html" in request.headers.get("accept", "") and not page.is_partial(request)
    if wants_page and "/api/" not in request.url.path:
        said = i18n.catalog(i18n.negotiate(request)).gettext(message)
        return page.render(request, "problem.html", status=status, code=code, message=said)
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)


async def _hub_error(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HubError)  # noqa: S101 - registered for this class only
    if isinstance(problem, NotThere):
        status = 404
    elif problem.retryable:
        status = 503
    elif isinstance(problem, LedgerError):
        status = 409
    else:
        status = 500
    return _answer(request, status, problem.code, f"{problem.what} {problem.todo}")


async def _http_error(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)  # noqa: S101 - registered for this class only
    code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(
        problem.status_code, f"HTTP_{problem.status_code}"
    )
    said = NOTHING_HERE if problem.status_code == 404 else str(problem.detail)
    return _answer(request, problem.status_code, code, said)


async def _invalid(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)  # noqa: S101 - registered for this class only
    first = problem.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _answer(request, 422, "INVALID_REQUEST", f"{where}: {first['msg']}")
