"""Measurements against peers. ``python -m benchmarks`` (``make bench``) runs them all and writes results.json.

A bench is a module of this package with ``BENCH = True`` and a function ``run(rounds) -> list[Result]``; ``__main__`` finds
it by itself. Peers run in the same process and in the same rounds, one after the other, so that whatever else the machine
does falls on both; times are processor time of this process, and results are medians.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import msgspec


class Result(msgspec.Struct, frozen=True):
    """One line of results.json. ``ratio`` says how many times better ours is than the peer; for a limit, ``peer`` is the
    limit. ``None`` where there is nothing to compare with."""

    name: str
    ours: float
    peer: float | None
    ratio: float | None
    unit: str


def interleaved(contestants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median processor seconds of each, measured in turns after one round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for counted in range(rounds + 1):
        for name, work in contestants.items():
            start = time.process_time()
            work()
            if counted:
                times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}
