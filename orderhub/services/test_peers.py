"""Finds the real systems that the tests talk to, and installs what is missing where that can be done without asking anybody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orderhub.errors import ServiceError
from orderhub.services import browser

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
#: Keeps packages from starting their services: the tests start their own, in temporary folders. Debian's invoke-rc.d asks it.
_POLICY = Path("/usr/sbin/policy-rc.d")
_DENY = "#!/bin/sh\nexit 101\n"


@dataclass(frozen=True)
class Peer:
    """A system that tests talk to; ``packages`` as Debian calls them."""

    name: str
    packages: tuple[str, ...]
    is_there: Callable[[], bool]


def _program(*names: str) -> Callable[[], bool]:
    return lambda: any(shutil.which(name, path=_PATH) for name in names)


def _odbc(driver: str) -> Callable[[], bool]:
    def listed() -> bool:
        program = shutil.which("odbcinst", path=_PATH)
        if program is None:
            return False
        found = subprocess.run([program, "-q", "-d"], capture_output=True, text=True, check=False)
        return f"[{driver}]" in found.stdout

    return listed


PEERS = (
    Peer("Chromium", ("chromium",), lambda: browser.find() is not None),
    Peer("MariaDB", ("mariadb-server",), _program("mariadbd", "mysqld")),
    Peer("OpenSSH", ("openssh-server",), _program("sshd")),
    Peer("unixODBC", ("unixodbc", "odbcinst"), _program("odbcinst")),
    Peer("the ODBC driver for PostgreSQL", ("odbc-postgresql",), _odbc("PostgreSQL Unicode")),
    Peer("the ODBC driver for MariaDB", ("odbc-mariadb",), _odbc("MariaDB Unicode")),
    Peer("the ODBC driver for SQLite", ("libsqliteodbc",), _odbc("SQLite3")),
    Peer("RabbitMQ", ("rabbitmq-server",), _program("rabbitmq-server")),
    Peer("Dovecot", ("dovecot-imapd",), _program("dovecot")),
    Peer("Node.js with npm", ("nodejs", "npm"), lambda: _program("node")() and _program("npm")()),
)


def missing(peers: Sequence[Peer] = PEERS) -> list[Peer]:
    """Those that this machine has not."""
    return [peer for peer in peers if not peer.is_there()]


def command(peers: Sequence[Peer]) -> str:
    """What installs these on Debian or Ubuntu, as root."""
    packages = " ".join(package for peer in peers for package in peer.packages)
    return f"apt-get update && apt-get install --yes --no-install-recommends {packages}"


def ensure(peers: Sequence[Peer] = PEERS) -> list[Peer]:
    """Install what is missing where this is root on Debian or Ubuntu; what is missing still. No service is started."""
    lacking = missing(peers)
    if not lacking or os.geteuid() != 0 or not shutil.which("apt-get"):
        return lacking
    names = ", ".join(peer.name for peer in lacking)
    sys.stderr.write(f"The tests need {names}; running: {command(lacking)}\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _no_services():
        subprocess.run(
            ["sh", "-c", command(lacking)], check=False, stdout=subprocess.DEVNULL, env=environment
        )
    return missing(lacking)


@contextmanager
def _no_services(policy: Path = _POLICY) -> Iterator[None]:
    """While it is entered, no package starts a service. A policy that is there already stays."""
    if policy.exists() or not policy.parent.is_dir():
        yield
        return
    handle, name = tempfile.mkstemp(dir=policy.parent, prefix=f".{policy.name}-")
    with os.fdopen(handle, "w") as file:
        file.write(_DENY)
    Path(name).chmod(0o755)
    Path(name).rename(policy)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def main() -> None:
    """:raises ServiceError: Chromium is missing, without which most pages go untested; others are told and skipped."""
    lacking = ensure()
    if not lacking:
        return
    names = ", ".join(peer.name for peer in lacking)
    error = ServiceError(
        f"The tests need {names}, which this machine has not.", todo=f"As root: {command(lacking)}."
    )
    if any(peer.name == "Chromium" for peer in lacking):
        sys.exit(str(error))
    sys.stderr.write(f"{error} The tests that need them are skipped now and say so.\n")


if __name__ == "__main__":
    main()
