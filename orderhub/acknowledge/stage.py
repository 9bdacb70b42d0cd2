"""The fifth stage."""

from __future__ import annotations

import logging
from collections import Counter

from orderhub.ledger import acknowledgements
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import AcknowledgementOutcome
from orderhub.stage import AcknowledgeResult, Flow, HubContext

log = logging.getLogger(__name__)


def acknowledge(ctx: HubContext, flow: Flow, run: int) -> AcknowledgeResult:
    """Record the technical outcome of every interchange of the flow that has one now and had none before.

    It follows from translation and validation, never from the load: the sender is told whether its message could be
    used. Recorded once; a later repair or replay leaves it as it is. Nothing is sent yet.
    """
    counts: Counter[AcknowledgementOutcome] = Counter()
    while True:
        with transaction(ctx.ledger) as connection:
            due = acknowledgements.due(connection, flow.name)
            for answer in due:
                if acknowledgements.record(
                    connection, answer.interchange_id, answer.outcome, findings=answer.findings, run=run
                ):
                    counts[answer.outcome] += 1
        for answer in due:
            log.info(
                "%s: %s (%d accepted, %d rejected)",
                answer.name,
                answer.outcome.value,
                answer.accepted,
                answer.rejected,
                extra={"flow": flow.name, "run": run, "interchange": answer.interchange_id},
            )
        if not due:
            break
    return AcknowledgeResult(
        accepted=counts[AcknowledgementOutcome.ACCEPTED],
        partial=counts[AcknowledgementOutcome.PARTIALLY_ACCEPTED],
        rejected=counts[AcknowledgementOutcome.REJECTED],
    )
