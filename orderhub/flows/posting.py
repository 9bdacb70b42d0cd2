"""Flows that partners post to, and the keys that lead to them."""

from __future__ import annotations

from sqlalchemy import Connection

from orderhub.errors import ConfigError
from orderhub.flows.registry import FlowRegistry
from orderhub.ledger import intake_keys, posts
from orderhub.ledger.intake_keys import IntakeKey
from orderhub.stage import Flow

#: The longest time for which a key can be made (days).
LONGEST = 3650


def endpoint_of(flow: Flow) -> str:
    """The last part of the address that is posted to; empty for a flow that takes no posts."""
    return str(flow.pull.settings.get("endpoint", "")) if flow.pull.connector == posts.CONNECTOR else ""


def make_key(
    connection: Connection,
    flows: FlowRegistry,
    flow: str,
    *,
    name: str,
    actor: str,
    test: bool = False,
    days: int | None = None,
) -> tuple[IntakeKey, str]:
    """A new key for a flow, and the text that its owner sends, which is nowhere kept.

    :param name: whose key it is, for people; without one the flow's partner.
    :param days: 1 to ``LONGEST``; None: it does not end by itself.
    :raises ConfigError: there is no such flow, it takes no posts, or nobody can have a key for so long.
    """
    found = flows.get(flow)
    if not endpoint_of(found):
        raise ConfigError(
            f"The flow {flow} does not pull with http_intake, so nothing can be posted to it.",
            todo="Name a flow that does, or change its `pull`.",
        )
    if days is not None and not 1 <= days <= LONGEST:
        raise ConfigError(f"A key cannot be made for {days} days.", todo=f"Give 1 to {LONGEST}, or no end.")
    return intake_keys.create(
        connection, flow, name=name.strip() or found.partner or flow, actor=actor, test=test, days=days
    )
