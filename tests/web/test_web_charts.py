"""What charts and run bars show: every figure, in proportion, whatever the numbers are."""

from __future__ import annotations

import datetime as dt

import pytest

from orderhub.ledger.statistics import RunRow, RunTally
from orderhub.web import charts, flow_views, i18n, templating
from orderhub.web.ports import ScheduledRun

NOW = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.mark.parametrize(("most", "top"), [(0, 2), (1, 2), (3, 4), (7, 8), (9, 10), (101, 200), (4999, 5000)])
def test_the_scale_ends_at_a_round_figure(most: int, top: int) -> None:
    assert charts.nice(most) == top


def test_a_column_stacks_its_bands_in_proportion() -> None:
    counts = {NOW - HOUR: {"through": 60, "held": 20}, NOW: {"aside": 1}}
    chart = charts.stacked(counts, since=NOW - 3 * HOUR, step=HOUR, steps=4, groups=2)
    assert [column.total for column in chart.columns] == [0, 0, 80, 1]
    assert (chart.top, chart.total, chart.count("held")) == (80, 81, 20)
    through, held = chart.columns[2].bands
    assert (through.y, through.height, held.y, held.height) == (25.0, 75.0, 0.0, 25.0)
    # one of many can still be seen
    assert chart.columns[3].bands[0].height >= charts.LEAST
    assert chart.marks == (NOW - 3 * HOUR, NOW - HOUR)


def test_small_bars_have_a_scale_of_their_own() -> None:
    bars = charts.spark([(0, 0), (5, 0), (10, 10)])
    assert [(bar.height, bar.held) for bar in bars] == [(0, 0), (50, 0), (100, 100)]
    assert all(bar.height == 0 for bar in charts.spark([(0, 0)] * 3))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (12.4, "12 s"),
        (60, "1 min"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert templating.duration(seconds) == words


def test_nearly_all_is_not_all() -> None:
    english = i18n.LANGUAGES[0]
    shares = [templating.percent(share, english) for share in (1.0, 0.99996, 0.984, 0.0)]
    assert shares == ["100.0 %", "99.9 %", "98.4 %", "0.0 %"]
    assert templating.percent(0.12, english, signed=True) == "+12 %"
    assert templating.percent(-0.5, english, signed=True) == "-50 %"


def row(
    number: int, external: str | None, *, minutes: float, seconds: float | None = 5, **result: object
) -> RunRow:
    started = NOW - dt.timedelta(minutes=minutes)
    return RunRow(
        id=number,
        flow="f",
        trigger="manual",
        external=external,
        started_at=started,
        finished_at=None if seconds is None else started + dt.timedelta(seconds=seconds),
        result=dict(result) or None,
    )


def test_the_scheduler_knows_how_a_run_ended_and_the_ledger_what_it_did() -> None:
    rows = [
        row(3, "c", minutes=1),
        row(2, None, minutes=30, problems=["load: the ERP is away"]),
        row(1, None, minutes=600, seconds=None),
    ]
    scheduled = [
        ScheduledRun("d", "queued", "scheduled", None, None),
        ScheduledRun("c", "failed", "backfill", NOW - HOUR, NOW - HOUR + dt.timedelta(seconds=60)),
        # skipped: its flow was paused, and the ledger never heard of it
        ScheduledRun("b", "success", "manual", NOW - 2 * HOUR, NOW - 2 * HOUR),
    ]
    tallies = {3: RunTally({"received": 2}, {"translated": 7, "loaded": 6, "quarantined": 1})}
    views = flow_views.merge(rows, scheduled, tallies, now=NOW, size=10)
    assert [(view.name, view.state, view.trigger) for view in views] == [
        ("d", "queued", "scheduled"),
        ("", "failed", "manual"),
        ("c", "failed", "backfill"),
        ("", "unknown", "manual"),
    ]
    failed = views[2]
    assert (failed.seconds, failed.files, failed.loaded, failed.held, failed.height) == (60, 2, 6, 1, 100)
    assert views[1].problems == ("load: the ERP is away",)
    assert views[1].idle
    assert views[3].seconds is None
