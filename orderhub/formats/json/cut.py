"""Cuts a JSON file into the values that hold its records, without reading it whole.

Most of an array is cut by the decoder itself: a piece of the file that ends before something that looks like the begin of
a record is taken for a list, and when the decoder says that it is one, its elements are records (no other reading of
these bytes exists). Where that does not help (the first record, one with a fault in it, an odd layout), the end of a
single value is found by counting brackets outside texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import msgspec

from orderhub.formats.json.look import Fault, fault_in
from orderhub.formats.json.source import CHUNK, MAX_VALUE, Buffer

#: What stands between two records of an array and what the second begins with, up to its first key.
_BETWEEN = re.compile(rb"[ \t\n\r]*,[ \t\n\r]*")
_FIRST_KEY = re.compile(rb'\{[ \t\n\r]*"[^"\\\x00-\x1f]{1,200}"[ \t\n\r]*:')
#: Possessive (``*+``): a text of millions of escapes must not be remembered step by step for going back.
_TOKEN = re.compile(rb'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"|["{}\[\]]', re.DOTALL)
_BARE = re.compile(rb"[^ \t\n\r,\]}\[{\"]+")
_KEY = re.compile(rb'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"', re.DOTALL)
#: Objects further down than this are looked at whole.
_DEEP = 8
_CLOSING = {ord("{"): ord("}"), ord("["): ord("]")}
#: A list whose elements are checked and left as bytes.
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])


class Cut(msgspec.Struct, frozen=True, gc=False):
    """One value of the file and where it stands; ``steps`` lead to it from the top."""

    raw: bytes
    offset: int
    line: int
    column: int
    steps: tuple[str | int, ...]


class Cutter:
    """Goes through one file once. ``found``: whether the keys on the way to the records were there. One that only
    ``looks`` checks the elements of an array and does not hand them all on."""

    def __init__(self, buffer: Buffer, *, looks: bool = False) -> None:
        self.buffer = buffer
        self.looks = looks
        self.found = False
        #: the value that is being looked at
        self._steps: tuple[str | int, ...] = ()

    def whole(self) -> Iterator[Cut]:
        """The file as one value."""
        buffer = self.buffer
        buffer.space()
        parts: list[bytes] = [buffer.data[buffer.at :]]
        start = self._here(())
        while buffer.take(len(buffer.data)) and buffer.more():
            parts.append(buffer.data[buffer.at :])
        raw = b"".join(parts).rstrip(b" \t\r\n")
        if raw:
            yield msgspec.structs.replace(start, raw=raw)

    def lines(self) -> Iterator[Cut]:
        """Each line that is not blank."""
        buffer = self.buffer
        number = 0
        while True:
            buffer.space()
            end = buffer.data.find(b"\n", buffer.at)
            while end < 0 and buffer.more():
                end = buffer.data.find(b"\n", buffer.at)
                self._bounded()
            if end < 0:
                end = len(buffer.data)
            if end == buffer.at:
                return
            cut = self._here((number,))
            yield msgspec.structs.replace(cut, raw=buffer.take(end).rstrip(b" \t\r"))
            number += 1

    def elements(self, steps: tuple[str | int, ...] = ()) -> Iterator[Cut]:
        """The elements of the array that begins here; what follows it stays.

        :raises Fault: the brackets do not agree, or the array does not end.
        """
        buffer = self.buffer
        buffer.space()
        buffer.take(buffer.at + 1)
        if buffer.peek() == b"]":
            buffer.take(buffer.at + 1)
            return
        number, pause, wait, mark = 0, 1, 0, b""
        while True:
            if wait == 0 and mark:
                many, count = self._at_once(steps, number, mark)
                yield from many
                number += count
                pause = 1 if count else min(pause * 2, 1_000)
                wait = pause
            wait = max(wait - 1, 0)
            cut = self._here((*steps, number))
            raw = buffer.take(self._end())
            yield msgspec.structs.replace(cut, raw=raw)
            number += 1
            char = buffer.peek()
            if char == b"]":
                buffer.take(buffer.at + 1)
                return
            if char != b",":
                raise self._missing(char, "]", (*steps, number))
            if not mark:
                mark = self._mark()
                wait = 0
            buffer.take(buffer.at + 1)
            if buffer.peek() == b"]":
                raise self._fault("A comma stands after the last value.", (*steps, number))

    def within(self, way: tuple[str, ...], steps: tuple[str | int, ...] = ()) -> Iterator[Cut]:
        """The records at the end of ``way`` in the object that begins here; its other members are checked and passed.

        :raises Fault: the object is none, a key on the way stands twice, or what it names is neither list nor object.
        """
        seen = False
        for key in self._members(steps):
            if key != way[0]:
                self._pass((*steps, key))
                continue
            if seen:
                raise self._fault(
                    f"The key {key!r} stands twice, so it is not known which records are meant.",
                    (*steps, key),
                    "JSON_DUPLICATE_KEY",
                    "Ask the sender to send it once.",
                )
            seen = True
            yield from self._records(way[1:], (*steps, key))

    def keys(self) -> list[str]:
        """The keys of the object that the file is, whatever the size of what they name.

        :raises Fault: it is none.
        """
        found: list[str] = []
        for key in self._members(()):
            found.append(key)
            self._over((key,))
        self.ended()
        return found

    def ended(self) -> None:
        """Nothing may follow.

        :raises Fault: something does.
        """
        if self.buffer.peek():
            raise self._fault(
                "The document has ended, and more follows.",
                (),
                "JSON_TRAILING",
                "Send one document, an array, or one document a line.",
            )

    # --- parts

    def _members(self, steps: tuple[str | int, ...]) -> Iterator[str]:
        """The keys of the object that begins here; who takes one goes past its value before asking for the next."""
        buffer = self.buffer
        buffer.space()
        buffer.take(buffer.at + 1)
        char = buffer.peek()
        while char != b"}":
            yield self._key(steps)
            char = buffer.peek()
            if char == b",":
                buffer.take(buffer.at + 1)
                char = buffer.peek()
                if char == b"}":
                    raise self._fault("A comma stands after the last value.", steps)
            elif char != b"}":
                raise self._missing(char, "}", steps)
        buffer.take(buffer.at + 1)

    def _over(self, steps: tuple[str | int, ...]) -> None:
        """Over a value that may be most of the file: the elements of a list, the members of an object one by one."""
        char = self.buffer.peek()
        if char == b"[":
            for _ in self.elements(steps):
                pass
        elif char == b"{" and len(steps) < _DEEP:
            for key in self._members(steps):
                self._over((*steps, key))
        else:
            self._pass(steps)

    def _records(self, way: tuple[str, ...], steps: tuple[str | int, ...]) -> Iterator[Cut]:
        char = self.buffer.peek()
        if way and char == b"{":
            yield from self.within(way, steps)
        elif char == b"[" and not way:
            self.found = True
            yield from self.elements(steps)
        elif char == b"{":
            self.found = True
            cut = self._here(steps)
            yield msgspec.structs.replace(cut, raw=self.buffer.take(self._end()))
        elif char == b"n":
            self._pass(steps)
        else:
            what = "an object with " + way[0] if way else "a list of records"
            raise self._fault(
                f"Here was to stand {what}.",
                steps,
                "JSON_RECORD_SHAPE",
                "Correct record in the mapping's source, or ask the sender.",
            )

    def _key(self, steps: tuple[str | int, ...]) -> str:
        buffer = self.buffer
        char = buffer.peek()
        match = _KEY.match(buffer.data, buffer.at)
        while match is None and char == b'"' and buffer.more():
            self._bounded()
            match = _KEY.match(buffer.data, buffer.at)
        if match is None:
            raise self._missing(char, "a key in double quotes", steps)
        text = buffer.take(match.end())
        try:
            key = json.loads(text)
        except ValueError as error:
            raise self._fault(f"The key {text[:60]!r} is no text of JSON: {error}.", steps) from error
        if buffer.peek() != b":":
            raise self._missing(buffer.peek(), f"a colon after the key {str(key)[:60]!r}", steps)
        buffer.take(buffer.at + 1)
        return str(key)

    def _pass(self, steps: tuple[str | int, ...]) -> None:
        """Over a value that nobody reads, which must be one all the same."""
        cut = self._here(steps)
        raw = self.buffer.take(self._end())
        fault = fault_in(raw)
        if fault is not None:
            raise Located(fault, msgspec.structs.replace(cut, raw=raw))

    def _mark(self) -> bytes:
        """At the comma before the second record: from here up to its first key, as it stands before most records."""
        buffer = self.buffer
        if len(buffer.data) - buffer.at < 4_096:
            buffer.more()
        between = _BETWEEN.match(buffer.data, buffer.at)
        first = _FIRST_KEY.match(buffer.data, between.end()) if between is not None else None
        return b"" if first is None else buffer.data[buffer.at : first.end()]

    def _at_once(self, steps: tuple[str | int, ...], number: int, mark: bytes) -> tuple[list[Cut], int]:
        """As many elements as are in sight, when they are all right, and how many they are."""
        buffer = self.buffer
        while len(buffer.data) - buffer.at < CHUNK and buffer.more():
            pass
        end = buffer.data.rfind(mark, buffer.at + 1)
        if end < 0:
            return [], 0
        piece = buffer.data[buffer.at : end]
        try:
            found = _ELEMENTS.decode(b"[" + piece + b"]")
        except (ValueError, RecursionError):
            return [], 0
        made: list[Cut] = []
        if self.looks:
            buffer.take(end + 1)
        else:
            for raw in found:
                buffer.space()
                offset, line, column = buffer.offset, buffer.line, buffer.column
                taken = buffer.take(buffer.at + len(memoryview(raw)))
                made.append(Cut(taken, offset, line, column, (*steps, number)))
                number += 1
                buffer.space()
                buffer.take(buffer.at + 1)  # the comma
        buffer.space()
        return made, len(found)

    def _end(self) -> int:
        """The position behind the value that begins here.

        :raises Fault: it does not end, or its brackets do not agree.
        """
        buffer = self.buffer
        buffer.space()
        while True:
            end = self._closed()
            if end is not None:
                return end
            self._bounded()
            if not buffer.more():
                raise self._fault(
                    "The file ends within this value.",
                    None,
                    "JSON_TRUNCATED",
                    "It is cut off: ask the sender to send it again, whole.",
                )

    def _closed(self) -> int | None:
        """The same, ``None`` when it is not all in sight."""
        data, at = self.buffer.data, self.buffer.at
        if data[at : at + 1] not in (b"{", b"[", b'"'):
            match = _BARE.match(data, at)
            if match is None:
                if not data[at : at + 1]:
                    return None
                raise self._fault(f"A value was expected, not {chr(data[at])!r}.")
            return match.end() if match.end() < len(data) or self.buffer.ended else None
        open_brackets: list[int] = []
        for match in _TOKEN.finditer(data, at):
            char = data[match.start()]
            if char == 0x22:
                if match.end() - match.start() == 1:
                    self._open_text(match.start())
                    return None
            elif char in _CLOSING:
                open_brackets.append(_CLOSING[char])
            elif not open_brackets or open_brackets.pop() != char:
                self.buffer.take(match.start())
                raise self._fault(f"{chr(char)!r} closes what was not opened.")
            if not open_brackets:
                return match.end()
        return None

    def _open_text(self, quote: int) -> None:
        """A text that does not end in sight: not yet, or never."""
        bad = re.compile(rb"[\x00-\x1f]").search(self.buffer.data, quote)
        if bad is None:
            return
        self.buffer.take(bad.start())
        raise self._fault("A line break or control character stands within a text: a quote is missing.")

    def _bounded(self) -> None:
        if len(self.buffer.data) - self.buffer.at > MAX_VALUE:
            raise self._fault(
                f"One value has more than {MAX_VALUE} bytes.",
                None,
                "JSON_TOO_LONG",
                "This is no order: ask the sender for another.",
            )

    # --- places

    def _here(self, steps: tuple[str | int, ...]) -> Cut:
        buffer = self.buffer
        buffer.space()
        self._steps = steps
        return Cut(b"", buffer.offset, buffer.line, buffer.column, steps)

    def _missing(self, char: bytes, what: str, steps: tuple[str | int, ...]) -> Fault:
        if not char:
            return self._fault(
                f"The file ends, and {what} is missing.",
                steps,
                "JSON_TRUNCATED",
                "It is cut off: ask the sender to send it again, whole.",
            )
        return self._fault(f"{what} is missing before {char.decode('utf-8', 'replace')!r}.", steps)

    def _fault(
        self,
        what: str,
        steps: tuple[str | int, ...] | None = None,
        code: str = "JSON_SYNTAX",
        todo: str = "Ask the sender for valid JSON (RFC 8259).",
    ) -> Fault:
        fault = Fault(code, what, todo, offset=0, steps=())
        buffer = self.buffer
        steps = self._steps if steps is None else steps
        return Located(fault, Cut(b"", buffer.offset, buffer.line, buffer.column, steps))


class Located(Fault):
    """A fault of the file itself, with the place of the value that it is in."""

    def __init__(self, fault: Fault, cut: Cut) -> None:
        super().__init__(
            fault.code, fault.what, fault.todo, offset=fault.offset, steps=fault.steps, value=fault.value
        )
        self.cut = cut
