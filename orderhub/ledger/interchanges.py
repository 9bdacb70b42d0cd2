"""Interchanges: recorded when they arrive, claimed for translation, finished with what came out of them."""

from __future__ import annotations

from sqlalchemy import Connection

from orderhub.connector import Bookmark
from orderhub.ledger.records import (
    Arrival,
    ClaimedInterchange,
    Recorded,
    TranslationSummary,
    Unsettled,
)


def record_arrival(
    connection: Connection, arrival: Arrival, *, bookmark: Bookmark = None, run: str | None = None
) -> Recorded:
    """Record one arrival and, in the same transaction, the stream's bookmark (kept as it is when None)."""
    raise NotImplementedError


def unsettled(
    connection: Connection, flow: str, *, stream: str | None = None, limit: int = 1000
) -> list[Unsettled]:
    """Arrivals recorded but not settled with their connector, oldest first."""
    raise NotImplementedError


def mark_settled(connection: Connection, ids: list[int]) -> None:
    """The connector was told. Repeatable."""
    raise NotImplementedError


def claim_received(
    connection: Connection,
    flow: str,
    *,
    worker: str,
    limit: int = 1,
    lease_seconds: float = 300,
    run: str | None = None,
) -> list[ClaimedInterchange]:
    """Lease interchanges of the flow that wait for translation (new, or asked for again), oldest first; those whose
    lease ran out too. Commit at once; translate and finish in a later transaction."""
    raise NotImplementedError


def renew(connection: Connection, claim: ClaimedInterchange, *, lease_seconds: float = 300) -> None:
    """Hold a lease longer. Raises ``LeaseLost``."""
    raise NotImplementedError


def give_back(connection: Connection, claim: ClaimedInterchange) -> None:
    """End a lease without a result, so that the next run takes the interchange again (an archive out of reach)."""
    raise NotImplementedError


def settled_original(connection: Connection, claim: ClaimedInterchange) -> int | None:
    """The earlier interchange with the same bytes on this flow when every document of it went on (none quarantined,
    in conflict, discarded or open): this one may be finished as ``duplicate`` without translating it."""
    raise NotImplementedError


def finish_translation(
    connection: Connection, claim: ClaimedInterchange, summary: TranslationSummary, *, run: str | None = None
) -> None:
    """Record what the translation found and give the lease back, in one transaction with ``documents.insert_translated``
    of the same claim. Raises ``LeaseLost`` when another worker took over: roll back then."""
    raise NotImplementedError


def translate_again(
    connection: Connection, ids: list[int], *, actor: str, reason: str, run: str | None = None
) -> list[int]:
    """Translate whole interchanges again (a refused one after a fix, a replay): back to ``received``. Returns those that
    were not already waiting."""
    raise NotImplementedError
