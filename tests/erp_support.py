"""A way to Tryton past the connector, to ask what is really there, and a line to it that can be cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from orderhub.connector import Credentials
from orderhub.services.endpoints import Endpoints
from orderhub.services.tryton.rpc import Session
from orderhub.testing import Failure, PortsForTests

ORDERED = ["confirmed", "processing", "done"]


def ports_of(endpoints: Endpoints, url: str | None = None) -> PortsForTests:
    """Ports with the ERP as the connection ``erp``."""
    return PortsForTests(
        credentials={
            "erp": Credentials(
                url=url or endpoints.erp_url,
                user=endpoints.erp_user,
                secret=endpoints.erp_password,
                extra={"database": endpoints.erp_database},
            )
        }
    )


def session(endpoints: Endpoints) -> Session:
    """A session of its own, for asking and for doing what people do."""
    return Session(endpoints.erp_url, endpoints.erp_database, endpoints.erp_user, endpoints.erp_password)


def purchases(erp: Session, number: str) -> list[dict[str, Any]]:
    """All purchases with this order number, oldest first."""
    fields = ["number", "state", "reference", "description", "comment", "party", "currency", "lines"]
    rows = erp.read("purchase.purchase", [["reference", "=", number]], fields)
    return sorted(rows, key=lambda row: row["id"])


def confirmed(erp: Session, keys: Sequence[str]) -> dict[str, int]:
    """How many confirmed purchases carry each key."""
    rows = erp.read("purchase.purchase", [["state", "in", ORDERED]], ["comment"])
    found = Counter((row["comment"] or "").rpartition("Orderhub key: ")[2] for row in rows)
    return {key: found[key] for key in keys if found[key]}


class Line:
    """A TCP line to a server that is cut at the n-th request about purchases, or that creates something: before the server gets it, or after the
    server has answered and before the answer arrives."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._count = 0
        self._cut_at: int | None = None
        self._after = False
        self._failure = Failure()
        threading.Thread(target=self._accept, daemon=True).start()

    @contextlib.contextmanager
    def cut(self, request: int, *, after: bool) -> Iterator[Failure]:
        """Cut the line at this request, and at every later one."""
        with self._lock:
            self._count, self._cut_at, self._after, self._failure = 0, request, after, Failure()
        try:
            yield self._failure
        finally:
            with self._lock:
                self._cut_at = None

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            while (request := _message(client)) is not None:
                with self._lock:
                    counts = b'"model.purchase.purchase.' in request or b'.create"' in request
                    cut = counts and self._cut_at is not None and self._count >= self._cut_at
                    after = self._after
                    self._count += counts
                    self._failure.happened = self._failure.happened or cut
                if cut and not after:
                    return
                with socket.create_connection(self._target) as server:
                    server.sendall(request)
                    answer = _message(server, to_end=True)
                if cut or answer is None:
                    return
                client.sendall(answer)
                return  # the development server closes after each answer as well


def _message(connection: socket.socket, *, to_end: bool = False) -> bytes | None:
    """One HTTP message: the head and as many bytes as it announces, or everything to the end."""
    data = b""
    while True:
        try:
            piece = connection.recv(65536)
        except OSError:
            return None
        data += piece
        if not piece:
            return data or None
        head, found, body = data.partition(b"\r\n\r\n")
        if not found or to_end:
            continue
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        if len(body) >= length:
            return data
