"""EDIFACT messages: what UNH says, and which directory they are checked against."""

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
from orderhub.formats.edifact.check import EdifactChecker, check_characters
from orderhub.formats.edifact.grammar import directory, releases, service_directory
from orderhub.formats.edifact.syntax import repertoire

#: ISO 9735: UNB … UNZ around the interchange, UNG … UNE around groups, UNH … UNT around messages.
TAGS = ServiceTags("UNH", "UNT", "UNG", "UNE", "UNB", "UNZ", advice="UNA", distinct=True)
STYLE = Style(trailer="UNT", reference=1)


class EdifactMessageReader(MessageReader):
    """Reads what stands between UNH and UNT."""

    tags: ClassVar[ServiceTags] = TAGS
    style: ClassVar[Style] = STYLE

    def clean(self, source: MessageSource, current: OpenInterchange) -> bool:
        return not source.raw.translate(None, repertoire(current.syntax, source.delimiters))

    def check_characters(self, source: MessageSource, current: OpenInterchange, collector: Collector) -> None:
        check_characters(source, current.syntax, collector)

    def checker(self, delimiters: Delimiters, collector: Collector, guide: bool) -> SegmentChecker:
        return EdifactChecker(delimiters, collector, guide)

    def key(self, header: list[str], current: OpenInterchange, delimiters: Delimiters) -> Hashable:
        return (_identifier(header), delimiters, current.version)

    def make_plan(self, header: list[str], current: OpenInterchange, delimiters: Delimiters) -> Plan:
        parts = [*_identifier(header).split(delimiters.component), "", "", "", "", ""]
        release = f"{parts[1]}.{parts[2]}" if parts[1] or parts[2] else None
        tables = directory(release, current.version) if release and parts[3] == "UN" else None
        if parts[0] == "CONTRL" and parts[3] == "UN":
            # a service message: its release is that of the syntax, not of a directory
            tables = service_directory(current.version)
        message = tables.message(parts[0]) if tables else None
        fast = FastReader(message, delimiters, STYLE) if message else None
        return Plan(parts[0], release, bool(parts[4]), message, fast)

    def explain_unknown(
        self,
        plan: Plan,
        header: list[str],
        reference: str,
        current: OpenInterchange,
        collector: Collector,
    ) -> None:
        identifier = _identifier(header)
        if not plan.message_type or plan.release is None or not reference:
            collector.add(
                "UNH",
                f"UNH must have a reference and a message identifier (type, version, release); it has {reference!r} and "
                f"{identifier!r}. Have the sender fill them.",
                0,
                2 if reference else 1,
            )
            return
        collector.add(
            "GRAMMAR_UNKNOWN",
            f"There is no grammar for {identifier}; only the envelope was checked. There are tables for "
            f"{', '.join(releases())}.",
            0,
            2,
            value=identifier,
        )


def _identifier(header: list[str]) -> str:
    """UNH S009 as text."""
    return header[2] if len(header) > 2 else ""
