"""Open work in the ledger, as a reason to start a run: at first soon, then ever more rarely while it stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

#: A run that is at work leaves rows open for moments; only what is open for longer is a reason.
FIRST = 4.0
LONGEST = 300.0


@dataclass(frozen=True, slots=True)
class LedgerView:
    """What the intake wants to know: flows that somebody paused, and flows with work that nobody holds."""

    paused: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()


class Reminders:
    """Remembers since when a flow has open work."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: dict[str, tuple[float, float]] = {}

    def due(self, open_flows: Collection[str]) -> list[str]:
        """Which of the flows with open work are to be reminded now."""
        now = self._clock()
        for flow in self._next.keys() - set(open_flows):
            del self._next[flow]
        reminded: list[str] = []
        for flow in open_flows:
            at, pause = self._next.get(flow, (now + FIRST, FIRST))
            if now >= at:
                reminded.append(flow)
                pause = min(pause * 2, LONGEST)
                at = now + pause
            self._next[flow] = (at, pause)
        return sorted(reminded)
