"""The text of an XML path to its parts.

::

    path      = [ "//" | "/" | "./" ] step { "/" step } [ "/" "@" name ] | "@" name | "./@" name | "."
    step      = name [ "#" index ] { "[" what "]" }
    what      = index | "*" | "same" | ( "." | path ) "=" value

``/`` starts at the message, ``//`` at the root of the file (what stands around the records).
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from orderhub.formats.dialect import PathError

Start = Literal["here", "message", "file"]

_STEP_NAME = re.compile(r"[^/\[\]#@=\s]+")


class Word(NamedTuple):
    """A name as written, and where."""

    text: str
    offset: int


class Predicate(NamedTuple):
    """``[path=value]``."""

    path: Path
    value: str
    offset: int


class Step(NamedTuple):
    """One child step. ``every``: ``[*]`` says that there may be several; ``same``: ``[same]`` that there may be, and all
    must give the same value."""

    name: Word
    nth: int | None
    every: bool
    same: bool
    predicates: tuple[Predicate, ...]


class Path(NamedTuple):
    """``steps`` may be empty (the node itself); ``attribute`` is read of the last step's element."""

    text: str
    start: Start
    steps: tuple[Step, ...]
    attribute: Word | None


def parse(text: str) -> Path:
    """Parse a path; :class:`PathError` at what does not belong."""
    return _Parser(text, 0).path()


class _Parser:
    def __init__(self, text: str, base: int) -> None:
        self.text = text.rstrip()
        self.base = base
        self.at = len(text) - len(text.lstrip())

    def wrong(self, what: str, todo: str) -> PathError:
        return PathError(what, offset=self.base + self.at, todo=todo)

    def rest(self) -> str:
        return self.text[self.at :]

    def path(self) -> Path:
        start: Start = "here"
        text = self.text
        if self.rest().startswith("//"):
            start, self.at = "file", self.at + 2
        elif self.rest().startswith("/"):
            start, self.at = "message", self.at + 1
        elif self.rest() == ".":
            return Path(text.strip(), start, (), None)
        elif self.rest().startswith("./"):
            self.at += 2
        steps: list[Step] = []
        while True:
            if self.rest().startswith("@"):
                attribute = self.attribute()
                return Path(text.strip(), start, tuple(steps), attribute)
            steps.append(self.step())
            if self.at == len(text):
                return Path(text.strip(), start, tuple(steps), None)
            if text[self.at] != "/":
                raise self.wrong(
                    f"{text[self.at]!r} does not belong in a path.", "Steps are separated by '/'."
                )
            self.at += 1

    def attribute(self) -> Word:
        offset = self.base + self.at
        self.at += 1
        match = _STEP_NAME.match(self.text, self.at)
        if match is None:
            raise self.wrong("After '@' stands the name of an attribute.", "Write for example @unitCode.")
        self.at = match.end()
        if self.at != len(self.text):
            raise self.wrong("Nothing comes after an attribute.", "End the path there.")
        return Word(match[0], offset)

    def step(self) -> Step:
        match = _STEP_NAME.match(self.text, self.at)
        if match is None:
            raise self.wrong(
                "Here an element's name is missing." if self.rest() else "The path ends too early.",
                "Write child steps separated by '/', such as cac:Item/cbc:Name.",
            )
        name = Word(match[0], self.base + self.at)
        if name.text in (".", ".."):
            raise self.wrong(
                f"{name.text!r} is no step here.",
                "A path goes down only; begin with / to start at the message.",
            )
        self.at = match.end()
        nth: int | None = None
        every = same = False
        predicates: list[Predicate] = []
        if self.rest().startswith("#"):
            digits = re.match(r"#([1-9][0-9]{0,5})", self.rest())
            if digits is None:
                raise self.wrong("After '#' stands a number from 1.", "Write #2 for the second.")
            nth = int(digits[1])
            self.at += digits.end()
        while self.rest().startswith("["):
            end = self.closing()
            inner = self.text[self.at + 1 : end]
            word = inner.strip()
            if word == "*":
                every = True
            elif word == "same":
                same = True
            elif re.fullmatch(r"[1-9][0-9]{0,5}", word) and nth is None:
                nth = int(word)
            else:
                predicates.append(self.predicate(inner))
            self.at = end + 1
        return Step(name, nth, every, same, tuple(predicates))

    def closing(self) -> int:
        quote = ""
        for position in range(self.at + 1, len(self.text)):
            char = self.text[position]
            if quote:
                quote = "" if char == quote else quote
            elif char in "\"'":
                quote = char
            elif char == "]":
                return position
        raise self.wrong("The bracket is not closed.", "Close it with ']'.")

    def predicate(self, inner: str) -> Predicate:
        left, equals, right = inner.partition("=")
        if not equals or not left.strip():
            raise self.wrong(
                f"[{inner}] is no condition.",
                "Write [2], [*], [same], [@schemeID=0088] or [cbc:Name=Colour].",
            )
        value = right.strip()
        if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]:
            value = value[1:-1]
        path = _Parser(left, self.base + self.at + 1).path()
        if path.start != "here":
            raise self.wrong("A condition looks at the element and below it.", "Take the '/' away.")
        return Predicate(path, value, self.base + self.at + 1)
