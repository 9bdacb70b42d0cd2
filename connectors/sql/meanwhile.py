"""Work done in a thread while the caller waits for something else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def meanwhile(work: Callable[[], T]) -> Future[T]:
    """Begin at once; the result, or the error, is there when it is asked for. A thread for each, so that there is nothing to
    close and nothing that a forked process would miss. An interpreter that ends waits for it."""
    made: Future[T] = Future()

    def run() -> None:
        try:
            made.set_result(work())
        except BaseException as error:  # whoever asks for the result has it
            made.set_exception(error)

    Thread(target=run, name="sql-meanwhile").start()
    return made
