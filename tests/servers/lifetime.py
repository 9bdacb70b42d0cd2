"""Servers of the tests end with the test run, however that ends: by SIGTERM, by SIGKILL, in the middle of a test."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def start(
    command: list[str], *, stop_signal: signal.Signals = signal.SIGTERM, **how: Any
) -> subprocess.Popen[Any]:
    """Start a server that gets ``stop_signal`` when this process is gone (Linux only).

    The kernel watches the thread that calls this: call it from one that lasts as long as the server shall.

    :param how: as :class:`subprocess.Popen` takes it.
    """
    return subprocess.Popen(command, preexec_fn=_tied_to(os.getpid(), stop_signal), **how)  # noqa: PLW1509 - two system calls, no lock


def _tied_to(parent: int, stop_signal: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None

    def tie() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        if os.getppid() != parent:
            # it died before the line above
            os._exit(1)

    return tie
