"""Free ports on loopback, and who holds a taken one."""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress
from pathlib import Path

import psutil

from orderhub.errors import ServiceError

_LOOPBACK = "127.0.0.1"
#: So many ports from the usual one on are tried before any is taken.
_NEXT = 20
#: What Linux gives to connections that go out, and to listeners that ask for any port; other systems' begins at 49152.
_GIVEN_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST, _LAST = 10240, 65535
#: Fewer ports than these are not worth choosing among.
_ENOUGH = 1000


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
    """A port on which nobody listens, outside of those that the system gives to connections that go out: so nobody comes by
    it by chance between this choice and the moment its server listens, or while that server is started again.
    """
    own = own_range()
    for _ in range(_NEXT if own else 0):
        if is_free(port := random.SystemRandom().choice(own), host):
            return port
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        given: int = probe.getsockname()[1]
        return given


def own_range(given_out: Path = _GIVEN_OUT) -> range:
    """The ports that the system gives to nobody by itself; empty where hardly any are left."""
    low, high = 32768, 60999
    with suppress(OSError, ValueError):
        low, high = map(int, given_out.read_text(encoding="ascii").split())
    below, above = range(_FIRST, low), range(high + 1, _LAST + 1)
    best = below if len(below) >= _ENOUGH else above
    return best if len(best) >= _ENOUGH else range(0)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def holder(port: int) -> str:
    """Who listens on ``port``, as ``name (process 123)``, or "another process" where that cannot be seen."""
    for pid in _listeners(port):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if pid is not None:
                return f"{psutil.Process(pid).name()} (process {pid})"
    return "another process"


def is_others(port: int, above: int) -> bool:
    """Whether somebody listens on ``port`` who is no process below the process ``above``; no, where that cannot be seen."""
    listeners = _listeners(port)
    if not listeners:
        return False
    try:
        ours = {process.pid for process in psutil.Process(above).children(recursive=True)}
    except psutil.NoSuchProcess:
        return False
    return listeners.isdisjoint(ours)


def _listeners(port: int) -> set[int | None]:
    """Process ids; ``None`` for a process of another user."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # macOS tells the administrator alone
        return set()
    return {c.pid for c in connections if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port}


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
