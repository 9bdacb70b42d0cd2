"""Charts as geometry that a template prints as SVG: no script, no inline style, every figure in the text too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: What a document's state means for somebody who looks at many: the bands of a column, from the bottom.
BANDS: dict[str, tuple[str, ...]] = {
    "through": ("loaded",),
    "underway": ("translated", "accepted", "loading", "retrying", "waiting"),
    "held": ("quarantined", "conflict", "rejected"),
    "aside": ("duplicate", "discarded"),
}
BAND_OF = {state: band for band, states in BANDS.items() for state in states}

#: A chart is drawn in units of its own and stretched to the place that it gets.
HEIGHT = 100.0
STEP = 10.0
BAR = 7.4
#: What there is at all can be seen.
LEAST = 1.2


@dataclass(frozen=True, slots=True)
class Band:
    """One part of a column."""

    name: str
    count: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """One step of time."""

    at: dt.datetime
    until: dt.datetime
    x: float
    bands: tuple[Band, ...]

    @property
    def total(self) -> int:
        return sum(band.count for band in self.bands)

    def count(self, name: str) -> int:
        return sum(band.count for band in self.bands if band.name == name)


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns over time. ``top`` is the figure at the upper edge; ``marks`` are the times written below."""

    columns: tuple[Column, ...]
    top: int
    marks: tuple[dt.datetime, ...]

    @property
    def width(self) -> float:
        return STEP * len(self.columns)

    @property
    def total(self) -> int:
        return sum(column.total for column in self.columns)

    def count(self, name: str) -> int:
        return sum(column.count(name) for column in self.columns)


def nice(most: int) -> int:
    """The next round figure that is not below: 1, 2, 5, 10, 20, 50, …; halves of it are whole from 2 on."""
    top = 1
    while True:
        for factor in (1, 2, 4, 5, 6, 8):
            if top * factor >= most:
                return max(2, top * factor)
        top *= 10


def stacked(
    counts: Mapping[dt.datetime, Mapping[str, int]],
    *,
    since: dt.datetime,
    step: dt.timedelta,
    steps: int,
    groups: int,
) -> Chart:
    """A column per step with a band per kind of state.

    :param counts: per start of a step how many documents of each band.
    :param groups: how many times are written below the chart, at equal distances from the left.
    """
    starts = [since + step * index for index in range(steps)]
    top = nice(max((sum(counts.get(at, {}).values()) for at in starts), default=0))
    columns = []
    for index, at in enumerate(starts):
        found = counts.get(at, {})
        bands: list[Band] = []
        floor = HEIGHT
        for name in BANDS:
            count = found.get(name, 0)
            if not count:
                continue
            height = round(max(count / top * HEIGHT, LEAST), 2)
            floor = round(floor - height, 2)
            bands.append(Band(name, count, max(floor, 0.0), height))
        x = round(index * STEP + (STEP - BAR) / 2, 2)
        columns.append(Column(at, at + step, x, tuple(bands)))
    every = max(steps // groups, 1)
    return Chart(tuple(columns), top, tuple(starts[::every]))


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a small chart in a row of a table; ``held`` is the part at its foot that did not go through."""

    x: float
    y: float
    height: float
    held: float
    count: int


def spark(values: Sequence[tuple[int, int]]) -> tuple[Bar, ...]:
    """Small bars: per step all documents and those held back. Each row has a scale of its own."""
    most = max((count for count, _ in values), default=0) or 1
    bars = []
    for index, (count, held) in enumerate(values):
        height = round(max(count / most * HEIGHT, 6.0), 1) if count else 0.0
        foot = round(max(held / most * HEIGHT, 6.0), 1) if held else 0.0
        bars.append(Bar(round(index * STEP + 1.3, 1), round(HEIGHT - height, 1), height, foot, count))
    return tuple(bars)
