"""Free ports on loopback, and who holds a taken one."""

from __future__ import annotations

import os
import socket

import psutil

from orderhub.errors import ServiceError

_LOOPBACK = "127.0.0.1"
#: So many ports from the usual one on are tried before any is taken.
_NEXT = 20


def is_free(port: int, host: str = _LOOPBACK) -> bool:
    """Whether a server could listen on ``port`` now."""
    with socket.socket(_family(host)) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def any_free(host: str = _LOOPBACK) -> int:
    """A port that the system gives."""
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def holder(port: int) -> str:
    """Who listens on ``port``, as ``name (process 123)``, or "another process" where that cannot be seen."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                if connection.pid is None:
                    break
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return "another process"
    return "another process"


class Chosen:
    """Ports that one hub chose. Between the choice and the moment its server listens a port looks free; another hub that
    starts meanwhile does not choose it all the same.

    A choice is claimed by the UDP port of the same number on loopback, where no part of the hub listens. So it holds for
    every user of the machine, and ends with this process, however that ends.
    """

    def __init__(self) -> None:
        self._claims: list[socket.socket] = []

    def pick(
        self, *, wanted: int | None, usual: int | None, host: str = _LOOPBACK, what: str, setting: str
    ) -> int:
        """A port for ``what``: the one that was set, else the usual one, else the next free ones, else any.

        :raises ServiceError: ``wanted`` is taken, with who holds it.
        """
        if wanted is not None:
            if not is_free(wanted, host):
                raise ServiceError(
                    f"Port {wanted}, set for {what}, is taken by {holder(wanted)}.",
                    todo=f"Stop it, or set {setting} to another port, or leave it unset and a free one is found.",
                )
            # somebody's UDP server there is no reason to refuse what was set
            self._claim(wanted)
            return wanted
        if usual is not None:
            for port in range(usual, min(usual + _NEXT, 65536)):
                if is_free(port, host) and self._claim(port):
                    return port
        for _ in range(_NEXT):
            if self._claim(port := any_free(host)):
                return port
        # somebody who has so many UDP ports, or forbids them, keeps nobody from starting
        return any_free(host)

    def close(self) -> None:
        """End the claims."""
        while self._claims:
            self._claims.pop().close()

    def _claim(self, port: int) -> bool:
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            claim.bind((_LOOPBACK, port))
        except OSError:
            claim.close()
            return False
        self._claims.append(claim)
        return True
