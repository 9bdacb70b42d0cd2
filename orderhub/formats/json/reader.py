"""Reads JSON order files as a stream of messages: one for each record.

Nothing of a file goes on whose brackets do not agree or that is cut off: records may be missing, and nobody knows which.
A record that is wrong by itself (a number with a leading zero, a key that stands twice, a line of JSON Lines that is no
JSON) spoils only its own message.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

from orderhub.findings import Finding, Findings, Place, Severity
from orderhub.formats.base import EnvelopeInfo, MessageTree, ReadSummary, Source
from orderhub.formats.json.cut import Cut, Cutter, Located
from orderhub.formats.json.decode import decode, text_of
from orderhub.formats.json.layout import MESSAGE, JsonLayout
from orderhub.formats.json.look import Fault
from orderhub.formats.json.source import Buffer, Bytes, Transcoded, encoding_of
from orderhub.formats.json.tree import Node, Record

#: How the records stand in a file: one document, an array, at the end of keys in an object, or one on each line.
Shape: TypeAlias = Literal["document", "array", "within", "lines"]

#: The first line holds an object, and another one begins on the second; or the file is called so.
_LINES = re.compile(rb"[ \t\r\n]*\{[^\n]*\}[ \t\r]*\n[ \t\r\n]*\{")
_LINE_NAMES = (".jsonl", ".ndjson")
#: A first line that is longer is not looked at as one of many.
_LINE_HEAD = 1 << 20
#: With these a file that is one document cannot be used at all.
_NO_JSON = frozenset({"JSON_SYNTAX", "JSON_TRUNCATED", "JSON_TRAILING"})
_SHOWN_KEYS = 12


class JsonReader:
    """Reads files of one layout."""

    format = "json"

    def __init__(self, layout: JsonLayout) -> None:
        self.layout = layout

    def read(self, source: Source, *, name: str, findings: Findings | None = None) -> JsonSession:
        """Open a session; nothing is read before the iteration starts. A stream must be seekable."""
        return JsonSession(self.layout, source, name=name, findings=findings)


class JsonSession:
    """One file. Iterate once, to the end; then ``summary`` is complete."""

    def __init__(
        self, layout: JsonLayout, source: Source, *, name: str, findings: Findings | None = None
    ) -> None:
        self.layout = layout
        self.name = name
        self.source = source
        self.interchange = EnvelopeInfo(format="json")
        self.summary = ReadSummary(
            format="json",
            file=name,
            findings=findings if findings is not None else Findings(),
            message_types=[MESSAGE],
            interchanges=[self.interchange],
        )
        self._keys = frozenset(layout.keys)
        #: whether bytes of the file are bytes of the text
        self._counted = True

    def __iter__(self) -> Iterator[MessageTree]:
        # looked through once before anything is handed on, so that no message of a refused file is ever usable
        try:
            shape = self._survey()
            with self._opened() as buffer:
                yield from self._trees(buffer, shape)
        except Fault as fault:
            self._refuse(fault)
            return
        if self.summary.messages == 0:
            self.summary.findings.add(
                Finding(
                    code="JSON_NO_RECORDS",
                    severity=Severity.WARNING,
                    message="The file has no records. Ask the sender if this is meant.",
                    place=Place(file=self.name, line=1),
                )
            )

    def first_keys(self) -> Collection[str] | None:
        """The keys of the first record, as this layout reads the file; ``None`` when it finds none."""
        try:
            with self._opened() as buffer:
                shape = self._shape(buffer)
                first = None if shape == "document" else next(self._trees(buffer, shape), None)
            if first is None and shape in ("document", "within"):
                with self._opened() as buffer:
                    return Cutter(buffer, looks=True).keys()
        except Fault:
            return None
        keys: Collection[str] | None = None if first is None else first.root.value.keys()
        return keys

    # --- the file

    def _trees(self, buffer: Buffer, shape: Shape) -> Iterator[MessageTree]:
        for cut in _cuts(Cutter(buffer), shape, self.layout):
            yield from self._messages(cut, shape)

    @contextmanager
    def _opened(self) -> Iterator[Buffer]:
        if isinstance(self.source, Path):
            with self.source.open("rb") as stream:
                yield self._buffer(stream)
        elif isinstance(self.source, (bytes, bytearray, memoryview)):
            yield self._buffer(io.BytesIO(self.source))
        else:
            start = self.source.tell()
            try:
                yield self._buffer(self.source)
            finally:
                self.source.seek(start)

    def _buffer(self, stream: BinaryIO) -> Buffer:
        start = stream.tell()
        encoding, mark = encoding_of(stream.read(4), self.layout.encoding)
        stream.seek(start + mark)
        self.interchange.encoding = encoding
        self._counted = encoding == "utf-8"
        source: Bytes = stream if self._counted else Transcoded(stream, encoding)
        return Buffer(source, offset=mark)

    def _survey(self) -> Shape:
        """Go through the file and say how its records stand.

        :raises Fault: it cannot be used.
        """
        with self._opened() as buffer:
            shape = self._shape(buffer)
            if shape != "document":
                cutter = Cutter(buffer, looks=True)
                for _ in _cuts(cutter, shape, self.layout):
                    pass
                if shape == "within" and not cutter.found:
                    return "document"
        return shape

    def _shape(self, buffer: Buffer) -> Shape:
        first = buffer.peek()
        if first == b"[":
            return "array"
        if first == b"{":
            while b"\n" not in buffer.data and len(buffer.data) < _LINE_HEAD and buffer.more():
                pass
            if self.name.lower().endswith(_LINE_NAMES) or _LINES.match(buffer.data, buffer.at):
                return "lines"
            return "within" if self.layout.record else "document"
        code, what = "JSON_SYNTAX", f"{first.decode('utf-8', 'replace')!r} begins no object and no array."
        if not first:
            code, what = "JSON_EMPTY", "The file is empty."
        here = Cut(b"", buffer.offset, buffer.line, buffer.column, ())
        raise Located(Fault(code, what, "Ask the sender for it again.", offset=0), here)

    def _refuse(self, fault: Fault) -> None:
        self.interchange.refused = self.summary.refused = True
        self.summary.well_formed = False
        cut = fault.cut if isinstance(fault, Located) else Cut(b"", 0, 1, 1, ())
        self.summary.findings.add(_finding(fault, self._record(cut)))

    # --- records

    def _record(self, cut: Cut, inner: tuple[str | int, ...] = ()) -> Record:
        return Record(
            file=self.name,
            raw=cut.raw,
            offset=cut.offset if self._counted else None,
            line=cut.line,
            column=cut.column,
            outer=cut.steps,
            inner=inner,
        )

    def _messages(self, cut: Cut, shape: Shape) -> Iterator[MessageTree]:
        try:
            value = decode(cut.raw)
        except Fault as fault:
            if shape == "document" and fault.code in _NO_JSON:
                raise Located(fault, cut) from fault
            record = self._record(cut)
            yield self._tree({}, record, [_finding(fault, record)])
            return
        if shape == "within" or not self.layout.record:
            found: list[tuple[Any, tuple[str | int, ...]]] = [(value, ())]
        else:
            found = _inner(value, self.layout.record)
        for one, inner in found:
            yield self._checked(one, self._record(cut, inner))

    def _checked(self, value: Any, record: Record) -> MessageTree:
        if type(value) is not dict:
            finding = Finding(
                code="JSON_NOT_OBJECT",
                severity=Severity.ERROR,
                message=f"A record is an object, and here is {_kind(value)}. Ask the sender.",
                place=record.place(()),
            )
            return self._tree({}, record, [finding])
        if self.layout.keys:
            record.reference = text_of(value.get(self.layout.keys[0]))
        findings: list[Finding] = []
        if not value.keys() >= self._keys:
            findings = [self._missing(value, record)]
        return self._tree(value, record, findings)

    def _missing(self, value: dict[str, Any], record: Record) -> Finding:
        missing = [key for key in self.layout.keys if key not in value]
        has = ", ".join(str(name)[:40] for name in list(value)[:_SHOWN_KEYS]) or "nothing"
        more = " …" if len(value) > _SHOWN_KEYS else ""
        way = self.layout.record
        where = f" The mapping looks for records at {'.'.join(way)}." if way and way[0] not in value else ""
        return Finding(
            code="JSON_KEY_MISSING",
            severity=Severity.ERROR,
            message=f"The record has no {', '.join(missing)}; it has {has}{more}.{where} Ask the sender, or correct the "
            "mapping's keys.",
            place=record.place(()),
            value=missing[0],
        )

    def _tree(self, value: dict[str, Any], record: Record, findings: list[Finding]) -> MessageTree:
        self.summary.messages += 1
        if findings:
            self.summary.unusable += 1
        return MessageTree(
            message_type=MESSAGE,
            release=None,
            reference=record.reference,
            number=self.summary.messages,
            root=Node(value, record, ()),
            interchange=self.interchange,
            findings=findings,
            checked=True,
        )


def _cuts(cutter: Cutter, shape: Shape, layout: JsonLayout) -> Iterator[Cut]:
    if shape == "lines":
        yield from cutter.lines()
    elif shape == "document":
        yield from cutter.whole()
    else:
        yield from cutter.elements() if shape == "array" else cutter.within(layout.record)
        cutter.ended()


def _inner(value: Any, way: tuple[str, ...]) -> list[tuple[Any, tuple[str | int, ...]]]:
    """The records within a value; the value itself where it has not the keys on the way."""
    found = value
    for key in way:
        if type(found) is not dict or found.get(key) is None:
            return [(value, ())]
        found = found[key]
    if type(found) is list:
        return [(one, (*way, number)) for number, one in enumerate(found)]
    return [(found, way)]


def _finding(fault: Fault, record: Record) -> Finding:
    return Finding(
        code=fault.code,
        severity=Severity.ERROR,
        message=f"{fault.what} {fault.todo}",
        place=record.at(fault.offset, fault.steps),
        value=fault.value,
    )


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return {list: "an array", bool: "true or false", int: "a number"}.get(type(value), "a text or number")
