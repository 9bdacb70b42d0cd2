"""One message: from its bytes to its tree, the fast way where nothing is wrong, else by the reference."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, NamedTuple

from orderhub.findings import Finding, Severity
from orderhub.formats.base import MessageTree
from orderhub.formats.edi.check import (
    Collector,
    SegmentChecker,
    check_message,
    split_exactly,
    split_header,
)
from orderhub.formats.edi.delimiters import Delimiters
from orderhub.formats.edi.envelope import OpenInterchange, Trailer, split_elements, value_at
from orderhub.formats.edi.fast import FastReader, Style
from orderhub.formats.edi.grammar import Message
from orderhub.formats.edi.policy import Policy
from orderhub.formats.edi.scanner import Cut, ServiceTags
from orderhub.formats.edi.source import MessageSource, count_unreleased
from orderhub.formats.edi.tree import GroupNode

#: Message references remembered per interchange to find doubles; beyond that, doubles are no longer looked for.
REFERENCES = 1_000_000
#: Kinds of messages remembered.
PLANS = 200


class Plan(NamedTuple):
    """How messages that say the same of their type, release and guide are read."""

    message_type: str
    release: str | None
    guide: bool
    message: Message | None
    fast: FastReader | None


class MessageReader:
    """Reads messages of any type; what it learns of a type serves the following messages. A standard's own says what its
    headers mean."""

    tags: ClassVar[ServiceTags]
    style: ClassVar[Style]

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._plans: dict[Hashable, Plan] = {}

    # ------------------------------------------------------------------ what a standard says

    def encoding(self, raw: bytes, current: OpenInterchange) -> str:
        """The codec of a message's bytes."""
        return current.codec

    def clean(self, source: MessageSource, current: OpenInterchange) -> bool:
        """Whether a message holds only bytes that need no word of ``check_characters``."""
        raise NotImplementedError

    def check_characters(self, source: MessageSource, current: OpenInterchange, collector: Collector) -> None:
        """Explain bytes that the codec does not have, and characters outside the repertoire."""
        raise NotImplementedError

    def checker(self, delimiters: Delimiters, collector: Collector, guide: bool) -> SegmentChecker:
        raise NotImplementedError

    def key(self, header: list[str], current: OpenInterchange, delimiters: Delimiters) -> Hashable:
        """What of a message's header (its elements as text) decides how it is read."""
        raise NotImplementedError

    def make_plan(self, header: list[str], current: OpenInterchange, delimiters: Delimiters) -> Plan:
        raise NotImplementedError

    def explain_unknown(
        self,
        plan: Plan,
        header: list[str],
        reference: str,
        current: OpenInterchange,
        collector: Collector,
    ) -> None:
        """Say why there is no grammar to check the message against."""
        raise NotImplementedError

    # ------------------------------------------------------------------ the same for all

    def read(
        self, cut: Cut, *, number: int, file: str, current: OpenInterchange, delimiters: Delimiters
    ) -> MessageTree:
        """:param number: the message's in the file, from 1."""
        raw = cut.raw
        source = MessageSource(
            cut,
            file=file,
            interchange=current.info.control_reference,
            reference=None,
            delimiters=delimiters,
            encoding=self.encoding(raw, current),
        )
        if self._too_large(source):
            return self._refuse(source, number, current)
        if cut.whole and self.clean(source, current):
            try:
                text = raw.decode(source.encoding)
            except UnicodeDecodeError:
                text = ""
            header = text[: text.find(delimiters.terminator)].split(delimiters.element, 8)
            plan = self._plans.get(self.key(header, current, delimiters)) or self._plan(
                header, current, delimiters
            )
            if plan.fast is not None:
                node = plan.fast.read(text, source)
                if node is not None:
                    reference = node[1][0][self.style.reference]
                    if reference not in current.references:
                        if len(current.references) < REFERENCES:
                            current.references.add(reference)
                        source.reference = reference
                        return MessageTree(
                            message_type=plan.message_type,
                            release=plan.release,
                            reference=reference,
                            number=number,
                            root=node,
                            interchange=current.info,
                            findings=[],
                            checked=True,
                            group=current.group,
                        )
        return self._explain(source, cut.whole, number, current)

    def _plan(self, header: list[str], current: OpenInterchange, delimiters: Delimiters) -> Plan:
        key = self.key(header, current, delimiters)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) > PLANS:
                self._plans.clear()
            plan = self._plans[key] = self.make_plan(header, current, delimiters)
        return plan

    # ------------------------------------------------------------------ what is too large to be looked at

    def _too_large(self, source: MessageSource) -> bool:
        raw, delimiters = source.raw, source.delimiters
        if len(raw) > self._policy.message_limit:
            return True
        most = self._policy.message_segments
        terminator, release = delimiters.terminator.encode("ascii"), delimiters.release.encode("ascii")
        return raw.count(terminator) > most and count_unreleased(raw, terminator, release) > most

    def _refuse(self, source: MessageSource, number: int, current: OpenInterchange) -> MessageTree:
        """Only the header is read; the other messages of the interchange do not suffer."""
        delimiters = source.delimiters
        text = split_header(source, self._policy.segment_limit)
        header = split_elements(text, delimiters)
        reference = value_at(header, self.style.reference)
        source.reference = reference or None
        plan = self._plan(text.split(delimiters.element, 8), current, delimiters)
        if len(current.references) < REFERENCES:
            current.references.add(reference)
        policy = self._policy
        code = f"{policy.prefix}TOO_LARGE"
        return MessageTree(
            message_type=plan.message_type,
            release=plan.release,
            reference=reference or None,
            number=number,
            root=({}, [tuple(value for element in header for value in element)], 0, source),
            interchange=current.info,
            findings=[
                Finding(
                    code=code,
                    severity=policy.severity(code),
                    message=f"The message {reference[:35]!r} has more than {policy.message_segments} segments or "
                    f"{policy.message_limit} bytes; it was not read. Ask the sender for smaller messages.",
                    place=source.start(),
                )
            ],
            checked=False,
            group=current.group,
        )

    # ------------------------------------------------------------------ the reference

    def _explain(
        self, source: MessageSource, whole: bool, number: int, current: OpenInterchange
    ) -> MessageTree:
        tags, at = self.tags, self.style.reference
        collector = Collector(source, self._policy)
        segments = split_exactly(source)
        delimiters = source.delimiters
        header = segments[0].split(delimiters.element, 8)
        reference = value_at(split_elements(segments[0], delimiters), at)
        source.reference = reference or None
        plan = self._plan(header, current, delimiters)
        self.check_characters(source, current, collector)
        checker = self.checker(delimiters, collector, plan.guide)
        node: GroupNode
        if plan.message is not None:
            node = check_message(plan.message, source, segments, collector, checker)
        else:
            self.explain_unknown(plan, header, reference, current, collector)
            node = ({}, [checker.loose(text) for text in segments], 0, source)
        if reference and reference in current.references:
            collector.add(
                f"{tags.header}_DUPLICATE",
                f"The message reference {reference!r} occurs twice in this interchange. Ask the sender which one counts.",
                0,
                at,
                value=reference,
            )
        if len(current.references) < REFERENCES:
            current.references.add(reference)
        if whole:
            trailer = split_elements(segments[-1], delimiters)
            things = f"segments ({tags.header} and {tags.trailer} counted)"
            check = Trailer(tags.trailer, tags.header, len(segments), reference, things)
            for code, message, element, value in check.check(value_at(trailer, 1), value_at(trailer, 2)):
                collector.add(code, message, len(segments) - 1, element, value=value)
        else:
            collector.add(
                f"{tags.trailer}_MISSING",
                f"The message {reference!r} does not end with {tags.trailer}; after {len(segments)} segments something "
                "else begins or the file ends. Ask the sender to send it again.",
                len(segments) - 1,
            )
        return MessageTree(
            message_type=plan.message_type,
            release=plan.release,
            reference=reference or None,
            number=number,
            root=node,
            interchange=current.info,
            findings=_bounded(collector),
            checked=plan.message is not None,
            group=current.group,
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
