"""Asks all places in turn and tells which flows to wake: one thread, whatever the number of places."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from orderhub.intake.polling.askers import COMMAND, LONGEST_ANSWER, THREADS, Askers, Ended, Told
from orderhub.intake.polling.messages import Answer, Question, Use
from orderhub.intake.polling.schedule import Schedule

log = logging.getLogger(__name__)

#: While something waits and the flow gets no further, it is reminded of it at growing intervals (seconds).
FIRST_REMINDER = 10.0
LONGEST_REMINDER = 600.0
#: Without a question for so long, the processes that ask are ended (seconds).
REST = 60.0
CRASHED = "CONNECTOR_CRASHED"
HANGS = "CONNECTOR_HANGS"


@dataclass(slots=True)
class Figures:
    """What the poller did since it started; ``lateness`` is the longest delay of a question (seconds)."""

    asked: int = 0
    answered: int = 0
    failed: int = 0
    crashes: int = 0
    lateness: float = 0.0


@dataclass(slots=True)
class _Uses:
    uses: Mapping[str, Use]


@dataclass(slots=True)
class _Asked:
    use: Use
    alone: bool
    #: A flow that was changed or taken away meanwhile: the answer is of no interest any more.
    void: bool = False


@dataclass(slots=True)
class _Waiting:
    """Something waits, and the flow was told."""

    mark: str
    remind_at: float
    pause: float = FIRST_REMINDER


@dataclass(slots=True)
class _Away:
    """Flows that get no answer of one server, with the code of the error; since when."""

    since: float
    flows: dict[str, str] = field(default_factory=dict)


class Poller:
    """``arrived(flow, reminder)`` is called from the poller's thread. ``told(use, ok, sentence)``, where given, is called when
    a place goes away or comes back.

    :param command: how the process that asks is started; the number of threads is added.
    """

    def __init__(
        self,
        arrived: Callable[[str, bool], None],
        *,
        told: Callable[[Use, bool, str], None] | None = None,
        schedule: Schedule | None = None,
        command: Sequence[str] = COMMAND,
        threads: int = THREADS,
        longest_answer: float = LONGEST_ANSWER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._arrived = arrived
        self._told = told
        self._clock = clock
        self._schedule = schedule or Schedule(clock=clock)
        self._inbox: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._together = Askers(
            self._inbox, threads=threads, command=command, longest_answer=longest_answer, clock=clock
        )
        self._alone = Askers(
            self._inbox, threads=1, command=command, longest_answer=longest_answer, clock=clock
        )
        self._suspects: deque[Use] = deque()
        #: Flows whose driver crashed when it was asked alone: they are never asked beside others again.
        self._dangerous: set[str] = set()
        self._open: dict[int, _Asked] = {}
        self._number = 0
        self._waiting: dict[str, _Waiting] = {}
        self._away: dict[str, _Away] = {}
        self._last_question = clock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.figures = Figures()

    def set_uses(self, uses: Mapping[str, Use]) -> None:
        """From now on these are asked, by flow. Starts the thread with the first ones."""
        if self._thread is None:
            if not uses:
                return
            self._thread = threading.Thread(target=self._run, name="poller", daemon=True)
            self._thread.start()
        self._inbox.put(_Uses(dict(uses)))

    def processes(self) -> list[int]:
        """Ids of the processes that ask."""
        return [*self._together.processes(), *self._alone.processes()]

    def stop(self) -> None:
        """End it; safe to call twice."""
        self._stop.set()
        self._inbox.put(None)
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._step()
            except Exception:
                # a defect must not end the watch over all the others
                log.exception("the poller stumbled")
                self._stop.wait(1.0)
        self._together.close()
        self._alone.close()

    def _step(self) -> None:
        self._ask()
        seconds = self._schedule.seconds_to_next(5.0) if self._together.free else 1.0
        seconds = self._together.seconds_to_next(self._alone.seconds_to_next(seconds))
        try:
            event = self._inbox.get(timeout=seconds) if seconds > 0 else self._inbox.get_nowait()
            while True:
                self._take(event)
                event = self._inbox.get_nowait()
        except queue.Empty:
            pass
        for askers in (self._together, self._alone):
            for number in askers.overdue():
                self._hangs(number)
        if not self._open and self._clock() - self._last_question > REST:
            self._together.rest()
            self._alone.rest()

    def _ask(self) -> None:
        if self._suspects and self._alone.free:
            self._put(self._suspects.popleft(), self._alone)
        free = self._together.free
        for use in self._schedule.take(free) if free else ():
            self.figures.lateness = max(self.figures.lateness, self._schedule.lateness(use.flow))
            if use.flow in self._dangerous:
                self._suspects.append(use)
            else:
                self._put(use, self._together)

    def _put(self, use: Use, askers: Askers) -> None:
        self._number += 1
        self._open[self._number] = _Asked(use, alone=askers is self._alone)
        self._last_question = self._clock()
        self.figures.asked += 1
        askers.ask(
            Question(
                id=self._number,
                flow=use.flow,
                connector=use.connector,
                settings=use.settings,
                stream=use.stream,
            )
        )

    def _take(self, event: object) -> None:
        if isinstance(event, Told):
            if event.asker.owner.heard(event):
                asked = self._open.pop(event.answer.id)
                self._answered(asked, event.answer)
        elif isinstance(event, Ended):
            self._ended(event)
        elif isinstance(event, _Uses):
            self._change(event.uses)

    def _change(self, uses: Mapping[str, Use]) -> None:
        self._schedule.set_uses(uses)
        for asked in self._open.values():
            asked.void = asked.void or uses.get(asked.use.flow) != asked.use
        for use in [use for use in self._suspects if uses.get(use.flow) != use]:
            self._suspects.remove(use)
            # its place at the server is free again
            self._schedule.answered(use.flow)
        self._dangerous &= uses.keys()
        for flow in self._waiting.keys() - uses.keys():
            del self._waiting[flow]
        for side, away in list(self._away.items()):
            for flow in [flow for flow in away.flows if flow not in uses or uses[flow].side != side]:
                del away.flows[flow]
            if not away.flows:
                del self._away[side]

    def _answered(self, asked: _Asked, answer: Answer) -> None:
        use = asked.use
        if asked.void:
            self._schedule.answered(use.flow)
            return
        if answer.problem:
            self.figures.failed += 1
            # the hub's own trouble is nobody else's, and the intake tells of it
            if not answer.code.startswith("LEDGER"):
                self._failed(use, answer.problem, answer.code)
            self._schedule.failed(use.flow)
            return
        self.figures.answered += 1
        self._schedule.answered(use.flow)
        self._back(use)
        if not answer.waiting:
            self._waiting.pop(use.flow, None)
            return
        now = self._clock()
        known = self._waiting.get(use.flow)
        if known is None or known.mark != answer.mark:
            self._waiting[use.flow] = _Waiting(answer.mark, now + FIRST_REMINDER)
            self._arrived(use.flow, False)
        elif now >= known.remind_at:
            known.pause = min(known.pause * 2, LONGEST_REMINDER)
            known.remind_at = now + known.pause
            self._arrived(use.flow, True)

    def _hangs(self, number: int) -> None:
        asked = self._open.get(number)
        if asked is not None and not asked.void:
            self.figures.failed += 1
            self._failed(asked.use, "The other side does not answer, and does not refuse either.", HANGS)

    def _ended(self, event: Ended) -> None:
        over = event.asker.owner.ended(event)
        for number in over.innocent:
            asked = self._open.pop(number)
            self._schedule.put_back(asked.use.flow)
        for number in over.hung:
            asked = self._open.pop(number)
            self._schedule.failed(asked.use.flow)
        suspects = [self._open.pop(number) for number in over.suspects]
        if not suspects:
            return
        self.figures.crashes += 1
        if len(suspects) > 1:
            log.warning(
                "a driver ended the process that asks servers (exit code %s); the %d that were asked are asked one by one",
                event.asker.process.returncode,
                len(suspects),
            )
            for asked in suspects:
                if asked.void:
                    self._schedule.answered(asked.use.flow)
                else:
                    self._suspects.append(asked.use)
            return
        [asked] = suspects
        if not asked.void:
            self.figures.failed += 1
            self._dangerous.add(asked.use.flow)
            self._failed(
                asked.use,
                f"The driver of the connector {asked.use.connector} ended its process "
                f"(exit code {event.asker.process.returncode}).",
                CRASHED,
            )
        self._schedule.failed(asked.use.flow)

    def _failed(self, use: Use, sentence: str, code: str) -> None:
        """Said once for a server and kind of trouble, however many flows ask it."""
        away = self._away.setdefault(use.side, _Away(self._clock()))
        known = code in away.flows.values()
        was = away.flows.get(use.flow)
        away.flows[use.flow] = code
        level = logging.DEBUG if known else logging.WARNING
        log.log(
            level,
            "%s cannot be asked whether something waits for flow %s: %s It is tried again, ever more rarely.",
            use.side,
            use.flow,
            sentence,
            extra={"flow": use.flow},
        )
        if was != code and self._told is not None:
            self._told(use, False, sentence)

    def _back(self, use: Use) -> None:
        away = self._away.get(use.side)
        if away is None or away.flows.pop(use.flow, None) is None:
            return
        if self._told is not None:
            self._told(use, True, "It answers again.")
        self._schedule.bring_forward(use.side)
        if not away.flows:
            del self._away[use.side]
            log.info(
                "%s answers again, after %.0f s",
                use.side,
                self._clock() - away.since,
                extra={"flow": use.flow},
            )
