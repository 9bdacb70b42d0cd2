"""Whether a flow is paused. A paused flow starts nothing new."""

from __future__ import annotations

from sqlalchemy import Connection


def pause(connection: Connection, flow: str, *, actor: str, reason: str = "") -> None:
    raise NotImplementedError


def resume(connection: Connection, flow: str, *, actor: str, reason: str = "") -> None:
    raise NotImplementedError


def is_paused(connection: Connection, flow: str) -> bool:
    raise NotImplementedError


def paused_flows(connection: Connection) -> frozenset[str]:
    raise NotImplementedError
