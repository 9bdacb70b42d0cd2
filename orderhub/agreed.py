"""What an agreement makes of an envelope and of what was found in it: whose it is, how bad it is, whether it is refused.

Stands below the stages because two of them need the same answer: translate, which acts on it, and acknowledge, which
tells the sender.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from orderhub.findings import Finding, Severity, graded
from orderhub.formats.base import EnvelopeInfo

if TYPE_CHECKING:
    from orderhub.partners.agreement import Agreement
    from orderhub.stage import Flow, HubContext

#: Messages that are technical answers themselves (CONTRL, functional and implementation acknowledgement): they are read,
#: never mapped and never answered.
ANSWER_MESSAGES = frozenset({"CONTRL", "997", "999"})


def agreement_of(ctx: HubContext, flow: Flow, info: EnvelopeInfo) -> Agreement | None:
    """The agreement with the sender of an envelope; None for an unknown sender, and for somebody else's interchange on a
    flow that belongs to one partner. What has no envelope belongs to the flow's partner."""
    if info.sender is None:
        return ctx.partners.get(flow.partner) if flow.partner else None
    found = ctx.partners.of_sender(info.format, info.sender, info.sender_qualifier)
    if flow.partner is not None and (found is None or found.name != flow.partner):
        return None
    return found


def as_agreed(findings: Sequence[Finding], agreement: Agreement) -> list[Finding]:
    """Findings with the severity that the agreement gives to their codes."""
    return graded(findings, agreement.severities)


def envelope_errors(info: EnvelopeInfo, findings: Iterable[Finding], agreement: Agreement) -> list[Finding]:
    """Which findings of the file as a whole refuse this envelope, by the agreement; empty when it is not refused.

    :param findings: those of the session's summary, complete.
    """
    if not info.refused:
        return []
    about = [finding for finding in findings if finding.place.interchange in (None, info.control_reference)]
    return [
        finding
        for finding, agreed in zip(about, as_agreed(about, agreement), strict=True)
        if finding.severity is Severity.ERROR and agreed.severity is Severity.ERROR
    ]
