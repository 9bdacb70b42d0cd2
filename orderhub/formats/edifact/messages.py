"""One message: from its bytes to its tree, the fast way where nothing is wrong, else by the reference."""

from __future__ import annotations

from typing import NamedTuple

from orderhub.findings import Finding, Severity
from orderhub.formats.base import EnvelopeInfo, MessageTree
from orderhub.formats.edifact.check import (
    Collector,
    SegmentChecker,
    check_characters,
    check_message,
    split_exactly,
    split_header,
)
from orderhub.formats.edifact.envelope import Trailer, split_elements, value_at
from orderhub.formats.edifact.fast import FastReader
from orderhub.formats.edifact.grammar import Message, directory, releases, service_directory
from orderhub.formats.edifact.problems import Policy
from orderhub.formats.edifact.scanner import Cut
from orderhub.formats.edifact.source import MessageSource, count_unreleased
from orderhub.formats.edifact.syntax import Delimiters, repertoire
from orderhub.formats.edifact.tree import GroupNode

#: Message references remembered per interchange to find doubles; beyond that, doubles are no longer looked for.
REFERENCES = 1_000_000


class _Plan(NamedTuple):
    """How messages that name the same type, release and guide are read."""

    message_type: str
    release: str | None
    guide: bool
    message: Message | None
    fast: FastReader | None


class MessageReader:
    """Reads messages of any type; what it learns of a type serves the following messages."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._plans: dict[tuple[str, Delimiters, str], _Plan] = {}

    def read(
        self,
        cut: Cut,
        *,
        number: int,
        file: str,
        info: EnvelopeInfo,
        syntax: str,
        version: str,
        codec: str,
        delimiters: Delimiters,
        references: set[str],
    ) -> MessageTree:
        raw = cut.raw
        source = MessageSource(
            cut,
            file=file,
            interchange=info.control_reference,
            reference=None,
            delimiters=delimiters,
            encoding=codec,
        )
        if self._too_large(source):
            return self._refuse(source, number, info, version, references)
        if cut.whole and not raw.translate(None, repertoire(syntax, delimiters)):
            try:
                text = raw.decode(codec)
            except UnicodeDecodeError:
                text = ""
            plan = self._plan_of(text, delimiters, version)
            if plan is not None and plan.fast is not None:
                node = plan.fast.read(text, source)
                if node is not None:
                    reference = node[1][0][1]
                    if reference not in references:
                        if len(references) < REFERENCES:
                            references.add(reference)
                        source.reference = reference
                        return MessageTree(
                            message_type=plan.message_type,
                            release=plan.release,
                            reference=reference,
                            number=number,
                            root=node,
                            interchange=info,
                            findings=[],
                            checked=True,
                        )
        return self._explain(source, cut.whole, number, info, syntax, version, references)

    def _plan_of(self, text: str, delimiters: Delimiters, version: str) -> _Plan | None:
        end = text.find(delimiters.terminator)
        header = text[:end].split(delimiters.element)
        return self._plan(header[2], delimiters, version) if len(header) > 2 else None

    def _plan(self, identifier: str, delimiters: Delimiters, version: str) -> _Plan:
        key = (identifier, delimiters, version)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) > 200:
                self._plans.clear()
            plan = self._plans[key] = self._make_plan(identifier, delimiters, version)
        return plan

    @staticmethod
    def _make_plan(identifier: str, delimiters: Delimiters, version: str) -> _Plan:
        parts = [*identifier.split(delimiters.component), "", "", "", "", ""]
        release = f"{parts[1]}.{parts[2]}" if parts[1] or parts[2] else None
        tables = directory(release, version) if release and parts[3] == "UN" else None
        if parts[0] == "CONTRL" and parts[3] == "UN":
            # a service message: its release is that of the syntax, not of a directory
            tables = service_directory(version)
        message = tables.message(parts[0]) if tables else None
        fast = FastReader(message, delimiters) if message else None
        return _Plan(parts[0], release, bool(parts[4]), message, fast)

    # ------------------------------------------------------------------ what is too large to be looked at

    def _too_large(self, source: MessageSource) -> bool:
        raw, delimiters = source.raw, source.delimiters
        if len(raw) > self._policy.message_limit:
            return True
        most = self._policy.message_segments
        terminator, release = delimiters.terminator.encode("ascii"), delimiters.release.encode("ascii")
        return raw.count(terminator) > most and count_unreleased(raw, terminator, release) > most

    def _refuse(
        self, source: MessageSource, number: int, info: EnvelopeInfo, version: str, references: set[str]
    ) -> MessageTree:
        """Only the header is read; the other messages of the interchange do not suffer."""
        delimiters = source.delimiters
        text = split_header(source, self._policy.segment_limit)
        header = split_elements(text, delimiters)
        reference = value_at(header, 1)
        source.reference = reference or None
        identifier = text.split(delimiters.element, 3)[2] if len(header) > 2 else ""
        plan = self._plan(identifier, delimiters, version)
        if len(references) < REFERENCES:
            references.add(reference)
        policy = self._policy
        return MessageTree(
            message_type=plan.message_type,
            release=plan.release,
            reference=reference or None,
            number=number,
            root=({}, [tuple(value for element in header for value in element)], 0, source),
            interchange=info,
            findings=[
                Finding(
                    code="EDIFACT_TOO_LARGE",
                    severity=policy.severity("EDIFACT_TOO_LARGE"),
                    message=f"The message {reference[:35]!r} has more than {policy.message_segments} segments or "
                    f"{policy.message_limit} bytes; it was not read. Ask the sender for smaller messages.",
                    place=source.start(),
                )
            ],
            checked=False,
        )

    # ------------------------------------------------------------------ the reference

    def _explain(
        self,
        source: MessageSource,
        whole: bool,
        number: int,
        info: EnvelopeInfo,
        syntax: str,
        version: str,
        references: set[str],
    ) -> MessageTree:
        collector = Collector(source, self._policy)
        segments = split_exactly(source)
        delimiters = source.delimiters
        header = split_elements(segments[0], delimiters)
        reference = header[1][0] if len(header) > 1 else ""
        source.reference = reference or None
        identifier = segments[0].split(delimiters.element)[2] if len(header) > 2 else ""
        plan = self._plan(identifier, delimiters, version)
        check_characters(source, syntax, collector)
        node: GroupNode
        if plan.message is not None:
            node = check_message(plan.message, source, segments, collector, guide=plan.guide)
        else:
            self._unknown(plan, reference, identifier, collector)
            checker = SegmentChecker(delimiters, collector, guide=False)
            node = ({}, [checker.loose(text) for text in segments], 0, source)
        if reference and reference in references:
            collector.add(
                "EDIFACT_UNH_DUPLICATE",
                f"The message reference {reference!r} occurs twice in this interchange. Ask the sender which one counts.",
                0,
                1,
                value=reference,
            )
        if len(references) < REFERENCES:
            references.add(reference)
        if whole:
            trailer = split_elements(segments[-1], delimiters)
            check = Trailer("UNT", "UNH", len(segments), reference, "segments (UNH and UNT counted)")
            counted = trailer[1][0] if len(trailer) > 1 else ""
            repeated = trailer[2][0] if len(trailer) > 2 else ""
            for code, message, element, value in check.check(counted, repeated):
                collector.add(code, message, len(segments) - 1, element, value=value)
        else:
            collector.add(
                "EDIFACT_UNT_MISSING",
                f"The message {reference!r} does not end with UNT; after {len(segments)} segments something else begins "
                "or the file ends. Ask the sender to send it again.",
                len(segments) - 1,
            )
        return MessageTree(
            message_type=plan.message_type,
            release=plan.release,
            reference=reference or None,
            number=number,
            root=node,
            interchange=info,
            findings=_bounded(collector),
            checked=plan.message is not None,
        )

    @staticmethod
    def _unknown(plan: _Plan, reference: str, identifier: str, collector: Collector) -> None:
        if not plan.message_type or plan.release is None or not reference:
            collector.add(
                "EDIFACT_UNH",
                f"UNH must have a reference and a message identifier (type, version, release); it has {reference!r} and "
                f"{identifier!r}. Have the sender fill them.",
                0,
                2 if reference else 1,
            )
            return
        collector.add(
            "EDIFACT_GRAMMAR_UNKNOWN",
            f"There is no grammar for {identifier}; only the envelope was checked. There are tables for "
            f"{', '.join(releases())}.",
            0,
            2,
            value=identifier,
        )


def _bounded(collector: Collector) -> list[Finding]:
    """The findings kept and, when there were more, one that says how many."""
    found = collector.findings
    kept = list(found.kept)
    if found.count > len(kept):
        kept.append(
            Finding(
                code="FINDINGS_CUT",
                severity=Severity.ERROR if found.errors else Severity.INFO,
                message=f"{found.count - len(kept)} more findings of this message are not shown. Mend these first.",
                place=collector.source.place(),
            )
        )
    return kept
