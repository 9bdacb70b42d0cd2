"""The third stage."""

from __future__ import annotations

from orderhub.stage import Flow, HubContext, ValidateResult


def validate(ctx: HubContext, flow: Flow, run: str, batch: int) -> ValidateResult:
    """Validate one batch."""
    raise NotImplementedError
