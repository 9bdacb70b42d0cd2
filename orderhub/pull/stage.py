"""The first stage."""

from __future__ import annotations

from orderhub.stage import Flow, HubContext, PullResult


def pull(ctx: HubContext, flow: Flow, run: str) -> PullResult:
    """Bring what arrived at the flow's source into the ledger."""
    raise NotImplementedError
