"""Answers what the page of connectors asks: every connector, every use of it by a flow, what it said when it was asked."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from orderhub.connector_registry import ConnectorRegistry
from orderhub.errors import ConfigError
from orderhub.flows.health import CheckResult, ConnectorUse, uses_of
from orderhub.flows.registry import FlowRegistry
from orderhub.stage import Flow
from orderhub.web.ports import Checker
from orderhub.web.reading import NotThere


@dataclass(frozen=True, slots=True)
class UseView:
    """One use: ``kind`` is pull, load or answers, ``target`` the name of what is loaded into."""

    use: ConnectorUse
    kind: str
    target: str
    paused: bool
    result: CheckResult | None

    @property
    def id(self) -> str:
        """For the row."""
        return f"use-{self.use.flow}-{self.kind}-{self.target}".rstrip("-")


@dataclass(frozen=True, slots=True)
class SourceView:
    """Where a flow pulls from. ``every`` is how often the intake asks there (seconds), None where it need not; ``result``
    what was found out last, by whomever."""

    connection: str
    every: float | None
    result: CheckResult | None


@dataclass(slots=True)
class ConnectorView:
    """One connector. ``problem`` says why its manifest cannot be used, or that there is none."""

    name: str
    summary: str = ""
    can: list[str] = field(default_factory=list)
    problem: str = ""
    uses: list[UseView] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ConnectorList:
    """Used ones first; ``can_check`` whether there is somebody to ask them."""

    used: list[ConnectorView]
    unused: list[ConnectorView]
    can_check: bool


class CheckUnderWay(NotThere):
    """Somebody else asks at this moment."""

    code = "CHECK_UNDER_WAY"
    retryable = True


class Connectors:
    """Reads manifests and flows; ``checker`` asks the connectors and remembers what they said."""

    def __init__(
        self,
        *,
        registry: ConnectorRegistry | None = None,
        flows: FlowRegistry | None = None,
        checker: Checker | None = None,
    ) -> None:
        self._registry = registry or ConnectorRegistry()
        self._flows = flows
        self._checker = checker
        #: What was asked from these pages: the checker's memory may lose it.
        self._latest: dict[tuple[str, str], CheckResult] = {}
        self._asking = threading.Lock()

    def view(self) -> ConnectorList:
        """All connectors with their uses."""
        views: dict[str, ConnectorView] = {}
        for name in self._registry.names():
            views[name] = ConnectorView(name)
            try:
                manifest = self._registry.manifest(name)
            except ConfigError as error:
                views[name].problem = f"{error.what} {error.todo}"
            else:
                views[name].summary = manifest.summary
                views[name].can = [str(flag.name) for flag in manifest.capabilities]
        for flow in self._flows.flows() if self._flows else ():
            for use in uses_of(flow):
                view = views.get(use.connector)
                if view is None:
                    view = views[use.connector] = ConnectorView(
                        use.connector, problem=f"There is no connector {use.connector!r}."
                    )
                kind, _, target = use.use.partition(" ")
                view.uses.append(UseView(use, kind, target, flow.paused, self._last(use)))
        known = sorted(views.values(), key=lambda view: view.name)
        return ConnectorList(
            used=[view for view in known if view.uses],
            unused=[view for view in known if not view.uses],
            can_check=self._checker is not None,
        )

    def sources(self, flows: Sequence[Flow]) -> dict[str, SourceView]:
        """Where these flows pull from, by flow."""
        found: dict[str, SourceView] = {}
        for flow in flows:
            pull = next(use for use in uses_of(flow) if use.use == "pull")
            found[flow.name] = SourceView(pull.connection, self._asked_every(flow), self._last(pull))
        return found

    def _asked_every(self, flow: Flow) -> float | None:
        if not flow.trigger.arrival or flow.paused:
            return None
        try:
            poll = self._registry.settings(flow.pull.connector, flow.pull.settings).poll()
        except ConfigError:
            return None  # what is wrong is said where the connector is asked
        return None if poll is None else poll.seconds

    def check(self, flow: str = "", use: str = "") -> list[CheckResult]:
        """Ask now: one use, all of a flow, or all.

        :raises NotThere: there is no such use, nobody to ask it, or somebody asks already.
        :raises HubError: they could not be asked.
        """
        flows = self._flows.flows() if self._flows else []
        known = [one for each in flows for one in uses_of(each) if not flow or one.flow == flow]
        if use:
            known = [one for one in known if one.use == use]
        if not known or self._checker is None:
            raise NotThere("There is no such use of a connector.", todo="Look at the page of connectors.")
        if not self._asking.acquire(blocking=False):
            raise CheckUnderWay("The connectors are being asked at this moment.", todo="Wait for the answer.")
        try:
            results = self._checker.check([flow] if flow else [], use or None)
        finally:
            self._asking.release()
        now = dt.datetime.now(dt.UTC)
        fresh = [one if one.at else msgspec.structs.replace(one, at=now) for one in results]
        self._latest |= {(one.flow, one.use): one for one in fresh}
        return fresh

    def results(self) -> Sequence[tuple[ConnectorUse, CheckResult | None]]:
        """Every use with what it said last."""
        return [(one.use, one.result) for view in self.view().used for one in view.uses]

    def _last(self, use: ConnectorUse) -> CheckResult | None:
        mine = self._latest.get((use.flow, use.use))
        kept = self._checker.last(use) if self._checker is not None else None
        found = [one for one in (mine, kept) if one is not None and one.connector == use.connector]
        return max(found, key=lambda one: one.at or dt.datetime.min.replace(tzinfo=dt.UTC), default=None)
