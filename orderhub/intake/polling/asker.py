"""The process that asks: questions come on standard input, answers go to standard output, a line of JSON each.

It runs the drivers, and nothing else does in the intake: one that crashes ends this process, which the intake starts
again. Every question has a fresh connector, closed after it: a thousand partners are not a thousand open connections.
"""

from __future__ import annotations

import hashlib
import logging
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any, Protocol

import msgspec

from orderhub.connector import Bookmark, Connector
from orderhub.errors import HubError
from orderhub.intake.polling.messages import Answer, Question

log = logging.getLogger(__name__)

#: The first line: from here on questions are answered.
READY = b'{"id":0}\n'


class Parts(Protocol):
    """What questions are answered with."""

    def connector(self, name: str, settings: dict[str, Any]) -> Connector[Any]:
        """A fresh connector."""

    def bookmark(self, flow: str, stream: str) -> Bookmark:
        """Where the flow's next pull goes on."""

    def progress(self, flow: str) -> int:
        """Changes when the flow received something."""


def answer(parts: Parts, question: Question) -> Answer:
    """Ask one connector. Never raises."""
    try:
        since = parts.bookmark(question.flow, question.stream)
        connector = parts.connector(question.connector, question.settings)
        try:
            waiting = connector.waiting(question.stream, since)
        finally:
            connector.close()
        mark = ""
        if waiting:
            got = msgspec.json.encode([since, parts.progress(question.flow)], order="deterministic")
            mark = hashlib.sha256(got).hexdigest()[:16]
        return Answer(id=question.id, waiting=bool(waiting), mark=mark)
    except HubError as error:
        return Answer(
            id=question.id,
            problem=f"{error.what} {error.todo}",
            code=error.code,
            retryable=error.retryable,
        )
    except Exception as error:
        # a driver's own text may hold an address with its password: the place tells enough
        frames = "".join(traceback.format_tb(error.__traceback__))
        log.warning("flow %s: %s in a connector:\n%s", question.flow, type(error).__name__, frames)
        return Answer(
            id=question.id,
            problem=f"The connector {question.connector} broke off with {type(error).__name__}. "
            "This is a mistake in it: an error of its driver must become one of orderhub.errors.",
            code="CONNECTOR_BROKEN",
            retryable=False,
        )


def serve(build: Callable[[], Parts], *, threads: int, questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the questions end; then leave at once, whatever hangs."""
    parts = build()
    waiting: queue.SimpleQueue[Question] = queue.SimpleQueue()
    one_at_a_time = threading.Lock()

    def say(line: bytes) -> None:
        with one_at_a_time:
            answers.write(line)
            answers.flush()

    def work() -> None:
        while True:
            say(msgspec.json.encode(answer(parts, waiting.get())) + b"\n")

    for number in range(threads):
        threading.Thread(target=work, name=f"ask-{number}", daemon=True).start()
    say(READY)
    decode = msgspec.json.Decoder(Question).decode
    for line in questions:
        waiting.put(decode(line))


class HubParts:
    """The hub's connectors, credentials and ledger."""

    def __init__(self) -> None:
        from orderhub.connector_registry import ConnectorRegistry
        from orderhub.flows.context import open_context
        from orderhub.services import endpoints
        from orderhub.services.airflow_connections import lookup
        from orderhub.services.settings import get_settings

        settings = get_settings()
        self._registry = ConnectorRegistry(settings.path("connectors_folder"))
        self._context = open_context(
            settings, endpoints.load(settings), worker="intake", connections=lookup(settings)
        )

    def connector(self, name: str, settings: dict[str, Any]) -> Connector[Any]:
        return self._registry.create(name, settings, self._context.ports)

    def bookmark(self, flow: str, stream: str) -> Bookmark:
        from orderhub.ledger import bookmarks
        from orderhub.ledger.engine import transaction

        with transaction(self._context.ledger) as connection:
            return bookmarks.get(connection, flow, stream)

    def progress(self, flow: str) -> int:
        from orderhub.ledger import bookmarks
        from orderhub.ledger.engine import transaction

        with transaction(self._context.ledger) as connection:
            return bookmarks.newest(connection, flow)


def own_lines() -> tuple[IO[bytes], IO[bytes]]:
    """Standard input and output for the questions and answers alone: what a driver prints goes to standard error."""
    questions = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return questions, answers


def main(build: Callable[[], Parts]) -> None:
    """The whole process; the first argument is the number of threads."""
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("httpx", "asyncssh", "pika", "zeep"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    questions, answers = own_lines()
    try:
        serve(build, threads=int(sys.argv[1]), questions=questions, answers=answers)
    except (BrokenPipeError, KeyboardInterrupt):
        pass  # the intake is gone
    except HubError as error:
        # the hub was never started, or its settings are wrong; the intake tries again later
        log.warning("nothing can be asked: %s", error)
        os._exit(1)
    # threads that hang in a driver are not waited for
    os._exit(0)


if __name__ == "__main__":
    main(HubParts)
