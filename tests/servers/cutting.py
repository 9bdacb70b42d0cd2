"""A way to a server that can be cut: before the n-th thing that the client sends, or after it, before the answer comes back."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator

from orderhub.testing import Failure


class CuttingProxy:
    """Listens on a free port of its own and passes everything on, until it is told to cut.

    :param port: of the server behind it, on this machine.
    """

    def __init__(self, port: int) -> None:
        self._behind = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._left: int | None = None
        self._failure = Failure()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._silent = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def fail_at(self, step: int) -> Iterator[Failure]:
        """While it is entered, the connection ends at the n-th step. Each thing sent is two steps: it is lost, or it arrives
        and its answer is lost."""
        with self._lock:
            self._left, self._failure = step, Failure()
        try:
            yield self._failure
        finally:
            with self._lock:
                self._left = None

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """While it is entered, nothing that the server says comes through; what is sent to it does."""
        self._silent.set()
        try:
            yield
        finally:
            self._silent.clear()

    def close(self) -> None:
        """Stop listening; connections end."""
        self._stop.set()
        self._listener.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                ready, _, _ = select.select([self._listener], [], [], 0.2)
                if not ready:
                    continue
                client, _ = self._listener.accept()
            except (OSError, ValueError):
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection(("127.0.0.1", self._behind), timeout=5)
            except OSError:
                return
            with server, contextlib.suppress(OSError):
                self._pass_on(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not self._stop.is_set():
            ready, _, _ = select.select([client, server], [], [], 0.2)
            for end in ready:
                data = end.recv(1 << 20)
                if not data:
                    return
                if end is server:
                    if not self._silent.is_set():
                        client.sendall(data)
                    continue
                cut = self._cut()
                if cut == "before":
                    return
                server.sendall(data)
                if cut == "after":
                    # the server has it: wait until it did something about it, and keep the answer
                    select.select([server], [], [], 1)
                    return

    def _cut(self) -> str | None:
        with self._lock:
            if self._left is None or self._failure.happened:
                return None
            left = self._left
            self._left -= 2
            if left >= 2:
                return None
            self._failure.happened = True
            return "before" if left == 0 else "after"


@contextlib.contextmanager
def cutting(port: int) -> Iterator[CuttingProxy]:
    """A proxy before the server on this port."""
    proxy = CuttingProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
