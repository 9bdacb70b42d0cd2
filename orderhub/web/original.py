"""An original as a page shows it: EDIFACT one segment a line, other text by lines, anything else as a hex dump.

Only for reading: nothing here decides whether a file is right. Bytes that cannot be decoded are shown as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from orderhub.formats.edifact.syntax import codec_of
from orderhub.web.marks import Mark, Piece, cut, visible

#: Lines shown at most; a page with more is of no use to a reader.
MAX_LINES = 4000
HEX_BYTES = 8 * 1024

#: Segments looked at to find what is shown; what lies behind is only in the download.
MAX_SEGMENTS = 1_000_000

_BLANK = re.compile(rb"[\r\n\t ]*")


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where a finding points to. ``number`` is its place in the list of findings on the page, from 1.

    The rest as in :class:`orderhub.findings.Place`: ``offset`` in bytes from 0, everything else counts from 1.
    """

    number: int
    severity: str
    offset: int | None = None
    line: int | None = None
    column: int | None = None
    segment: str | None = None
    segment_number: int | None = None
    element: int | None = None
    component: int | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """``label`` stands in the margin: a segment's number in its message, a line number, or a byte offset in hex."""

    label: str
    pieces: list[Piece]
    kind: str = ""
    severity: str = ""


@dataclass(slots=True)
class Original:
    """``kind`` is ``segments``, ``lines``, ``hex`` or ``empty``; ``truncated`` says that the rest is not shown."""

    kind: str
    size: int
    encoding: str = ""
    lines: list[Line] = field(default_factory=list)
    truncated: bool = False
    #: findings whose place is on the page, so that the others are not offered as links
    placed: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Separators:
    """The service characters of an EDIFACT interchange as bytes; ``release`` may be empty (UNA with a space)."""

    component: bytes = b":"
    element: bytes = b"+"
    release: bytes = b"?"
    terminator: bytes = b"'"


@dataclass(frozen=True, slots=True)
class Segment:
    """A raw segment without its terminator. ``number`` counts within its message from 1, ``message`` in the file."""

    start: int
    raw: bytes
    tag: str
    number: int | None
    message: int | None
    separators: Separators


def render(
    data: bytes,
    pointers: Sequence[Pointer],
    *,
    limit: int,
    message: int | None = None,
    size: int | None = None,
) -> Original:
    """The original for the page.

    :param limit: bytes shown at most (a message in a big EDIFACT file is found wherever it stands).
    :param size: of the whole original, when ``data`` is only its beginning.
    :param message: show only this message of an EDIFACT file, counted from 1, with the envelope before it.
    """
    size = len(data) if size is None else size
    if not data:
        return Original("empty", 0)
    if _is_edifact(data):
        return _segments(data, pointers, limit=limit, message=message, size=size)
    if _is_binary(data[:4096]):
        return _hex(data, size)
    return _text(data, pointers, limit=limit, size=size)


def _is_binary(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    if b"\0" in head:
        return True
    control = sum(1 for byte in head if byte < 0x20 and byte not in b"\t\n\r\x0c\x1c\x1d\x1e\x1f\x1a")
    return control * 20 > len(head)


def _is_edifact(data: bytes) -> bool:
    head = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n\t ")
    return head[:3] in (b"UNA", b"UNB", b"UIB") or head[:4] in (b"UNH+", b"UNG+")


# --- EDIFACT ------------------------------------------------------------------------------------------------------


def separators_of(una: bytes) -> Separators:
    """The service characters of a UNA segment's six characters (ISO 9735-1, 7.2)."""
    chars = [una[index : index + 1] for index in range(6)]
    release = b"" if chars[3] in (b" ", b"") else chars[3]
    return Separators(chars[0] or b":", chars[1] or b"+", release, chars[5] or b"'")


def segments(data: bytes) -> Iterator[Segment]:
    """The segments of a file in order, good or bad; several interchanges may follow each other.

    Of a run of empty segments only the first is given; all count for the number of what follows.
    """
    separators = Separators()
    position = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    number: int | None = None
    message: int | None = None
    messages = 0
    pattern = _terminator(separators)
    while position < len(data):
        position = _past(_BLANK, data, position)
        if position >= len(data):
            return
        if data.startswith(b"UNA", position) and len(data) >= position + 9:
            separators = separators_of(data[position + 3 : position + 9])
            pattern = _terminator(separators)
            yield Segment(position, data[position : position + 9], "UNA", None, None, separators)
            position += 9
            continue
        found = pattern.match(data, position)
        end = found.end() if found else len(data)
        raw = data[position:end]
        tag = raw[:3].decode("ascii", "replace")
        if tag == "UNH":
            messages += 1
            message, number = messages, 0
        elif tag in ("UNB", "UNZ", "UNG", "UNE"):
            message, number = None, None
        if number is not None:
            number += 1
        yield Segment(position, raw, tag, number, message, separators)
        if tag == "UNT":
            message, number = None, None
        elif tag == "UNZ":
            separators = Separators()
            pattern = _terminator(separators)
        position = end + len(separators.terminator)
        if not raw:
            end = _past(_run(separators), data, position)
            if number is not None:
                number += data.count(separators.terminator, position, end)
            position = end


def _past(pattern: re.Pattern[bytes], data: bytes, position: int) -> int:
    """The end of what the pattern, which may match nothing, takes at a position."""
    found = pattern.match(data, position)
    return found.end() if found else position


def _terminator(separators: Separators) -> re.Pattern[bytes]:
    """A segment up to its terminator. Possessive: nothing is remembered of the way there."""
    end = re.escape(separators.terminator)
    if not separators.release:
        return re.compile(rb"[^" + end + rb"]*+", re.DOTALL)
    release = re.escape(separators.release)
    return re.compile(rb"(?:[^" + end + release + rb"]++|" + release + rb".?)*+", re.DOTALL)


def _run(separators: Separators) -> re.Pattern[bytes]:
    """Further empty segments."""
    return re.compile(rb"(?:[\r\n\t ]*+" + re.escape(separators.terminator) + rb")*+")


def spans(raw: bytes, separator: bytes, release: bytes) -> list[tuple[int, int]]:
    """Start and end of each part of ``raw`` between unreleased separators."""
    parts: list[tuple[int, int]] = []
    start = position = 0
    while position < len(raw):
        char = raw[position : position + 1]
        if release and char == release:
            position += 2
            continue
        if char == separator:
            parts.append((start, position))
            start = position + 1
        position += 1
    parts.append((start, len(raw)))
    return parts


def _span(segment: Segment, element: int | None, component: int | None) -> tuple[int, int]:
    """The bytes of an element (1 is the first after the tag) or component; the tag when there is none such."""
    if element is None:
        return 0, len(segment.raw)
    separators = segment.separators
    elements = spans(segment.raw, separators.element, separators.release)
    if not 0 < element < len(elements):
        # something is missing that should stand behind the last element
        return (elements[-1][0], elements[-1][1]) if len(elements) > 1 else (0, len(segment.raw))
    start, end = elements[element]
    if component is None:
        return start, end
    components = spans(segment.raw[start:end], separators.component, separators.release)
    if not 0 < component <= len(components):
        return start, end
    left, right = components[component - 1]
    return start + left, start + right


def _segments(
    data: bytes, pointers: Sequence[Pointer], *, limit: int, message: int | None, size: int
) -> Original:
    shown: list[Segment] = []
    used = 0
    truncated = size > len(data)
    encoding = "iso8859-1"
    for looked, segment in enumerate(segments(data)):
        if looked >= MAX_SEGMENTS:
            truncated = True
            break
        if segment.tag == "UNB":
            encoding = codec_of(segment.raw[4:8].decode("ascii", "replace")) or "iso8859-1"
        if message is not None and segment.message != message:
            if segment.message is not None and segment.message > message:
                break
            if segment.message is not None or segment.tag not in ("UNA", "UNB", "UNG"):
                continue
            if segment.tag in ("UNA", "UNB"):
                # only the envelope that the message stands in
                shown = [
                    s
                    for s in shown
                    if s.tag == "UNA" and segment.tag == "UNB" and s.start + 20 > segment.start
                ]
        if len(shown) >= MAX_LINES or used + len(segment.raw) > limit:
            truncated = True
            break
        shown.append(segment)
        used += len(segment.raw)
    original = Original("segments", size, encoding, truncated=truncated)
    for segment in shown:
        marks: list[Mark] = []
        decoded = _Decoded(segment.raw, encoding)
        for pointer in pointers:
            if _points_at(pointer, segment):
                start, end = _span(segment, pointer.element, pointer.component)
                marks.append(Mark(decoded.chars(start), decoded.chars(end), pointer.number, pointer.severity))
                original.placed.add(pointer.number)
        kind = "envelope" if segment.number is None else ""
        label = str(segment.number) if segment.number is not None else ""
        pieces = cut(decoded.text, marks)
        original.lines.append(Line(label, pieces, kind, _worst(marks)))
    return original


def _points_at(pointer: Pointer, segment: Segment) -> bool:
    if pointer.offset is not None:
        return segment.start <= pointer.offset <= segment.start + len(segment.raw)
    if pointer.segment_number is not None and segment.number == pointer.segment_number:
        return pointer.segment is None or pointer.segment == segment.tag
    return False


class _Decoded:
    """Bytes as text, with the way from byte to character offsets."""

    def __init__(self, raw: bytes, encoding: str) -> None:
        self.raw = raw
        try:
            raw.decode(encoding)
        except UnicodeDecodeError:
            encoding = "iso8859-1" if encoding == "ascii" else encoding
        self.encoding = encoding
        self.text = visible(raw.decode(encoding, "replace"))

    def chars(self, offset: int) -> int:
        if len(self.text) == len(self.raw):
            return offset
        return len(self.raw[:offset].decode(self.encoding, "replace"))


# --- other text ---------------------------------------------------------------------------------------------------


def decode(data: bytes, *, cut_short: bool = False) -> tuple[str, str]:
    """Text and the name of its encoding: by byte order mark, else UTF-8, else Windows-1252 with what it lacks.

    :param cut_short: the data may end within a character.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), "utf-16"
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:].decode("utf-8", "replace"), "utf-8"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as problem:
        if cut_short and problem.start > len(data) - 4:
            return data[: problem.start].decode("utf-8", "replace"), "utf-8"
        return data.decode("cp1252", "replace"), "windows-1252"


def _text(data: bytes, pointers: Sequence[Pointer], *, limit: int, size: int) -> Original:
    text, encoding = decode(data[:limit], cut_short=size > limit)
    rows = re.split(r"\r\n|\n|\r", text)
    if rows and not rows[-1]:
        rows.pop()
    truncated = size > limit or len(rows) > MAX_LINES
    original = Original("lines", size, encoding, truncated=truncated)
    separator = _field_separator(rows[0]) if rows else ","
    for number, row in enumerate(rows[:MAX_LINES], start=1):
        marks = []
        for pointer in pointers:
            if pointer.line == number:
                start, end = 0, len(row)
                if pointer.column is not None:
                    start = min(pointer.column - 1, len(row))
                    end = _field_end(row, start, separator)
                marks.append(Mark(start, end, pointer.number, pointer.severity))
                original.placed.add(pointer.number)
        original.lines.append(Line(str(number), cut(visible(row), marks), "", _worst(marks)))
    return original


def _field_separator(header: str) -> str:
    return max(",;\t|", key=header.count)


def _field_end(row: str, start: int, separator: str) -> int:
    if row[start : start + 1] == '"':
        closing = re.compile(r'"(?:[^"]|"")*"?').match(row, start)
        return closing.end() if closing else len(row)
    end = row.find(separator, start)
    return len(row) if end < 0 else max(end, start)


def _worst(marks: Sequence[Mark]) -> str:
    for severity in ("error", "warning", "info"):
        if any(mark.severity == severity for mark in marks):
            return severity
    return ""


# --- bytes --------------------------------------------------------------------------------------------------------


def _hex(data: bytes, size: int) -> Original:
    original = Original("hex", size, truncated=size > HEX_BYTES)
    for start in range(0, min(len(data), HEX_BYTES), 16):
        row = data[start : start + 16]
        digits = f"{row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}"
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in row)
        original.lines.append(Line(f"{start:08x}", [Piece(f"{digits}  {text}")]))
    return original
