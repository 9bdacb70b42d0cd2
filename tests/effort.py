"""What something may cost, said in pieces of the same work on the same machine: a slow one is given more seconds."""

from __future__ import annotations

import time


def _piece() -> float:
    begun = time.process_time()
    counts: dict[str, int] = {}
    for number in range(60_000):
        text = str(number)
        counts[text[-3:]] = counts.get(text[-3:], 0) + len(text)
    return time.process_time() - begun


def cpu_seconds(as_on_the_machine_of_the_bench: float) -> float:
    """So many CPU seconds of the machine that the limits were set on (a piece took 0.0135 s there), on this one and in this
    moment: what else runs makes both sides slower."""
    return as_on_the_machine_of_the_bench * min(_piece() for _ in range(5)) / 0.0135
