"""Finds and ends processes that an earlier start left behind because it was killed together with its supervisor.

A process is ours when its environment carries this data folder's mark; for those that overwrote their environment
with a title (Airflow's workers, PostgreSQL) the working folder tells: all programs run in ``run/here``, which exists
for nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from orderhub.errors import ServiceError

#: Every program of the hub has this in its environment: the data folder.
MARK = "ORDERHUB__DATA"


def working_folder(data_folder: Path) -> Path:
    """The folder that all programs run in."""
    return data_folder / "run" / "here"


def find(data_folder: Path) -> list[psutil.Process]:
    """Processes of this data folder, without this process and those above it."""
    own = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
    data_folder = data_folder.resolve()
    places = {str(working_folder(data_folder)), str(data_folder / "postgres")}
    found = []
    for process in psutil.process_iter():
        if process.pid in own:
            continue
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get(MARK) == str(data_folder) or process.cwd() in places:
                found.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess, OSError):
            # another user's process, or one that just ended: not ours
            continue
    return found


def sweep(data_folder: Path, grace_seconds: float = 15.0) -> int:
    """End what an earlier start left; returns how many processes that were.

    :raises ServiceError: one could not be ended.
    """
    left = find(data_folder)
    if not left:
        return 0
    supervisors = [p for p in left if _is_supervisor(p)]
    # a supervisor stops its programs in order by itself; only what outlives it is ended one by one
    for process in supervisors or left:
        _end(process, kill=False)
    psutil.wait_procs(left, timeout=grace_seconds)
    rest = find(data_folder)
    for process in rest:
        _end(process, kill=True)
    psutil.wait_procs(rest, timeout=grace_seconds)
    still = find(data_folder)
    if still:
        raise ServiceError(
            f"Processes of an earlier start cannot be ended: {', '.join(str(p.pid) for p in still)}.",
            todo="End them by hand, then start again.",
        )
    return len(left)


def _is_supervisor(process: psutil.Process) -> bool:
    try:
        return "orderhub.services.daemon" in process.cmdline()
    except psutil.Error:
        return False


def _end(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        return
