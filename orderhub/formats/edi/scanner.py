"""Cuts a stream of bytes into service segments and whole messages, holding no more than one message at a time."""

from __future__ import annotations

import re
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple

from orderhub.formats.base import Source
from orderhub.formats.edi.delimiters import BETWEEN_SEGMENTS, Delimiters
from orderhub.formats.edi.source import find_unreleased, released

CHUNK = 256 * 1024

#: How much of a run of garbage is shown, and how much of a chunk is searched again with the next one.
EXCERPT_BYTES = 1024
OVERLAP = 16


class ServiceTags(NamedTuple):
    """The service segments of a standard: ``header`` and ``trailer`` of a message, of a group, and of the interchange.
    ``advice`` may come before an interchange and names its separators, without one of them after its tag (UNA).

    ``distinct``: the tags hardly occur as text (``UNH``), so that a search for them tells quickly that there is none;
    ``ST`` and ``SE`` do.
    """

    header: str
    trailer: str
    group_header: str
    group_trailer: str
    interchange_header: str
    interchange_trailer: str
    advice: str = ""
    distinct: bool = False

    @property
    def separated(self) -> tuple[str, ...]:
        """Those that an element separator follows."""
        return (
            self.header,
            self.trailer,
            self.group_header,
            self.group_trailer,
            self.interchange_header,
            self.interchange_trailer,
        )

    @property
    def others(self) -> tuple[bytes, ...]:
        """What may end a message without its trailer."""
        names = (*self.separated, self.advice)
        return tuple(name.encode("ascii") for name in names if name and name != self.trailer)


class Cut:
    """A piece of the stream: bytes (with terminator, when there is one), where it starts, and whether it is whole.

    Lines are counted only when asked for: the buffer that the piece was cut from is kept for that.
    """

    __slots__ = ("_buffer", "_line", "_line_start", "_position", "offset", "raw", "whole")

    def __init__(
        self, raw: bytes, offset: int, whole: bool, buffer: bytes, position: int, line: int, line_start: int
    ) -> None:
        self.raw = raw
        self.offset = offset
        self.whole = whole
        self._buffer = buffer
        self._position = position
        self._line = line
        self._line_start = line_start

    @property
    def line(self) -> int:
        """The line that it starts in, from 1."""
        return self._line + self._buffer.count(b"\n", 0, self._position)

    @property
    def line_start(self) -> int:
        """The offset at which that line starts."""
        last = self._buffer.rfind(b"\n", 0, self._position)
        return self._line_start if last < 0 else self.offset - self._position + last + 1


def _any_service(tags: ServiceTags, element: str) -> bytes:
    """A service segment's tag with what must follow it."""
    plus = re.escape(element.encode("ascii"))
    names = b"|".join(name.encode("ascii") for name in tags.separated)
    pattern = rb"(?:" + names + rb")" + plus
    return pattern + rb"|" + tags.advice.encode("ascii") + rb"[^A-Za-z0-9]" if tags.advice else pattern


@lru_cache(maxsize=64)
def _boundary(tags: ServiceTags, element: str, terminator: str) -> re.Pattern[bytes]:
    """A service segment that can follow a message or stand instead of its trailer."""
    end = re.escape(terminator.encode("ascii"))
    return re.compile(end + rb"[ \t\r\n\x00\x1a]*(" + _any_service(tags, element) + rb")")


@lru_cache(maxsize=64)
def _service(tags: ServiceTags, element: str, terminator: str) -> re.Pattern[bytes]:
    """A service segment at the beginning of a line or after a terminator."""
    end = re.escape(terminator.encode("ascii"))
    return re.compile(rb"(?<=[\r\n" + end + rb"])(?:" + _any_service(tags, element) + rb")")


@lru_cache(maxsize=8)
def _start(tags: ServiceTags) -> re.Pattern[bytes]:
    """The beginning of an interchange, whatever its separators."""
    names = [name.encode("ascii") for name in (tags.advice, tags.interchange_header) if name]
    return re.compile(rb"(?:" + b"|".join(names) + rb")[^A-Za-z0-9]")


class Scanner:
    """Reads forward. ``delimiters`` may be changed between segments (UNA, ISA)."""

    def __init__(self, source: Source, tags: ServiceTags, delimiters: Delimiters) -> None:
        self.delimiters = delimiters
        self._tags = tags
        self._trailer = tags.trailer.encode("ascii")
        self._others = tags.others
        self._buffer = b""
        self._position = 0
        self._base = 0  # offset in the file of _buffer[0]
        # line and beginning of the line that _buffer[0] stands in
        self._line = 1
        self._line_start = 0
        self._ended = False
        self._close = isinstance(source, Path)
        self._stream: BinaryIO
        if isinstance(source, bytes):
            self._stream = BytesIO()
            self._buffer = source
            self._ended = True
        elif isinstance(source, Path):
            self._stream = source.open("rb")
        else:
            self._stream = source

    def __enter__(self) -> Scanner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._close:
            self._stream.close()

    @property
    def offset(self) -> int:
        return self._base + self._position

    def _fill(self) -> bool:
        """Read more; the buffer then starts at the current position. Chunks grow with what is held, so that a long
        message is not copied again and again."""
        if self._ended:
            return False
        held = len(self._buffer) - self._position
        chunk = self._stream.read(max(CHUNK, held))
        if not chunk:
            self._ended = True
            return False
        breaks = self._buffer.count(b"\n", 0, self._position)
        if breaks:
            self._line += breaks
            self._line_start = self._base + self._buffer.rfind(b"\n", 0, self._position) + 1
        self._base += self._position
        self._buffer = self._buffer[self._position :] + chunk
        self._position = 0
        return True

    def head(self, size: int) -> bytes:
        """The next bytes, without taking them."""
        while len(self._buffer) - self._position < size and self._fill():
            pass
        return self._buffer[self._position : self._position + size]

    def _take(self, end: int, whole: bool) -> Cut:
        """Take everything up to an index of the buffer."""
        start = self._position
        self._position = end
        return Cut(
            self._buffer[start:end],
            self._base + start,
            whole,
            self._buffer,
            start,
            self._line,
            self._line_start,
        )

    def here(self) -> Cut:
        """An empty piece at the current position."""
        return self._take(self._position, True)

    def skip_blank(self) -> None:
        """Go past what may stand between segments."""
        while True:
            at = self._position
            buffer = self._buffer
            size = len(buffer)
            while at < size and buffer[at] in BETWEEN_SEGMENTS:
                at += 1
            self._position = at
            if at < size or not self._fill():
                return

    def skip_bytes(self, count: int) -> Cut:
        """Take a number of bytes (a byte order mark, UNA)."""
        self.head(count)
        return self._take(min(self._position + count, len(self._buffer)), True)

    def segment(self, limit: int) -> Cut:
        """One segment with its terminator; not whole when none comes within ``limit`` bytes."""
        terminator = self.delimiters.terminator.encode("ascii")
        release = self.delimiters.release.encode("ascii")
        while True:
            end = find_unreleased(self._buffer, terminator, release, self._position)
            if end >= 0:
                return self._take(end + 1, True)
            if len(self._buffer) - self._position > limit:
                return self._take(len(self._buffer), False)
            if not self._fill():
                # the end of a file ends its last line
                return self._take(len(self._buffer), terminator in BETWEEN_SEGMENTS)

    def message(self, limit: int) -> Cut:
        """From its header to the end of its trailer; not whole when another service segment, the end of the file or the limit comes
        first."""
        terminator = self.delimiters.terminator.encode("ascii")
        release = self.delimiters.release.encode("ascii")
        if not self._tags.distinct:
            return self._message_slowly(limit, terminator, release)
        trailer = self._trailer + self.delimiters.element.encode("ascii")
        start = self._position
        at = self._buffer.find(trailer, start)
        if at >= 0 and self._begins_segment(at, terminator, release):
            end = find_unreleased(self._buffer, terminator, release, at)
            if end >= 0 and all(self._buffer.find(tag, start + 3, at) < 0 for tag in self._others):
                return self._take(end + 1, True)
        return self._message_slowly(limit, terminator, release)

    def _begins_segment(self, at: int, terminator: bytes, release: bytes) -> bool:
        before = at - 1
        while before > self._position and self._buffer[before] in BETWEEN_SEGMENTS:
            before -= 1
        return self._buffer[before : before + 1] == terminator and not released(
            self._buffer, before, release, self._position
        )

    def _message_slowly(self, limit: int, terminator: bytes, release: bytes) -> Cut:
        pattern = _boundary(self._tags, self.delimiters.element, self.delimiters.terminator)
        seen = 0  # how far, from the current position, there is no boundary
        while True:
            for found in pattern.finditer(self._buffer, self._position + seen):
                if released(self._buffer, found.start(), release, self._position):
                    continue
                if found[1].startswith(self._trailer):
                    end = find_unreleased(self._buffer, terminator, release, found.end())
                    if end >= 0:
                        return self._take(end + 1, True)
                    seen = found.start() - self._position
                    break
                return self._take(found.start() + 1, False)
            else:
                seen = max(seen, len(self._buffer) - self._position - 64)
            if len(self._buffer) - self._position > limit or not self._fill():
                return self._take(len(self._buffer), False)

    def discard(self, *, inside: bool) -> tuple[Cut, int]:
        """Drop everything before the next service segment or the end of the file.

        :param inside: within an interchange, where any service segment is looked for; outside only what begins an interchange counts.
        :returns: the beginning of what was dropped, and how many bytes it was.
        """
        if inside:
            pattern = _service(self._tags, self.delimiters.element, self.delimiters.terminator)
        else:
            pattern = _start(self._tags)
        dropped = 0
        first: Cut | None = None
        self.head(EXCERPT_BYTES)
        while True:
            # never at the position itself: that has been looked at already
            found = pattern.search(self._buffer, self._position + (0 if dropped else 1))
            end = found.start() if found else max(self._position, len(self._buffer) - OVERLAP)
            dropped += end - self._position
            cut = self._take(end, True)
            first = first or cut
            if found is not None:
                return first, dropped
            if not self._fill():
                dropped += len(self._buffer) - self._position
                cut = self._take(len(self._buffer), True)
                first = first if first.raw else cut
                return first, dropped
