"""The pages over a seeded ledger: as an ASGI app for httpx, and served for a browser."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright
from sqlalchemy import Engine
from starlette.requests import Request
from web_seeding import Seeded, seed

from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import create_engine
from orderhub.security.keys import KeyRing
from orderhub.services import browser as chromium
from orderhub.web.app import create_app
from orderhub.web.ports import User, WebSettings

SESSION = "orderhub_test_session"
USERS = {
    "operator": User("anna", "Anna Berg", can_act=True),
    "viewer": User("bo", "Bo Reader"),
    "nobody": User("eve", "Eve", can_read=False),
}


async def by_cookie(request: Request) -> User | None:
    """A test sign-in: the cookie names the user."""
    return USERS.get(request.cookies.get(SESSION, ""))


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = create_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(str(tmp_path / "archive"), KeyRing.from_text(KeyRing.generate()))


@pytest.fixture
def seeded(engine: Engine, archive: Archive) -> Seeded:
    return seed(engine, archive)


@pytest.fixture
def app(engine: Engine, archive: Archive) -> FastAPI:
    settings = WebSettings(
        sign_in_url="/auth/login?next={next}",
        run_url="/dags/{dag}/runs/{run}",
        flow_url="/dags/{dag}",
        refresh_seconds=0.4,
    )
    return create_app(engine=engine, archive=archive, current_user=by_cookie, settings=settings)


class Client:
    """httpx over ASGI, without a port. ``as_`` is a key of ``USERS``."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def request(
        self, method: str, path: str, *, as_: str | None = "operator", **more: object
    ) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            cookies = {SESSION: as_} if as_ else {}
            async with httpx.AsyncClient(
                transport=transport, base_url="http://hub.example", cookies=cookies
            ) as client:
                return await client.request(method, path, **more)  # type: ignore[arg-type]  # httpx's own keywords

        # in a thread of its own: a browser of an earlier test keeps a running loop in this one
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(send())).result()

    def get(self, path: str, **more: object) -> httpx.Response:
        return self.request("GET", path, **more)  # type: ignore[arg-type]

    def post(self, path: str, *, same_origin: bool = True, **more: object) -> httpx.Response:
        headers = dict(more.pop("headers", {}))  # type: ignore[call-overload]
        if same_origin:
            headers.setdefault("origin", "http://hub.example")
        return self.request("POST", path, headers=headers, **more)  # type: ignore[arg-type]


@pytest.fixture
def client(app: FastAPI) -> Client:
    return Client(app)


@dataclass
class Served:
    """An address and how to sign in there."""

    url: str


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


@pytest.fixture
def served(app: FastAPI, seeded: Seeded) -> Iterator[Served]:
    """The pages in their host, on a port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(_around(app), host="127.0.0.1", port=port, log_level="warning", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        if time.monotonic() > deadline:
            raise RuntimeError("the pages do not start")
        time.sleep(0.02)
    yield Served(f"http://127.0.0.1:{port}")
    server.should_exit = True
    thread.join(10)


CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of this machine."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.ensure(), args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


#: What a console says although nothing is wrong: a page outlives the test's server or leaves in the middle of a
#: request, a session ends while a page looks for news, and the sandbox is the one that Airflow sets.
EXPECTED = (
    "ERR_CONNECTION_REFUSED",
    "status of 401",
    "htmx:afterRequest",
    "htmx:sendError",
    "can escape its sandboxing",
)


def _ours(note: ConsoleMessage) -> bool:
    """Whether a console message complains about our pages, as against the ones around them."""
    return note.type in ("error", "warning") and "/orderhub" in str(note.location["url"])


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test when something goes wrong in it (a script's error, a refused inline style)."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-GB", color_scheme="light"
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda note: problems.append(note.text) if _ours(note) else None)
    yield page
    context.close()
    assert [problem for problem in problems if not any(known in problem for known in EXPECTED)] == []
