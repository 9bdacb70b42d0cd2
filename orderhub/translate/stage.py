"""The second stage."""

from __future__ import annotations

import logging
import time

from sqlalchemy import Connection

from orderhub.errors import HubError, LeaseLost, LedgerUnavailable
from orderhub.ledger import documents, leases, outbox, translations
from orderhub.ledger.engine import retrying, transaction
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
#: Interchanges that fail without a result are passed over; when that alone took so many seconds, what they need is away
#: (an archive that answers nothing), and the rest is left to the next run.
LONGEST_FAILING = 60
#: So many of them are named one by one; the log has all.
PROBLEMS_TOLD = 20


def translate(ctx: HubContext, flow: Flow, run: int) -> TranslateResult:
    """Translate every received interchange of the flow and put the documents into batches.

    One interchange is one transaction: documents, findings and outcome are there together or not at all, so a crash
    leaves nothing half done and the next run starts it again. What cannot be used is refused with findings and kept.
    What cannot be translated for now (an original out of reach, a mapping changed without a new version) is passed over
    and named in ``problems``.

    :raises LedgerUnavailable: the ledger is away.
    :raises ConfigError: the flow's mapping is missing or wrong; nothing is claimed.
    """
    # a mapping that is missing or wrong is told before anything is claimed
    named_mapping(ctx, flow)
    interchanges_done = made = refused = 0
    passed_over: dict[int, str] = {}
    failing = 0.0
    while failing < LONGEST_FAILING:
        with transaction(ctx.ledger) as connection:
            claims = leases.claim_received(
                connection,
                flow.name,
                worker=ctx.worker,
                limit=1,
                lease_seconds=ctx.lease_seconds,
                run=run,
                exclude=passed_over,
            )
        if not claims:
            break
        claim = claims[0]
        begun = time.monotonic()
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
            if isinstance(error, LedgerUnavailable):
                raise
            extra = {"flow": flow.name, "run": run, "interchange": claim.id}
            log.warning("%s is left to the next run: %s", claim.name, error, extra=extra)
            passed_over[claim.id] = f"{claim.name}: {error}"
            failing += time.monotonic() - begun
            continue
        interchanges_done += 1
        made += count
        refused += state is InterchangeState.REFUSED
    _targets_gone(ctx, flow, run)
    with transaction(ctx.ledger) as connection:
        batches = documents.make_batches(connection, flow.name, run=run, size=flow.batch_size)
    return TranslateResult(
        batches=batches,
        interchanges=interchanges_done,
        documents=made,
        refused=refused,
        problems=_told(passed_over),
    )


def _targets_gone(ctx: HubContext, flow: Flow, run: int) -> None:
    """Before it is said what is left to load: what the flow no longer has a target for is a person's affair."""

    def reject(connection: Connection) -> list[int]:
        return outbox.reject_gone(connection, flow.name, [target.name for target in flow.load], run=run)

    for document in retrying(ctx.ledger, reject):
        extra = {"flow": flow.name, "run": run, "document": document}
        log.warning("an effect is on a target that the flow no longer has", extra=extra)


def _told(passed_over: dict[int, str]) -> list[str]:
    told = list(passed_over.values())
    if len(told) > PROBLEMS_TOLD:
        told[PROBLEMS_TOLD:] = [f"{len(told) - PROBLEMS_TOLD} more interchanges were left to the next run."]
    return told


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
                original = translations.settled_original(connection, claim)
                if original is not None:
                    summary = TranslationSummary(state=InterchangeState.DUPLICATE, duplicate_of=original)
                    translations.finish_translation(connection, claim, summary, run=run)
                    log.info("%s repeats interchange %d", claim.name, original, extra=extra)
                    return summary.state, 0
        with transaction(ctx.ledger) as connection:
            summary, count = translate_interchange(ctx, flow, claim, connection, run)
            translations.finish_translation(connection, claim, summary, run=run)
    except Refusal as refusal:
        summary, count = refusal.summary(claim.name), 0
        with transaction(ctx.ledger) as connection:
            translations.finish_translation(connection, claim, summary, run=run)
    log.info("%s: %s, %d documents", claim.name, summary.state.value, count, extra=extra)
    return summary.state, count


def _give_back(ctx: HubContext, claim: ClaimedInterchange) -> None:
    try:
        with transaction(ctx.ledger) as connection:
            leases.give_back(connection, claim)
    except HubError as error:
        # the lease runs out by itself
        log.warning("not given back: %s", error, extra={"flow": claim.flow, "interchange": claim.id})
