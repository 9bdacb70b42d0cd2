"""A TCP proxy that cuts connections where a test says."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_RESET = struct.pack("ii", 1, 0)


class CuttingProxy:
    """Forwards ``port`` to another port of this machine. A cut ends one connection at once in both directions (TCP reset) and
    happens once; ``cuts`` counts them."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.cuts = 0
        self._lock = threading.Lock()
        self._pieces_up: int | None = None
        self._later: list[int] = []
        self._bytes_down: int | None = None
        self._later_down: list[int] = []
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut_after_pieces_sent(self, count: int | None, *later: int) -> None:
        """Cut before the client's next piece number ``count`` (from 0) is forwarded; None: no longer.

        :param later: after a cut, the counts for the next ones.
        """
        with self._lock:
            self._pieces_up = count
            self._later = list(later)

    def cut_after_bytes_received(self, count: int | None, *later: int) -> None:
        """Cut once so many bytes more went to the client; None: no longer.

        :param later: after a cut, the counts for the next ones.
        """
        with self._lock:
            self._bytes_down = count
            self._later_down = list(later)

    def close(self) -> None:
        """End everything."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            _end(one)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                _end(client)
                continue
            self._open += [client, server]
            for source, goal, up in ((client, server, True), (server, client, False)):
                thread = threading.Thread(target=self._forward, args=(source, goal, up), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _forward(self, source: socket.socket, goal: socket.socket, up: bool) -> None:
        try:
            while piece := source.recv(32 * 1024):
                if self._is_cut(len(piece), up=up):
                    break
                goal.sendall(piece)
        except OSError:
            pass
        finally:
            _end(source)
            _end(goal)

    def _is_cut(self, size: int, *, up: bool) -> bool:
        with self._lock:
            if up and self._pieces_up is not None:
                self._pieces_up -= 1
                if self._pieces_up < 0:
                    self._pieces_up = self._later.pop(0) if self._later else None
                    self.cuts += 1
                    return True
            if not up and self._bytes_down is not None:
                self._bytes_down -= size
                if self._bytes_down < 0:
                    self._bytes_down = self._later_down.pop(0) if self._later_down else None
                    self.cuts += 1
                    return True
        return False


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def cutting_proxy(target: int) -> Iterator[CuttingProxy]:
    """A proxy in front of a port of this machine."""
    proxy = CuttingProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
