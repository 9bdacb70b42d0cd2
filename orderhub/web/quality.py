"""The page of the suites' rules, put together for its template. Blocking."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Engine

from orderhub.errors import ConfigError
from orderhub.ledger import validations
from orderhub.ledger.engine import transaction
from orderhub.ledger.inbox import CaseState, Reason
from orderhub.ledger.inbox_reasons import BY_VALUE
from orderhub.ledger.validations import RuleFigure, ValidationRow
from orderhub.validate.data_docs import PAGE
from orderhub.validate.suite import ExpectationSuiteFile
from orderhub.web import charts
from orderhub.web.charts import Bar
from orderhub.web.i18n import N_

log = logging.getLogger(__name__)

#: Days that the page can look back, with their words.
WINDOWS: dict[str, tuple[str, int]] = {
    "7d": (N_("7 days"), 7),
    "30d": (N_("30 days"), 30),
    "90d": (N_("90 days"), 90),
}
LATEST = 12


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule over the period. ``share`` is broken of looked at, None when nothing was looked at; ``bars`` count days;
    ``inbox`` is the address of what it keeps back, empty for a rule that only warns."""

    rule: str
    message: str
    severity: str
    frame: str
    field: str
    evaluated: int
    unexpected: int
    share: float | None
    last_broken_at: dt.datetime | None
    bars: tuple[Bar, ...]
    inbox: str


@dataclass(frozen=True, slots=True)
class SuiteView:
    """One suite. ``rules``: broken ones first, then those that held; ``unused``: no batch met it in the period."""

    name: str
    document: str
    rules: tuple[RuleView, ...]
    validations: int
    unexpected: int
    unused: bool


@dataclass(frozen=True, slots=True)
class QualityView:
    """The page. ``docs`` are the names of the data docs' files that are there."""

    window: str
    suites: tuple[SuiteView, ...]
    latest: tuple[ValidationRow, ...]
    docs: frozenset[str]


class Quality:
    """Reads figures, suite files and the data docs' folder.

    :param suites: the folder of suite files; without it rules have no words.
    :param docs: the folder of the data docs, which may not be there yet.
    """

    def __init__(self, engine: Engine, *, suites: Path | None = None, docs: Path | None = None) -> None:
        self._engine = engine
        self._suites = suites
        self._docs = docs

    def view(self, window: str) -> QualityView:
        days = WINDOWS[window][1]
        today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        since = today - dt.timedelta(days=days - 1)
        with transaction(self._engine) as connection:
            figures = validations.figures(connection, since)
            by_day = validations.by_day(connection, since)
            latest = validations.latest(connection, limit=LATEST)
        files = self._files()
        names = sorted({*files, *(figure.suite for figure in figures)})
        suites = [
            _suite(name, files.get(name), [f for f in figures if f.suite == name], by_day, since.date(), days)
            for name in names
        ]
        suites.sort(key=lambda suite: (suite.unused, -suite.unexpected, suite.name))
        return QualityView(window, tuple(suites), tuple(latest), self._pages())

    def page(self, name: str) -> Path | None:
        """The data docs' file of that name; None when there is none, or when no such file can be."""
        if self._docs is None or not PAGE.fullmatch(name):
            return None
        path = self._docs / name
        return path if path.is_file() else None

    def _pages(self) -> frozenset[str]:
        if self._docs is None or not self._docs.is_dir():
            return frozenset()
        return frozenset(path.name for path in self._docs.iterdir() if PAGE.fullmatch(path.name))

    def _files(self) -> dict[str, ExpectationSuiteFile]:
        found: dict[str, ExpectationSuiteFile] = {}
        for path in sorted(self._suites.glob("*.json")) if self._suites else ():
            try:
                found[path.stem] = ExpectationSuiteFile(path)
            except ConfigError as error:
                # flow check and the validation tell about it; the page shows what it can
                log.warning("suite %s is left out: %s", path.stem, error)
        return found


def _suite(
    name: str,
    file: ExpectationSuiteFile | None,
    figures: list[RuleFigure],
    by_day: dict[tuple[str, str], list[tuple[dt.date, int, int]]],
    first: dt.date,
    days: int,
) -> SuiteView:
    known = {figure.rule: figure for figure in figures}
    rules = []
    for rule in sorted({*known, *(file.rules if file else ())}):
        figure = known.get(rule)
        meta = file.rules.get(rule, {}) if file else {}
        counts = {day: (evaluated, broken) for day, evaluated, broken in by_day.get((name, rule), [])}
        evaluated = figure.evaluated if figure else 0
        unexpected = figure.unexpected if figure else 0
        rules.append(
            RuleView(
                rule=rule,
                message=str(meta.get("message", "")),
                severity=str(meta.get("severity", "error")),
                frame=str(meta.get("frame", "")),
                field=str(meta.get("field", "")),
                evaluated=evaluated,
                unexpected=unexpected,
                share=unexpected / evaluated if evaluated else None,
                last_broken_at=figure.last_broken_at if figure else None,
                bars=charts.spark(
                    # what was broken is what the bars are about
                    [(broken, broken) for _, broken in (_of(counts, first, index) for index in range(days))]
                ),
                inbox=_inbox(rule, meta),
            )
        )
    rules.sort(key=lambda rule: (-rule.unexpected, rule.rule))
    return SuiteView(
        name=name,
        document=file.document if file else "",
        rules=tuple(rules),
        validations=max((figure.validations for figure in figures), default=0),
        unexpected=sum(rule.unexpected for rule in rules),
        unused=not figures,
    )


def _inbox(rule: str, meta: Mapping[str, Any]) -> str:
    if meta.get("severity", "error") != "error":
        return ""
    if rule in BY_VALUE:
        return "/inbox?" + urlencode({"state": CaseState.QUARANTINED.value})
    field = str(meta.get("field", ""))
    place = f"lines[].{field}" if meta.get("frame") == "lines" else field
    return "/inbox?" + urlencode({"reason": str(Reason(CaseState.QUARANTINED.value, rule, place))})


def _of(counts: dict[dt.date, tuple[int, int]], first: dt.date, index: int) -> tuple[int, int]:
    return counts.get(first + dt.timedelta(days=index), (0, 0))
