"""The tests' own JSON API (``rest_app.py``) as a process on a free port, gone with the test run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from servers import lifetime
from servers.free_ports import free_port

_START_SECONDS = 60


class RestServer:
    """``url`` is its address; the rest asks and sets it past every connector."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=60)

    def reset(self, **state: Any) -> None:
        """Empty, but for what is given."""
        self._http.post("/_reset", json=state).raise_for_status()

    def set(self, **state: Any) -> None:
        self._http.post("/_set", json=state).raise_for_status()

    def fault(self, method: str, path: str, *, count: int = 1, **more: Any) -> None:
        """The next ``count`` such requests are answered with ``status``, ``headers``, ``body``; with ``after`` once they are
        executed, with ``stall`` so many seconds later; ``skip`` of them are let through first."""
        self.set(faults=[{"method": method, "path": path, "count": count, **more}])

    def arrive(self, name: str, data: bytes, **more: Any) -> None:
        """A record with a text of so many bytes."""
        self._http.post("/_arrive", json={"name": name, "content": data.decode(), **more}).raise_for_status()

    def state(self) -> dict[str, Any]:
        """``records``, ``orders``, ``asked`` (method and path), ``tokens_given``, ``faults`` (those that are left)."""
        answer = self._http.get("/_state")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def close(self) -> None:
        self._http.close()


@contextmanager
def rest_server() -> Iterator[RestServer]:
    """A running server."""
    port = free_port()
    program = Path(__file__).with_name("rest_app.py")
    with lifetime.start([sys.executable, str(program), str(port)]) as process:
        server = RestServer(f"http://127.0.0.1:{port}")
        try:
            _wait(server, process)
            yield server
        finally:
            server.close()
            process.kill()


def _wait(server: RestServer, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            server.reset()
        except httpx.HTTPError as error:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the REST server of the tests did not start") from error
            time.sleep(0.05)
        else:
            return
