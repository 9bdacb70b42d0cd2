"""The EDIFACT reader: interchanges, groups and messages of a file, one message at a time, with envelope checks.

ISO 9735: UNA, UNB … UNZ around the interchange, UNG … UNE around groups, UNH … UNT around messages; each trailer
repeats its header's reference and counts what it closes. An error of an interchange's envelope refuses the whole
interchange. Files and bytes are looked through once for their envelopes before the first message is handed on, so that
nothing of a refused interchange is ever usable; with an open stream that can only be known at its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from orderhub.findings import Finding, Findings, Place, Severity
from orderhub.formats.base import EnvelopeInfo, MessageTree, ReadSummary, Source
from orderhub.formats.edifact.check import Collector, SegmentChecker, split_exactly
from orderhub.formats.edifact.envelope import (
    OpenInterchange,
    Trailer,
    group_info,
    open_interchange,
    split_elements,
    value_at,
)
from orderhub.formats.edifact.grammar import service_directory
from orderhub.formats.edifact.messages import MessageReader
from orderhub.formats.edifact.problems import DEFAULT_POLICY, SYNTAX, Policy
from orderhub.formats.edifact.scanner import Cut, Scanner
from orderhub.formats.edifact.source import MessageSource
from orderhub.formats.edifact.syntax import STANDARD, Delimiters, codec_of

_HEADER_OF = {"UNZ": "UNB", "UNE": "UNG", "UNT": "UNH"}
_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class EdifactReader:
    """Reads EDIFACT files. ``policy`` says how strict."""

    format = "edifact"

    def __init__(self, policy: Policy = DEFAULT_POLICY) -> None:
        self.policy = policy

    def read(self, source: Source, *, name: str, findings: Findings | None = None) -> EdifactSession:
        return EdifactSession(source, name, findings if findings is not None else Findings(), self.policy)


class EdifactSession:
    """One file being read; iterate once, then look at ``summary``."""

    def __init__(self, source: Source, name: str, findings: Findings, policy: Policy) -> None:
        self._source = source
        self._policy = policy
        self._name = name
        self._skim = False
        self._refused: list[bool] = []
        self._open: OpenInterchange | None = None
        self._bom = False
        self._reader = MessageReader(policy)
        self.summary = ReadSummary(
            format="edifact", file=name, findings=findings, message_types=[], releases=[]
        )

    def __iter__(self) -> Iterator[MessageTree]:
        if isinstance(self._source, bytes | Path):
            first = EdifactSession(self._source, self._name, Findings(limit=1), self._policy)
            first._skim = True
            for _ in first._walk():
                pass
            self._refused = [info.refused for info in first.summary.interchanges]
        yield from self._walk()

    # ------------------------------------------------------------------ the file

    def _walk(self) -> Iterator[MessageTree]:
        summary = self.summary
        with Scanner(self._source) as scanner:
            if not self._begin(scanner):
                summary.refused = True
                summary.well_formed = False
                return
            while True:
                scanner.skip_blank()
                head = scanner.head(4)
                if not head:
                    break
                tag = head[:3]
                if tag == b"UNH" and self._open is not None:
                    tree = self._message(scanner, self._open)
                    if tree is not None:
                        yield tree
                elif tag == b"UNA":
                    self._una(scanner)
                elif tag in (b"UNB", b"UNG", b"UNE", b"UNZ", b"UNH", b"UNT"):
                    if not self._service(scanner, tag.decode("ascii")):
                        break
                else:
                    self._garbage(scanner)
            self._finish(scanner)
        if not summary.interchanges and not summary.findings.errors:
            self._say(
                "EDIFACT_EMPTY",
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
        if start[:3] == b"\xef\xbb\xbf":
            scanner.skip_bytes(3)
            self._bom = True
        elif start[:2] in _BOMS or (len(start) == 4 and start[1] == 0 and start[3] == 0):
            self._say(
                "EDIFACT_ENCODING",
                "The file is in UTF-16, which EDIFACT does not know. Have it sent in the character set that UNB names.",
                Place(file=self._name, offset=0, line=1, column=1),
            )
            return False
        scanner.skip_blank()
        if not scanner.head(1):
            self._say(
                "EDIFACT_EMPTY",
                "The file is empty. Ask the sender to send it again.",
                Place(file=self._name, offset=0, line=1, column=1),
            )
            return False
        return True

    def _finish(self, scanner: Scanner) -> None:
        if self._open is not None:
            self._close_unfinished(self._open, scanner.here(), "the file ends")

    # ------------------------------------------------------------------ findings

    def _say(
        self, code: str, message: str, place: Place, *, info: EnvelopeInfo | None = None, value: str = ""
    ) -> None:
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

    _delimiters: Delimiters = STANDARD

    # ------------------------------------------------------------------ service segments

    def _una(self, scanner: Scanner) -> None:
        cut = scanner.skip_bytes(9)
        delimiters = Delimiters.from_una(cut.raw[3:])
        place = self._source_of(cut).place()
        if delimiters is None:
            self._say(
                "EDIFACT_UNA",
                f"UNA names {cut.raw[3:].decode('latin-1')!r} as service characters, which cannot serve (six different "
                "characters, no letters or digits). The usual ones were taken instead.",
                place,
                value=cut.raw[3:].decode("latin-1"),
            )
            delimiters = STANDARD
        if self._open is not None:
            self._close_unfinished(self._open, cut, "another UNA comes")
        self._delimiters = scanner.delimiters = delimiters

    def _service(self, scanner: Scanner, tag: str) -> bool:
        """A service segment other than UNH inside an interchange; ``False`` when it makes no sense to read on."""
        cut = scanner.segment(self._policy.segment_limit)
        source = self._source_of(cut)
        if not cut.whole:
            self._say(
                "EDIFACT_UNTERMINATED",
                f"{tag} does not end with {self._delimiters.terminator!r}: the file is cut off, or its UNA is missing. "
                "Ask the sender to send it again.",
                source.place(0),
                info=self._open.info if self._open else None,
            )
            return False
        collector = Collector(source, self._policy)
        text = split_exactly(source)[0]
        if tag == "UNB":
            if self._open is not None:
                self._close_unfinished(self._open, cut, "another UNB comes")
            self._unb(source, text, cut)
            return True
        elements = split_elements(text, self._delimiters)
        current = self._open
        if current is None or tag in ("UNH", "UNT") or (tag == "UNE" and current.group is None):
            self._stray(tag, source, scanner)
            return True
        if tag == "UNG":
            definition = service_directory(current.version).segment(tag)
            if definition is not None:
                SegmentChecker(self._delimiters, collector, guide=False).check(0, text, definition)
            self._envelope_findings("EDIFACT_UNG", collector, current.info)
            if current.group is not None:
                self._group_unfinished(current, source, "another UNG comes")
            current.group = value_at(elements, 5)
            current.group_messages = 0
            current.groups += 1
            current.group_info = group_info(elements, current.groups)
        elif tag == "UNE":
            self._check_trailer(
                Trailer("UNE", "UNG", current.group_messages, current.group or "", "messages"),
                elements,
                source,
                current.info,
            )
            current.group = current.group_info = None
        else:
            if current.group is not None:
                self._group_unfinished(current, source, "UNZ comes")
            grouped = current.groups > 0
            count = current.groups if grouped else current.messages
            reference = current.info.control_reference or ""
            self._check_trailer(
                Trailer("UNZ", "UNB", count, reference, "groups" if grouped else "messages"),
                elements,
                source,
                current.info,
            )
            self._open = None
        return True

    def _stray(self, tag: str, source: MessageSource, scanner: Scanner) -> None:
        info = self._open.info if self._open else None
        if tag in ("UNZ", "UNE", "UNT"):
            self._say(
                "EDIFACT_TRAILER_STRAY",
                f"{tag} without its {_HEADER_OF[tag]}. Ask the sender for the whole interchange.",
                source.place(0),
                info=info,
            )
            return
        self._say(
            "EDIFACT_UNB_MISSING",
            f"{tag} stands outside an interchange: UNB is missing. Everything up to the next UNB was left out. "
            "Ask the sender for the whole interchange.",
            source.place(0),
        )
        scanner.discard(inside=False)

    def _unb(self, source: MessageSource, text: str, cut: Cut) -> None:
        elements = split_elements(text, self._delimiters)
        current = open_interchange(elements, bom=self._bom)
        info = current.info
        info.number = len(self.summary.interchanges) + 1
        info.offset = cut.offset
        if len(self._refused) >= info.number:
            info.refused = self._refused[info.number - 1]
        self.summary.interchanges.append(info)
        self._open = current
        source.interchange = info.control_reference
        collector = Collector(source, self._policy)
        definition = service_directory(current.version).segment("UNB")
        if definition is not None:
            SegmentChecker(self._delimiters, collector, guide=False).check(0, text, definition)
        self._envelope_findings("EDIFACT_UNB", collector, info)
        if codec_of(current.syntax) is None:
            self._say(
                "EDIFACT_UNB_SYNTAX",
                f"The syntax identifier {current.syntax!r} is not one of ISO 9735; the text was read as "
                f"{current.codec}. Have the sender name the character set (UNOA to UNOY).",
                source.place(0, 1, 1),
                value=current.syntax,
                info=info,
            )

    def _envelope_findings(self, code: str, collector: Collector, info: EnvelopeInfo) -> None:
        """What the definition of a header is broken by. Lengths and codes there do not hinder reading."""
        for finding in collector.findings.kept:
            hinders = finding.code in ("EDIFACT_ELEMENT_MISSING",)
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

    def _group_unfinished(self, current: OpenInterchange, source: MessageSource, why: str) -> None:
        self._say(
            "EDIFACT_UNE_MISSING",
            f"The group {current.group!r} has no UNE: {why}. Ask the sender for the whole interchange.",
            source.place(0),
            info=current.info,
        )
        current.group = current.group_info = None

    def _close_unfinished(self, current: OpenInterchange, cut: Cut, why: str) -> None:
        info = current.info
        self._say(
            "EDIFACT_UNZ_MISSING",
            f"The interchange {info.control_reference!r} that begins at byte {info.offset} has no UNZ: {why} after "
            f"{current.messages} message(s). It is probably cut off; ask the sender to send it again.",
            Place(
                file=self._name,
                interchange=info.control_reference,
                segment="UNZ",
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
            "EDIFACT_GARBAGE",
            f"{size} byte(s) that are no EDIFACT envelope stand {where}. Remove them, or ask the sender what they are.",
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
                "EDIFACT_TOO_LARGE",
                f"A message is larger than {self._policy.message_limit} bytes without a UNT; the rest of the "
                "interchange was left out. Ask the sender for smaller messages.",
                Place(file=self._name, offset=cut.offset, line=cut.line, segment="UNH"),
                info=current.info,
            )
            scanner.discard(inside=True)
        if self._skim:
            return None
        tree = self._reader.read(
            cut,
            number=self.summary.messages,
            file=self._name,
            info=current.info,
            syntax=current.syntax,
            version=current.version,
            codec=current.codec,
            delimiters=self._delimiters,
            references=current.references,
        )
        tree.group = current.group_info
        summary = self.summary
        if tree.message_type not in summary.message_types:
            summary.message_types.append(tree.message_type)
        if tree.release is not None and tree.release not in summary.releases:
            summary.releases.append(tree.release)
        if current.info.refused or (tree.findings and not tree.usable):
            summary.unusable += 1
        if tree.findings and any(f.severity is Severity.ERROR and f.code in SYNTAX for f in tree.findings):
            summary.well_formed = False
        return tree
