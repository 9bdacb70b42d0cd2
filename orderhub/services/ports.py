"""Free ports on loopback, and who holds a taken one."""

from __future__ import annotations

import os
import socket

import psutil

from orderhub.errors import ServiceError


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on ``port`` now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def any_free(host: str = "127.0.0.1") -> int:
    """A port that the system gives."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


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


def pick(*, wanted: int | None, usual: int | None, host: str = "127.0.0.1", what: str, setting: str) -> int:
    """A port for ``what``: the one that was set, else the usual one, else the next free ones, else any.

    :raises ServiceError: ``wanted`` is taken, with who holds it.
    """
    if wanted is not None:
        if is_free(wanted, host):
            return wanted
        raise ServiceError(
            f"Port {wanted}, set for {what}, is taken by {holder(wanted)}.",
            todo=f"Stop it, or set {setting} to another port, or leave it unset and a free one is found.",
        )
    if usual is not None:
        for port in range(usual, min(usual + 20, 65536)):
            if is_free(port, host):
                return port
    return any_free(host)
