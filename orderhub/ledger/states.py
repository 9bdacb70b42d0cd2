"""The states and which may follow which. Nothing changes a state except ``orderhub.ledger.transitions``."""

from __future__ import annotations

from enum import StrEnum


class Environment(StrEnum):
    """Production or test; everything in ledger and warehouse carries it."""

    PRODUCTION = "production"
    TEST = "test"


class InterchangeState(StrEnum):
    """``received``: archived, not yet looked at. ``translated``: every message gave a document. ``partial``: some did.
    ``refused``: nothing in it can be used. ``read``: well-formed, no mapping fits. ``duplicate``: the same bytes as an
    earlier one whose documents all went on."""

    RECEIVED = "received"
    TRANSLATED = "translated"
    PARTIAL = "partial"
    REFUSED = "refused"
    READ = "read"
    DUPLICATE = "duplicate"


class DocumentState(StrEnum):
    """``retrying``: somebody asked to translate it again. ``superseded``: a later generation of the same message took
    its place. ``conflict`` is a quarantine of its own: other content under an identity that is taken."""

    TRANSLATED = "translated"
    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    LOADING = "loading"
    LOADED = "loaded"
    WAITING = "waiting"
    REJECTED = "rejected"
    RETRYING = "retrying"
    SUPERSEDED = "superseded"
    DISCARDED = "discarded"


class OutboxState(StrEnum):
    """State of one effect on one target. ``waiting``: for an approval. ``in_doubt``: sent, no answer; it is looked up
    before anything else. ``cancelled``: the document was superseded or discarded before it was sent."""

    PENDING = "pending"
    LEASED = "leased"
    DONE = "done"
    REJECTED = "rejected"
    IN_DOUBT = "in_doubt"
    WAITING = "waiting"
    CANCELLED = "cancelled"


_I = InterchangeState
_D = DocumentState

#: Outcomes of a translation; each may be translated again (``received``) when a person asks for it.
TRANSLATION_OUTCOMES = (_I.TRANSLATED, _I.PARTIAL, _I.REFUSED, _I.READ, _I.DUPLICATE)

INTERCHANGE_TRANSITIONS: dict[InterchangeState, frozenset[InterchangeState]] = {
    _I.RECEIVED: frozenset(TRANSLATION_OUTCOMES),
    _I.TRANSLATED: frozenset({_I.RECEIVED, _I.PARTIAL}),
    _I.PARTIAL: frozenset({_I.RECEIVED, _I.TRANSLATED}),
    _I.REFUSED: frozenset({_I.RECEIVED, _I.PARTIAL, _I.TRANSLATED}),
    _I.READ: frozenset({_I.RECEIVED}),
    _I.DUPLICATE: frozenset({_I.RECEIVED}),
}

DOCUMENT_TRANSITIONS: dict[DocumentState, frozenset[DocumentState]] = {
    _D.TRANSLATED: frozenset({_D.ACCEPTED, _D.QUARANTINED, _D.DUPLICATE, _D.CONFLICT, _D.SUPERSEDED}),
    _D.ACCEPTED: frozenset({_D.LOADING, _D.LOADED, _D.WAITING, _D.SUPERSEDED}),
    _D.LOADING: frozenset({_D.LOADED, _D.WAITING, _D.REJECTED}),
    _D.WAITING: frozenset({_D.LOADING, _D.LOADED, _D.REJECTED, _D.SUPERSEDED}),
    _D.LOADED: frozenset({_D.LOADING}),
    _D.REJECTED: frozenset({_D.LOADING, _D.RETRYING, _D.DISCARDED, _D.SUPERSEDED}),
    _D.QUARANTINED: frozenset({_D.RETRYING, _D.DISCARDED, _D.SUPERSEDED}),
    _D.CONFLICT: frozenset({_D.RETRYING, _D.DISCARDED, _D.SUPERSEDED}),
    _D.RETRYING: frozenset({_D.SUPERSEDED, _D.QUARANTINED}),
    _D.DUPLICATE: frozenset({_D.SUPERSEDED}),
    _D.SUPERSEDED: frozenset(),
    _D.DISCARDED: frozenset({_D.QUARANTINED, _D.CONFLICT}),
}

#: What an operator sees as the quarantine.
QUARANTINE_STATES = (_D.QUARANTINED, _D.CONFLICT, _D.REJECTED)
