"""The fifth stage."""

from __future__ import annotations

from orderhub.stage import AcknowledgeResult, Flow, HubContext


def acknowledge(ctx: HubContext, flow: Flow, run: str) -> AcknowledgeResult:
    """Record the technical outcome of every interchange of the flow that has one now and had none before."""
    raise NotImplementedError
