"""EDIFACT and X12 a segment a line. A message is found by a search for its first segment, so that the last message of a
big file costs little more than the first."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orderhub.formats.edifact.syntax import codec_of
from orderhub.web.marks import Mark, cut
from orderhub.web.original.shown import MAX_LINES, Decoded, Line, Original, Pointer, worst

#: Segments looked at to find what is shown; what lies behind is only in the download.
MAX_SEGMENTS = 1_000_000

_BLANK = re.compile(rb"[\r\n\t ]*")
#: ISA is of fixed length: its separators stand at known bytes (X12.5).
_ISA_LENGTH = 106


@dataclass(frozen=True, slots=True)
class Separators:
    """The service characters of an interchange as bytes; ``release`` is empty in X12 and where UNA has a space."""

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


@dataclass(frozen=True, slots=True)
class _Family:
    """The service segments of a syntax: what opens a message, ends one, and stands around them."""

    opens: str
    closes: str
    around: tuple[str, ...]
    interchange: str
    trailer: str


_EDIFACT = _Family("UNH", "UNT", ("UNB", "UNZ", "UNG", "UNE"), "UNB", "UNZ")
_X12 = _Family("ST", "SE", ("ISA", "GS", "GE", "IEA"), "ISA", "IEA")


def _start(data: bytes) -> int:
    return 3 if data.startswith(b"\xef\xbb\xbf") else 0


def is_segmented(data: bytes) -> bool:
    head = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n\t ")
    return head[:3] in (b"UNA", b"UNB", b"UIB", b"ISA") or head[:4] in (b"UNH+", b"UNG+")


def _family(data: bytes) -> _Family:
    return _X12 if data[:64].removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n\t ")[:3] == b"ISA" else _EDIFACT


def separators_of(una: bytes) -> Separators:
    """The service characters of a UNA segment's six characters (ISO 9735-1, 7.2)."""
    chars = [una[index : index + 1] for index in range(6)]
    release = b"" if chars[3] in (b" ", b"") else chars[3]
    return Separators(chars[0] or b":", chars[1] or b"+", release, chars[5] or b"'")


def _separators_of_isa(data: bytes, position: int) -> Separators:
    """X12: the byte after ISA, the last element, and the byte after it. A cut header gets the usual ones."""
    isa = data[position : position + _ISA_LENGTH]
    if len(isa) < _ISA_LENGTH:
        return Separators(b":", isa[3:4] or b"*", b"", b"~")
    return Separators(isa[104:105], isa[3:4], b"", isa[105:106])


def segments(
    data: bytes, *, start: int | None = None, before: int = 0, separators: Separators | None = None
) -> Iterator[Segment]:
    """The segments of a file in order, good or bad; several interchanges may follow each other.

    Of a run of empty segments only the first is given; all count for the number of what follows.

    :param start: the byte to start at, which is that of a segment; ``before`` messages stand before it, and its
        interchange has these ``separators``.
    """
    family = _family(data)
    separators = separators or Separators()
    position = _start(data) if start is None else start
    number: int | None = None
    message: int | None = None
    messages = before
    pattern = _terminator(separators)
    while position < len(data):
        position = _past(_BLANK, data, position)
        if position >= len(data):
            return
        if family is _EDIFACT and data.startswith(b"UNA", position) and len(data) >= position + 9:
            separators = separators_of(data[position + 3 : position + 9])
            pattern = _terminator(separators)
            yield Segment(position, data[position : position + 9], "UNA", None, None, separators)
            position += 9
            continue
        if family is _X12 and data.startswith(b"ISA", position):
            separators = _separators_of_isa(data, position)
            pattern = _terminator(separators)
        found = pattern.match(data, position)
        end = found.end() if found else len(data)
        raw = data[position:end]
        tag = _tag(raw, separators, family)
        if tag == family.opens:
            messages += 1
            message, number = messages, 0
        elif tag in family.around:
            message, number = None, None
        if number is not None:
            number += 1
        yield Segment(position, raw, tag, number, message, separators)
        if tag == family.closes:
            message, number = None, None
        elif tag == family.trailer and family is _EDIFACT:
            separators = Separators()
            pattern = _terminator(separators)
        position = end + len(separators.terminator)
        if not raw:
            end = _past(_run(separators), data, position)
            if number is not None:
                number += data.count(separators.terminator, position, end)
            position = end


def _tag(raw: bytes, separators: Separators, family: _Family) -> str:
    head = raw[:3] if family is _EDIFACT else raw[:4].partition(separators.element)[0][:3]
    return head.decode("ascii", "replace")


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


def _span(segment: Segment, pointer: Pointer) -> tuple[int, int]:
    """The bytes that a pointer means: an element (1 is the first after the tag) or component; the whole segment when it
    names none and no length either."""
    if pointer.element is None:
        if pointer.length is not None and pointer.offset is not None:
            start = pointer.offset - segment.start
            return start, start + pointer.length
        return 0, len(segment.raw)
    separators = segment.separators
    elements = spans(segment.raw, separators.element, separators.release)
    if not 0 < pointer.element < len(elements):
        # something is missing that should stand behind the last element
        return (elements[-1][0], elements[-1][1]) if len(elements) > 1 else (0, len(segment.raw))
    start, end = elements[pointer.element]
    if pointer.component is None:
        return start, end
    components = spans(segment.raw[start:end], separators.component, separators.release)
    if not 0 < pointer.component <= len(components):
        return start, end
    left, right = components[pointer.component - 1]
    return start + left, start + right


def find_message(data: bytes, wanted: int) -> tuple[list[Segment], int, Separators] | None:
    """The envelope around a message, the byte at which the message starts, and its separators; None when a search for
    first segments does not find it.

    Only places behind an unreleased terminator count, so text that looks like a segment is passed over.
    """
    family = _family(data)
    position, messages = _start(data), 0
    separators = Separators()
    envelope: list[Segment] = []
    while True:
        position = _past(_BLANK, data, position)
        # the header of an interchange says which separators hold up to the next one
        for segment in segments(data, start=position, separators=Separators()):
            if segment.tag == "UNA":
                envelope, separators = [segment], segment.separators
                continue
            if segment.tag != family.interchange:
                break
            envelope = [one for one in envelope if one.tag == "UNA"] + [segment]
            separators = segment.separators
            position = segment.start + len(segment.raw)
            break
        pattern = _openings(separators, family)
        again = False
        for found in pattern.finditer(data, position):
            if _released(data, found.start(), separators.release):
                continue
            tag = found.group(1).decode("ascii")
            if tag == family.opens:
                messages += 1
                if messages == wanted:
                    return envelope, found.start(1), separators
            elif tag in ("UNG", "GS"):
                group = next(segments(data, start=found.start(1), separators=separators))
                envelope = [one for one in envelope if one.tag in ("UNA", family.interchange)] + [group]
            else:
                position, again = found.start(1), True
                break
        if not again:
            return None


def _openings(separators: Separators, family: _Family) -> re.Pattern[bytes]:
    element = re.escape(separators.element)
    if family is _X12:
        tags = rb"(ST(?=" + element + rb")|GS(?=" + element + rb")|ISA)"
    else:
        tags = rb"(UNH(?=" + element + rb")|UNG(?=" + element + rb")|UNB(?=.)|UNA)"
    # bounded: a terminator that is itself a line end must not be tried with all the rest of a file
    return re.compile(re.escape(separators.terminator) + rb"[\r\n\t ]{0,64}+" + tags, re.DOTALL)


def _released(data: bytes, position: int, release: bytes) -> bool:
    """Whether the character at a position is released: an odd number of release characters stands before it."""
    if not release:
        return False
    count = 0
    while position - count > 0 and data[position - count - 1 : position - count] == release:
        count += 1
    return count % 2 == 1


def render(
    data: bytes, pointers: Sequence[Pointer], *, limit: int, message: int | None, size: int
) -> Original:
    """The segments of a file, or of one message with its envelope."""
    shown, truncated = _chosen(data, limit=limit, message=message)
    encoding = "iso8859-1" if _family(data) is _EDIFACT else _x12_encoding(shown)
    for segment in shown:
        if segment.tag == "UNB":
            encoding = codec_of(segment.raw[4:8].decode("ascii", "replace")) or "iso8859-1"
    original = Original("segments", size, encoding, truncated=truncated or size > len(data))
    by_place = _Pointers(pointers)
    for segment in shown:
        marks: list[Mark] = []
        decoded = Decoded(segment.raw, encoding)
        for pointer in by_place.at(segment):
            start, end = _span(segment, pointer)
            marks.append(pointer.mark(decoded.chars(start), decoded.chars(end)))
            original.note(pointer)
        kind = "envelope" if segment.number is None else ""
        label = str(segment.number) if segment.number is not None else ""
        original.lines.append(Line(label, cut(decoded.text, marks), kind, worst(marks)))
    return original


def _x12_encoding(shown: Sequence[Segment]) -> str:
    """X12 says nothing of it: UTF-8 where that fits, else Latin-1."""
    try:
        for segment in shown:
            segment.raw.decode("utf-8")
    except UnicodeDecodeError:
        return "iso8859-1"
    return "utf-8"


def _chosen(data: bytes, *, limit: int, message: int | None) -> tuple[list[Segment], bool]:
    """The segments to show, and whether there is more of it than is shown."""
    shown: list[Segment] = []
    used = 0
    start, before, separators = None, 0, None
    if message is not None:
        found = find_message(data, message)
        if found is not None:
            shown, start, separators = found
            before = message - 1
    for looked, segment in enumerate(segments(data, start=start, before=before, separators=separators)):
        if looked >= MAX_SEGMENTS:
            return shown, True
        if message is not None and segment.message != message:
            if segment.message is not None and segment.message > message:
                break
            if start is not None:
                # the trailer of the interchange, or of the group
                break
            if segment.message is not None or segment.tag not in ("UNA", "UNB", "UNG", "ISA", "GS"):
                continue
        if len(shown) >= MAX_LINES or used + len(segment.raw) > limit:
            return shown, True
        shown.append(segment)
        used += len(segment.raw)
    return shown, False


def _offset(pointer: Pointer) -> int:
    return pointer.offset or 0


class _Pointers:
    """Pointers by what they point at, so that a line does not look through all of them."""

    def __init__(self, pointers: Sequence[Pointer]) -> None:
        self._by_offset = sorted((pointer for pointer in pointers if pointer.offset is not None), key=_offset)
        self._by_number: dict[int, list[Pointer]] = {}
        for pointer in pointers:
            if pointer.offset is None and pointer.segment_number is not None:
                self._by_number.setdefault(pointer.segment_number, []).append(pointer)

    def at(self, segment: Segment) -> list[Pointer]:
        end = segment.start + len(segment.raw)
        first = bisect.bisect_left(self._by_offset, segment.start, key=_offset)
        last = bisect.bisect_right(self._by_offset, end, key=_offset)
        found = self._by_offset[first:last]
        for pointer in self._by_number.get(segment.number or 0, ()):
            if pointer.segment is None or pointer.segment == segment.tag:
                found.append(pointer)
        return found
