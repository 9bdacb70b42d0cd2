"""What every stage gets: the flow as a typed structure, the context it works in, and what it gives back.

Stages know no YAML, no settings and no Airflow. The structures stand here, below the stages; ``orderhub.flows`` fills
them. This module imports no database, driver or data library.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from orderhub.findings import Place

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from orderhub.connector import Connector, Ports
    from orderhub.ledger.archive import Archive
    from orderhub.mapping.registry import MappingRegistry
    from orderhub.partners.registry import PartnerRegistry

#: When a flow that starts on arrival names no cron of its own, it sweeps once a day at this time.
DAILY_SWEEP = "20 3 * * *"


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """What starts a flow. ``cron`` is in ``timezone`` (an IANA name); ``arrival`` starts a run when something arrives."""

    cron: str | None = None
    arrival: bool = False
    timezone: str = "UTC"

    @property
    def schedule(self) -> str | None:
        """The cron expression that runs in any case: the flow's own, or the daily sweep of an arrival flow."""
        return self.cron or (DAILY_SWEEP if self.arrival else None)


class PullStep(msgspec.Struct, frozen=True, kw_only=True):
    """Where interchanges come from."""

    connector: str
    stream: str = "default"
    settings: dict[str, Any] = {}


class TranslateStep(msgspec.Struct, frozen=True, kw_only=True):
    """Which mapping translates. Without a name the mapping is the one whose source fits the message."""

    mapping: str | None = None
    version: int | None = None


class ValidateStep(msgspec.Struct, frozen=True, kw_only=True):
    """Which suite of business rules a batch must pass. ``on_failure`` None means: as the agreement says."""

    suite: str | None = None
    on_failure: Literal["quarantine", "interchange"] | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One place that documents are loaded into. ``name`` is unique within the flow and stands in the ledger.
    ``test_documents``: whether documents that are marked as test go there too; a system that cannot tell them from real
    ones must not get them."""

    name: str
    connector: str
    settings: dict[str, Any] = {}
    when: Literal["accepted", "approved"] = "accepted"
    test_documents: bool = False


class AcknowledgeStep(msgspec.Struct, frozen=True, kw_only=True):
    """Which answers the sender gets: the format's technical one, and the business one. None: no answer unless the
    partner's agreement asks for one; ``none``: no answer whatever it says. ``connector`` None: the one that pulls;
    ``{partner}`` in a text of ``settings`` is the agreement's name."""

    technical: str | None = None
    business: str | None = None
    connector: str | None = None
    settings: dict[str, Any] = {}


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """One flow as its file defines it. ``content_hash`` is the SHA-256 of the file."""

    name: str
    owner: str
    partner: str | None
    trigger: Trigger
    pull: PullStep
    translate: TranslateStep
    validate: ValidateStep
    load: tuple[Target, ...]
    acknowledge: AcknowledgeStep
    batch_size: int = 500
    paused: bool = False
    description: str = ""
    file: str = ""
    content_hash: str = ""
    places: dict[str, Place] = {}

    def target(self, name: str) -> Target:
        """The target of that name; ``KeyError`` with the known names when there is none."""
        for target in self.load:
            if target.name == name:
                return target
        raise KeyError(
            f"flow {self.name} has no target {name!r}; it has: {', '.join(t.name for t in self.load)}"
        )


class Cache(Protocol):
    """A store for what may vanish at any moment. A miss is always an allowed answer."""

    def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, value: bytes, seconds: int) -> None: ...


@dataclass(slots=True)
class HubContext:
    """Everything a stage may use. Built by ``orderhub.flows.context.open_context``, or by a test.

    ``worker`` names this process in leases and logs. ``clock`` gives the UTC-aware time. ``connectors`` builds a
    connector of that name with these settings; the context keeps and closes what it built. ``lease_seconds`` is how long
    work that a crashed process held stays out of reach of the others.
    """

    ledger: Engine
    warehouse: Engine
    archive: Archive
    mappings: MappingRegistry
    partners: PartnerRegistry
    suites: Path
    ports: Ports
    connectors: Callable[[str, Mapping[str, Any]], Connector[Any]]
    cache: Cache
    clock: Callable[[], dt.datetime]
    worker: str
    company: str = "default"
    lease_seconds: float = 120
    memory: dict[str, Any] = field(default_factory=dict)
    closers: list[Callable[[], None]] = field(default_factory=list)

    def close(self) -> None:
        """Give back connections; safe to call twice."""
        while self.closers:
            self.closers.pop()()


class PullResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a pull brought: ledger ids of new interchanges, and how many were refused or seen before."""

    interchanges: list[int] = []
    refused: int = 0
    duplicates: int = 0
    seen: int = 0


class TranslateResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a translation made: ``batches`` holds the ledger ids of every batch of this flow still to be validated or
    loaded, leftovers of earlier runs included. ``problems`` names the interchanges that were left to the next run, and
    why; they are no reason not to go on with the batches."""

    batches: list[int] = []
    interchanges: int = 0
    documents: int = 0
    refused: int = 0
    problems: list[str] = []


class ValidateResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch's documents."""

    batch: int
    accepted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    conflicts: int = 0


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a target did. ``waiting`` counts documents that another worker holds or that are to be tried later."""

    target: str
    written: int = 0
    unchanged: int = 0
    rejected: int = 0
    unclear: int = 0
    waiting: int = 0


class AcknowledgeResult(msgspec.Struct, frozen=True, kw_only=True):
    """How many technical outcomes were recorded; how many answers were made for them, how many were sent (resent ones
    and those of earlier runs too), and how many wait to be sent. ``problems`` says what hindered which."""

    accepted: int = 0
    partial: int = 0
    rejected: int = 0
    answers: int = 0
    sent: int = 0
    unsent: int = 0
    problems: list[str] = []


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of all five stages did; ``run`` is its ledger id."""

    flow: str
    run: int
    pull: PullResult
    translate: TranslateResult
    validate: list[ValidateResult] = []
    load: list[LoadResult] = []
    acknowledge: AcknowledgeResult = AcknowledgeResult()
    problems: list[str] = []
