"""A backfill's first stage: what was received before, instead of what is there now."""

from __future__ import annotations

import datetime as dt
import logging

from orderhub.ledger import translations
from orderhub.ledger.engine import transaction
from orderhub.stage import Flow, HubContext, PullResult

log = logging.getLogger(__name__)


def receive_again(
    ctx: HubContext, flow: Flow, run: int, *, start: dt.datetime, end: dt.datetime
) -> PullResult:
    """Hand everything that the flow received in an interval to the translation once more; nothing is pulled.

    The archived originals are translated by the mapping of today. What comes out as it was changes nothing; what comes
    out differently is a new version. Messages and files that a person discarded stay discarded, and what the
    sender was answered stays as it was. May be called again for the same interval.

    :param start: UTC-aware, with it.
    :param end: UTC-aware, without it.
    """
    with transaction(ctx.ledger) as connection:
        found = translations.received_within(connection, flow.name, start, end)
        again = translations.translate_again(
            connection,
            found,
            actor="backfill",
            reason=f"received from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC",
            run=run,
        )
    log.info(
        "%d interchanges received from %s to %s are translated again",
        len(again),
        start.isoformat(),
        end.isoformat(),
        extra={"flow": flow.name, "run": run},
    )
    return PullResult(interchanges=again)
