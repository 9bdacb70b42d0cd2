"""What a trial of killed workers does, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

#: So many sessions are ended at one moment, when there are so many.
SESSIONS_AT_ONCE = 2


@dataclass(frozen=True)
class Plan:
    """What a trial does. The same plan and seed kill at the same moments after the start of a worker."""

    documents: int = 1000
    kills: int = 50
    seed: int = 1
    workers: int = 2
    lease_seconds: float = 3.0
    batch_size: int = 40
    #: Longest life of a worker that is to be killed (seconds); the moments are spread evenly up to it.
    longest_life: float = 2.5
    #: How long the work may stand still after the last kill (seconds).
    patience: float = 60.0
    targets: tuple[str, ...] = ("warehouse", "tryton")
    #: Sessions of the database ended from outside, in all.
    sessions: int = 0
    #: Valkey is killed so often; it is emptied with every kill of a worker anyway.
    valkey_kills: int = 0
    #: The archive's disk, and that of the tables which are filled by COPY, is full so often for a moment.
    full_archive: int = 0
    full_tables: int = 0
    #: The ERP is stopped and started again so often.
    erp_stops: int = 0

    @property
    def events(self) -> list[str]:
        """Everything that happens, in no order yet."""
        return (
            ["kill"] * self.kills
            + ["sessions"] * -(-self.sessions // SESSIONS_AT_ONCE)
            + ["valkey"] * self.valkey_kills
            + ["full archive"] * self.full_archive
            + ["full tables"] * self.full_tables
            + ["erp"] * self.erp_stops
        )

    @property
    def largest(self) -> int:
        """Most messages in a file: few enough that a file can come with each disturbance."""
        return max(1, min(25, self.documents // (3 * max(1, len(self.events)))))


@dataclass
class Result:
    """What was counted. ``faults`` is empty when every promise was kept."""

    plan: Plan
    sent: int = 0
    files: int = 0
    kills: int = 0
    #: What else happened, how often.
    happened: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    states: dict[str, int] = field(default_factory=dict)
    #: What the killed workers held a lease of; ``between`` is pulling, starting or pausing.
    interrupted: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    in_tryton: int = 0
    in_warehouse: int = 0
    conflicts_reported: int = 0
