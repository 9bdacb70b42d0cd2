"""The pages over a seeded ledger: as an ASGI app for httpx, and served for a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from hub_harness import hub
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from sqlalchemy import Engine
from web_seeding import Seeded, seed
from web_serving import SAMPLES, SESSION, Real, by_cookie, complaints, real_app, serving

from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import create_engine
from orderhub.security.keys import KeyRing
from orderhub.services import browser as chromium
from orderhub.web.app import create_app
from orderhub.web.ports import WebSettings

# what a page does within its second takes longer on a busy machine
expect.set_options(timeout=30_000)


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


@pytest.fixture
def served(app: FastAPI, seeded: Seeded) -> Iterator[Served]:
    """The pages in their host, on a port of this machine."""
    with serving(app) as address:
        yield Served(address)


@pytest.fixture
def real(database: str, engine: Engine, tmp_path: Path) -> Iterator[Real]:
    """Some sample files through their flows, and the pages over it."""
    with hub("edifact_orders", database, tmp_path) as edifact:
        for name in ("01_good_single.edi", "12_bad_negative_quantity.edi"):
            edifact.drop(SAMPLES / "edifact_orders" / name)
        edifact.run()
        with serving(real_app(edifact, engine)) as address:
            yield Real(address, edifact)


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


def _ours(note: ConsoleMessage) -> bool:
    """Whether a console message complains about our pages, as against the ones around them."""
    return note.type in ("error", "warning") and "/orderhub" in str(note.location["url"])


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test when something goes wrong in it (a script's error, a refused inline style)."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-GB", color_scheme="light"
    )
    context.set_default_timeout(60_000)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda note: problems.append(note.text) if _ours(note) else None)
    yield page
    context.close()
    assert complaints(problems) == []
