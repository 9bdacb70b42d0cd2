"""A second look at a record: where a value stands, and what is wrong with a text that is no JSON.

The reader's decoder is quick and says little. What it does not tell (positions, names, which key stands twice) is found
here, only when somebody asks. The rules are those of RFC 8259, no more and no less: no NaN, no comments, no trailing
comma, no lone halves of surrogate pairs, and no key twice.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

#: Nested deeper than any order, and less than what the decoder's own limit is.
MAX_DEPTH = 200
#: Characters of one number.
MAX_NUMBER = 300

_SPACE = re.compile(rb"[ \t\n\r]*")
_STRING = re.compile(rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"')
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(rb"[^\s,:\[\]{}\"]{1,40}")
_LITERALS = (b"true", b"false", b"null")
_CUT_ESCAPE = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_HALVES = re.compile(rb"\\u[dD]([89abAB]|[c-fC-F])[0-9a-fA-F]{2}")


class Fault(Exception):
    """What is wrong, and at which byte of the record. ``steps`` lead to the value around it."""

    def __init__(
        self,
        code: str,
        what: str,
        todo: str,
        *,
        offset: int,
        steps: tuple[str | int, ...] = (),
        value: str | None = None,
    ) -> None:
        self.code = code
        self.what = what
        self.todo = todo
        self.offset = offset
        self.steps = steps
        self.value = value
        super().__init__(what)


_ASK = "Ask the sender for valid JSON (RFC 8259)."


def fault_in(raw: bytes) -> Fault | None:
    """The first thing that is wrong with a JSON text; ``None`` when nothing is."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return Fault(
            "JSON_ENCODING",
            f"The byte {raw[error.start]:#04x} is not UTF-8.",
            "Ask the sender for UTF-8, or declare the encoding in the mapping's source (encoding: cp1252).",
            offset=error.start,
        )
    try:
        end = _Look(raw).value()
    except Fault as fault:
        return fault
    if end < len(raw):
        return Fault(
            "JSON_TRAILING",
            "The document has ended, and more follows.",
            "Send one document, an array, or one document a line.",
            offset=end,
        )
    return None


def locate(raw: bytes, steps: tuple[str | int, ...]) -> tuple[int, int, int]:
    """Where a value stands: byte, length, and how many of the steps led somewhere (the rest is not there)."""
    look = _Look(raw, steps)
    # what is wrong behind the place does not matter here
    with suppress(_Found, Fault):
        look.value()
    return look.at, look.length, look.depth


def locate_all(raw: bytes) -> dict[tuple[str | int, ...], tuple[int, int]]:
    """Where every value stands: its steps to byte and length (0 for objects and arrays). For whoever asks for many: one
    look at the text instead of one for each."""
    look = _LookAtAll(raw)
    with suppress(Fault):
        look.value()
    return look.found


class _Found(Exception):
    pass


class _Frame:
    __slots__ = ("is_object", "keys", "start", "step")

    def __init__(self, is_object: bool, start: int) -> None:
        self.is_object = is_object
        self.start = start
        self.step: str | int = 0
        self.keys: dict[str, int] = {}


class _Look:
    """Goes through a text once, without recursion."""

    def __init__(self, raw: bytes, wanted: tuple[str | int, ...] | None = None) -> None:
        self.raw = raw
        self.wanted = wanted
        self.at = self.length = self.depth = 0
        self.frames: list[_Frame] = []
        #: how many frames, from the outermost, are on the way to what is wanted
        self.on_way = 0

    def value(self) -> int:
        """The position behind the value and the space after it.

        :raises Fault: it is none.
        """
        raw, position = self.raw, self.space(0)
        position = self.begin(position)
        while self.frames:
            frame = self.frames[-1]
            position = self.space(position)
            char = raw[position : position + 1]
            closing = b"}" if frame.is_object else b"]"
            if char == closing:
                position = self.close(position + 1)
            elif char == b",":
                comma = position
                position = self.space(position + 1)
                if raw[position : position + 1] == closing:
                    raise self.fault("A comma stands after the last value.", comma)
                position = self.next(frame, position)
            elif not char:
                raise self.truncated(position)
            else:
                raise self.unexpected(
                    position, f"A comma or {closing.decode()} is missing before {self.shown(position)}."
                )
        return self.space(position)

    def space(self, position: int) -> int:
        match = _SPACE.match(self.raw, position)
        return match.end() if match is not None else position

    # --- values

    def begin(self, position: int) -> int:
        """A value begins here; the position behind it, or behind its opening bracket and first member."""
        char = self.raw[position : position + 1]
        if char in (b"{", b"["):
            self.seen(position)
            if len(self.frames) >= MAX_DEPTH:
                raise Fault(
                    "JSON_DEPTH",
                    f"The values are nested deeper than {MAX_DEPTH} levels.",
                    "This is no order: ask the sender for another.",
                    offset=position,
                )
            frame = _Frame(char == b"{", position)
            self.frames.append(frame)
            position = self.space(position + 1)
            if self.raw[position : position + 1] == (b"}" if frame.is_object else b"]"):
                return position
            frame.step = -1
            return self.next(frame, position)
        end = self.scalar(position)
        self.seen(position, end)
        return end

    def next(self, frame: _Frame, position: int) -> int:
        if not frame.is_object:
            frame.step = int(frame.step) + 1
            return self.begin(position)
        key, end = self.key(position)
        first = frame.keys.setdefault(key, position)
        if first != position:
            raise Fault(
                "JSON_DUPLICATE_KEY",
                f"The key {key[:60]!r} stands twice in one object, so it is not known which value is meant.",
                "Ask the sender to send it once.",
                offset=position,
                steps=self.steps()[:-1],
                value=key[:200],
            )
        frame.step = key
        end = self.space(end)
        if self.raw[end : end + 1] != b":":
            raise self.unexpected(end, f"A colon is missing after the key {key[:60]!r}.")
        return self.begin(self.space(end + 1))

    def key(self, position: int) -> tuple[str, int]:
        if self.raw[position : position + 1] != b'"':
            if position >= len(self.raw):
                raise self.truncated(position)
            raise self.unexpected(
                position, f"A key in double quotes was expected, not {self.shown(position)}."
            )
        end = self.string(position)
        text = self.raw[position:end]
        return (str(json.loads(text)) if b"\\" in text else text[1:-1].decode("utf-8")), end

    def scalar(self, position: int) -> int:
        raw = self.raw
        char = raw[position : position + 1]
        if char == b'"':
            return self.string(position)
        for literal in _LITERALS:
            if raw.startswith(literal, position) and not raw[position + len(literal) :][:1].isalnum():
                return position + len(literal)
        match = _NUMBER.match(raw, position)
        if match is not None:
            word = _WORD.match(raw, position)
            if word is None or word.end() <= match.end():
                if match.end() - position > MAX_NUMBER:
                    raise Fault(
                        "JSON_NUMBER",
                        f"A number of {match.end() - position} characters stands here.",
                        "Ask the sender for the right number.",
                        offset=position,
                        steps=self.steps(),
                    )
                return match.end()
        if not char:
            raise self.truncated(position)
        raise self.unexpected(position, f"{self.shown(position)} is no JSON value.")

    def string(self, position: int) -> int:
        match = _STRING.match(self.raw, position)
        if match is not None:
            if b"\\u" in match[0]:
                self.surrogates(match[0], position)
            return match.end()
        bad = re.compile(rb'["\x00-\x1f]|\\(?!["\\/bfnrt]|u[0-9a-fA-F]{4})').search
        at = position + 1
        while found := bad(self.raw, at):
            # an escaped quote or backslash is no end
            slashes = len(self.raw[position + 1 : found.start()]) - len(
                self.raw[position + 1 : found.start()].rstrip(b"\\")
            )
            if found[0] == b'"' and slashes % 2:
                at = found.end()
                continue
            if found[0].startswith(b"\\") and slashes % 2:
                at = found.start() + 1
                continue
            break
        if found is None or _CUT_ESCAPE.match(self.raw, found.start()):
            raise self.truncated(position)
        if found[0] == b"\\":
            raise self.fault(
                f"{self.raw[found.start() : found.start() + 2].decode('utf-8', 'replace')!r} is no escape of JSON.",
                found.start(),
            )
        name = "A line break" if found[0] in b"\r\n" else f"The control character {found[0][0]:#04x}"
        raise self.fault(
            f"{name} stands within a text: a quote is missing, or it must be escaped.", found.start()
        )

    def surrogates(self, text: bytes, position: int) -> None:
        expected: int | None = None
        for match in _HALVES.finditer(text):
            # an escaped backslash before the u makes it plain text
            before = text[: match.start()]
            if (len(before) - len(before.rstrip(b"\\"))) % 2:
                continue
            first = match[1] in b"89abAB"
            if first is (expected is not None) or (expected is not None and match.start() != expected):
                break
            expected = match.end() if first else None
        else:
            if expected is None:
                return
        raise self.fault("Half of a surrogate pair stands alone in a text.", position)

    # --- positions

    def steps(self) -> tuple[str | int, ...]:
        # an object whose first key is still to come has none
        return tuple(frame.step for frame in self.frames if frame.step != -1)

    def seen(self, position: int, end: int = 0) -> None:
        """A value begins at a position; remember it when it is on the way to what is wanted."""
        wanted, depth = self.wanted, len(self.frames)
        if wanted is None or depth > len(wanted) or self.on_way < depth - 1:
            return
        if depth and self.frames[-1].step != wanted[depth - 1]:
            self.on_way = min(self.on_way, depth - 1)
            return
        self.on_way = depth
        self.at, self.depth, self.length = position, depth, max(end - position, 0)
        if depth == len(wanted):
            raise _Found

    def close(self, position: int) -> int:
        self.frames.pop()
        self.on_way = min(self.on_way, len(self.frames))
        return position

    # --- what is wrong

    def shown(self, position: int) -> str:
        word = _WORD.match(self.raw, position)
        text = word[0] if word is not None else self.raw[position : position + 1]
        return repr(text.decode("utf-8", "replace"))

    def fault(self, what: str, offset: int, todo: str = _ASK, code: str = "JSON_SYNTAX") -> Fault:
        return Fault(code, what, todo, offset=offset, steps=self.steps())

    def truncated(self, offset: int) -> Fault:
        inside = "an object" if self.frames and self.frames[-1].is_object else "an array"
        return self.fault(
            f"The text ends within {inside if self.frames else 'a value'}.",
            min(offset, len(self.raw)),
            "It is cut off: ask the sender to send it again, whole.",
            "JSON_TRUNCATED",
        )

    def unexpected(self, position: int, what: str) -> Fault:
        rest: Any = self.raw[position : position + 12]
        todo = _ASK
        if rest.startswith((b"NaN", b"Infinity", b"-Infinity", b"nan", b"inf")):
            todo = "JSON has no such number: ask the sender for a number or null."
        elif rest.startswith((b"True", b"False", b"None", b"undefined")):
            todo = "Ask the sender to write true, false or null."
        elif rest.startswith(b"'"):
            todo = "Texts and keys stand in double quotes: ask the sender for valid JSON."
        elif rest.startswith((b"//", b"/*", b"#")):
            todo = "JSON has no comments: ask the sender to leave them out."
        elif rest[:1].isdigit() or rest[:1] in (b"+", b".", b"-"):
            todo = "Numbers have no leading zeros and no plus sign, and digits on both sides of the point."
        return self.fault(what, position, todo)


class _LookAtAll(_Look):
    """Remembers every value."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self.found: dict[tuple[str | int, ...], tuple[int, int]] = {}

    def seen(self, position: int, end: int = 0) -> None:
        self.found.setdefault(self.steps(), (position, max(end - position, 0)))
