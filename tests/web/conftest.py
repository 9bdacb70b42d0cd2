"""The pages over a seeded ledger: as an ASGI app for httpx, and served for a browser."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.requests import Request
from web_seeding import Seeded, seed

from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import create_engine
from orderhub.security.keys import KeyRing
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
        run_url="/dags/{flow}/runs/{run}",
        flow_url="/dags/{flow}",
        refresh_seconds=1,
    )
    return create_app(engine=engine, archive=archive, current_user=by_cookie, settings=settings)


class Client:
    """httpx over ASGI, without a thread or a port. ``as_`` is a key of ``USERS``."""

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

        return asyncio.run(send())

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
    app: FastAPI


@pytest.fixture
def served(app: FastAPI, seeded: Seeded) -> Iterator[Served]:
    """The pages on a port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        if time.monotonic() > deadline:
            raise RuntimeError("the pages do not start")
        time.sleep(0.02)
    yield Served(f"http://127.0.0.1:{port}", app)
    server.should_exit = True
    thread.join(10)
