"""Sending stored answers: leased, handed to the connector that was agreed, recorded."""

from __future__ import annotations

import logging

from orderhub.acknowledge.asked import Destination, destination
from orderhub.connector import Capability, Connector, Outcome, OutcomeState
from orderhub.errors import ConfigError, ConnectorUnavailable, HubError, LeaseLost
from orderhub.ledger import sendings
from orderhub.ledger.engine import transaction
from orderhub.ledger.sendings import ReplyWork
from orderhub.partners.agreement import Agreement
from orderhub.stage import Flow, HubContext

log = logging.getLogger(__name__)

#: Sendings that are leased at once.
CHUNK = 20
#: So many problems are told one by one; the log has all.
PROBLEMS_TOLD = 10


class Sent:
    """What a run sent, and why the rest was not."""

    def __init__(self) -> None:
        self.count = 0
        self.problems: list[str] = []
        #: Destinations that were found to be away; nothing more is tried there in this run.
        self.away: dict[str, HubError] = {}


def send(ctx: HubContext, flow: Flow, run: int) -> Sent:
    """Send what is to be sent for the flow, also what failed in earlier runs; each once. What cannot be sent keeps its
    number and is tried again in the next run; the log says so as an error."""
    done = Sent()
    after = 0
    while True:
        with transaction(ctx.ledger) as connection:
            works = sendings.lease(
                connection,
                flow.name,
                worker=ctx.worker,
                after=after,
                limit=CHUNK,
                lease_seconds=ctx.lease_seconds,
            )
        if not works:
            return done
        after = works[-1].id
        for work in works:
            try:
                _one(ctx, flow, work, run, done)
            except LeaseLost as error:
                # another worker has it; a second writing of the same key is the same answer
                log.warning("lost a lease: %s", error, extra=_extra(work, run))


def _one(ctx: HubContext, flow: Flow, work: ReplyWork, run: int, done: Sent) -> None:
    where = ""
    try:
        agreement = _agreement(ctx, work)
        place = destination(flow, agreement, work.agreement)
        where = f"{place.connector}:{sorted(place.settings.items())}"
        if where in done.away:
            raise done.away[where]
        outcome = _connector(ctx, flow, place).reply(work.name, work.content, work.key)
    except LeaseLost:
        raise
    except ConnectorUnavailable as error:
        done.away.setdefault(where, error)
        _failed(ctx, work, error.code, str(error), run, done)
    except HubError as error:
        _failed(ctx, work, error.code, str(error), run, done)
    except Exception as error:
        log.exception("the connector broke on answer %s", work.name, extra=_extra(work, run))
        reason = f"The connector broke off: {type(error).__name__}: {error}. The log has the traceback."
        _failed(ctx, work, "CONNECTOR_BROKE", reason, run, done)
    else:
        _record(ctx, work, outcome, run, done)


def _agreement(ctx: HubContext, work: ReplyWork) -> Agreement | None:
    """The agreement as it is now; None when it was removed since: the flow says where the answer goes then."""
    known = {agreement.name: agreement for agreement in ctx.partners.agreements()}
    return known.get(work.agreement)


def _connector(ctx: HubContext, flow: Flow, place: Destination) -> Connector[object]:  # type: ignore[type-var]
    connector = ctx.connectors(place.connector, place.settings)
    if Capability.REPLY not in connector.capabilities:
        raise ConfigError(
            f"The connector {place.connector} cannot send answers.",
            todo="Name one that can in `acknowledge` or in the agreement's `answers`: `orderhub connector list`.",
            place=flow.places.get("acknowledge"),
        )
    return connector


def _record(ctx: HubContext, work: ReplyWork, outcome: Outcome, run: int, done: Sent) -> None:
    if outcome.state in (OutcomeState.WRITTEN, OutcomeState.UNCHANGED):
        with transaction(ctx.ledger) as connection:
            sendings.record_sent(connection, work, reference=outcome.reference)
        done.count += 1
        log.info("answer %s sent", work.name, extra=_extra(work, run))
        return
    code = outcome.code or ("REPLY_UNCLEAR" if outcome.state is OutcomeState.UNCLEAR else "REPLY_REJECTED")
    _failed(ctx, work, code, outcome.reason or "The connector gave no reason.", run, done)


def _failed(ctx: HubContext, work: ReplyWork, code: str, reason: str, run: int, done: Sent) -> None:
    # somebody waits for it: this is what alerts look for
    log.error("answer %s could not be sent: %s", work.name, reason, extra=_extra(work, run))
    if len(done.problems) < PROBLEMS_TOLD:
        done.problems.append(f"answer {work.name}: {reason}")
    with transaction(ctx.ledger) as connection:
        sendings.record_failed(connection, work, code=code, reason=reason)


def _extra(work: ReplyWork, run: int) -> dict[str, object]:
    return {"flow": work.flow, "run": run, "interchange": work.interchange_id, "answer": work.reply_id}
