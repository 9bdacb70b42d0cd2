"""The X12 reader: ISA … IEA around interchanges, GS … GE around groups (X12.5, X12.6); the rest is ``edi/session.py``."""

from __future__ import annotations

from typing import ClassVar

from orderhub.findings import Findings
from orderhub.formats.base import EnvelopeInfo, GroupInfo, Source
from orderhub.formats.edi.check import Collector, split_exactly
from orderhub.formats.edi.delimiters import Delimiters
from orderhub.formats.edi.envelope import OpenInterchange, Trailer, split_elements, value_at
from orderhub.formats.edi.messages import MessageReader
from orderhub.formats.edi.policy import Policy
from orderhub.formats.edi.scanner import Scanner, ServiceTags
from orderhub.formats.edi.session import EdiSession
from orderhub.formats.edi.source import MessageSource
from orderhub.formats.x12.check import X12Checker
from orderhub.formats.x12.grammar import service_tables
from orderhub.formats.x12.header import MOST, USUAL, InterchangeHeader, read_header
from orderhub.formats.x12.messages import TAGS, X12MessageReader
from orderhub.formats.x12.problems import DEFAULT_POLICY, SYNTAX


class X12Reader:
    """Reads X12 files. ``policy`` says how strict."""

    format = "x12"

    def __init__(self, policy: Policy = DEFAULT_POLICY) -> None:
        self.policy = policy

    def read(self, source: Source, *, name: str, findings: Findings | None = None) -> X12Session:
        return X12Session(source, name, findings if findings is not None else Findings(), self.policy)


class X12Session(EdiSession):
    """One file being read; iterate once, then look at ``summary``."""

    format: ClassVar[str] = "x12"
    standard: ClassVar[str] = "X12"
    tags: ClassVar[ServiceTags] = TAGS
    usual: ClassVar[Delimiters] = USUAL
    aside: ClassVar[frozenset[str]] = frozenset({"TA1"})
    things: ClassVar[str] = "transaction sets"
    numeric_references: ClassVar[bool] = True
    syntax_errors: ClassVar[frozenset[str]] = SYNTAX

    def _message_reader(self) -> MessageReader:
        return X12MessageReader(self._policy)

    def _service(self, scanner: Scanner, tag: str) -> bool:
        if tag == "ISA":
            return self._isa(scanner)
        found = self._whole_segment(scanner, tag)
        if found is None:
            return False
        _, source = found
        current = self._open
        if current is None or self._strays(tag):
            self._stray(tag, source, scanner)
            return True
        text = split_exactly(source)[0]
        elements = split_elements(text, self._delimiters)
        if tag == "GS":
            self._gs(current, elements, text, source)
        elif tag == "GE":
            self._close_group(current, elements, source)
        elif tag == "IEA":
            if current.group is not None:
                self._group_unfinished(current, source, "IEA comes")
            reference = current.info.control_reference or ""
            self._check_trailer(
                Trailer("IEA", "ISA", current.groups, reference, "groups"),
                elements,
                source,
                current.info,
            )
            self._open = None
        return True

    def _isa(self, scanner: Scanner) -> bool:
        head = scanner.head(MOST)
        if len(head) < 4:
            self._say(
                "UNTERMINATED",
                "ISA does not end: the file is cut off.",
                self._source_of(scanner.here()).start(),
            )
            return False
        header = read_header(head)
        if self._open is not None:
            self._close_unfinished(self._open, scanner.here(), "another ISA comes")
        self._delimiters = scanner.delimiters = header.delimiters
        cut = scanner.skip_bytes(header.size)
        source = self._source_of(cut)
        current = open_interchange(header, bom=self._bom)
        self._opened(current, source, cut)
        for fault in header.faults:
            self._say(
                fault.code,
                f"{fault.text}. Have the sender correct ISA.",
                source.place(0, fault.element or None),
                info=current.info,
                value=fault.value[:80],
            )
        return True

    def _gs(
        self, current: OpenInterchange, elements: list[list[str]], text: str, source: MessageSource
    ) -> None:
        collector = Collector(source, self._policy)
        definition = service_tables().segment("GS")
        if definition is not None:
            X12Checker(self._delimiters, collector, guide=False).check(0, text, definition)
        self._envelope_findings("GS", collector, current.info)
        if current.group is not None:
            self._group_unfinished(current, source, "another GS comes")
        current.groups += 1
        current.group = open_group(elements, current.groups)
        current.group_messages = 0
        current.references = set()  # control numbers of transaction sets differ within a group
        number = (current.group.control_number or "").lstrip("0")
        if number in current.group_numbers:
            self._say(
                "GS_DUPLICATE",
                f"The group control number {current.group.control_number!r} occurs twice in this interchange. Ask the sender "
                "which group counts.",
                source.place(0, 6),
                info=current.info,
                value=current.group.control_number or "",
            )
        current.group_numbers.add(number)


def open_interchange(header: InterchangeHeader, *, bom: bool) -> OpenInterchange:
    """What ISA says. ``bom``: the file began with a byte order mark, so its text is UTF-8."""
    values = header.values
    info = EnvelopeInfo(
        format="x12",
        sender=values[6] or None,
        sender_qualifier=values[5] or None,
        receiver=values[8] or None,
        receiver_qualifier=values[7] or None,
        prepared_at=":".join(v for v in (values[9], values[10]) if v) or None,
        control_reference=values[13] or None,
        test=values[15] == "T",
        syntax=values[12] or None,
        encoding="utf-8" if bom else None,
    )
    return OpenInterchange(info, "utf-8" if bom else "iso8859-1", version=values[12])


def open_group(elements: list[list[str]], number: int) -> GroupInfo:
    """What GS says. ``number`` counts the groups of the interchange from 1."""
    return GroupInfo(
        code=value_at(elements, 1) or None,
        sender=value_at(elements, 2).strip() or None,
        receiver=value_at(elements, 3).strip() or None,
        prepared_at=":".join(v for v in (value_at(elements, 4), value_at(elements, 5)) if v) or None,
        control_number=value_at(elements, 6) or None,
        agency=value_at(elements, 7) or None,
        version=value_at(elements, 8).strip() or None,
        number=number,
    )
