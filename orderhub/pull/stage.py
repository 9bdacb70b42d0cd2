"""The first stage."""

from __future__ import annotations

import logging
from typing import Any

from orderhub.connector import Capability, Connector, Interchange, Settlement
from orderhub.errors import ArchiveError, ConfigError, HubError
from orderhub.ledger import arrivals, bookmarks
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import Arrival, Recorded, Verdict
from orderhub.ledger.states import Environment
from orderhub.stage import Flow, HubContext, PullResult

log = logging.getLogger(__name__)


def pull(ctx: HubContext, flow: Flow, run: int) -> PullResult:
    """Bring what arrived at the flow's source into archive and ledger.

    The order is: bytes archived and synced, one transaction with ledger row and bookmark, then the connector is told
    (``settle``). A crash after any of these is mended by the next pull: the same arrival is known, and settled again.
    A thing that cannot be used becomes a row with its problem, so that it is shown and not read over and over.

    :raises ConnectorUnavailable: the source is away; what came before is recorded.
    :raises ArchiveError: the archive cannot store; nothing of the interchange at hand is recorded, it stays at its source.
    """
    connector = ctx.connectors(flow.pull.connector, flow.pull.settings)
    if Capability.PULL not in connector.capabilities:
        raise ConfigError(
            f"The connector {flow.pull.connector} of flow {flow.name} cannot pull.",
            todo="Name a connector that can, see `orderhub connector list`.",
            place=flow.places.get("pull"),
        )
    agreement, company, environment = _trades_with(ctx, flow)
    new: list[int] = []
    refused = duplicates = 0
    # first, so that what a crash left half moved is not taken for something new
    seen = _settle_leftovers(ctx, flow, connector, usable=True)
    with transaction(ctx.ledger) as connection:
        since = bookmarks.get(connection, flow.name, flow.pull.stream)
    for thing in connector.pull(flow.pull.stream, since):
        recorded = _record(
            ctx, flow, run, thing, company=company, environment=environment, agreement=agreement
        )
        extra = {"flow": flow.name, "run": run, "interchange": recorded.id}
        log.info("pulled %s: %s", thing.name, thing.problem or recorded.verdict, extra=extra)
        if recorded.verdict is Verdict.KNOWN:
            seen += 1
        else:
            new.append(recorded.id)
            refused += thing.problem is not None
            duplicates += recorded.verdict is Verdict.DUPLICATE
        _settle(ctx, connector, thing, recorded.id)
    # what could not be used had another chance in between
    _settle_leftovers(ctx, flow, connector, usable=False)
    return PullResult(interchanges=new, refused=refused, duplicates=duplicates, seen=seen)


def _trades_with(ctx: HubContext, flow: Flow) -> tuple[str, str, Environment]:
    """Agreement, company and environment, as far as the flow alone knows them; an envelope may tell more later."""
    if flow.partner is None:
        return "", ctx.company, Environment.PRODUCTION
    agreement = ctx.partners.get(flow.partner)
    return agreement.name, agreement.company, Environment(agreement.environment)


def _record(
    ctx: HubContext,
    flow: Flow,
    run: int,
    thing: Interchange,
    *,
    company: str,
    environment: Environment,
    agreement: str,
) -> Recorded:
    stored = None
    if thing.data is not None:
        stored = ctx.archive.store(thing.data)
    elif thing.problem is None:
        raise ArchiveError(
            f"The connector {flow.pull.connector} gave {thing.name!r} without bytes and without saying why.",
            todo="This is a mistake in the connector: it must set problem when data is None.",
        )
    arrival = Arrival(
        company=company,
        environment=environment,
        agreement=agreement,
        flow=flow.name,
        connector=flow.pull.connector,
        connection=str(flow.pull.settings.get("connection", "")),
        stream=flow.pull.stream,
        name=thing.name,
        arrival=thing.arrival,
        sha256=stored.sha256 if stored else None,
        size=stored.size if stored else 0,
        archive_key=stored.key if stored else None,
        media_type=thing.media_type,
        problem=thing.problem,
        attributes=thing.attributes,
        handle=thing.handle,
    )
    with transaction(ctx.ledger) as connection:
        return arrivals.record_arrival(connection, arrival, bookmark=thing.bookmark, run=run)


def _settle(ctx: HubContext, connector: Connector[Any], thing: Interchange, interchange: int) -> bool:
    settlement = Settlement.REFUSED if thing.problem is not None else Settlement.ACCEPTED
    try:
        connector.settle(thing, settlement)
    except HubError as error:
        # the row is committed; the next pull settles again
        log.warning("not settled: %s", error, extra={"interchange": interchange})
        return False
    with transaction(ctx.ledger) as connection:
        arrivals.mark_settled(connection, [interchange])
    return True


def _settle_leftovers(ctx: HubContext, flow: Flow, connector: Connector[Any], *, usable: bool) -> int:
    """Tell the connector of arrivals that were recorded before a crash, those whose bytes are archived or the others; how
    many it settled."""
    with transaction(ctx.ledger) as connection:
        left = arrivals.unsettled(connection, flow.name, stream=flow.pull.stream)
    settled = 0
    for row in left:
        if (row.archive_key is not None) is not usable:
            continue
        thing = Interchange(
            name=row.name,
            arrival=row.arrival,
            data=None,
            problem=None if row.archive_key else "not usable",
            attributes=row.attributes,
            handle=row.handle,
        )
        settled += _settle(ctx, connector, thing, row.id)
    return settled
