"""TLS before a server of this machine that has none of its own, as stunnel or a cloud's load balancer is."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def tls_front(port: int, certificate: Path, host: str = "127.0.0.1") -> Iterator[int]:
    """Listens on a port of its own with this certificate (a PEM file with its key), and passes on to ``port``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server((host, 0))
    open_ones: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                bare, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(bare,), daemon=True).start()

    def serve(bare: socket.socket) -> None:
        # a client that does not trust the certificate ends here
        with (
            contextlib.suppress(OSError),
            bare,
            context.wrap_socket(bare, server_side=True) as client,
            socket.create_connection(("127.0.0.1", port)) as server,
        ):
            open_ones.extend((client, server))
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join(10)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for one in open_ones:
            _end(one)


def _copy(source: socket.socket, goal: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            goal.sendall(data)
    _end(goal)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
