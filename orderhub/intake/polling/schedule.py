"""When which place is asked: a heap of due times, a limit for each server, ever longer pauses while there is no answer."""

from __future__ import annotations

import heapq
import itertools
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orderhub.intake.polling.messages import Use

#: No place is asked more often than this (seconds).
LEAST_PAUSE = 0.5
#: After the first question without an answer, and the longest pause between two of them (seconds).
FIRST_BACK_OFF = 5.0
LONGEST_BACK_OFF = 600.0
#: Share of a pause that is left to chance, so that places do not fall into step.
JITTER = 0.1
#: New places are asked within so many seconds for each of them: at once where there are few, spread where there are many.
SPREAD = 0.02
#: Questions to one server at a time.
PER_SIDE = 2


@dataclass(slots=True)
class _State:
    use: Use
    due: float
    #: Counts up whenever an entry of the heap becomes void.
    turn: int = 0
    asked_at: float | None = None
    failures: int = 0
    blocked: bool = False


@dataclass(slots=True)
class _Side:
    at_work: int = 0
    blocked: deque[str] = field(default_factory=deque)


class Schedule:
    """Single-threaded. ``take`` gives what is to be asked now; each use given is out until ``answered`` or ``failed``.

    :param clock: monotonic, in seconds.
    :param chance: a number in [0, 1).
    """

    def __init__(
        self,
        *,
        per_side: int = PER_SIDE,
        first_back_off: float = FIRST_BACK_OFF,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._per_side = per_side
        self._first_back_off = first_back_off
        self._clock = clock
        self._chance = chance
        self._states: dict[str, _State] = {}
        self._sides: dict[str, _Side] = {}
        self._heap: list[tuple[float, int, str, int]] = []
        self._order = itertools.count()
        #: Sides of uses that were taken away while they were asked: their places are free only when that ends.
        self._orphans: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return len(self._states)

    def set_uses(self, uses: Mapping[str, Use]) -> None:
        """From now on these are asked, by flow. One that did not change keeps its turn."""
        for flow in self._states.keys() - uses.keys():
            self._remove(flow)
        fresh = [flow for flow, use in uses.items() if flow not in self._states]
        changed = [flow for flow, use in uses.items() if flow not in fresh and self._states[flow].use != use]
        for flow in changed:
            self._remove(flow)
        now = self._clock()
        spread = SPREAD * (len(fresh) + len(changed))
        for flow in (*fresh, *changed):
            within = min(spread, max(uses[flow].poll.seconds, LEAST_PAUSE))
            self._states[flow] = _State(uses[flow], now)
            self._at(flow, now + within * self._chance())

    def take(self, most: int) -> list[Use]:
        """What is due, the longest due first; never more than the limit of a server allows."""
        now = self._clock()
        taken: list[Use] = []
        while len(taken) < most and self._heap and self._heap[0][0] <= now:
            _, _, flow, turn = heapq.heappop(self._heap)
            state = self._states.get(flow)
            if state is None or state.turn != turn:
                continue
            side = self._sides.setdefault(state.use.side, _Side())
            if side.at_work >= self._per_side:
                state.blocked = True
                side.blocked.append(flow)
                continue
            side.at_work += 1
            state.asked_at = now
            taken.append(state.use)
        return taken

    def lateness(self, flow: str) -> float:
        """Seconds between when a use that is being asked was due and when its turn came."""
        state = self._states[flow]
        return (state.asked_at or state.due) - state.due

    def answered(self, flow: str) -> None:
        """There was an answer: the next question is due in the use's own time."""
        state = self._finished(flow)
        if state is not None:
            state.failures = 0
            pause = max(state.use.poll.seconds, LEAST_PAUSE)
            began = state.asked_at if state.asked_at is not None else self._clock()
            state.asked_at = None
            # counted from the question, so that slow answers do not make it rarer; never at once again
            self._at(flow, max(began + self._jittered(pause), self._clock() + pause / 4))

    def failed(self, flow: str) -> float:
        """There was none: ever longer pauses. Gives the seconds to the next question."""
        state = self._finished(flow)
        if state is None:
            return 0.0
        pause = max(state.use.poll.seconds, self._first_back_off) * 2 ** min(state.failures, 16)
        state.failures += 1
        state.asked_at = None
        pause = self._jittered(min(pause, LONGEST_BACK_OFF))
        self._at(flow, self._clock() + pause)
        return pause

    def put_back(self, flow: str) -> None:
        """It could not be asked, through no fault of the other side: again soon."""
        state = self._finished(flow)
        if state is not None:
            state.asked_at = None
            self._at(flow, self._clock() + LEAST_PAUSE * (1 + self._chance()))

    def bring_forward(self, side: str) -> None:
        """The server answers again: whoever waits for it in a long pause is asked soon."""
        now = self._clock()
        for flow, state in self._states.items():
            if state.failures and state.asked_at is None and not state.blocked and state.use.side == side:
                within = min(max(state.use.poll.seconds, LEAST_PAUSE), LONGEST_BACK_OFF)
                if state.due > now + within:
                    self._at(flow, now + within * self._chance())

    def seconds_to_next(self, longest: float) -> float:
        """How long nothing becomes due, at most ``longest``."""
        while self._heap:
            due, _, flow, turn = self._heap[0]
            state = self._states.get(flow)
            if state is None or state.turn != turn:
                heapq.heappop(self._heap)
                continue
            return max(0.0, min(longest, due - self._clock()))
        return longest

    def _at(self, flow: str, due: float) -> None:
        state = self._states[flow]
        state.due = due
        state.turn += 1
        heapq.heappush(self._heap, (due, next(self._order), flow, state.turn))

    def _jittered(self, pause: float) -> float:
        return pause * (1 - JITTER + 2 * JITTER * self._chance())

    def _remove(self, flow: str) -> None:
        state = self._states.pop(flow)
        if state.asked_at is not None:
            self._orphans.setdefault(flow, []).append(state.use.side)
        if state.blocked:
            self._sides[state.use.side].blocked.remove(flow)

    def _finished(self, flow: str) -> _State | None:
        """Free the server's place for the next one that waits for it."""
        orphans = self._orphans.get(flow)
        if orphans:
            # of a use that is no longer, or has other settings now
            self._free(orphans.pop())
            if not orphans:
                del self._orphans[flow]
            return None
        state = self._states.get(flow)
        if state is None or state.asked_at is None:
            return None
        self._free(state.use.side)
        return state

    def _free(self, name: str) -> None:
        side = self._sides[name]
        side.at_work -= 1
        if side.blocked:
            flow = side.blocked.popleft()
            state = self._states[flow]
            state.blocked = False
            # keeps the time at which it was due, so that its delay is known and it is first
            self._at(flow, state.due)
        elif side.at_work == 0:
            del self._sides[name]
