"""The pages on a port, in a host that signs people in; and the pages over what real flows made."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse
from hub_harness import PROJECT, Hub, ProjectFolders
from sqlalchemy import Engine
from starlette.requests import Request

from orderhub.flows.registry import FlowRegistry
from orderhub.partners.registry import PartnerRegistry
from orderhub.source import document_trace
from orderhub.web.app import create_app
from orderhub.web.ports import User, WebSettings

SESSION = "orderhub_test_session"
#: What a console says although nothing is wrong: a page outlives the test's server or leaves in the middle of a
#: request, a session ends while a page looks for news, a dialog shows a refusal, and the sandbox is the one that Airflow sets.
EXPECTED = (
    "ERR_CONNECTION_REFUSED",
    "status of 401",
    "status of 409",
    "htmx:afterRequest",
    "htmx:sendError",
    "htmx:sendAbort",
    "can escape its sandboxing",
)
USERS = {
    "operator": User("anna", "Anna Berg", can_act=True),
    "viewer": User("bo", "Bo Reader"),
    "nobody": User("eve", "Eve", can_read=False),
}


def complaints(said: list[str]) -> list[str]:
    """What a console said that it should not."""
    return [note for note in said if not any(known in note for known in EXPECTED)]


async def by_cookie(request: Request) -> User | None:
    """A test sign-in: the cookie names the user."""
    return USERS.get(request.cookies.get(SESSION, ""))


LOGIN = """<!doctype html><title>Sign in</title><link rel="icon" href="data:,"><form method="post"><button>Sign in</button></form>"""
#: A page around a frame with the sandbox that Airflow gives to plugins' pages.
AROUND = """<!doctype html><html class="light"><title>Around</title><link rel="icon" href="data:,"><body style="margin:0">
<iframe title="Orderhub" src="/orderhub/documents" style="border:0;width:100%;height:95vh"
 sandbox="allow-scripts allow-same-origin allow-forms allow-downloads"></iframe></body></html>"""


def _around(app: FastAPI) -> FastAPI:
    """A host like Airflow: a sign-in, a page with a frame, and the pages under a path."""
    host = FastAPI(openapi_url=None)

    @host.get("/auth/login")
    def form() -> HTMLResponse:
        return HTMLResponse(LOGIN)

    @host.post("/auth/login")
    def sign_in(next: str = "/orderhub/") -> RedirectResponse:
        answer = RedirectResponse(next, status_code=303)
        answer.set_cookie(SESSION, "operator", httponly=True, samesite="lax")
        return answer

    @host.get("/around")
    def around() -> HTMLResponse:
        return HTMLResponse(AROUND)

    host.mount("/orderhub", app)
    return host


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of the pages in their host."""
    # listening from the beginning, so that nobody else takes the port
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(_around(app), log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        if time.monotonic() > deadline:
            raise RuntimeError("the pages do not start")
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@dataclass
class Real:
    """Pages over what a flow of the project made of its own sample files, with the origin of every value."""

    url: str
    hub: Hub

    def document(self, number: str) -> int:
        """The newest document of that number."""
        found = self.hub.rows(
            "SELECT id FROM ledger.document WHERE number = :number ORDER BY id DESC", number=number
        )
        return int(found[0]["id"])


SAMPLES = PROJECT / "samples" / "inbox"


def real_app(hub: Hub, engine: Engine) -> FastAPI:
    """The pages as Airflow serves them, but for Airflow."""
    folders = ProjectFolders()
    return create_app(
        engine=engine,
        archive=hub.ctx.archive,
        current_user=by_cookie,
        settings=WebSettings(
            sign_in_url="/auth/login?next={next}",
            run_url="/dags/{dag}/runs/{run}",
            flow_url="/dags/{dag}",
            refresh_seconds=0.4,
        ),
        flows=FlowRegistry(folders.path("flows_folder")),
        partners=PartnerRegistry(folders.path("partners_folder")),
        tracer=lambda document: document_trace(hub.ctx, document),
    )
