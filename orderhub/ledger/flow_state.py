"""Whether a flow is paused. A paused flow starts nothing new."""

from __future__ import annotations

from sqlalchemy import Connection, text

from orderhub.ledger import audit

_SET = text(
    """
    INSERT INTO ledger.flow_state (flow, paused, actor, reason) VALUES (:flow, :paused, :actor, :reason)
    ON CONFLICT (flow) DO UPDATE
    SET paused = excluded.paused, actor = excluded.actor, reason = excluded.reason, at = clock_timestamp()
    """
)


def _set(connection: Connection, flow: str, paused: bool, actor: str, reason: str) -> None:
    connection.execute(_SET, {"flow": flow, "paused": paused, "actor": actor, "reason": reason})
    action = "flow.pause" if paused else "flow.resume"
    audit.append(
        connection,
        actor=actor,
        action=action,
        subject=f"flow:{flow}",
        detail={"reason": reason} if reason else {},
    )


def pause(connection: Connection, flow: str, *, actor: str, reason: str = "") -> None:
    """Pause a flow; what is under way ends, nothing new starts."""
    _set(connection, flow, True, actor, reason)


def resume(connection: Connection, flow: str, *, actor: str, reason: str = "") -> None:
    """Let a paused flow go on."""
    _set(connection, flow, False, actor, reason)


def is_paused(connection: Connection, flow: str) -> bool:
    """Whether somebody paused the flow."""
    query = text("SELECT paused FROM ledger.flow_state WHERE flow = :flow")
    return bool(connection.execute(query, {"flow": flow}).scalar())


def paused_flows(connection: Connection) -> frozenset[str]:
    """The names of all paused flows."""
    return frozenset(connection.execute(text("SELECT flow FROM ledger.flow_state WHERE paused")).scalars())
