"""The overview's figures, put together for its template."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from orderhub.ledger import inbox, statistics
from orderhub.ledger.inbox import Alerts, Group
from orderhub.ledger.statistics import Count, Oldest
from orderhub.web import charts
from orderhub.web.charts import BAND_OF, Bar, Chart
from orderhub.web.i18n import N_
from orderhub.web.words import DOCUMENT_STATES


@dataclass(frozen=True, slots=True)
class Window:
    """A period of the chart: how many steps of which length, and how many times are written below."""

    word: str
    step: dt.timedelta
    steps: int
    groups: int

    def since(self, now: dt.datetime) -> dt.datetime:
        """The start of the first step, so that the last one holds ``now``. Steps within a day start at its midnight."""
        if self.step > dt.timedelta(hours=1):
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
            return midnight - (self.step * self.steps - dt.timedelta(days=1))
        hour = now.replace(minute=0, second=0, microsecond=0)
        return hour - self.step * (self.steps - 1)


#: The names are those of the lists' own ranges, so that a figure leads to its documents.
WINDOWS: dict[str, Window] = {
    "24h": Window(N_("24 hours"), dt.timedelta(hours=1), 24, 6),
    "7d": Window(N_("7 days"), dt.timedelta(hours=6), 28, 7),
    "30d": Window(N_("30 days"), dt.timedelta(days=1), 30, 6),
}
DAY = dt.timedelta(days=1)
#: A change against fewer documents than this is no news in percent.
COMPARABLE = 10
#: Reasons that the overview lists; the inbox has them all.
REASONS = 5
WEEK = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class PartnerFigures:
    """One partner in the period. ``share`` is what went through of all that has an outcome, None without one."""

    name: str
    title: str
    documents: int
    share: float | None
    under_way: int
    waiting: int
    held: int
    last: dt.datetime | None
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class StateFigure:
    """How many documents of the period are in a state now."""

    state: str
    documents: int


@dataclass(frozen=True, slots=True)
class OverviewView:
    """Everything that the overview shows."""

    window: str
    chart: Chart
    states: tuple[StateFigure, ...]
    day: int
    day_a_week_ago: int
    share: float | None
    under_way: int
    waiting: int
    held: int
    oldest_under_way: Oldest | None
    oldest_held: Oldest | None
    oldest_waiting: Oldest | None
    reasons: tuple[Group, ...]
    alerts: Alerts
    partners: tuple[PartnerFigures, ...]

    @property
    def change(self) -> float | None:
        """By how much the last day differs from the same day a week before; None when that was too little to say."""
        return self.day / self.day_a_week_ago - 1 if self.day_a_week_ago >= COMPARABLE else None

    @property
    def empty(self) -> bool:
        return not self.partners and not self.chart.total


def share(states: Mapping[str, int]) -> float | None:
    """What went through of all documents that have an outcome. Duplicates are none: their first one counts."""
    good = states.get("loaded", 0)
    bad = sum(states.get(state, 0) for state in ("quarantined", "conflict", "rejected", "discarded"))
    return good / (good + bad) if good + bad else None


def build(
    connection: Connection, window: str, *, now: dt.datetime, titles: Mapping[str, str]
) -> OverviewView:
    """The overview at a moment.

    :param titles: how agreements call their partner; others are shown by the agreement's name.
    """
    shape = WINDOWS[window]
    since = shape.since(now)
    counts = statistics.over_time(
        connection, since=since, until=since + shape.step * shape.steps, step=shape.step
    )
    opened = statistics.open_now(connection)
    by_state = _by_state(counts)
    open_states = _by_state(opened)
    chart = charts.stacked(
        _bands(counts), since=since, step=shape.step, steps=shape.steps, groups=shape.groups
    )
    return OverviewView(
        window=window,
        chart=chart,
        states=tuple(StateFigure(state, by_state[state]) for state in DOCUMENT_STATES if by_state[state]),
        day=statistics.made(connection, since=now - DAY, until=now),
        day_a_week_ago=statistics.made(connection, since=now - WEEK - DAY, until=now - WEEK),
        share=share(by_state),
        under_way=_total(open_states, statistics.UNDER_WAY),
        waiting=_total(open_states, statistics.WAITING),
        held=_total(open_states, statistics.HELD_BACK),
        oldest_under_way=statistics.oldest(connection, statistics.UNDER_WAY),
        oldest_held=statistics.oldest(connection, statistics.HELD_BACK),
        oldest_waiting=statistics.oldest(connection, statistics.WAITING),
        reasons=tuple(inbox.groups(connection, limit=REASONS)),
        alerts=inbox.alerts(connection),
        partners=_partners(connection, counts, opened, shape, since, titles),
    )


def _partners(
    connection: Connection,
    counts: Sequence[Count],
    opened: Sequence[Count],
    shape: Window,
    since: dt.datetime,
    titles: Mapping[str, str],
) -> tuple[PartnerFigures, ...]:
    last = {one.agreement: one.at for one in statistics.last_arrivals(connection)}
    states: dict[str, Counter[str]] = {}
    steps: dict[str, list[list[int]]] = {}
    for one in counts:
        states.setdefault(one.agreement, Counter())[one.state] += one.documents
        bars = steps.setdefault(one.agreement, [[0, 0] for _ in range(shape.steps)])
        assert one.at is not None  # noqa: S101 - counts over time have one
        bar = bars[int((one.at - since) / shape.step)]
        bar[0] += one.documents
        bar[1] += one.documents if BAND_OF.get(one.state) == "held" else 0
    open_states: dict[str, Counter[str]] = {}
    for one in opened:
        open_states.setdefault(one.agreement, Counter())[one.state] += one.documents
    names = {*last, *states, *open_states}
    found = []
    for name in names:
        here, now = states.get(name, Counter()), open_states.get(name, Counter())
        empty = [[0, 0] for _ in range(shape.steps)]
        found.append(
            PartnerFigures(
                name=name,
                title=titles.get(name, name),
                documents=here.total(),
                share=share(here),
                under_way=_total(now, statistics.UNDER_WAY),
                waiting=_total(now, statistics.WAITING),
                held=_total(now, statistics.HELD_BACK),
                last=last.get(name),
                bars=charts.spark([(bar[0], bar[1]) for bar in steps.get(name, empty)]),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.documents, one.title.casefold())))


def _bands(counts: Sequence[Count]) -> dict[dt.datetime, Counter[str]]:
    bands: dict[dt.datetime, Counter[str]] = {}
    for one in counts:
        if one.at is not None and one.state in BAND_OF:
            bands.setdefault(one.at, Counter())[BAND_OF[one.state]] += one.documents
    return bands


def _by_state(counts: Sequence[Count]) -> Counter[str]:
    states: Counter[str] = Counter()
    for one in counts:
        states[one.state] += one.documents
    return states


def _total(states: Mapping[str, int], of: Sequence[str]) -> int:
    return sum(states.get(state, 0) for state in of)
