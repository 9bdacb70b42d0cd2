"""A file being read: interchanges, groups and messages, one message at a time, with envelope checks.

Each trailer repeats its header's reference and counts what it closes. An error of an interchange's envelope refuses the
whole interchange. Files and bytes are looked through once for their envelopes before the first message is handed on, so
that nothing of a refused interchange is ever usable; with an open stream that can only be known at its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from orderhub.findings import Finding, Findings, Place, Severity
from orderhub.formats.base import EnvelopeInfo, MessageTree, ReadSummary, Source
from orderhub.formats.edi.check import Collector
from orderhub.formats.edi.delimiters import Delimiters
from orderhub.formats.edi.envelope import OpenInterchange, Trailer, value_at
from orderhub.formats.edi.messages import MessageReader
from orderhub.formats.edi.policy import Policy
from orderhub.formats.edi.scanner import Cut, Scanner, ServiceTags
from orderhub.formats.edi.source import MessageSource

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
UTF8_MARK = b"\xef\xbb\xbf"


class EdiSession:
    """One file being read; iterate once, then look at ``summary``. A standard's own reads the headers."""

    #: In lower case and as people write it.
    format: ClassVar[str]
    standard: ClassVar[str]
    tags: ClassVar[ServiceTags]
    #: The separators until a header names others.
    usual: ClassVar[Delimiters]
    #: Service segments that carry nothing to check (TA1).
    aside: ClassVar[frozenset[str]] = frozenset()
    #: What groups hold, in words; whether the references of groups are numbers.
    things: ClassVar[str] = "messages"
    numeric_references: ClassVar[bool] = False
    #: Errors of a message that break the syntax itself, not only its directory; without the standard's name.
    syntax_errors: ClassVar[frozenset[str]]

    def __init__(self, source: Source, name: str, findings: Findings, policy: Policy) -> None:
        self._source = source
        self._policy = policy
        self._name = name
        self._skim = False
        self._refused: list[bool] = []
        self._open: OpenInterchange | None = None
        self._bom = False
        self._delimiters = self.usual
        self._reader = self._message_reader()
        self._broken = {policy.prefix + code for code in self.syntax_errors}
        self.summary = ReadSummary(
            format=self.format, file=name, findings=findings, message_types=[], releases=[]
        )

    # ------------------------------------------------------------------ what a standard says

    def _message_reader(self) -> MessageReader:
        raise NotImplementedError

    def _service(self, scanner: Scanner, tag: str) -> bool:
        """A service segment other than the header of a message; ``False`` when it makes no sense to read on."""
        raise NotImplementedError

    def _advice(self, scanner: Scanner) -> None:
        """What comes before an interchange and names its separators."""

    # ------------------------------------------------------------------ the file

    def __iter__(self) -> Iterator[MessageTree]:
        if isinstance(self._source, bytes | Path):
            first = type(self)(self._source, self._name, Findings(limit=1), self._policy)
            first._skim = True
            for _ in first._walk():
                pass
            self._refused = [info.refused for info in first.summary.interchanges]
        yield from self._walk()

    def _walk(self) -> Iterator[MessageTree]:
        summary = self.summary
        header = self.tags.header.encode("ascii")
        size = len(header)
        advice = self.tags.advice.encode("ascii")
        services = [tag.encode("ascii") for tag in (*self.tags.separated, *self.aside)]
        with Scanner(self._source, self.tags, self._delimiters) as scanner:
            if not self._begin(scanner):
                summary.refused = True
                summary.well_formed = False
                return
            while True:
                scanner.skip_blank()
                head = scanner.head(4)
                if not head:
                    break
                # nearly always it is the next message
                tag = header if head[:size] == header and not head[size : size + 1].isalnum() else _tag(head)
                if tag == header and self._open is not None:
                    tree = self._message(scanner, self._open)
                    if tree is not None:
                        yield tree
                elif advice and tag == advice:
                    self._advice(scanner)
                elif tag in services:
                    if not self._service(scanner, tag.decode("ascii")):
                        break
                else:
                    self._garbage(scanner)
            if self._open is not None:
                self._close_unfinished(self._open, scanner.here(), "the file ends")
        if not summary.interchanges and not summary.findings.errors:
            self._say(
                "EMPTY",
                "The file holds no interchange. Ask the sender to send it again.",
                Place(file=self._name, offset=0, line=1, column=1),
            )
        if summary.findings.errors:
            summary.well_formed = False
        nothing = not summary.interchanges or all(info.refused for info in summary.interchanges)
        if nothing or (summary.messages and summary.unusable == summary.messages):
            summary.refused = True

    def _begin(self, scanner: Scanner) -> bool:
        start = scanner.head(4)
        place = Place(file=self._name, offset=0, line=1, column=1)
        if start[:3] == UTF8_MARK:
            scanner.skip_bytes(3)
            self._bom = True
        elif start[:2] in _UTF16 or (len(start) == 4 and start[1] == 0 and start[3] == 0):
            self._say(
                "ENCODING",
                f"The file is in UTF-16, which {self.standard} does not know. Have it sent in the agreed character set.",
                place,
            )
            return False
        scanner.skip_blank()
        if not scanner.head(1):
            self._say("EMPTY", "The file is empty. Ask the sender to send it again.", place)
            return False
        return True

    # ------------------------------------------------------------------ findings

    def _say(
        self, code: str, message: str, place: Place, *, info: EnvelopeInfo | None = None, value: str = ""
    ) -> None:
        """:param code: without the standard's name."""
        code = self._policy.prefix + code
        severity = self._policy.severity(code)
        self.summary.findings.add(
            Finding(code=code, severity=severity, message=message, place=place, value=value or None)
        )
        if severity is Severity.ERROR and info is not None:
            info.refused = True

    def _source_of(self, cut: Cut) -> MessageSource:
        current = self._open
        return MessageSource(
            cut,
            file=self._name,
            interchange=current.info.control_reference if current else None,
            reference=None,
            delimiters=self._delimiters,
            encoding=current.codec if current else "iso8859-1",
            numbered=False,
        )

    # ------------------------------------------------------------------ service segments

    def _whole_segment(self, scanner: Scanner, tag: str) -> tuple[Cut, MessageSource] | None:
        """The next service segment; ``None`` when it does not end."""
        cut = scanner.segment(self._policy.segment_limit)
        source = self._source_of(cut)
        if cut.whole:
            return cut, source
        self._say(
            "UNTERMINATED",
            f"{tag} does not end with {self._delimiters.terminator!r}: the file is cut off, or "
            f"{self.tags.advice or self.tags.interchange_header} names other separators. "
            "Ask the sender to send it again.",
            source.place(0),
            info=self._open.info if self._open else None,
        )
        return None

    def _opened(self, current: OpenInterchange, source: MessageSource, cut: Cut) -> None:
        """A new interchange, of which the header was read."""
        info = current.info
        info.number = len(self.summary.interchanges) + 1
        info.offset = cut.offset
        if len(self._refused) >= info.number:
            info.refused = self._refused[info.number - 1]
        self.summary.interchanges.append(info)
        self._open = current
        source.interchange = info.control_reference

    def _strays(self, tag: str) -> bool:
        """Whether a service segment other than an interchange header stands where nothing is open for it."""
        current, tags = self._open, self.tags
        if current is None or tag in (tags.header, tags.trailer):
            return True
        return tag == tags.group_trailer and current.group is None

    def _stray(self, tag: str, source: MessageSource, scanner: Scanner) -> None:
        info = self._open.info if self._open else None
        tags = self.tags
        headers = {
            tags.interchange_trailer: tags.interchange_header,
            tags.group_trailer: tags.group_header,
            tags.trailer: tags.header,
        }
        if tag in headers:
            self._say(
                "TRAILER_STRAY",
                f"{tag} without its {headers[tag]}. Ask the sender for the whole interchange.",
                source.place(0),
                info=info,
            )
            return
        opening = tags.interchange_header
        self._say(
            f"{opening}_MISSING",
            f"{tag} stands outside an interchange: {opening} is missing. Everything up to the next {opening} was left "
            "out. Ask the sender for the whole interchange.",
            source.place(0),
        )
        scanner.discard(inside=False)

    def _envelope_findings(self, code: str, collector: Collector, info: EnvelopeInfo) -> None:
        """What the definition of a header is broken by. Lengths and codes there do not hinder reading."""
        code = self._policy.prefix + code
        for finding in collector.findings.kept:
            hinders = finding.code == f"{self._policy.prefix}ELEMENT_MISSING"
            severity = self._policy.severity(code) if hinders else Severity.WARNING
            self.summary.findings.add(
                Finding(
                    code=finding.code,
                    severity=severity,
                    message=finding.message,
                    place=finding.place,
                    rule=code,
                    value=finding.value,
                )
            )
            if severity is Severity.ERROR:
                info.refused = True

    def _check_trailer(
        self, trailer: Trailer, elements: list[list[str]], source: MessageSource, info: EnvelopeInfo
    ) -> None:
        for code, message, element, value in trailer.check(value_at(elements, 1), value_at(elements, 2)):
            self._say(code, message, source.place(0, element), info=info, value=value)

    def _close_group(
        self, current: OpenInterchange, elements: list[list[str]], source: MessageSource
    ) -> None:
        reference = (current.group.control_number if current.group else None) or ""
        self._check_trailer(
            Trailer(
                self.tags.group_trailer,
                self.tags.group_header,
                current.group_messages,
                reference,
                self.things,
                self.numeric_references,
            ),
            elements,
            source,
            current.info,
        )
        current.group = None

    def _group_unfinished(self, current: OpenInterchange, source: MessageSource, why: str) -> None:
        trailer = self.tags.group_trailer
        reference = (current.group.control_number if current.group else None) or ""
        self._say(
            f"{trailer}_MISSING",
            f"The group {reference!r} has no {trailer}: {why}. Ask the sender for the whole interchange.",
            source.place(0),
            info=current.info,
        )
        current.group = None

    def _close_unfinished(self, current: OpenInterchange, cut: Cut, why: str) -> None:
        info = current.info
        trailer = self.tags.interchange_trailer
        self._say(
            f"{trailer}_MISSING",
            f"The interchange {info.control_reference!r} that begins at byte {info.offset} has no {trailer}: {why} after "
            f"{current.messages} message(s). It is probably cut off; ask the sender to send it again.",
            Place(
                file=self._name,
                interchange=info.control_reference,
                segment=trailer,
                offset=cut.offset,
                line=cut.line,
                column=cut.offset - cut.line_start + 1,
            ),
            info=info,
        )
        self._open = None

    def _garbage(self, scanner: Scanner) -> None:
        """Something that is no service segment, between messages or interchanges."""
        info = self._open.info if self._open else None
        cut, size = scanner.discard(inside=info is not None)
        source = self._source_of(cut)
        where = "outside the interchanges" if info is None else "between messages"
        place = source.place(0)
        self._say(
            "GARBAGE",
            f"{size} byte(s) that are no {self.standard} envelope stand {where}. Remove them, or ask the sender what they "
            "are.",
            Place(
                file=self._name,
                interchange=info.control_reference if info else None,
                offset=place.offset,
                line=place.line,
                column=place.column,
                excerpt=place.excerpt,
            ),
            info=info,
        )

    # ------------------------------------------------------------------ messages

    def _message(self, scanner: Scanner, current: OpenInterchange) -> MessageTree | None:
        cut = scanner.message(self._policy.message_limit)
        current.messages += 1
        current.group_messages += 1
        self.summary.messages += 1
        if not cut.whole and len(cut.raw) > self._policy.message_limit:
            self._say(
                "TOO_LARGE",
                f"A message is larger than {self._policy.message_limit} bytes without a {self.tags.trailer}; the rest of "
                "the interchange was left out. Ask the sender for smaller messages.",
                Place(file=self._name, offset=cut.offset, line=cut.line, segment=self.tags.header),
                info=current.info,
            )
            scanner.discard(inside=True)
        if self._skim:
            return None
        tree = self._reader.read(
            cut,
            number=self.summary.messages,
            file=self._name,
            current=current,
            delimiters=self._delimiters,
        )
        summary = self.summary
        if tree.message_type not in summary.message_types:
            summary.message_types.append(tree.message_type)
        if tree.release is not None and tree.release not in summary.releases:
            summary.releases.append(tree.release)
        if current.info.refused or (tree.findings and not tree.usable):
            summary.unusable += 1
        if tree.findings and any(
            f.severity is Severity.ERROR and f.code in self._broken for f in tree.findings
        ):
            summary.well_formed = False
        return tree


def _tag(head: bytes) -> bytes:
    """The letters and digits that a segment begins with, three at most."""
    size = 0
    while size < min(len(head), 3) and head[size : size + 1].isalnum():
        size += 1
    return head[:size]
