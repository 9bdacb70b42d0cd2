"""Who is answered, how, as whom, and where the answer goes: what flow and agreement ask for."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from orderhub.formats.base import EnvelopeInfo
from orderhub.ledger.numbers import Way
from orderhub.ledger.states import Environment
from orderhub.partners.agreement import Agreement
from orderhub.stage import Flow, HubContext

#: Which standard an answer belongs to.
_STANDARD: dict[str, Literal["edifact", "x12"]] = {"contrl": "edifact", "997": "x12", "999": "x12"}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The answer that was agreed for one envelope. ``covers`` is what it speaks of: ``syntax``, ``acceptance`` (whether
    the document was taken over, too) or ``receipt`` only."""

    kind: Literal["contrl", "997", "999"]
    covers: Literal["syntax", "acceptance", "receipt"]
    way: Way


def anybody_asks(ctx: HubContext, flow: Flow) -> bool:
    """Whether any interchange of the flow may have to be answered; else none is looked at."""
    if flow.acknowledge.technical is not None:
        return flow.acknowledge.technical != "none"
    return any(agreement.technical_answer not in (None, "none") for agreement in ctx.partners.agreements())


def asked(flow: Flow, agreement: Agreement, info: EnvelopeInfo) -> Asked | None:
    """The answer for an envelope; None when none was agreed, when another standard's was, or when the envelope does not say
    who is to answer whom."""
    if flow.acknowledge.technical == "none":
        return None
    kind = agreement.technical_answer or flow.acknowledge.technical
    if kind is None or _STANDARD.get(kind) != info.format:
        return None
    answering = agreement.answering
    own_id = answering.own.id if answering.own else info.receiver
    own_qualifier = answering.own.qualifier if answering.own else info.receiver_qualifier
    if not (own_id and info.sender and info.control_reference):
        return None
    test = info.test or agreement.environment == "test"
    return Asked(
        kind=_kind(kind),
        covers=answering.covers or "syntax",
        way=Way(
            own_id=own_id,
            own_qualifier=own_qualifier or "",
            partner_id=info.sender,
            partner_qualifier=info.sender_qualifier or "",
            standard=_STANDARD[kind],
            environment=Environment.TEST if test else Environment.PRODUCTION,
        ),
    )


def _kind(kind: str) -> Literal["contrl", "997", "999"]:
    return "contrl" if kind == "contrl" else "999" if kind == "999" else "997"


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where answers go: a connector that can reply, and its settings."""

    connector: str
    settings: dict[str, Any]


def destination(flow: Flow, agreement: Agreement | None, name: str) -> Destination:
    """Where answers to the partner of this name go: as the agreement says, else as the flow says, else by the connector
    that pulls, into a folder (``path``) with the partner's name. ``{partner}`` in a text setting is that name, which is
    the hub's own."""
    answering = agreement.answering if agreement is not None else None
    if answering is not None and (answering.connector or answering.settings):
        connector = answering.connector or flow.acknowledge.connector or flow.pull.connector
        settings = answering.settings
    else:
        connector = flow.acknowledge.connector or flow.pull.connector
        settings = flow.acknowledge.settings
    filled = {
        key: value.replace("{partner}", name) if isinstance(value, str) else value
        for key, value in (settings or {"path": "{partner}"}).items()
    }
    return Destination(connector=connector, settings=filled)
