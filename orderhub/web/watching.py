"""Answers what the overview, the flows and the runs ask: figures of the ledger, flow files, the scheduler. Blocking.

Figures of a moment are kept for a moment, so that many open pages cost the database what one does.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Engine

from orderhub.errors import ConfigError
from orderhub.flows.registry import FlowRegistry
from orderhub.ledger import queries, statistics
from orderhub.ledger.engine import transaction
from orderhub.ledger.statistics import RunRow
from orderhub.partners.registry import PartnerRegistry
from orderhub.stage import Flow
from orderhub.web import flow_views, overview
from orderhub.web.flow_views import FlowPage, FlowView, RunPage
from orderhub.web.overview import OverviewView
from orderhub.web.ports import Schedule, ScheduledRun, Scheduler
from orderhub.web.reading import NotThere

T = TypeVar("T")

#: Documents that the page of a run lists; the list of documents has them all.
RUN_DOCUMENTS = 50

#: How long figures are kept at least (seconds); figures that took long are kept ten times as long as that.
KEPT = 1.5
DEAR = 10


@dataclass(frozen=True, slots=True)
class FlowList:
    """All flows: usable ones, those whose file is broken, and those that ran once and have no file."""

    flows: list[FlowView]
    broken: list[FlowView]
    gone: list[FlowView]


class Watching:
    """Reads; never writes. Without flow files the flows are those that the ledger has seen."""

    def __init__(
        self,
        engine: Engine,
        *,
        flows: FlowRegistry | None = None,
        partners: PartnerRegistry | None = None,
        scheduler: Scheduler | None = None,
        kept: float = KEPT,
    ) -> None:
        self._engine = engine
        self._flows = flows
        self._partners = partners
        self._scheduler = scheduler
        self._moment = _Moment(kept)

    def overview(self, window: str) -> OverviewView:
        """The figures of the overview over one of its windows."""

        def look() -> OverviewView:
            with transaction(self._engine) as connection:
                return overview.build(connection, window, now=_now(), titles=self.titles())

        return self._moment.get(("overview", window), look)

    def flows(self) -> FlowList:
        """Every flow: those of the files, and those that only the ledger knows any more."""
        return self._moment.get("flows", self._flow_list)

    def _flow_list(self) -> FlowList:
        flows, problems = self._files()
        with transaction(self._engine) as connection:
            seen = statistics.flows_seen(connection)
        gone = [name for name in seen if name not in flows and name not in problems]
        names = sorted({*flows, *problems}) + gone
        schedules, scheduled = self._scheduled(names, size=flow_views.STRIP)
        with transaction(self._engine) as connection:
            views = flow_views.build(
                connection,
                names,
                flows=flows,
                problems=problems,
                schedules=schedules,
                scheduled=scheduled,
                titles=self.titles(),
                now=_now(),
            )
        return FlowList(
            flows=[view for view in views if view.name in flows],
            broken=[view for view in views if view.name in problems],
            gone=[view for view in views if view.name in gone],
        )

    def flow(self, name: str) -> FlowPage:
        """One flow. Raises :class:`NotThere`."""
        flows, problems = self._files()
        if name not in flows and name not in problems:
            with transaction(self._engine) as connection:
                if not statistics.recent_runs(connection, [name], size=1):
                    raise NotThere(f"There is no flow {name}.", todo="Look it up in the list of flows.")

        def look() -> FlowPage:
            schedules, scheduled = self._scheduled([name], size=flow_views.LISTED)
            with transaction(self._engine) as connection:
                (view,) = flow_views.build(
                    connection,
                    [name],
                    flows=flows,
                    problems=problems,
                    schedules=schedules,
                    scheduled=scheduled,
                    titles=self.titles(),
                    now=_now(),
                    size=flow_views.LISTED,
                )
                return flow_views.page_of(connection, view, now=_now())

        return self._moment.get(("flow", name), look)

    def run(self, run_id: int) -> RunPage:
        """One run by its ledger id. Raises :class:`NotThere`."""
        with transaction(self._engine) as connection:
            row = statistics.run(connection, run_id)
        if row is None:
            raise NotThere(f"There is no run {run_id}.", todo="Look it up on the page of its flow.")
        return self._run_page(row)

    def run_named(self, flow: str, name: str) -> RunPage:
        """One run by the scheduler's name of it; a run that the ledger has not heard of yet has a page as well."""
        with transaction(self._engine) as connection:
            row = statistics.run_named(connection, flow, name)
        return RunPage(flow=flow, name=name, run=None) if row is None else self._run_page(row)

    def _run_page(self, row: RunRow) -> RunPage:
        _, scheduled = self._scheduled([row.flow], size=flow_views.LISTED)
        own = [one for one in scheduled.get(row.flow, ()) if one.name == row.external]
        with transaction(self._engine) as connection:
            tallies = statistics.tallies(connection, [row.id])
            files = statistics.files_of_run(connection, row.id)
            touched = statistics.documents_of_run(connection, row.id, size=RUN_DOCUMENTS + 1)
            (run,) = flow_views.merge([row], own, tallies, now=_now(), size=1)
            return RunPage(
                flow=row.flow,
                name=row.external or "",
                run=run,
                files=queries.interchanges_by_id(connection, files),
                documents=queries.documents_by_id(connection, touched[:RUN_DOCUMENTS]),
                more=len(touched) > RUN_DOCUMENTS,
            )

    def _files(self) -> tuple[dict[str, Flow], dict[str, ConfigError]]:
        """Usable flows and broken files, by the name that the file gives the flow."""
        if self._flows is None:
            return {}, {}
        flows = {flow.name: flow for flow in self._flows.flows()}
        problems = {
            Path(problem.place.file or "").stem: problem
            for problem in self._flows.problems()
            if problem.place
        }
        return flows, problems

    def _scheduled(
        self, names: Sequence[str], *, size: int
    ) -> tuple[Mapping[str, Schedule], Mapping[str, Sequence[ScheduledRun]]]:
        if self._scheduler is None or not names:
            return {}, {}
        return self._scheduler.schedules(names), self._scheduler.runs(names, size=size)

    def titles(self) -> dict[str, str]:
        """How agreements call their partners."""
        if self._partners is None:
            return {}
        return {agreement.name: agreement.title for agreement in self._partners.agreements()}


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class _Moment:
    """Keeps answers for a moment; of several that ask for the same at once, one asks and the others wait for it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._guard = threading.Lock()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._kept: dict[Hashable, tuple[float, Any]] = {}

    def get(self, key: Hashable, look: Callable[[], T]) -> T:
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            kept = self._kept.get(key)
            began = time.monotonic()
            if kept is not None and began < kept[0]:
                return cast(T, kept[1])
            found = look()
            now = time.monotonic()
            self._kept[key] = (now + max(self._seconds, DEAR * (now - began)), found)
            return found
