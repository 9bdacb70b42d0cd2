"""A file that somebody goes on writing, and a clock for those who wait whether it rests: neither asks who is faster."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Clock:
    """Stands in for the module ``time`` where a connector waits: its seconds pass only while somebody sleeps, and ``meanwhile``
    is what happens then. By the other side's clock every file looks as old as can be."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.meanwhile = meanwhile
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def time(self) -> float:
        return time.time() + 86_400

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._now += seconds
            self.meanwhile()


class Patient:
    """Stands in for the module ``time`` as well; a pause lasts until something more was written."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)

    def __init__(self, path: Path, stopped: threading.Event) -> None:
        self._path = path
        self._stopped = stopped

    def sleep(self, seconds: float) -> None:
        before = self._path.stat().st_size
        time.sleep(seconds)
        while self._path.stat().st_size == before and not self._stopped.is_set():
            time.sleep(0.001)


@contextmanager
def growing(path: Path) -> Iterator[Patient]:
    """A file that a thread writes on all the time, there from the beginning; at rest afterwards."""
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab") as file:
            while not stop.is_set():
                file.write(b"segment'")
                file.flush()
                time.sleep(0.002)

    path.touch()
    writer = threading.Thread(target=grow)
    writer.start()
    try:
        yield Patient(path, stop)
    finally:
        stop.set()
        writer.join()
