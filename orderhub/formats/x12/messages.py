"""X12 transaction sets: what ST and the group say, and which release they are checked against."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from orderhub.formats.edi.check import Collector, SegmentChecker
from orderhub.formats.edi.delimiters import Delimiters
from orderhub.formats.edi.envelope import OpenInterchange
from orderhub.formats.edi.fast import FastReader, Style
from orderhub.formats.edi.messages import MessageReader, Plan
from orderhub.formats.edi.scanner import ServiceTags
from orderhub.formats.edi.source import MessageSource
from orderhub.formats.x12.check import X12Checker, check_characters, codec_of_bytes, repertoire
from orderhub.formats.x12.grammar import release_tables, releases
from orderhub.formats.x12.header import release_of

#: X12.5 and X12.6: ISA … IEA around the interchange, GS … GE around groups, ST … SE around transaction sets.
TAGS = ServiceTags("ST", "SE", "GS", "GE", "ISA", "IEA")
STYLE = Style(trailer="SE", reference=2, repeats=True)


class X12MessageReader(MessageReader):
    """Reads what stands between ST and SE."""

    tags: ClassVar[ServiceTags] = TAGS
    style: ClassVar[Style] = STYLE

    def encoding(self, raw: bytes, current: OpenInterchange) -> str:
        return codec_of_bytes(raw)

    def clean(self, source: MessageSource, current: OpenInterchange) -> bool:
        return source.encoding != "iso8859-1" and not source.raw.translate(
            None, repertoire(source.delimiters)
        )

    def check_characters(self, source: MessageSource, current: OpenInterchange, collector: Collector) -> None:
        check_characters(source, collector)
        if current.group is None:
            collector.add(
                "GS_MISSING",
                "The transaction set stands outside a group, so nobody says which release it follows. Have the sender put "
                "GS and GE around it.",
                0,
            )

    def checker(self, delimiters: Delimiters, collector: Collector, guide: bool) -> SegmentChecker:
        return X12Checker(delimiters, collector, guide)

    def key(self, header: list[str], current: OpenInterchange, delimiters: Delimiters) -> Hashable:
        version = current.group.version if current.group else None
        return (header[1] if len(header) > 1 else "", version, delimiters)

    def make_plan(self, header: list[str], current: OpenInterchange, delimiters: Delimiters) -> Plan:
        kind = header[1] if len(header) > 1 else ""
        version = (current.group.version if current.group else None) or ""
        release = release_of(version)
        tables = release_tables(release) if release else None
        message = tables.message(kind) if tables else None
        fast = FastReader(message, delimiters, STYLE) if message else None
        return Plan(kind, release, len(version) > 6, message, fast)

    def explain_unknown(
        self,
        plan: Plan,
        header: list[str],
        reference: str,
        current: OpenInterchange,
        collector: Collector,
    ) -> None:
        if not plan.message_type or not reference:
            collector.add(
                "ST",
                f"ST must name the transaction set and its control number; it has {plan.message_type!r} and "
                f"{reference!r}. Have the sender fill them.",
                0,
                2 if plan.message_type else 1,
            )
            return
        version = (current.group.version if current.group else None) or "no version"
        collector.add(
            "GRAMMAR_UNKNOWN",
            f"There is no grammar for {plan.message_type} in {version}; only the envelope was checked. There are tables for "
            f"{', '.join(releases())}.",
            0,
            1,
            value=f"{plan.message_type} {version}",
        )
