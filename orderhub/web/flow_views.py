"""Flows and runs as their pages show them: file, ledger and scheduler put together."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from orderhub.errors import ConfigError
from orderhub.ledger import flow_state, statistics
from orderhub.ledger.records import DocumentRow, InterchangeRow
from orderhub.ledger.statistics import RunRow, RunTally, Standing
from orderhub.stage import Flow
from orderhub.web import charts
from orderhub.web.charts import Chart
from orderhub.web.ports import Schedule, ScheduledRun

#: Runs that a row of the list shows, and that the page of a flow lists.
STRIP = 24
LISTED = 40
#: A run that says nothing for so long has been given up.
GIVEN_UP = dt.timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class RunView:
    """One run. ``id`` is the ledger's, None while only the scheduler knows it; ``state`` is ``success``, ``failed``,
    ``running``, ``queued`` or ``unknown`` (it never said that it ended). ``height`` is the bar's, in percent."""

    id: int | None
    flow: str
    name: str
    trigger: str
    state: str
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    tally: RunTally
    problems: tuple[str, ...] = ()
    height: float = 0.0

    @property
    def seconds(self) -> float | None:
        if self.started_at is None:
            return None
        end = self.ended_at or (dt.datetime.now(dt.UTC) if self.state == "running" else None)
        return max((end - self.started_at).total_seconds(), 0.0) if end else None

    @property
    def made(self) -> int:
        """Documents that it translated, good or bad."""
        counts = self.tally.documents
        return counts.get("translated", 0) + max(counts.get("quarantined", 0) - self._judged, 0)

    @property
    def _judged(self) -> int:
        # what was translated first and quarantined by a rule later in the same run is one document, not two
        counts = self.tally.documents
        verdicts = sum(counts.get(state, 0) for state in ("accepted", "duplicate", "conflict"))
        return max(counts.get("translated", 0) - verdicts, 0)

    @property
    def held(self) -> int:
        return sum(self.tally.documents.get(state, 0) for state in ("quarantined", "conflict", "rejected"))

    @property
    def loaded(self) -> int:
        return self.tally.documents.get("loaded", 0)

    @property
    def files(self) -> int:
        return max(
            self.tally.files.get("received", 0),
            sum(self.tally.files.values()) - self.tally.files.get("received", 0),
        )

    @property
    def idle(self) -> bool:
        """Whether it found nothing to do."""
        return not self.tally.files and not self.tally.documents


@dataclass(frozen=True, slots=True)
class FlowView:
    """One flow. ``flow`` is None when its file is broken (``problem`` says how) or gone."""

    name: str
    flow: Flow | None
    problem: ConfigError | None
    paused: str
    next_at: dt.datetime | None
    runs: tuple[RunView, ...]
    files: Mapping[str, int]
    documents: Mapping[str, int]
    under_way: int
    waiting: int
    held: int
    partner: str

    @property
    def received(self) -> int:
        return sum(self.files.values())

    @property
    def total(self) -> int:
        return sum(self.documents.values())

    @property
    def last(self) -> RunView | None:
        return self.runs[0] if self.runs else None

    def bands(self) -> list[tuple[str, int]]:
        """Today's documents by kind of state."""
        found = [
            (name, sum(self.documents.get(s, 0) for s in states)) for name, states in charts.BANDS.items()
        ]
        return [one for one in found if one[1]]


@dataclass(frozen=True, slots=True)
class StageView:
    """One of the five stages of a flow. ``figure`` counts the last day, ``standing`` is what waits before it now:
    word, count, tone and where it leads."""

    name: str
    figure: int
    detail: Sequence[str]
    standing: Sequence[tuple[str, int, str, str]] = ()


@dataclass(frozen=True, slots=True)
class FlowPage:
    """Everything the page of one flow shows."""

    view: FlowView
    stages: tuple[StageView, ...]
    chart: Chart


@dataclass(frozen=True, slots=True)
class RunPage:
    """Everything the page of one run shows; ``run`` None: the ledger has not heard of it yet."""

    flow: str
    name: str
    run: RunView | None
    files: Sequence[InterchangeRow] = ()
    documents: Sequence[DocumentRow] = ()
    more: bool = False
    states: Mapping[str, int] = field(default_factory=dict)


def merge(
    rows: Sequence[RunRow],
    scheduled: Sequence[ScheduledRun],
    tallies: Mapping[int, RunTally],
    *,
    now: dt.datetime,
    size: int,
) -> tuple[RunView, ...]:
    """Runs of one flow, newest first: the scheduler's word on state and times, the ledger's on what was done. What ran
    without the scheduler is there as well."""
    known = {one.name: one for one in scheduled}
    views = [_of_row(row, known.pop(row.external or "", None), tallies.get(row.id), now) for row in rows]
    for one in known.values():
        # one that has not reached its first step, or that found its flow paused
        if one.state in ("queued", "running", "failed"):
            views.append(
                RunView(
                    None, "", one.name, one.trigger, one.state, one.started_at, one.ended_at, RunTally({}, {})
                )
            )
    never = dt.datetime.max.replace(tzinfo=dt.UTC)
    views.sort(key=lambda view: view.started_at or never, reverse=True)
    return with_heights(views[:size])


def _of_row(row: RunRow, scheduled: ScheduledRun | None, tally: RunTally | None, now: dt.datetime) -> RunView:
    problems = tuple(str(one) for one in (row.result or {}).get("problems", ()))
    started, ended = row.started_at, row.finished_at
    if scheduled is not None:
        state = scheduled.state
        started, ended = scheduled.started_at or started, scheduled.ended_at
    elif ended is not None:
        state = "failed" if problems else "success"
    else:
        state = "running" if now - started < GIVEN_UP else "unknown"
    return RunView(
        id=row.id,
        flow=row.flow,
        name=row.external or "",
        trigger=scheduled.trigger if scheduled and scheduled.trigger else row.trigger,
        state=state,
        started_at=started,
        ended_at=ended,
        tally=tally or RunTally({}, {}),
        problems=problems,
    )


def with_heights(views: Sequence[RunView]) -> tuple[RunView, ...]:
    """The bars: as high as their run was long, the longest of them full, none too low to be pointed at."""
    longest = max((view.seconds or 0.0 for view in views), default=0.0) or 1.0
    return tuple(
        RunView(
            view.id,
            view.flow,
            view.name,
            view.trigger,
            view.state,
            view.started_at,
            view.ended_at,
            view.tally,
            view.problems,
            round(max((view.seconds or 0.0) / longest * 100, 16.0), 1),
        )
        for view in views
    )


def build(
    connection: Connection,
    names: Sequence[str],
    *,
    flows: Mapping[str, Flow],
    problems: Mapping[str, ConfigError],
    schedules: Mapping[str, Schedule],
    scheduled: Mapping[str, Sequence[ScheduledRun]],
    titles: Mapping[str, str],
    now: dt.datetime,
    size: int = STRIP,
) -> list[FlowView]:
    """The views of these flows, in this order."""
    since = now - dt.timedelta(days=1)
    rows = statistics.recent_runs(connection, names, size=size)
    tallies = statistics.tallies(connection, [row.id for row in rows])
    made: dict[str, Counter[str]] = {}
    for one in statistics.over_time(connection, since=since, until=now, step=dt.timedelta(days=1)):
        made.setdefault(one.flow, Counter())[one.state] += one.documents
    opened: dict[str, Counter[str]] = {}
    for one in statistics.open_now(connection):
        opened.setdefault(one.flow, Counter())[one.state] += one.documents
    received = statistics.received(connection, since=since, until=now)
    paused = flow_state.paused_flows(connection)
    views = []
    for name in names:
        flow, schedule, now_open = flows.get(name), schedules.get(name), opened.get(name, Counter())
        why = "file" if flow is not None and flow.paused else "hub" if name in paused else ""
        if not why and schedule is not None and schedule.paused:
            why = "scheduler"
        views.append(
            FlowView(
                name=name,
                flow=flow,
                problem=problems.get(name),
                paused=why,
                next_at=schedule.next_at if schedule and not why else None,
                runs=merge(
                    [row for row in rows if row.flow == name],
                    scheduled.get(name, ()),
                    tallies,
                    now=now,
                    size=size,
                ),
                files=received.get(name, {}),
                documents=made.get(name, Counter()),
                under_way=sum(now_open[state] for state in statistics.UNDER_WAY),
                waiting=sum(now_open[state] for state in statistics.WAITING),
                held=sum(now_open[state] for state in statistics.HELD_BACK),
                partner=titles.get(flow.partner, flow.partner) if flow is not None and flow.partner else "",
            )
        )
    return views


def page_of(connection: Connection, view: FlowView, *, now: dt.datetime) -> FlowPage:
    """The page of one flow: what stands before which stage, and its last day."""
    step, steps = dt.timedelta(hours=1), 24
    since = now.replace(minute=0, second=0, microsecond=0) - step * (steps - 1)
    counts: dict[dt.datetime, Counter[str]] = {}
    for one in statistics.over_time(connection, since=since, until=since + step * steps, step=step):
        if one.flow == view.name and one.at is not None and one.state in charts.BAND_OF:
            counts.setdefault(one.at, Counter())[charts.BAND_OF[one.state]] += one.documents
    opened = Counter[str]()
    for one in statistics.open_now(connection):
        if one.flow == view.name:
            opened[one.state] += one.documents
    standing = statistics.standing(connection, view.name)
    answered = statistics.answered(connection, view.name, since=now - dt.timedelta(days=1), until=now)
    return FlowPage(
        view=view,
        stages=_stages(view, standing, opened, answered),
        chart=charts.stacked(counts, since=since, step=step, steps=steps, groups=6),
    )


def _stages(
    view: FlowView, standing: Standing, opened: Mapping[str, int], answered: int
) -> tuple[StageView, ...]:
    flow, made = view.flow, view.documents
    link = f"/documents?flow={view.name}&state="

    def waits(*states: tuple[str, str]) -> list[tuple[str, int, str, str]]:
        return [(state, opened[state], tone, link + state) for state, tone in states if opened.get(state)]

    translate = (
        [("received", standing.files, "info", f"/files?flow={view.name}&state=received")]
        if standing.files
        else []
    )
    load: list[tuple[str, int, str, str]] = waits(
        ("accepted", "info"), ("loading", "busy"), ("waiting", "wait"), ("rejected", "bad")
    )
    doubt = sum(states.get("in_doubt", 0) for states in standing.effects.values())
    if doubt:
        load.append(("in_doubt", doubt, "warn", f"/documents?flow={view.name}&state=loading"))
    unanswered = standing.unanswered
    settled = sum(n for state, n in made.items() if state not in ("translated", "retrying"))
    return (
        StageView("pull", view.received, [flow.pull.connector, flow.pull.stream] if flow else []),
        StageView(
            "translate",
            view.total,
            [_mapping(flow)] if flow else [],
            [*translate, *waits(("retrying", "busy"))],
        ),
        StageView(
            "validate",
            settled,
            [flow.validate.suite] if flow and flow.validate.suite else [],
            waits(("translated", "info"), ("quarantined", "bad"), ("conflict", "warn")),
        ),
        StageView("load", made.get("loaded", 0), [target.name for target in flow.load] if flow else [], load),
        StageView(
            "acknowledge",
            answered,
            [a for a in (flow.acknowledge.technical, flow.acknowledge.business) if a] if flow else [],
            [("unanswered", unanswered, "info", f"/files?flow={view.name}")] if unanswered else [],
        ),
    )


def _mapping(flow: Flow) -> str:
    if flow.translate.mapping is None:
        return ""
    return (
        f"{flow.translate.mapping} v{flow.translate.version}"
        if flow.translate.version
        else flow.translate.mapping
    )
