"""What goes into the ledger's functions and comes out of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from orderhub.connector import LoadItem
from orderhub.documents import Document, from_canonical
from orderhub.findings import Finding, Place, Severity
from orderhub.ledger.states import DocumentState, Environment, InterchangeState, OutboxState


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One interchange as pulled, its bytes already in the archive. ``sha256``, ``archive_key`` are None when there are no
    usable bytes; then ``problem`` says why. ``handle`` is the connector's own, kept for a repeated ``settle``."""

    company: str
    flow: str
    connector: str
    stream: str
    name: str
    arrival: str
    environment: Environment = Environment.PRODUCTION
    agreement: str = ""
    connection: str = ""
    sha256: str | None = None
    size: int = 0
    archive_key: str | None = None
    media_type: str | None = None
    problem: str | None = None
    attributes: Mapping[str, str] = msgspec.field(default_factory=dict)
    handle: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Verdict(StrEnum):
    """``new``: recorded now. ``known``: this very arrival was recorded before (settle it again). ``duplicate``:
    recorded now, and the same bytes arrived on this flow before."""

    NEW = "new"
    KNOWN = "known"
    DUPLICATE = "duplicate"


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of ``record_arrival``. ``same_bytes_as`` is the first interchange with these bytes on this flow."""

    id: int
    verdict: Verdict
    state: InterchangeState
    settled: bool
    same_bytes_as: int | None = None


class Unsettled(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded arrival whose connector was not told yet (a crash came between)."""

    id: int
    name: str
    arrival: str
    state: InterchangeState
    handle: dict[str, Any]
    attributes: dict[str, str]
    archive_key: str | None = None


class ClaimedInterchange(msgspec.Struct, frozen=True, kw_only=True):
    """An interchange leased to one worker for translation. ``ordinals`` are the messages wanted (None: all of them);
    ``discarded`` are those that a person gave up, which stay so; ``generation`` is the one that the documents made now
    get; ``attempts`` counts claims, this one included."""

    id: int
    worker: str
    fence: int
    generation: int
    ordinals: frozenset[int] | None
    discarded: frozenset[int] = frozenset()
    company: str
    environment: Environment
    flow: str
    agreement: str
    connector: str
    connection: str
    stream: str
    name: str
    sha256: str | None
    size: int
    archive_key: str | None
    media_type: str | None
    problem: str | None
    attributes: dict[str, str]
    same_bytes_as: int | None
    attempts: int
    received_at: dt.datetime


class MappingStamp(msgspec.Struct, frozen=True):
    """Which mapping made a document."""

    name: str
    version: int
    content_hash: str


class TranslatedDocument(msgspec.Struct, kw_only=True):
    """One message after translation. Without ``document`` (an error hindered it) it goes to quarantine at once; give
    ``type`` and, when known, ``number`` then. ``ordinal`` counts messages in the interchange from 1. ``places`` maps
    canonical field paths (``lines[0].quantity``) to source places, for those that later findings may need; None when
    the stage looks them up on demand. ``agreement`` and ``company`` are those of the sender that the message's envelope
    names, where the arrival could not know it; None: as the interchange has them."""

    ordinal: int
    document: Document | None = None
    type: str = ""
    number: str = ""
    canonical: bytes | None = None
    content_hash: str | None = None
    mapping: MappingStamp | None = None
    message_reference: str | None = None
    findings: Sequence[Finding] = ()
    finding_count: int | None = None
    places: Mapping[str, Place] | None = None
    test: bool = False
    agreement: str | None = None
    company: str | None = None


class TranslationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the translation says about the interchange as a whole. ``messages`` counts messages seen; ``findings`` are
    those of the envelope; ``finding_count`` counts all of the file, documents' included."""

    state: InterchangeState
    format: str | None = None
    message: str | None = None
    release: str | None = None
    sender: str | None = None
    receiver: str | None = None
    control_reference: str | None = None
    messages: int = 0
    findings: Sequence[Finding] = ()
    finding_count: int = 0
    duplicate_of: int | None = None
    agreement: str | None = None


class BatchDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document to validate. ``places`` is what ``TranslatedDocument.places`` was."""

    id: int
    interchange_id: int
    ordinal: int
    generation: int
    company: str
    environment: Environment
    flow: str
    agreement: str
    type: str
    number: str
    revision: int
    canonical: bytes
    content_hash: str
    places: dict[str, Place]
    findings: list[Finding]

    def document(self) -> Document:
        return from_canonical(self.type, self.canonical)


class ClaimedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch leased to one worker. ``documents`` are those still to validate, by id."""

    id: int
    worker: str
    fence: int
    flow: str
    documents: list[BatchDocument]


class Target(msgspec.Struct, frozen=True):
    """Where an accepted document goes. ``name`` is the target's name in the flow; ``wait`` holds it for approval."""

    name: str
    wait: bool = False


class Suite(msgspec.Struct, frozen=True):
    """Which expectation suite judged."""

    name: str
    content_hash: str


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What ``accept`` made of the documents: ids, and for duplicates and conflicts the id of the first document."""

    accepted: list[int]
    duplicates: dict[int, int]
    conflicts: dict[int, int]


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One outbox row leased to one worker. When ``unclear``, an earlier attempt may have had its effect: ask the target's
    ``find`` before loading. ``attempts`` counts leases, this one included."""

    id: int
    worker: str
    fence: int
    document_id: int
    interchange_id: int
    flow: str
    target: str
    key: str
    identity: str
    type: str
    number: str
    company: str
    environment: Environment
    agreement: str
    canonical: bytes
    content_hash: str
    attempts: int
    unclear: bool

    def item(self, creates: frozenset[str] = frozenset(), updates: frozenset[str] = frozenset()) -> LoadItem:
        """The work as the connector contract wants it; ``creates`` and ``updates`` are what the agreement lets the target
        create and change."""
        return LoadItem(
            key=self.key,
            identity=self.identity,
            document=from_canonical(self.type, self.canonical),
            company=self.company,
            source=self.document_id,
            load=self.id,
            test=self.environment is Environment.TEST,
            content_hash=self.content_hash,
            creates=creates,
            updates=updates,
        )


class AcknowledgementOutcome(StrEnum):
    ACCEPTED = "accepted"
    PARTIALLY_ACCEPTED = "partially_accepted"
    REJECTED = "rejected"


class DueAcknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """An interchange whose validation is over and whose answer is not recorded yet, with the answer that follows.
    ``format`` and ``message`` of a duplicate are its original's."""

    interchange_id: int
    name: str
    state: InterchangeState
    sender: str | None
    receiver: str | None
    control_reference: str | None
    outcome: AcknowledgementOutcome
    accepted: int
    rejected: int
    findings: list[Finding]
    duplicate_of: int | None
    archive_key: str | None = None
    format: str | None = None
    message: str | None = None
    company: str = ""


class DocumentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a list of documents."""

    id: int
    interchange_id: int
    file: str
    company: str
    environment: Environment
    flow: str
    agreement: str
    type: str
    number: str
    revision: int
    ordinal: int
    generation: int
    state: DocumentState
    buyer: str | None
    supplier: str | None
    issued_on: dt.date | None
    finding_count: int
    first_finding: Finding | None
    references: dict[str, str]
    received_at: dt.datetime
    updated_at: dt.datetime


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list; ``total`` counts all that fit the filter, up to ``COUNT_LIMIT`` of queries."""

    rows: list[DocumentRow]
    total: int
    limit: int
    offset: int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One transition of a document or an interchange, for the timeline."""

    at: dt.datetime
    subject: str
    from_state: str | None
    to_state: str
    actor: str
    run: int | None
    reason: str | None


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One outbox row for people."""

    id: int
    target: str
    state: OutboxState
    key: str
    attempts: int
    outcome: str | None
    reference: str | None
    version: int | None
    code: str | None
    reason: str | None
    field: str | None
    next_attempt_at: dt.datetime | None
    updated_at: dt.datetime


class InterchangeRow(msgspec.Struct, frozen=True, kw_only=True):
    """An interchange for people."""

    id: int
    name: str
    company: str
    environment: Environment
    flow: str
    agreement: str
    connector: str
    stream: str
    arrival: str
    state: InterchangeState
    sha256: str | None
    size: int
    archive_key: str | None
    format: str | None
    message: str | None
    release: str | None
    sender: str | None
    receiver: str | None
    control_reference: str | None
    messages: int
    documents: int
    problem: str | None
    findings: list[Finding]
    finding_count: int
    duplicate_of: int | None
    received_at: dt.datetime
    settled_at: dt.datetime | None
    run: int | None

    @property
    def first_finding(self) -> Finding | None:
        """What it is kept back for: its first error, else its first finding."""
        errors = (finding for finding in self.findings if finding.severity is Severity.ERROR)
        return next(errors, self.findings[0] if self.findings else None)


class AcknowledgementRow(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    interchange_id: int
    document_id: int | None
    kind: str
    outcome: AcknowledgementOutcome
    findings: list[Finding]
    recorded_at: dt.datetime


class DocumentPath(msgspec.Struct, frozen=True, kw_only=True):
    """One document's whole path. ``versions`` are all documents under the same company, environment, agreement, type and
    number, newest first, this one included; ``holder`` is the document that holds the identity now."""

    row: DocumentRow
    interchange: InterchangeRow
    canonical: bytes | None
    content_hash: str | None
    mapping: MappingStamp | None
    suite: Suite | None
    message_reference: str | None
    places: dict[str, Place]
    findings: list[Finding]
    timeline: list[Step]
    effects: list[Effect]
    acknowledgements: list[AcknowledgementRow]
    versions: list[DocumentRow]
    duplicate_of: int | None
    conflict_with: int | None
    holder: int | None


class FlowStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one flow, by state; ``outbox`` by target and state."""

    flow: str
    paused: bool
    interchanges: dict[str, int]
    documents: dict[str, int]
    outbox: dict[str, dict[str, int]]
    last_received_at: dt.datetime | None
