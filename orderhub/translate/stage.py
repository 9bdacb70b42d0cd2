"""The second stage."""

from __future__ import annotations

import logging

from orderhub.errors import ArchiveError, HubError, LeaseLost
from orderhub.ledger import documents, interchanges
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import ClaimedInterchange, TranslationSummary
from orderhub.ledger.states import InterchangeState
from orderhub.source import named_mapping
from orderhub.stage import Flow, HubContext, TranslateResult
from orderhub.translate.interchange import Refusal, translate_interchange

log = logging.getLogger(__name__)

#: A worker that dies on an interchange leaves it claimed; after so many claims it is refused, so that it cannot hold up
#: the flow for ever.
MAX_ATTEMPTS = 20
#: One megabyte of source is given at least so many seconds before another worker may take it over.
SECONDS_PER_MEGABYTE = 20


def translate(ctx: HubContext, flow: Flow, run: int) -> TranslateResult:
    """Translate every received interchange of the flow and put the documents into batches.

    One interchange is one transaction: documents, findings and outcome are there together or not at all, so a crash
    leaves nothing half done and the next run starts it again. What cannot be used is refused with findings and kept.

    :raises ArchiveError: originals that could not be read for now; the others are done.
    :raises ConfigError: the flow's mapping is missing or wrong; nothing is claimed.
    """
    # a mapping that is missing or wrong is told before anything is claimed
    named_mapping(ctx, flow)
    interchanges_done = made = refused = 0
    unread: ArchiveError | None = None
    left_alone: set[int] = set()
    while True:
        with transaction(ctx.ledger) as connection:
            claims = interchanges.claim_received(
                connection, flow.name, worker=ctx.worker, limit=1, lease_seconds=ctx.lease_seconds, run=run
            )
        if not claims:
            break
        claim = claims[0]
        if claim.id in left_alone:
            _give_back(ctx, claim)
            break
        try:
            state, count = _one(ctx, flow, run, claim)
        except LeaseLost as error:
            # another worker has it now; nothing of this one's was written
            log.warning(
                "lost a lease: %s", error, extra={"flow": flow.name, "run": run, "interchange": claim.id}
            )
            continue
        except HubError as error:
            _give_back(ctx, claim)
            if not (isinstance(error, ArchiveError) and error.retryable):
                raise
            left_alone.add(claim.id)
            unread = error
            continue
        interchanges_done += 1
        made += count
        refused += state is InterchangeState.REFUSED
    with transaction(ctx.ledger) as connection:
        batches = documents.make_batches(connection, flow.name, run=run, size=flow.batch_size)
    if unread is not None:
        raise unread
    return TranslateResult(batches=batches, interchanges=interchanges_done, documents=made, refused=refused)


def _one(ctx: HubContext, flow: Flow, run: int, claim: ClaimedInterchange) -> tuple[InterchangeState, int]:
    extra = {"flow": flow.name, "run": run, "interchange": claim.id}
    try:
        if claim.attempts > MAX_ATTEMPTS:
            raise Refusal(
                "TRANSLATE_POISON",
                f"Its translation was begun {claim.attempts - 1} times and never ended. Look for it in the log.",
            )
        if claim.same_bytes_as is not None:
            with transaction(ctx.ledger) as connection:
                original = interchanges.settled_original(connection, claim)
                if original is not None:
                    summary = TranslationSummary(state=InterchangeState.DUPLICATE, duplicate_of=original)
                    interchanges.finish_translation(connection, claim, summary, run=run)
                    log.info("%s repeats interchange %d", claim.name, original, extra=extra)
                    return summary.state, 0
        with transaction(ctx.ledger) as connection:
            summary, count = translate_interchange(ctx, flow, claim, connection, run)
            interchanges.finish_translation(connection, claim, summary, run=run)
    except Refusal as refusal:
        summary, count = refusal.summary(claim.name), 0
        with transaction(ctx.ledger) as connection:
            interchanges.finish_translation(connection, claim, summary, run=run)
    log.info("%s: %s, %d documents", claim.name, summary.state.value, count, extra=extra)
    return summary.state, count


def _give_back(ctx: HubContext, claim: ClaimedInterchange) -> None:
    try:
        with transaction(ctx.ledger) as connection:
            interchanges.give_back(connection, claim)
    except HubError as error:
        # the lease runs out by itself
        log.warning("not given back: %s", error, extra={"flow": claim.flow, "interchange": claim.id})
