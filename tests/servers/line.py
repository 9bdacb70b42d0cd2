"""A TCP line to an HTTP server that breaks at the n-th request: before the server has it, or after it has answered and before
the answer arrives. It is cut, or it falls silent."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from orderhub.testing import Failure

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_CONNECTION = re.compile(rb"\r\nconnection:[^\r\n]*", re.IGNORECASE)


class Line:
    """``url`` is the server's address through the line. ``counts`` says which requests count (first line, head and body)."""

    def __init__(self, target: str, counts: Callable[[bytes], bool] = lambda request: True) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._counts = counts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}{parts.path}"
        self._lock = threading.Lock()
        self._count = 0
        self._cut_at: int | None = None
        self._after = False
        self._silent: threading.Event | None = None
        self._failure = Failure()
        threading.Thread(target=self._accept, daemon=True).start()

    @contextlib.contextmanager
    def cut(self, request: int, *, after: bool, silent: bool = False) -> Iterator[Failure]:
        """Cut the line at this request, counted from now, and at every later one.

        :param silent: instead of an end of the connection there is none, and no answer, until the client gives up.
        """
        over = threading.Event()
        with self._lock:
            self._count, self._cut_at, self._after, self._failure = 0, request, after, Failure()
            self._silent = over if silent else None
        try:
            yield self._failure
        finally:
            with self._lock:
                self._cut_at = None
            over.set()

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
        with client, contextlib.suppress(OSError):
            request = _request(client)
            if request is None:
                return
            with self._lock:
                counts = self._counts(request)
                cut = counts and self._cut_at is not None and self._count >= self._cut_at
                after, silent = self._after, self._silent
                self._count += counts
                self._failure.happened = self._failure.happened or cut
            if cut and not after:
                _wait(silent)
                return
            with socket.create_connection(self._target) as server:
                head, _, body = request.partition(b"\r\n\r\n")
                # one request a connection, so that the end of the answer is the end of the line
                server.sendall(_CONNECTION.sub(b"", head) + b"\r\nConnection: close\r\n\r\n" + body)
                answer = b"".join(iter(lambda: server.recv(65536), b""))
            if cut:
                _wait(silent)
            else:
                head, _, body = answer.partition(b"\r\n\r\n")
                client.sendall(_CONNECTION.sub(b"", head) + b"\r\nConnection: close\r\n\r\n" + body)


def _wait(silent: threading.Event | None) -> None:
    """As long as the line is silent; a client gives up much sooner."""
    if silent is not None:
        silent.wait(300)


def _request(connection: socket.socket) -> bytes | None:
    data = b""
    while True:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
        head, found, body = data.partition(b"\r\n\r\n")
        if not found:
            continue
        length = _LENGTH.search(head)
        if len(body) >= (int(length[1]) if length else 0):
            return data
