"""Where things are in the bytes of a message. Nothing here costs anything until a place is asked for."""

from __future__ import annotations

from typing import Protocol

from orderhub.findings import Place
from orderhub.formats.edi.delimiters import BETWEEN_SEGMENTS, Delimiters

#: Characters of the source that a finding shows.
EXCERPT = 80


def released(raw: bytes, at: int, release: bytes, start: int = 0) -> bool:
    """Whether the byte at ``at`` is taken literally: an odd number of release characters stands before it."""
    if not release or at <= start or raw[at - 1] != release[0]:
        return False
    first = at - 1
    while first > start and raw[first - 1] == release[0]:
        first -= 1
    return (at - first) % 2 == 1


def find_unreleased(raw: bytes, char: bytes, release: bytes, start: int, end: int | None = None) -> int:
    """The next place of a delimiter that is not released, else -1."""
    stop = len(raw) if end is None else end
    at = raw.find(char, start, stop)
    while at >= 0 and released(raw, at, release, start):
        at = raw.find(char, at + 1, stop)
    return at


def count_unreleased(raw: bytes, char: bytes, release: bytes) -> int:
    """How often a delimiter stands unreleased, without looking at each."""
    found = raw.count(char)
    if found and release and release + char in raw:
        # what is left of release characters after each pair stood for one of them releases what follows
        found -= raw.replace(release + release, b"").count(release + char)
    return found


class Cut(Protocol):
    """Bytes cut out of a file: ``line`` (from 1) and ``line_start`` are those of their first byte."""

    @property
    def raw(self) -> bytes: ...
    @property
    def offset(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def line_start(self) -> int: ...


class MessageSource:
    """The bytes of one message and what is needed to say where in the file they are.

    ``offset`` is that of ``raw[0]`` in the file. ``numbered`` is off for a single service segment outside messages,
    which has no number.
    """

    __slots__ = (
        "_cut",
        "_spans",
        "delimiters",
        "encoding",
        "file",
        "interchange",
        "numbered",
        "offset",
        "raw",
        "reference",
    )

    def __init__(
        self,
        cut: Cut,
        *,
        file: str,
        interchange: str | None,
        reference: str | None,
        delimiters: Delimiters,
        encoding: str,
        numbered: bool = True,
    ) -> None:
        self._cut = cut
        self.raw = cut.raw
        self.offset = cut.offset
        self.file = file
        self.interchange = interchange
        self.reference = reference
        self.delimiters = delimiters
        self.encoding = encoding
        self.numbered = numbered
        self._spans: list[tuple[int, int]] | None = None

    def spans(self) -> list[tuple[int, int]]:
        """Start and end (without terminator) of each segment in ``raw``."""
        if self._spans is None:
            spans = []
            raw = self.raw
            terminator = self.delimiters.terminator.encode("ascii")
            release = self.delimiters.release.encode("ascii")
            start = _skip(raw, 0)
            while start < len(raw):
                end = find_unreleased(raw, terminator, release, start)
                if end < 0:
                    end = len(raw)
                spans.append((start, end))
                start = _skip(raw, end + 1)
            self._spans = spans
        return self._spans

    def place(
        self,
        segment: int | None = None,
        element: int | None = None,
        component: int | None = None,
        *,
        path: str = "",
    ) -> Place:
        """The place of a segment (index from 0), of its element and component (from 1). An element that is not there
        is placed at the end of its segment."""
        spans = self.spans()
        if segment is None or not spans:
            return self.start()
        start, end = spans[min(segment, len(spans) - 1)]
        at, stop = (start, end) if element is None else self._locate(start, end, element, component)
        tag_end = find_unreleased(self.raw, self.delimiters.element.encode("ascii"), b"", start, end)
        tag = self.raw[start : tag_end if tag_end >= 0 else min(end, start + 3)].decode(
            self.encoding, "replace"
        )
        line, column = self._line_of(at)
        return Place(
            file=self.file,
            interchange=self.interchange,
            message=self.reference,
            segment=tag[:3],
            segment_number=segment + 1 if self.numbered else None,
            element=element,
            component=component or None,
            path=path or None,
            offset=self.offset + at,
            line=line,
            column=column,
            excerpt=self.raw[start : min(end, start + 4 * EXCERPT)].decode(self.encoding, "replace")[
                :EXCERPT
            ],
            length=stop - at if element is not None else None,
        )

    def start(self) -> Place:
        """Where the message starts."""
        return Place(
            file=self.file,
            interchange=self.interchange,
            message=self.reference,
            offset=self.offset,
            line=self._cut.line,
            column=self.offset - self._cut.line_start + 1,
        )

    def place_at(self, at: int) -> Place:
        """The place of a byte of ``raw``: its segment, element and component."""
        for index, (start, end) in enumerate(self.spans()):
            if at <= end:
                before = self.raw[start:at]
                element = _count(before, self.delimiters.element, self.delimiters.release)
                cut = _last(before, self.delimiters.element, self.delimiters.release)
                component = _count(before[cut + 1 :], self.delimiters.component, self.delimiters.release)
                place = self.place(index)
                line, column = self._line_of(at)
                return Place(
                    file=self.file,
                    interchange=self.interchange,
                    message=self.reference,
                    segment=place.segment,
                    segment_number=index + 1,
                    element=element or None,
                    component=component + 1 if element else None,
                    offset=self.offset + at,
                    line=line,
                    column=column,
                    excerpt=place.excerpt,
                )
        return self.place()

    def _locate(self, start: int, end: int, element: int, component: int | None) -> tuple[int, int]:
        """Where an element or component begins and ends; the end of what is there, twice, when it is not."""
        release = self.delimiters.release.encode("ascii")
        at = start
        for _ in range(element):
            found = find_unreleased(self.raw, self.delimiters.element.encode("ascii"), release, at, end)
            if found < 0:
                return end, end
            at = found + 1
        stop = find_unreleased(self.raw, self.delimiters.element.encode("ascii"), release, at, end)
        stop = end if stop < 0 else stop
        for _ in range((component or 1) - 1):
            found = find_unreleased(self.raw, self.delimiters.component.encode("ascii"), release, at, stop)
            if found < 0:
                return stop, stop
            at = found + 1
        if component:
            found = find_unreleased(self.raw, self.delimiters.component.encode("ascii"), release, at, stop)
            stop = stop if found < 0 else found
        return at, stop

    def _line_of(self, at: int) -> tuple[int, int]:
        breaks = self.raw.count(b"\n", 0, at)
        if not breaks:
            prefix = self.offset - self._cut.line_start
            return self._cut.line, prefix + len(self.raw[:at].decode(self.encoding, "replace")) + 1
        last = self.raw.rfind(b"\n", 0, at)
        return self._cut.line + breaks, len(self.raw[last + 1 : at].decode(self.encoding, "replace")) + 1


def _skip(raw: bytes, at: int) -> int:
    while at < len(raw) and raw[at] in BETWEEN_SEGMENTS:
        at += 1
    return at


def _count(raw: bytes, char: str, release: str) -> int:
    count, at = 0, -1
    while (at := find_unreleased(raw, char.encode("ascii"), release.encode("ascii"), at + 1)) >= 0:
        count += 1
    return count


def _last(raw: bytes, char: str, release: str) -> int:
    last, at = -1, -1
    while (at := find_unreleased(raw, char.encode("ascii"), release.encode("ascii"), at + 1)) >= 0:
        last = at
    return last
