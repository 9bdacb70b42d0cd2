"""The second stage."""

from __future__ import annotations

from orderhub.stage import Flow, HubContext, TranslateResult


def translate(ctx: HubContext, flow: Flow, run: int) -> TranslateResult:
    """Translate every received interchange of the flow and form batches."""
    raise NotImplementedError
