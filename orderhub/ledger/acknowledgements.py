"""Acknowledgements: the answer to the sender follows from the validation, once, and is never rewritten."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from orderhub.findings import Finding
from orderhub.ledger.records import AcknowledgementOutcome, AcknowledgementRow, DueAcknowledgement

#: The kind of the technical answer to an interchange (CONTRL, 997, 999); the business answer is per document.
TECHNICAL = "technical"
BUSINESS = "business"


def due(
    connection: Connection, flow: str, *, kind: str = TECHNICAL, limit: int = 1000
) -> list[DueAcknowledgement]:
    """Interchanges whose documents all have a verdict and whose answer is not recorded, with the answer that follows."""
    raise NotImplementedError


def record(
    connection: Connection,
    interchange_id: int,
    outcome: AcknowledgementOutcome,
    *,
    kind: str = TECHNICAL,
    document_id: int | None = None,
    findings: Sequence[Finding] = (),
    run: str | None = None,
) -> bool:
    """Record an answer. False when there is one already; that one stays as it is."""
    raise NotImplementedError


def recorded(connection: Connection, interchange_id: int) -> list[AcknowledgementRow]:
    """The answers of an interchange."""
    raise NotImplementedError
