"""Turns wake-ups into runs: at most one run of a flow is at work and one waits, however many files arrive.

What makes this lose nothing: a wake-up stays due until Airflow has a run of the flow that has not begun. Such a run
pulls after the file was there. The ledger and the folder say what there is to do; a wake-up carries no work.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from orderhub.errors import HubError
from orderhub.intake.scheduler_api import Started

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
#: Between two questions to Airflow about one flow; arrivals in between are answered together.
COALESCE = 0.15


@dataclass(slots=True)
class _Due:
    at: float
    reminder: bool
    pause: float = FIRST_PAUSE


class Dispatcher:
    """Single-threaded; ``clock`` is monotonic, in seconds. ``start(flow, reminder)`` asks Airflow for a run."""

    def __init__(
        self, start: Callable[[str, bool], Started], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._start = start
        self._clock = clock
        self._due: dict[str, _Due] = {}
        self._asked: dict[str, float] = {}

    def wake(self, flow: str, *, reminder: bool = False) -> None:
        """There may be something to do. Waking again what waits for Airflow to come back changes nothing.

        An arrival needs a run that begins after it. A reminder of something that was there before does not: a run that
        is at work may be dealing with it, and if it is not, the next reminder comes.
        """
        due = self._due.get(flow)
        if due is None:
            at = max(self._clock(), self._asked.get(flow, -COALESCE) + COALESCE)
            self._due[flow] = _Due(at, reminder)
        elif not reminder:
            due.reminder = False

    def forget(self, flow: str) -> None:
        """The flow is gone or paused."""
        self._due.pop(flow, None)

    def waiting(self) -> list[str]:
        """Flows whose wake-up is not answered yet."""
        return sorted(self._due)

    def seconds_to_next(self, longest: float) -> float:
        """How long there is nothing to do, at most ``longest``."""
        if not self._due:
            return longest
        return max(0.0, min(longest, min(due.at for due in self._due.values()) - self._clock()))

    def work(self) -> None:
        """Ask Airflow for the runs that are due. What it does not take stays due, at growing intervals."""
        now = self._clock()
        for flow, due in [(flow, due) for flow, due in self._due.items() if due.at <= now]:
            self._asked[flow] = self._clock()
            try:
                answer = self._start(flow, due.reminder)
            except HubError as error:
                self._later(flow, str(error))
                continue
            if answer is Started.UNKNOWN:
                self._later(flow, "Airflow does not know this flow yet, or its file is broken.")
                continue
            self._due.pop(flow)
            log.info("flow %s: run %s", flow, answer.value, extra={"flow": flow})

    def _later(self, flow: str, why: str) -> None:
        due = self._due[flow]
        log.warning("flow %s: no run yet, next try in %.1f s: %s", flow, due.pause, why, extra={"flow": flow})
        # spread, so that many flows do not ask all at once when Airflow is back
        due.at = self._clock() + due.pause * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        due.pause = min(due.pause * 2, LONGEST_PAUSE)
