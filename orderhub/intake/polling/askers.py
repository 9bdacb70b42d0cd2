"""The processes that ask, as the intake sees them: started when needed, ended when they hang, started again when one
crashed. After a crash the suspects are asked one by one in a process of their own, so that the guilty one is found."""

from __future__ import annotations

import contextlib
import logging
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from orderhub.intake.polling.messages import Answer, Question

log = logging.getLogger(__name__)

#: Threads of the process that asks: so many questions are open at a time.
THREADS = 16
#: Seconds until a question counts as hanging, longer than the time-outs that connectors have of their own; and until the
#: process of one that still hangs is ended.
LONGEST_ANSWER = 60.0
LONGEST_HANG = 300.0
#: Seconds until a process must be ready; it imports the connectors' common parts.
LONGEST_START = 60.0
#: After so many questions a process is replaced: a driver's leak does not grow for ever.
MOST_QUESTIONS = 20_000
#: Pauses before a process that could not start is started again (seconds).
FIRST_RESTART = 1.0
LONGEST_RESTART = 60.0

COMMAND = (sys.executable, "-m", "orderhub.intake.polling.asker")


@dataclass(slots=True)
class Ended:
    """A process is over."""

    asker: Asker


@dataclass(slots=True)
class Told:
    """A process said something."""

    asker: Asker
    answer: Answer


Event = Ended | Told


@dataclass(frozen=True, slots=True)
class Over:
    """Questions that were open when a process ended: ``suspects`` when it crashed (one of them did it), ``hung`` when it was
    ended because of them, ``innocent`` ones that only happened to be there."""

    suspects: Sequence[int] = ()
    hung: Sequence[int] = ()
    innocent: Sequence[int] = ()


@dataclass(slots=True, eq=False)
class Asker:
    """One process."""

    process: subprocess.Popen[bytes]
    owner: Askers
    threads: int
    started_at: float
    ready_at: float | None = None
    asked: int = 0
    open: dict[int, float] = field(default_factory=dict)
    hanging: set[int] = field(default_factory=set)
    retired: bool = False

    @property
    def free(self) -> int:
        """How many questions it takes now."""
        return 0 if self.retired else self.threads - len(self.open)


class Askers:
    """Used by one thread; what the processes say arrives as events in ``inbox``."""

    def __init__(
        self,
        inbox: queue.SimpleQueue[Event | object],
        *,
        threads: int = THREADS,
        command: Sequence[str] = COMMAND,
        longest_answer: float = LONGEST_ANSWER,
        longest_hang: float = LONGEST_HANG,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inbox = inbox
        self._threads = threads
        self._command = tuple(command)
        self._longest_answer = longest_answer
        self._longest_hang = longest_hang
        self._clock = clock
        self._current: Asker | None = None
        self._all: list[Asker] = []
        self._restart_at = 0.0
        self._restart_pause = FIRST_RESTART

    @property
    def free(self) -> int:
        """How many questions can be asked now, with a process that would be started for them."""
        if self._current is not None and not self._current.retired:
            return self._current.free
        return self._threads if self._clock() >= self._restart_at else 0

    def processes(self) -> list[int]:
        """Ids of the running ones."""
        return [asker.process.pid for asker in self._all]

    def ask(self, question: Question) -> None:
        """Hand a question over; the answer comes as an event, or the end of the process does."""
        asker = self._current
        if asker is None or asker.retired:
            asker = self._current = self._start()
        asker.open[question.id] = self._clock()
        asker.asked += 1
        # a process that just ended says so by its event
        with contextlib.suppress(BrokenPipeError):
            stdin = asker.process.stdin
            if stdin is not None:
                stdin.write(msgspec.json.encode(question) + b"\n")
                stdin.flush()
        if asker.asked >= MOST_QUESTIONS:
            self._retire(asker)

    def heard(self, event: Told) -> bool:
        """Take note of an event; False for the first word of a process, which answers nothing."""
        asker = event.asker
        if event.answer.id == 0:
            asker.ready_at = self._clock()
            self._restart_pause = FIRST_RESTART
            return False
        asker.hanging.discard(event.answer.id)
        known = asker.open.pop(event.answer.id, None) is not None
        if asker.retired and not asker.open.keys() - asker.hanging:
            self._end(asker)
        return known

    def ended(self, event: Ended) -> Over:
        """Take note of the end of a process; what became of its open questions."""
        asker = event.asker
        if asker in self._all:
            self._all.remove(asker)
        if asker is self._current:
            self._current = None
        left = list(asker.open)
        if asker.retired:
            # ended on purpose
            hung = [one for one in left if one in asker.hanging]
            return Over(hung=hung, innocent=[one for one in left if one not in asker.hanging])
        if asker.ready_at is not None:
            return Over(suspects=left)
        self._restart_at = self._clock() + self._restart_pause
        log.warning(
            "the process that asks servers could not start (exit code %s); next try in %.0f s",
            asker.process.returncode,
            self._restart_pause,
        )
        self._restart_pause = min(self._restart_pause * 2, LONGEST_RESTART)
        return Over(innocent=left)

    def overdue(self) -> list[int]:
        """Questions that hang since the last look. A process in which too many hang, or one for too long, is given no
        more, and ended when the others in it have their answers."""
        now = self._clock()
        hanging: list[int] = []
        for asker in list(self._all):
            if asker.ready_at is None:
                if now - asker.started_at > LONGEST_START:
                    asker.process.kill()
                continue
            for number, since in asker.open.items():
                if now - max(since, asker.ready_at) > self._longest_answer and number not in asker.hanging:
                    asker.hanging.add(number)
                    hanging.append(number)
            if not asker.hanging:
                continue
            oldest = min(asker.open[number] for number in asker.hanging)
            if len(asker.hanging) * 2 >= asker.threads or now - oldest > self._longest_hang:
                self._retire(asker)
                if not asker.open.keys() - asker.hanging:
                    self._end(asker)
        return hanging

    def seconds_to_next(self, longest: float) -> float:
        """When to look for what is overdue, at most ``longest``."""
        return min(longest, 1.0) if any(asker.open for asker in self._all) else longest

    def rest(self) -> None:
        """End the process when it has nothing to do; the next question starts one."""
        for asker in list(self._all):
            if not asker.open:
                self._end(asker)

    def close(self) -> None:
        """End all of them."""
        for asker in list(self._all):
            self._end(asker)
        for asker in list(self._all):
            with contextlib.suppress(subprocess.TimeoutExpired):
                asker.process.wait(timeout=5)

    def _retire(self, asker: Asker) -> None:
        asker.retired = True
        if asker is self._current:
            self._current = None

    def _end(self, asker: Asker) -> None:
        asker.retired = True
        if asker is self._current:
            self._current = None
        # it holds nothing that would be lost
        asker.process.kill()

    def _start(self) -> Asker:
        process = subprocess.Popen(
            [*self._command, str(self._threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        asker = Asker(process, self, self._threads, self._clock())
        self._all.append(asker)
        threading.Thread(target=self._read, args=(asker,), name=f"answers-{process.pid}", daemon=True).start()
        return asker

    def _read(self, asker: Asker) -> None:
        decode = msgspec.json.Decoder(Answer).decode
        assert asker.process.stdout is not None  # noqa: S101 - opened as a pipe
        for line in asker.process.stdout:
            try:
                self._inbox.put(Told(asker, decode(line)))
            except msgspec.DecodeError:
                log.warning("the process that asks servers said something that is no answer")
        asker.process.stdout.close()
        asker.process.wait()
        if asker.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                asker.process.stdin.close()
        self._inbox.put(Ended(asker))
