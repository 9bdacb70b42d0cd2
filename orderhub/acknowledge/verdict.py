"""What is to be said about an interchange: its original read once more, beside what the ledger says of its messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any

import msgspec

from orderhub.acknowledge.asked import Asked, asked
from orderhub.agreed import ANSWER_MESSAGES, agreement_of, as_agreed, envelope_errors
from orderhub.findings import Finding, Severity
from orderhub.formats.base import EnvelopeInfo, GroupInfo, MessageTree, ReadSession
from orderhub.formats.detect import HEAD, detect
from orderhub.formats.edi.check import split_header
from orderhub.formats.edi.envelope import split_elements
from orderhub.formats.edi.source import MessageSource
from orderhub.ledger import acknowledgements
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import AcknowledgementOutcome, DueAcknowledgement
from orderhub.ledger.states import DocumentState, InterchangeState
from orderhub.mapping.sessions import open_session
from orderhub.partners.agreement import Agreement
from orderhub.stage import Flow, HubContext

#: A document in one of these was not taken over when the answer was made.
_HELD = frozenset({DocumentState.QUARANTINED, DocumentState.CONFLICT, DocumentState.DISCARDED})
#: Reasons of the hub to refuse an interchange before it was read to its end; it is not read for its answer either.
_UNREAD = frozenset({"LIMIT_BYTES", "LIMIT_DOCUMENTS", "TRANSLATE_POISON"})

_LONGEST_HEADER = 1024
#: Formats that have technical answers.
ANSWERED_FORMATS = ("edifact", "x12")

Messages = Mapping[int, tuple[DocumentState, list[Finding]]]


class MessageVerdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message. ``header`` is what its header says beside the reference (UNH S009 component by component).
    ``supported`` is false when no mapping took it; ``errors`` are what it was rejected for, as the source has them."""

    number: int
    reference: str | None
    message_type: str
    header: tuple[str, ...]
    release: str | None
    group: GroupInfo | None
    accepted: bool
    supported: bool
    errors: tuple[Finding, ...] = ()


class EnvelopeVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """One interchange of a file. ``refused``: nothing of it was taken; ``errors`` are those of the envelope itself, empty
    when the hub had a reason of its own."""

    info: EnvelopeInfo
    agreement: Agreement
    asked: Asked
    refused: bool
    errors: tuple[Finding, ...]
    messages: tuple[MessageVerdict, ...]

    @property
    def rejected(self) -> int:
        """Messages that were rejected."""
        return len(self.messages) if self.refused else sum(not m.accepted for m in self.messages)

    @property
    def outcome(self) -> AcknowledgementOutcome:
        """What the answer says in one word."""
        if self.refused:
            return AcknowledgementOutcome.REJECTED
        if self.asked.covers == "receipt" or self.rejected == 0:
            return AcknowledgementOutcome.ACCEPTED
        if self.rejected == len(self.messages):
            return AcknowledgementOutcome.REJECTED
        return AcknowledgementOutcome.PARTIALLY_ACCEPTED


def verdicts(ctx: HubContext, flow: Flow, due: DueAcknowledgement) -> list[EnvelopeVerdict]:
    """The envelopes of an interchange that are to be answered, each with its verdict; empty when none is.

    :raises ArchiveError: the original cannot be read.
    :raises SourceError: it is in no format that can be read.
    """
    if due.archive_key is None:
        return []
    with transaction(ctx.ledger) as connection:
        messages = acknowledgements.message_states(connection, due.duplicate_of or due.interchange_id)
    if refused_unread(due):
        return list(_unread(ctx, flow, due))
    session = open_session(ctx.mappings, ctx.archive.read(due.archive_key), name=due.name)
    return judged(session, lambda info: _told(ctx, flow, info), messages)


def refused_unread(due: DueAcknowledgement) -> bool:
    """Whether the hub refused an interchange for a reason of its own; not even its format is noted then."""
    return due.state is InterchangeState.REFUSED and any(f.code in _UNREAD for f in due.findings)


def _unread(ctx: HubContext, flow: Flow, due: DueAcknowledgement) -> Iterator[EnvelopeVerdict]:
    """Only the first envelope's header is looked at, in the first piece of the original."""
    head = next(ctx.archive.chunks(due.archive_key or ""), b"")
    detected = detect(head[:HEAD], due.name)
    if detected is None or detected.format not in ANSWERED_FORMATS:
        return
    session = open_session(ctx.mappings, BytesIO(head), name=due.name, detected=detected)
    for _ in session:
        break
    for info in session.summary.interchanges[:1]:
        agreement = agreement_of(ctx, flow, info)
        wanted = asked(flow, agreement, info) if agreement is not None else None
        if agreement is not None and wanted is not None:
            yield EnvelopeVerdict(
                info=info, agreement=agreement, asked=wanted, refused=True, errors=(), messages=()
            )


Told = Callable[[EnvelopeInfo], tuple[Agreement | None, Asked | None]]


def judged(session: ReadSession, told: Told, messages: Messages) -> list[EnvelopeVerdict]:
    """Read a session to its end and judge what is to be answered.

    :param told: whose an envelope is, and which answer was agreed for it.
    :param messages: what the ledger says of each message that a mapping took, by its number in the file.
    """
    known: dict[int, tuple[Agreement | None, Asked | None]] = {}
    by_envelope: dict[int, list[MessageVerdict]] = {}
    only_answers: dict[int, bool] = {}
    for tree in session:
        number = tree.interchange.number
        if number not in known:
            known[number] = told(tree.interchange)
        agreement, wanted = known[number]
        if agreement is None or wanted is None:
            continue
        is_answer = tree.message_type in ANSWER_MESSAGES
        only_answers[number] = is_answer and only_answers.get(number, True)
        if not is_answer:
            verdict = _message(tree, agreement, wanted, messages)
            by_envelope.setdefault(number, []).append(verdict)
    found = []
    for info in session.summary.interchanges:
        agreement, wanted = known.get(info.number) or told(info)
        if agreement is None or wanted is None or only_answers.get(info.number, False):
            continue
        errors = envelope_errors(info, session.summary.findings.kept, agreement)
        found.append(
            EnvelopeVerdict(
                info=info,
                agreement=agreement,
                asked=wanted,
                refused=bool(errors),
                errors=tuple(errors),
                messages=tuple(by_envelope.get(info.number, ())),
            )
        )
    return found


def _told(ctx: HubContext, flow: Flow, info: EnvelopeInfo) -> tuple[Agreement | None, Asked | None]:
    agreement = agreement_of(ctx, flow, info)
    return agreement, asked(flow, agreement, info) if agreement is not None else None


def _message(tree: MessageTree, agreement: Agreement, wanted: Asked, messages: Messages) -> MessageVerdict:
    errors = _errors(as_agreed(tree.findings, agreement))
    state, findings = messages.get(tree.number, (None, []))
    if not errors and wanted.covers == "acceptance" and state in _HELD:
        errors = _errors(findings)
        accepted = False
    else:
        accepted = not errors and state is not None
    return MessageVerdict(
        number=tree.number,
        reference=tree.reference,
        message_type=tree.message_type,
        header=_header(tree),
        release=tree.release,
        group=tree.group,
        accepted=accepted,
        supported=state is not None,
        errors=tuple(errors),
    )


def _errors(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def _header(tree: MessageTree) -> tuple[str, ...]:
    """UNH S009, as the sender wrote it."""
    if tree.interchange.format != "edifact":
        return ()
    if tree.checked:
        segments: Any = tree.root[1]
        return tuple(segments[0][2:7])
    source: MessageSource = tree.root[3]
    elements = split_elements(split_header(source, _LONGEST_HEADER), source.delimiters)
    return tuple(elements[2][:5]) if len(elements) > 2 else ()
