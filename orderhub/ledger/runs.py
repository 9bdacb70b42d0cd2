"""Runs: one row per run of a flow, however it was started."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, text

_START = text(
    """
    INSERT INTO ledger.run (flow, trigger, external) VALUES (:flow, :trigger, :external)
    ON CONFLICT (flow, external) WHERE external IS NOT NULL DO UPDATE SET flow = excluded.flow
    RETURNING id
    """
)
_FINISH = text(
    "UPDATE ledger.run SET finished_at = clock_timestamp(), result = CAST(:result AS jsonb) WHERE id = :id"
)

_EXTERNAL = text(
    "SELECT id, external FROM ledger.run WHERE id = ANY(CAST(:ids AS bigint[])) AND external IS NOT NULL"
)


def start(connection: Connection, flow: str, *, trigger: str = "", external: str | None = None) -> int:
    """Record that a run starts and return its ledger id. The same ``external`` id (the scheduler's run id) on the same
    flow always gives the same run, so every task of one scheduled run may call this."""
    row = connection.execute(_START, {"flow": flow, "trigger": trigger, "external": external})
    return int(row.scalar_one())


def finish(connection: Connection, run: int, *, result: Mapping[str, Any] | None = None) -> None:
    """Record that a run ended and what it did (JSON)."""
    payload = None if result is None else msgspec.json.encode(result).decode()
    connection.execute(_FINISH, {"id": run, "result": payload})


def external_ids(connection: Connection, runs: Collection[int]) -> dict[int, str]:
    """What the scheduler calls these runs; runs that no scheduler started are left out."""
    if not runs:
        return {}
    return {row.id: row.external for row in connection.execute(_EXTERNAL, {"ids": list(runs)})}
