"""Documents: inserted in bulk by the translation, accepted or quarantined by the validation, retried or discarded by people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection

from orderhub.findings import Finding
from orderhub.ledger.acceptance import accept
from orderhub.ledger.batches import claim_batch, finish_batch, make_batches, renew_batch
from orderhub.ledger.records import ClaimedInterchange, Suite, TranslatedDocument

__all__ = [
    "accept",
    "claim_batch",
    "discard",
    "finish_batch",
    "insert_translated",
    "make_batches",
    "quarantine",
    "renew_batch",
    "retry",
]


def insert_translated(
    connection: Connection,
    claim: ClaimedInterchange,
    documents: Iterable[TranslatedDocument],
    *,
    run: str | None = None,
) -> int:
    """Insert documents of a claimed interchange by COPY, streaming; may be called several times in the transaction that
    ends with ``interchanges.finish_translation``. Those without a document, or with an error among their findings, are
    quarantined. Returns how many rows went in. Raises ``LeaseLost``."""
    raise NotImplementedError


def quarantine(
    connection: Connection,
    findings: Mapping[int, Sequence[Finding]],
    *,
    suite: Suite | None = None,
    actor: str = "validate",
    run: str | None = None,
) -> list[int]:
    """Move translated documents to quarantine with their findings. Returns the ids moved; those already moved are
    left as they are."""
    raise NotImplementedError


def retry(connection: Connection, ids: Sequence[int], *, actor: str, reason: str = "") -> list[int]:
    """Translate quarantined, conflicting or rejected documents again from the original, in a new generation, at the
    flow's next run. Returns the ids moved. Raises ``LedgerError`` for a document in another state."""
    raise NotImplementedError


def discard(connection: Connection, ids: Sequence[int], *, actor: str, reason: str) -> list[int]:
    """Give up quarantined, conflicting or rejected documents, with a reason; an identity held by one of them becomes
    free. Raises ``LedgerError`` for a document in another state or without a reason."""
    raise NotImplementedError
