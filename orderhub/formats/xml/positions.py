"""The second look: in which column and at which byte an element begins.

lxml knows an element's line at most. Whoever needs more asks here, and the file is gone through once more by expat, which
counts the start tags of each message. It goes forward only, as messages are asked for in their order, so that a file in
which every message has something wrong is gone through once and not once a message.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Protocol
from xml.parsers import expat

log = logging.getLogger(__name__)

CHUNK = 1 << 16

#: line and column from 1, byte offset from 0
Position = tuple[int, int, int]


class Bytes(Protocol):
    """What :class:`Positions` needs of the source."""

    def again(self) -> Iterator[bytes]:
        """The bytes once more, from the start, without what was passed over there."""

    @property
    def passed_over(self) -> tuple[int, int, int]:
        """What was passed over at the start: how many bytes, line ends, and bytes behind the last line end."""


class Positions:
    """Start positions of the elements of messages. ``records``: full names of the elements that are messages, none where
    the root is the message."""

    def __init__(self, source: Bytes, records: frozenset[str]) -> None:
        self.source = source
        self.records = frozenset(tag.removeprefix("{") for tag in records)
        self._scan: _Scan | None = None

    def of(self, number: int, ordinal: int) -> Position | None:
        """Where element ``ordinal`` (in document order, the message's own is 0) of message ``number`` begins; ``None``
        where the second look does not get that far."""
        return self._look(number, ordinal, around=False)

    def around(self, number: int, ordinal: int) -> Position | None:
        """The same for the elements outside all messages, those before message ``number`` at least."""
        return self._look(number, ordinal, around=True)

    def _look(self, number: int, ordinal: int, *, around: bool) -> Position | None:
        try:
            if self._scan is None or self._scan.lowest > number:
                self._scan = _Scan(self.source.again(), self.records)
            found = self._scan.message(number)
            if around:
                found = self._scan.outside
        except (OSError, ValueError) as error:
            # the stream is closed by now, or cannot be read twice: the line is good enough
            log.debug("no second look: %s", error)
            return None
        if ordinal >= len(found):
            return None
        line, column, offset = found[ordinal]
        skipped, lines, indent = self.source.passed_over
        return line + lines, column + 1 + (indent if line == 1 else 0), offset + skipped


class _Scan:
    """One pass. ``lowest`` is the first message whose positions are still known."""

    def __init__(self, chunks: Iterator[bytes], records: frozenset[str]) -> None:
        self.chunks = chunks
        self.records = records
        self.lowest = 1
        self.found: dict[int, list[Position]] = {}
        self.outside: list[Position] = []
        self.current = self.outside
        self.number = 0
        self.depth = 0
        self.ended = False
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def message(self, number: int) -> list[Position]:
        while not self.ended and (number > self.number or (number == self.number and self.depth)):
            chunk = next(self.chunks, b"")
            self.ended = not chunk
            try:
                self.parser.Parse(chunk, self.ended)
            except expat.ExpatError as error:
                log.debug("the second look ends early: %s", error)
                self.ended = True
        for old in [known for known in self.found if known < number]:
            del self.found[old]
        self.lowest = max(self.lowest, number)
        return self.found.get(number, [])

    def _start(self, name: str, _attributes: object) -> None:
        if self.depth:
            self.depth += 1
        elif not self.records or name in self.records:
            self.depth = 1
            self.number += 1
            self.current = self.found[self.number] = []
        parser = self.parser
        self.current.append((parser.CurrentLineNumber, parser.CurrentColumnNumber, parser.CurrentByteIndex))

    def _end(self, _name: str) -> None:
        if self.depth:
            self.depth -= 1
            if not self.depth:
                self.current = self.outside
