"""Starts every server of the tests and waits to be killed; ``test_servers_end.py`` looks at what is left then.

``python servers_that_stay.py <cache folder> <folder to serve>`` says on one line, as JSON, when all are up: ``processes`` (ids
of everything that was started) and ``folders`` (temporary ones, for nobody is left to remove them).
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def servers(cache: Path, served: Path) -> list[Callable[[], AbstractContextManager[object]]]:
    """All that are processes of their own."""
    from servers import ftpd, mail, mariadb, mock_sap, rabbitmq, rest, soap, sshd, valkey

    return [
        mail.dovecot,
        lambda: ftpd.running_ftpd(served),
        mariadb.mariadb_server,
        mock_sap.mock_sap,
        rabbitmq.rabbitmq,
        rest.rest_server,
        lambda: soap.running(cache),
        sshd.running_sshd,
        valkey.durable_valkey,
    ]


def main() -> None:
    """Servers that are not installed are left out, as their tests are."""
    folders: list[str] = []
    mkdtemp = tempfile.mkdtemp

    def noted(*given: Any, **how: Any) -> str:
        folders.append(mkdtemp(*given, **how))
        return folders[-1]

    tempfile.mkdtemp = noted
    missing = []
    with ExitStack() as stack:
        for start in servers(*map(Path, sys.argv[1:])):
            try:
                stack.enter_context(start())
            except pytest.skip.Exception as skipped:
                missing.append(str(skipped))
        started = [process.pid for process in psutil.Process().children(recursive=True)]
        told = {"processes": started, "folders": folders, "missing": missing}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        time.sleep(600)


if __name__ == "__main__":
    main()
