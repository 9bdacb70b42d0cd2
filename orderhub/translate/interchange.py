"""One interchange: from archived bytes to documents in the ledger."""

from __future__ import annotations

import logging

from sqlalchemy import Connection
from sqlalchemy.engine import NestedTransaction

from orderhub.agreed import ANSWER_MESSAGES, agreement_of, as_agreed, envelope_errors
from orderhub.documents import Document, PurchaseOrder, canonical_bytes, content_hash
from orderhub.errors import ArchiveError, HubError, SourceError
from orderhub.findings import Finding, Findings, Place, Severity
from orderhub.formats.base import EnvelopeInfo, MessageTree, ReadSession
from orderhub.formats.detect import HEAD, detect
from orderhub.ledger import documents
from orderhub.ledger.kept_mappings import keep_mapping
from orderhub.ledger.records import (
    ClaimedInterchange,
    MappingStamp,
    TranslatedDocument,
    TranslationSummary,
)
from orderhub.ledger.states import InterchangeState
from orderhub.mapping.run import CompiledMapping
from orderhub.mapping.sessions import NoMappingFits, declared_mapping, fitting_mapping, open_session
from orderhub.partners.agreement import DEFAULT_MAX_BYTES, Agreement
from orderhub.source import named_mapping
from orderhub.stage import Flow, HubContext

log = logging.getLogger(__name__)

#: Documents that are written at once.
CHUNK = 200


class Refusal(Exception):
    """Nothing of the interchange can be used, and why."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")

    def summary(self, name: str) -> TranslationSummary:
        """The refusal as the ledger keeps it."""
        finding = Finding(
            code=self.code, severity=Severity.ERROR, message=self.message, place=Place(file=name)
        )
        return TranslationSummary(state=InterchangeState.REFUSED, findings=[finding], finding_count=1)


def translate_interchange(
    ctx: HubContext, flow: Flow, claim: ClaimedInterchange, connection: Connection, run: int
) -> tuple[TranslationSummary, int]:
    """Insert the documents of a claimed interchange and say what it is; the caller finishes and commits.

    :returns: the summary, and how many documents went in.
    :raises Refusal: nothing can be used; roll back and record that.
    :raises ArchiveError: a retryable one when the archive is out of reach.
    """
    named = named_mapping(ctx, flow)
    data = _original(ctx, flow, claim)
    try:
        if named is None:
            named = declared_mapping(ctx.mappings, data, detect(data[:HEAD], claim.name))
        session = open_session(ctx.mappings, data, name=claim.name, mapping=named)
    except NoMappingFits as error:
        return _only_read("csv", error), 0
    except SourceError as error:
        raise Refusal(error.code, f"{error.what} {error.todo}") from error
    return _Translation(ctx, flow, claim, connection, run, named, session).run()


def _only_read(format_name: str, error: HubError) -> TranslationSummary:
    """Well-formed, but nothing here knows what to make of it."""
    return TranslationSummary(
        state=InterchangeState.READ,
        format=format_name,
        findings=[error.as_finding(Severity.WARNING)],
        finding_count=1,
    )


def _original(ctx: HubContext, flow: Flow, claim: ClaimedInterchange) -> bytes:
    if claim.problem is not None:
        raise Refusal("PULL_UNUSABLE", claim.problem)
    if claim.archive_key is None:
        raise Refusal("PULL_UNUSABLE", "There are no bytes of it. Ask the sender to send it again.")
    if claim.size == 0:
        raise Refusal("SOURCE_EMPTY", "The file is empty. Ask the sender to send it again.")
    limit = ctx.partners.get(flow.partner).limits.bytes if flow.partner else DEFAULT_MAX_BYTES
    if claim.size > limit:
        raise Refusal(
            "LIMIT_BYTES",
            f"The file has {claim.size} bytes, {limit} were agreed. Split it or raise the limit.",
        )
    try:
        return ctx.archive.read(claim.archive_key)
    except ArchiveError as error:
        if error.retryable:
            raise
        raise Refusal(error.code, f"{error.what} {error.todo}") from error


class _Envelope:
    """What is known of one envelope while its messages are read. Its documents are written behind a savepoint,
    because only its end tells whether the envelope itself is right."""

    def __init__(self, info: EnvelopeInfo, agreement: Agreement | None, savepoint: NestedTransaction) -> None:
        self.info = info
        self.agreement = agreement
        self.savepoint = savepoint
        self.good = 0
        self.bad = 0
        self.unmapped = 0


class _Translation:
    def __init__(
        self,
        ctx: HubContext,
        flow: Flow,
        claim: ClaimedInterchange,
        connection: Connection,
        run: int,
        named: CompiledMapping | None,
        session: ReadSession,
    ) -> None:
        self.ctx = ctx
        self.flow = flow
        self.claim = claim
        self.connection = connection
        self.run_id = run
        self.named = named
        self.session = session
        self.findings = Findings()
        self.document_findings = 0
        self.good = self.bad = self.unmapped = self.inserted = 0
        self.refused_envelopes = 0
        self.discarded = 0
        self.envelopes = 0
        self.agreement_name: str | None = None
        self.stamps: dict[str, MappingStamp] = {}
        self.mappings: dict[tuple[str, str, str | None], CompiledMapping | None] = {}
        self.pending: list[TranslatedDocument] = []

    def run(self) -> tuple[TranslationSummary, int]:
        current: _Envelope | None = None
        for tree in self.session:
            if current is None or current.info is not tree.interchange:
                self._close(current)
                current = self._open(tree.interchange)
            self._message(current, tree)
            if len(self.pending) >= CHUNK:
                self._flush()
        self._close(current)
        return self._summary(), self.inserted

    def _open(self, info: EnvelopeInfo) -> _Envelope:
        self.envelopes += 1
        agreement = agreement_of(self.ctx, self.flow, info)
        if agreement is not None:
            self.agreement_name = self.agreement_name or agreement.name
        else:
            self.findings.add(
                Finding(
                    code="UNKNOWN_SENDER",
                    severity=Severity.ERROR,
                    message=_unknown(info),
                    # the inbox reads from it which identifier an agreement needs
                    rule=f"identifiers/{info.format}/{info.sender_qualifier or ''}",
                    value=info.sender,
                    place=Place(
                        file=self.claim.name,
                        interchange=info.control_reference,
                        segment={"edifact": "UNB", "x12": "ISA"}.get(info.format),
                        element={"edifact": 2, "x12": 6}.get(info.format),
                        offset=info.offset,
                    ),
                )
            )
        return _Envelope(info, agreement, self.connection.begin_nested())

    def _close(self, envelope: _Envelope | None) -> None:
        if envelope is None:
            return
        self._flush()
        if envelope.agreement is None or self._refused(envelope):
            # the documents are taken back; the original and its findings stay
            envelope.savepoint.rollback()
            self.refused_envelopes += 1
            return
        envelope.savepoint.commit()
        self.good += envelope.good
        self.bad += envelope.bad
        self.unmapped += envelope.unmapped
        self.inserted += envelope.good + envelope.bad

    def _refused(self, envelope: _Envelope) -> bool:
        if envelope.agreement is None:
            return envelope.info.refused
        return bool(envelope_errors(envelope.info, self.session.summary.findings.kept, envelope.agreement))

    def _message(self, envelope: _Envelope, tree: MessageTree) -> None:
        if envelope.agreement is None:
            return
        wanted = self.claim.ordinals
        if wanted is not None and tree.number not in wanted:
            return
        if tree.number in self.claim.discarded and wanted is None:
            self.discarded += 1
            return
        if envelope.good + envelope.bad >= envelope.agreement.limits.documents:
            raise Refusal(
                "LIMIT_DOCUMENTS",
                f"The interchange has more than the agreed {envelope.agreement.limits.documents} documents. "
                "Split it or raise the limit.",
            )
        mapping = self._mapping(tree)
        if mapping is None:
            envelope.unmapped += 1
            self.findings.add(self._without_mapping(tree))
            return
        if mapping.agreement:
            mapping = mapping.given(envelope.agreement.defaults.given())
        document = self._document(envelope.agreement, tree, mapping)
        if document.document is None or any(f.severity is Severity.ERROR for f in document.findings):
            envelope.bad += 1
        else:
            envelope.good += 1
        self.document_findings += document.finding_count or 0
        self.pending.append(document)

    def _without_mapping(self, tree: MessageTree) -> Finding:
        place = Place(
            file=self.claim.name, interchange=tree.interchange.control_reference, message=tree.reference
        )
        kind = f"{tree.message_type} {tree.release or ''}".rstrip()
        if tree.message_type in ANSWER_MESSAGES:
            return Finding(
                code="ANSWER_RECEIVED",
                severity=Severity.INFO,
                message=f"{kind} is a technical answer of the partner's. It is kept and not answered.",
                place=place,
            )
        return Finding(
            code="NO_MAPPING",
            severity=Severity.WARNING,
            message=f"No mapping of the flow {self.flow.name} fits {kind}. It is kept; translate it again when there is "
            "one.",
            place=place,
        )

    def _mapping(self, tree: MessageTree) -> CompiledMapping | None:
        kind = (tree.interchange.format, tree.message_type, tree.release)
        if kind not in self.mappings:
            self.mappings[kind] = fitting_mapping(self.ctx.mappings, self.named, tree)
        return self.mappings[kind]

    def _document(
        self, agreement: Agreement, tree: MessageTree, mapping: CompiledMapping
    ) -> TranslatedDocument:
        findings = Findings()
        findings.extend(as_agreed(tree.findings, agreement))
        usable = findings.ok
        document = None
        try:
            translated = mapping.run(tree)
        except Exception as error:
            # one message that breaks the translation must not hold up the others; the log has the traceback
            log.exception(
                "message %s of %s breaks its translation",
                tree.reference,
                self.claim.name,
                extra={"flow": self.flow.name, "run": self.run_id, "interchange": self.claim.id},
            )
            if usable:
                findings.add(
                    Finding(
                        code="TRANSLATE_FAILED",
                        severity=Severity.ERROR,
                        message=f"The translation broke off ({type(error).__name__}: {error}). Report it with the file.",
                        place=Place(file=self.claim.name, message=tree.reference),
                    )
                )
        else:
            document = _with_defaults(translated.document, agreement)
            if usable:
                before = findings.count
                findings.extend(as_agreed(translated.findings, agreement))
                findings.count = max(findings.count, before + translated.finding_count)
        number = document.number if document is not None else _number(mapping, tree)
        test = (
            tree.interchange.test or agreement.environment == "test" or bool(getattr(document, "test", False))
        )
        canonical = canonical_bytes(document) if document is not None else None
        return TranslatedDocument(
            ordinal=tree.number,
            document=document,
            type=mapping.target,
            number=number,
            canonical=canonical,
            content_hash=content_hash(canonical) if canonical is not None else None,
            mapping=self._stamp(mapping),
            message_reference=tree.reference,
            findings=findings.kept,
            finding_count=findings.count,
            test=test,
            agreement=agreement.name,
            company=agreement.company,
        )

    def _stamp(self, mapping: CompiledMapping) -> MappingStamp:
        """The mapping as it is kept in the ledger from its first use on."""
        stamp = self.stamps.get(mapping.content_hash)
        if stamp is None:
            stamp = self.stamps[mapping.content_hash] = keep_mapping(self.connection, mapping)
        return stamp

    def _flush(self) -> None:
        if self.pending:
            documents.insert_translated(self.connection, self.claim, self.pending, run=self.run_id)
            self.pending = []

    def _summary(self) -> TranslationSummary:
        read = self.session.summary
        self.findings.extend(list(read.findings.kept))
        first = read.interchanges[0] if read.interchanges else None
        return TranslationSummary(
            state=self._state(),
            format=read.format,
            message=read.message_type,
            release=read.release,
            sender=first.sender if first else None,
            receiver=first.receiver if first else None,
            control_reference=first.control_reference if first else None,
            messages=read.messages,
            findings=self.findings.kept,
            finding_count=self.findings.count
            + read.findings.count
            - len(read.findings.kept)
            + self.document_findings,
            agreement=self.agreement_name,
        )

    def _state(self) -> InterchangeState:
        read = self.session.summary
        if self.good:
            whole = not (self.bad or self.unmapped or self.refused_envelopes)
            return InterchangeState.TRANSLATED if whole else InterchangeState.PARTIAL
        if self.unmapped and not (self.bad or self.refused_envelopes) and not read.refused:
            return InterchangeState.READ
        if self.discarded and not (self.bad or self.refused_envelopes) and not read.refused:
            return InterchangeState.TRANSLATED  # nothing is left of it that anybody wants
        return InterchangeState.REFUSED


def _unknown(info: EnvelopeInfo) -> str:
    if info.sender is None:
        return (
            f"{info.format.upper()} does not say who sent it, and the flow names no partner. "
            "Name the partner in the flow, or drop the file where its partner's flow watches."
        )
    return (
        f"No agreement has the sender {info.sender} (qualifier {info.sender_qualifier or 'none'}). "
        "Add the identifier to the partner's agreement and translate again."
    )


def _number(mapping: CompiledMapping, tree: MessageTree) -> str:
    """The number of an order that could not be built, so that people find it."""
    try:
        return (mapping.text(tree, "number") or "")[:64]
    except Exception:
        log.debug("no number for message %s", tree.reference, exc_info=True)
        return ""


def _with_defaults(document: Document | None, agreement: Agreement) -> Document | None:
    """The document with the agreement's supplier where it names none."""
    if isinstance(document, PurchaseOrder):
        supplier, default = document.supplier, agreement.defaults
        if not (supplier.gln or supplier.code or supplier.name):
            supplier.gln, supplier.code = default.supplier_gln, default.supplier_code
    return document
