"""Starts workers without paying seconds of imports for each: imports once, forks on demand.

Reads lines from standard input: ``start <log file> <arguments of orderhub.services.worker …>`` forks a worker in a process
group of its own and answers with its process id; ``reap`` collects the dead ones; the end of the input ends it and all
workers. A worker runs ``orderhub.services.worker`` exactly as ``python -m`` would.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import traceback
from pathlib import Path


def main() -> None:
    from orderhub.services import worker
    from orderhub.services.settings import get_settings
    from orderhub.validate.suite import compiled_suite

    settings = get_settings()
    compiled_suite(settings.path("schemas_folder") / "expectations" / "purchase_order_core.json")
    # else the first collection of every worker copies all that was imported
    gc.freeze()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    alive: set[int] = set()
    for line in sys.stdin:
        word, *arguments = line.split()
        if word == "reap":
            with contextlib.suppress(ChildProcessError):
                while reaped := os.waitpid(-1, os.WNOHANG)[0]:
                    alive.discard(reaped)
            continue
        child = os.fork()
        if child == 0:
            os.setsid()
            _work(worker, Path(arguments[0]), arguments[1:])
        alive.add(child)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
    for child in alive:
        # the trial may have been ended in the middle
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)


def _work(worker: object, log: Path, arguments: list[str]) -> None:
    stream = log.open("ab", buffering=0)
    os.dup2(stream.fileno(), 1)
    os.dup2(stream.fileno(), 2)
    status = 70
    try:
        status = worker.main(arguments)  # type: ignore[attr-defined]
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
