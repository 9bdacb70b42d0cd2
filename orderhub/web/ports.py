"""What the pages need from whoever serves them: who is signed in, how to act on a document, what the scheduler knows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from starlette.requests import Request

from orderhub.flows.health import CheckResult, ConnectorUse
from orderhub.source import DocumentTrace


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who is signed in.

    ``id`` is what audit rows carry; ``can_read`` opens pages and API, ``can_act`` retry and discard. Acting is off
    unless the host says otherwise.
    """

    id: str
    name: str
    can_read: bool = True
    can_act: bool = False


#: Answers who sends a request, or ``None`` for nobody. Asked once per request, before anything else runs.
CurrentUser: TypeAlias = Callable[[Request], Awaitable[User | None]]


#: Tells of all values of a document which bytes of its original they came from. Raises ``HubError`` when that is not known
#: any more. Called in a worker thread, so it may block.
Tracer: TypeAlias = Callable[[int], DocumentTrace]


class Actions(Protocol):
    """What people may do to a document. Both write an audit row in the user's name.

    They raise :class:`orderhub.errors.LedgerError` when the document's state does not allow the step (somebody else was
    faster) and are called in a worker thread, so they may block.
    """

    def retry(self, document_id: int, *, user: User, reason: str) -> None:
        """Send a quarantined document through translation and validation again."""

    def discard(self, document_id: int, *, user: User, reason: str) -> None:
        """Close a quarantined document for good; ``reason`` is mandatory."""


class Checker(Protocol):
    """Asks connectors whether they can do their work. Both are called in a worker thread, so they may block."""

    def last(self, use: ConnectorUse) -> CheckResult | None:
        """What a use said when it was last asked, by whomever; None when that is not known."""

    def check(self, flows: Sequence[str], use: str | None) -> list[CheckResult]:
        """Ask now: all uses of these flows (of all when there are none), or one of them. Raises ``HubError`` when they cannot
        be asked at all."""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """How the pages behave.

    ``sign_in_url`` is where a person who is not signed in is sent (``{next}`` is replaced by the page's address);
    without it they get 401. ``run_url`` and ``flow_url`` are templates of the scheduler's own pages
    (``/dags/{dag}/runs/{run}``, where the DAG of a flow has the flow's name), empty when there is none.
    ``allowed_origins`` are further origins whose pages may send unsafe requests (a proxy that rewrites the host).
    ``original_limit`` is how many bytes of an original a page shows; the rest is behind the download.
    ``refresh_seconds`` is how often open pages look for news.
    """

    sign_in_url: str = ""
    run_url: str = ""
    flow_url: str = ""
    allowed_origins: frozenset[str] = field(default_factory=frozenset)
    original_limit: int = 512 * 1024
    refresh_seconds: float = 4
    title: str = "Orderhub"


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """A run as its scheduler knows it. ``name`` is what the ledger keeps as the run's external name; ``state`` is
    ``queued``, ``running``, ``success`` or ``failed``; ``trigger`` says what started it (``scheduled``, ``manual``)."""

    name: str
    state: str
    trigger: str
    started_at: dt.datetime | None
    ended_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a flow is swept next (None: by nobody), and whether the scheduler holds it."""

    next_at: dt.datetime | None
    paused: bool


class Scheduler(Protocol):
    """What the program knows that starts the flows. Both are called in a worker thread, so they may block."""

    def schedules(self, flows: Sequence[str]) -> dict[str, Schedule]:
        """By flow; one that the scheduler does not know is left out."""

    def runs(self, flows: Sequence[str], *, size: int) -> dict[str, list[ScheduledRun]]:
        """The newest runs of each flow, newest first."""
