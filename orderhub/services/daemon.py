"""The supervisor's process: supervisord, which also ends when the front process is gone.

The front process holds the other end of this process's standard input. When it closes (the front process ended in
whatever way, SIGKILL too), supervisord gets SIGTERM and stops all programs in order. What a program left behind
(Airflow's workers and tasks put themselves into process groups of their own) becomes a child of this process, which
ends it last.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

import psutil
from supervisor import supervisord

from orderhub.services import launch

_PR_SET_CHILD_SUBREAPER = 36


def _watch_front() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def end_descendants(grace_seconds: float = 5.0) -> None:
    """Ask everything below this process to end, then make it."""
    left = psutil.Process().children(recursive=True)
    for process in left:
        _signal(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(left, timeout=grace_seconds)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=grace_seconds)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def main(configuration: str) -> None:
    """Run supervisord with the configuration file until it is told to stop."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.environ[launch.SUPERVISOR] = str(os.getpid())
    threading.Thread(target=_watch_front, name="front-watch", daemon=True).start()
    try:
        supervisord.main(["-c", configuration])
    finally:
        end_descendants()


if __name__ == "__main__":
    main(sys.argv[1])
