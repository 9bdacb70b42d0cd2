"""Ranges of text that findings and values point at, cut into pieces that a template can print."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

_RANK = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Mark:
    """A range of characters in one line, from ``start`` up to ``end``, and the number of the finding about it; with
    ``trace`` the number of a canonical value that came from it."""

    start: int
    end: int
    finding: int
    severity: str
    trace: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Text with the findings about it (none for plain text) and the values made of it. ``severity`` is the worst of the
    findings."""

    text: str
    findings: tuple[int, ...] = ()
    severity: str = ""
    traces: tuple[int, ...] = ()


def cut(text: str, marks: Sequence[Mark]) -> list[Piece]:
    """A line as pieces; overlapping marks share the pieces where they overlap. Marks of no width take one character."""
    if not marks:
        return [Piece(text)]
    ranges = []
    for mark in marks:
        start = max(0, min(mark.start, len(text)))
        end = max(start, min(mark.end, len(text)))
        if start == end:
            start, end = (start, end + 1) if end < len(text) else (max(0, start - 1), end)
        ranges.append((start, end, mark))
    edges = sorted({0, len(text), *(r[0] for r in ranges), *(r[1] for r in ranges)})
    pieces: list[Piece] = []
    for left, right in itertools.pairwise(edges):
        here = [mark for start, end, mark in ranges if start <= left and right <= end]
        pieces.append(_piece(text[left:right], here))
    return pieces or [_piece(text, marks)]


def _piece(text: str, marks: Sequence[Mark]) -> Piece:
    return Piece(
        text,
        tuple(sorted({mark.finding for mark in marks if not mark.trace})),
        min((mark.severity for mark in marks if not mark.trace), key=lambda s: _RANK.get(s, 3), default=""),
        tuple(sorted({mark.finding for mark in marks if mark.trace})),
    )


def visible(text: str) -> str:
    """Control characters as their pictures (U+2400 block), the rest as :func:`in_order`; one character stays one."""
    return text.translate(_VISIBLE)


def in_order(text: str) -> str:
    """Bidirectional controls replaced: a partner's text must not reorder what an operator reads on the page."""
    return text.translate(_BIDIRECTIONAL)


_VISIBLE: dict[int, str] = {code: chr(0x2400 + code) for code in range(0x20) if code != 0x09}
_VISIBLE[0x7F] = "␡"
_VISIBLE.update(dict.fromkeys(range(0x80, 0xA0), "�"))
_BIDIRECTIONAL: dict[int, str] = dict.fromkeys(
    [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029], "�"
)
_VISIBLE.update(_BIDIRECTIONAL)
