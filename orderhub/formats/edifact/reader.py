"""The EDIFACT reader: UNA, UNB … UNZ around interchanges, UNG … UNE around groups (ISO 9735); the rest is
``edi/session.py``.
"""

from __future__ import annotations

from typing import ClassVar

from orderhub.findings import Findings
from orderhub.formats.base import Source
from orderhub.formats.edi.check import Collector, split_exactly
from orderhub.formats.edi.delimiters import Delimiters
from orderhub.formats.edi.envelope import Trailer, split_elements
from orderhub.formats.edi.messages import MessageReader
from orderhub.formats.edi.policy import Policy
from orderhub.formats.edi.scanner import Cut, Scanner, ServiceTags
from orderhub.formats.edi.session import EdiSession
from orderhub.formats.edi.source import MessageSource
from orderhub.formats.edifact.check import EdifactChecker
from orderhub.formats.edifact.envelope import open_group, open_interchange
from orderhub.formats.edifact.grammar import service_directory
from orderhub.formats.edifact.messages import TAGS, EdifactMessageReader
from orderhub.formats.edifact.problems import DEFAULT_POLICY, SYNTAX
from orderhub.formats.edifact.syntax import STANDARD, codec_of, delimiters_of_una


class EdifactReader:
    """Reads EDIFACT files. ``policy`` says how strict."""

    format = "edifact"

    def __init__(self, policy: Policy = DEFAULT_POLICY) -> None:
        self.policy = policy

    def read(self, source: Source, *, name: str, findings: Findings | None = None) -> EdifactSession:
        return EdifactSession(source, name, findings if findings is not None else Findings(), self.policy)


class EdifactSession(EdiSession):
    """One file being read; iterate once, then look at ``summary``."""

    format: ClassVar[str] = "edifact"
    standard: ClassVar[str] = "EDIFACT"
    tags: ClassVar[ServiceTags] = TAGS
    usual: ClassVar[Delimiters] = STANDARD
    syntax_errors: ClassVar[frozenset[str]] = SYNTAX

    def _message_reader(self) -> MessageReader:
        return EdifactMessageReader(self._policy)

    def _advice(self, scanner: Scanner) -> None:
        """UNA."""
        cut = scanner.skip_bytes(9)
        delimiters = delimiters_of_una(cut.raw[3:])
        place = self._source_of(cut).place()
        if delimiters is None:
            self._say(
                "UNA",
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
        found = self._whole_segment(scanner, tag)
        if found is None:
            return False
        cut, source = found
        text = split_exactly(source)[0]
        if tag == "UNB":
            if self._open is not None:
                self._close_unfinished(self._open, cut, "another UNB comes")
            self._unb(source, text, cut)
            return True
        elements = split_elements(text, self._delimiters)
        current = self._open
        if current is None or self._strays(tag):
            self._stray(tag, source, scanner)
            return True
        if tag == "UNG":
            collector = Collector(source, self._policy)
            definition = service_directory(current.version).segment(tag)
            if definition is not None:
                EdifactChecker(self._delimiters, collector, guide=False).check(0, text, definition)
            self._envelope_findings("UNG", collector, current.info)
            if current.group is not None:
                self._group_unfinished(current, source, "another UNG comes")
            current.groups += 1
            current.group = open_group(elements, current.groups)
            current.group_messages = 0
        elif tag == "UNE":
            self._close_group(current, elements, source)
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

    def _unb(self, source: MessageSource, text: str, cut: Cut) -> None:
        current = open_interchange(split_elements(text, self._delimiters), bom=self._bom)
        self._opened(current, source, cut)
        collector = Collector(source, self._policy)
        definition = service_directory(current.version).segment("UNB")
        if definition is not None:
            EdifactChecker(self._delimiters, collector, guide=False).check(0, text, definition)
        self._envelope_findings("UNB", collector, current.info)
        if codec_of(current.syntax) is None:
            self._say(
                "UNB_SYNTAX",
                f"The syntax identifier {current.syntax!r} is not one of ISO 9735; the text was read as "
                f"{current.codec}. Have the sender name the character set (UNOA to UNOY).",
                source.place(0, 1, 1),
                value=current.syntax,
                info=current.info,
            )
