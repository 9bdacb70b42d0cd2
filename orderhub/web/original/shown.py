"""What is shown of an original, and what points into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from orderhub.web.marks import Mark, Piece, visible

#: Lines shown at most; a page with more is of no use to a reader.
MAX_LINES = 4000


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where something points to. ``number`` is the place of a finding in the list on the page, from 1; with ``trace`` the
    number of a canonical value that came from here, and ``severity`` is empty.

    The rest as in :class:`orderhub.findings.Place`: ``offset`` in bytes from 0, ``length`` in bytes, everything else
    counts from 1.
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
    length: int | None = None
    trace: bool = False
    #: as the place has it; of a bundle it ends with the member's name
    file: str | None = None

    def mark(self, start: int, end: int) -> Mark:
        """The mark of this pointer on these characters of a line."""
        return Mark(start, end, self.number, self.severity, self.trace)


@dataclass(frozen=True, slots=True)
class Line:
    """``label`` stands in the margin: a segment's number in its message, a line number, or a byte offset in hex."""

    label: str
    pieces: list[Piece]
    kind: str = ""
    severity: str = ""


@dataclass(slots=True)
class Original:
    """``kind`` is ``segments``, ``lines``, ``hex`` or ``empty``; ``truncated`` says that there is more than is shown."""

    kind: str
    size: int
    encoding: str = ""
    lines: list[Line] = field(default_factory=list)
    truncated: bool = False
    #: findings whose place is on the page, so that the others are not offered as links
    placed: set[int] = field(default_factory=set)
    #: values whose source is on the page
    traced: set[int] = field(default_factory=set)

    def note(self, pointer: Pointer) -> None:
        (self.traced if pointer.trace else self.placed).add(pointer.number)


class Decoded:
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
        """The number of characters before a byte."""
        if len(self.text) == len(self.raw):
            return offset
        return len(self.raw[: max(offset, 0)].decode(self.encoding, "replace"))


def worst(marks: Sequence[Mark]) -> str:
    """The worst severity among marks, empty when none is of a finding."""
    for severity in ("error", "warning", "info"):
        if any(mark.severity == severity for mark in marks):
            return severity
    return ""
