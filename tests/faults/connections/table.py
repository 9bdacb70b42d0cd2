"""The table of a trial: kind × runs × disturbances × lost × twice × looked up, with the seeds that broke a promise."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

#: Under these names a test tells its figures.
KIND, SEED, FIGURES = "connections_kind", "connections_seed", "connections_figures"
_COLUMNS = ("runs", "disturbances", "sent", "lost", "twice", "looked_up", "seconds")


@dataclass
class _Row:
    figures: Counter[str] = field(default_factory=Counter)
    broken: list[int] = field(default_factory=list)
    skipped: str = ""


class Table:
    """A plugin of pytest that collects what the runs tell."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}

    @property
    def kept(self) -> bool:
        """Whether there were runs of every kind, and each kept every promise."""
        rows = self._rows.values()
        return bool(rows) and not any(row.broken or row.skipped for row in rows)

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = dict(report.user_properties)
        if KIND not in told or (report.when != "call" and report.passed):
            return
        row = self._rows.setdefault(str(told[KIND]), _Row())
        if report.skipped:
            row.skipped = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            return
        if report.failed:
            row.broken.append(int(str(told[SEED])))
        if report.when == "call":
            figures = told.get(FIGURES)
            row.figures.update(figures if isinstance(figures, dict) else {})
            row.figures.update(runs=1, seconds=report.duration)

    def text(self) -> str:
        """For people; what was broken stands below with the command that replays it."""
        width = max([len(kind) for kind in self._rows] + [5])
        lines = [
            "",
            "  ".join(["kind".ljust(width), *(f"{name.replace('_', ' '):>12}" for name in _COLUMNS)]),
        ]
        for name, row in [*self._rows.items(), ("total", self._total())]:
            figures = "  ".join(f"{round(row.figures[column]):>12}" for column in _COLUMNS)
            lines.append(
                f"{name.ljust(width)}  {figures}{'  NOT RUN: ' + row.skipped if row.skipped else ''}"
            )
        for kind, row in self._rows.items():
            lines += [
                f"BROKEN: python -m tests.faults.connections --kind {kind} --seed {seed} --runs 1"
                for seed in row.broken
            ]
        return "\n".join([*lines, ""])

    def _total(self) -> _Row:
        total = _Row()
        for row in self._rows.values():
            total.figures.update(row.figures)
        return total
