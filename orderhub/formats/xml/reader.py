"""Reads XML files: one message per record, or the root as the message.

Nothing outside the file is ever read: no external entity, no DTD, no XInclude, no schema; a DTD within the file that
declares entities refuses the file. What is no well-formed XML refuses the file as a whole, also when the fault stands
behind good records: what was handed out before belongs to an interchange that is then marked ``refused``.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from lxml import etree

from orderhub.findings import Finding, Findings, Place, Severity
from orderhub.formats.base import EnvelopeInfo, MessageTree, ReadSummary, Source
from orderhub.formats.xml.names import XINCLUDE, split
from orderhub.formats.xml.positions import Positions
from orderhub.formats.xml.problems import noted, refused, syntax_finding
from orderhub.formats.xml.tree import XmlMessage

CHUNK = 1 << 16
#: A message that is larger, or has more elements, refuses the file: its tree would not fit into memory beside others.
MAX_MESSAGE_BYTES = 32 * 1024 * 1024
MAX_MESSAGE_ELEMENTS = 500_000
#: The declaration, the document type and the start tag of the root must stand within so many bytes.
MAX_PROLOG_BYTES = 1024 * 1024

_BOM = b"\xef\xbb\xbf"

#: Full name of the root -> full names of the elements that are messages; none: the root is the message.
Records = Callable[[str], frozenset[str]]


def _root_only(_root: str) -> frozenset[str]:
    return frozenset()


#: What every parser of a partner's file is made with. Not with collect_ids=False: that makes libxml2 load the DTD.
PARSER_OPTIONS: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "huge_tree": False,
    "recover": False,
    "remove_comments": True,
    "remove_pis": True,
}


class _Nothing(etree.Resolver):
    """Should the parser ever ask for something outside the file, it gets nothing."""

    def resolve(self, system_url: Any, public_id: Any, context: Any = None) -> Any:
        return self.resolve_empty(context)  # type: ignore[attr-defined]  # the stubs lack it


_P = TypeVar("_P", etree.XMLParser, etree.XMLPullParser)


def _guarded(parser: _P) -> _P:
    parser.resolvers.add(_Nothing())
    return parser


def _events(parser: etree.XMLPullParser) -> Iterator[tuple[str, etree._Element]]:
    """The events so far; only elements are asked for."""
    return cast("Iterator[tuple[str, etree._Element]]", parser.read_events())


class XmlReader:
    """Stateless. ``records`` says which elements are messages once the root is known."""

    format = "xml"

    def __init__(self, records: Records = _root_only) -> None:
        self.records = records

    def read(self, source: Source, *, name: str, findings: Findings | None = None) -> XmlSession:
        """Open a session; nothing is read before the iteration starts. A stream must be seekable."""
        return XmlSession(source, name=name, records=self.records, findings=findings)


class _Stop(Exception):
    """The rest of the file is not read; why stands in the findings."""


class _Bytes:
    """The bytes of a source from its first tag on, any number of times."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.start = source.tell() if not isinstance(source, (Path, bytes)) else 0
        self.passed_over = (0, 0, 0)

    def again(self) -> Iterator[bytes]:
        if isinstance(self.source, Path):
            with self.source.open("rb") as stream:
                yield from self._chunks(stream, 0, shared=False)
        elif isinstance(self.source, bytes):
            yield from self._chunks(io.BytesIO(self.source), 0, shared=False)
        else:
            yield from self._chunks(self.source, self.start, shared=True)

    def _chunks(self, stream: BinaryIO, at: int, *, shared: bool) -> Iterator[bytes]:
        """Two may read a shared stream in turns: each puts it where the other left it."""
        first = True
        while True:
            if shared:
                before = stream.tell()
                stream.seek(at)
                chunk = stream.read(CHUNK)
                at += len(chunk)
                stream.seek(before)
            else:
                chunk = stream.read(CHUNK)
            if not chunk:
                return
            if first:
                mark = _BOM if chunk.startswith(_BOM) else b""
                kept = chunk[len(mark) :].lstrip(b" \t\r\n")
                blanks = chunk[len(mark) : len(chunk) - len(kept)]
                if blanks:
                    chunk = mark + kept
                indent = len(blanks) - (blanks.rfind(b"\n") + 1)
                self.passed_over = (len(blanks), blanks.count(b"\n"), indent)
                first = False
            if chunk:
                yield chunk


class XmlSession:
    """One file. Iterate once, to the end; then ``summary`` is complete."""

    def __init__(
        self, source: Source, *, name: str, records: Records, findings: Findings | None = None
    ) -> None:
        self.name = name
        self.records = records
        self.bytes = _Bytes(source)
        self.interchange = EnvelopeInfo(format="xml")
        self.summary = ReadSummary(
            format="xml",
            file=name,
            findings=findings if findings is not None else Findings(),
            interchanges=[self.interchange],
        )
        self._doctype = False
        self._positions: Positions | None = None

    def __iter__(self) -> Iterator[MessageTree]:
        try:
            root = self._prolog()
            records = self.records(root)
            self._positions = Positions(self.bytes, records)
            messages = self._split(records) if records else self._whole()
            for tree in messages:
                self.summary.messages += 1
                if tree.message_type not in self.summary.message_types:
                    self.summary.message_types.append(tree.message_type)
                if tree.release is not None and tree.release not in self.summary.releases:
                    self.summary.releases.append(tree.release)
                if any(finding.severity is Severity.ERROR for finding in tree.findings):
                    self.summary.unusable += 1
                yield tree
        except _Stop:
            return

    # --- findings

    def _refuse(self, finding: Finding) -> _Stop:
        self.summary.findings.add(finding)
        self.interchange.refused = True
        self.summary.refused = True
        self.summary.well_formed = False
        return _Stop()

    def _syntax(self, error: etree.XMLSyntaxError, parser: etree._FeedParser, *, at_end: bool) -> _Stop:
        return self._refuse(syntax_finding(error, parser, self.name, self.bytes.passed_over, at_end=at_end))

    # --- reading

    def _prolog(self) -> str:
        """What stands before the root's content: encoding and document type. The root's full name."""
        parser = _guarded(etree.XMLPullParser(events=("start",), **PARSER_OPTIONS))
        seen = bytearray()
        try:
            for chunk in self.bytes.again():
                seen += chunk
                for start in range(0, len(chunk), 4096):
                    parser.feed(chunk[start : start + 4096])
                    for _, root in _events(parser):
                        self._document_type(root, bytes(seen))
                        return str(root.tag)
                if len(seen) > MAX_PROLOG_BYTES:
                    place = Place(file=self.name)
                    what = f"The root's start tag does not end within {MAX_PROLOG_BYTES} bytes."
                    raise self._refuse(refused("XML_TOO_LARGE", what, "Ask the sender what it is.", place))
        except etree.XMLSyntaxError as error:
            raise self._syntax(error, parser, at_end=False) from None
        try:
            parser.close()
        except etree.XMLSyntaxError as error:
            raise self._syntax(error, parser, at_end=True) from None
        what = "There is no element in the file."
        raise self._refuse(refused("XML_EMPTY", what, "Ask the sender for it again.", Place(file=self.name)))

    def _document_type(self, root: etree._Element, head: bytes) -> None:
        info = root.getroottree().docinfo
        self.interchange.encoding = (info.encoding or "UTF-8").lower()
        dtd: Any = info.internalDTD  # the stubs lack most of it
        if dtd is None:
            return
        self._doctype = True
        declared = next(iter(dtd.iterentities()), None)
        if (
            declared is not None
            or b"<!ENTITY" in head[: head.find(b"<" + str(root.tag).encode()) + 1 or None]
        ):
            at = head.find(b"<!ENTITY")
            name = getattr(declared, "name", None)
            raise self._refuse(
                refused(
                    "XML_ENTITY",
                    f"The document type declares the entity {name}.",
                    "Orders need none, and an entity can reach for other files: nothing was read. Ask the sender.",
                    self._byte_place(head, at),
                    name,
                )
            )
        if dtd.system_url or dtd.external_id:
            self.summary.findings.add(
                noted(
                    "XML_DTD_NOT_LOADED",
                    f"The file names a DTD ({dtd.system_url or dtd.external_id}), which is never loaded: values that "
                    "only it gives by default are absent.",
                    self._byte_place(head, head.find(b"<!DOCTYPE")),
                )
            )

    def _byte_place(self, head: bytes, at: int) -> Place:
        if at < 0:
            return Place(file=self.name)
        skipped, lines, indent = self.bytes.passed_over
        before = head[:at]
        return Place(
            file=self.name,
            line=before.count(b"\n") + 1 + lines,
            column=at - (before.rfind(b"\n") + 1) + 1 + (0 if b"\n" in before else indent),
            offset=at + skipped,
        )

    def _whole(self) -> Iterator[MessageTree]:
        """The root is the message: it is handed on when all of it is known to be well-formed."""
        parser = _guarded(etree.XMLParser(**PARSER_OPTIONS))
        size = 0
        at_end = False
        try:
            for chunk in self.bytes.again():
                size += len(chunk)
                if size > MAX_MESSAGE_BYTES:
                    raise self._too_large(1)
                parser.feed(chunk)
            at_end = True
            root = parser.close()
        except etree.XMLSyntaxError as error:
            raise self._syntax(error, parser, at_end=at_end) from None
        yield self._message(root, 1, root, record=False, size=size)

    def _split(self, records: frozenset[str]) -> Iterator[MessageTree]:
        """The outermost elements of these names, each as soon as it ends. One that was handed out is taken out of the tree
        when the parser is past it; whoever still holds it may use it on."""
        parser = _guarded(etree.XMLPullParser(events=("start", "end"), tag=sorted(records), **PARSER_OPTIONS))
        depth = number = 0
        since = 0
        around: etree._Element | None = None
        done: list[etree._Element] = []
        at_end = False
        try:
            for chunk in self.bytes.again():
                since += len(chunk)
                parser.feed(chunk)
                for event, element in _events(parser):
                    if event == "start":
                        depth += 1
                        continue
                    depth -= 1
                    if depth:
                        continue
                    number += 1
                    size, since = since, 0
                    if around is None:
                        around = element.getroottree().getroot()
                    done = _taken_out(done)
                    if element is around:
                        done = []  # its end must be well-formed, too: see below
                        break
                    yield self._message(element, number, around, record=True, size=size)
                    done.append(element)
                if since > MAX_MESSAGE_BYTES:
                    raise self._too_large(number + 1)
            at_end = True
            root = parser.close()
        except etree.XMLSyntaxError as error:
            raise self._syntax(error, parser, at_end=at_end) from None
        if number == 0 or str(root.tag) in records:
            # a file without any of the records is a message that somebody else may know
            yield self._message(root, 1, root, record=False, size=since)

    def _too_large(self, number: int) -> _Stop:
        what = f"Message {number} is larger than {MAX_MESSAGE_BYTES} bytes."
        todo = "Ask the sender to split it, or name the repeating element as record in the mapping."
        return self._refuse(refused("XML_TOO_LARGE", what, todo, Place(file=self.name)))

    def _message(
        self, element: etree._Element, number: int, around: etree._Element, *, record: bool, size: int
    ) -> MessageTree:
        message = XmlMessage(
            element, file=self.name, number=number, record=record, around=around, positions=self._positions
        )
        namespace, local = split(str(element.tag))
        return MessageTree(
            message_type=local,
            release=namespace,
            reference=None,
            number=number,
            root=message.root(),
            interchange=self.interchange,
            findings=self._dangers(element, message, size),
            checked=False,
        )

    def _dangers(self, element: etree._Element, message: XmlMessage, size: int) -> list[Finding]:
        """What would make the content another one if it were followed. It is not; so the message cannot be used."""
        found: list[Finding] = []
        include = next(element.iter(f"{{{XINCLUDE}}}*"), None)
        if include is not None:
            found.append(
                refused(
                    "XML_XINCLUDE",
                    "The message wants another file to be included (XInclude), which is never done.",
                    "Ask the sender for the message as a whole.",
                    message.place(include),
                    include.get("href"),
                )
            )
        if self._doctype:
            entity = next(element.iter(etree.Entity), None)
            if entity is not None:
                above = entity.getparent()
                found.append(
                    refused(
                        "XML_ENTITY",
                        f"The message uses the entity {entity.text}, which nothing here declares.",
                        "Ask the sender to write the character itself.",
                        message.place(above if above is not None else element),
                        entity.text,
                    )
                )
        # an element takes four bytes at least
        if size > 4 * MAX_MESSAGE_ELEMENTS and sum(1 for _ in element.iter()) > MAX_MESSAGE_ELEMENTS:
            what = f"The message has more than {MAX_MESSAGE_ELEMENTS} elements."
            found.append(
                refused("XML_TOO_LARGE", what, "Ask the sender to split it.", message.place(element))
            )
        return found


def _taken_out(done: list[etree._Element]) -> list[etree._Element]:
    """Remove from the tree what the parser is past: behind which another element stands (the text behind the last one may
    still be growing)."""
    left: list[etree._Element] = []
    for element in done:
        above = element.getparent()
        if above is None:
            continue
        if element.getnext() is None:
            left.append(element)
        else:
            above.remove(element)
    return left
