"""Asking the connectors of flows in a process of its own, for the pages: a driver that hangs or crashes ends with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import ClassVar

import msgspec

from orderhub.errors import ServiceError
from orderhub.flows.health import CheckResult

#: Seconds for all that is asked at once.
LONGEST = 150.0


class ChecksFailed(ServiceError):
    """The connectors could not be asked at all."""

    code: ClassVar[str] = "CHECKS_FAILED"


class _Row(msgspec.Struct, kw_only=True):
    flow: str
    use: str
    connector: str
    result: str
    sentence: str


def check_apart(flows: Sequence[str], use: str | None = None) -> list[CheckResult]:
    """``orderhub connector check`` in a process; the results are kept by it as well.

    :raises ChecksFailed: with the end of what it said.
    """
    command = [sys.executable, "-m", "orderhub.cli.main", "connector", "check", "--json", *flows]
    if use is not None:
        command += ["--use", use]
    try:
        done = subprocess.run(command, capture_output=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired as error:
        raise ChecksFailed(
            f"The connectors did not answer within {LONGEST:.0f} s.",
            todo="Run `orderhub connector check` to see which one hangs.",
        ) from error
    try:
        rows = msgspec.json.decode(done.stdout, type=list[_Row])
    except msgspec.DecodeError as error:
        if done.returncode < 0:
            raise ChecksFailed(
                f"A driver ended the process that asked (signal {-done.returncode}).",
                todo="Check the uses one by one to see which one it is.",
            ) from error
        said = " ".join(done.stderr.decode(errors="replace").split())[-300:]
        raise ChecksFailed(
            f"The connectors could not be asked: {said}", todo="Run `orderhub connector check`."
        ) from error
    return [
        CheckResult(
            flow=row.flow,
            use=row.use,
            connector=row.connector,
            ok=row.result == "ok",
            sentence=row.sentence,
        )
        for row in rows
    ]
