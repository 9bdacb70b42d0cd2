"""The fourth stage."""

from __future__ import annotations

from orderhub.stage import Flow, HubContext, LoadResult


def load(ctx: HubContext, flow: Flow, run: str, batch: int | None, target: str) -> LoadResult:
    """Load what the outbox holds for this target: of one batch, or (batch None) whatever is open for the flow.

    :raises ConnectorUnavailable: after recording, when the target could not be reached; a later call goes on.
    """
    raise NotImplementedError
