"""Separators between segments, elements and components, and what releases them."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

#: What may stand between segments without a word: line ends, blanks, and the padding that some systems append.
BETWEEN_SEGMENTS = b" \t\r\n\x00\x1a"


class Delimiters(NamedTuple):
    """The service characters, with EDIFACT's usual ones. ``release`` is empty when none is in use; ``repetition`` is blank
    or empty when none is."""

    component: str = ":"
    element: str = "+"
    decimal: str = "."
    release: str = "?"
    repetition: str = " "
    terminator: str = "'"

    def __str__(self) -> str:
        release = self.release or " "
        return f"{self.component}{self.element}{self.decimal}{release}{self.repetition}{self.terminator}"


class Shield:
    """Takes released characters out of the way of ``str.split`` and puts them back.

    A released delimiter becomes a lone surrogate, which no decoder ever produces, so that nothing in a file can be
    mistaken for one.
    """

    __slots__ = ("_back", "_release", "pairs")

    def __init__(self, delimiters: Delimiters) -> None:
        self._release = delimiters.release
        self.pairs: list[tuple[str, str]] = []
        self._back: dict[int, str] = {}
        if delimiters.release:
            specials = (delimiters.release, delimiters.terminator, delimiters.element, delimiters.component)
            for number, char in enumerate(specials):
                stand_in = chr(0xDC01 + number)
                self.pairs.append((delimiters.release + char, stand_in))
                self._back[0xDC01 + number] = char

    def cover(self, text: str) -> str:
        """Replace each release sequence. A release character before anything else just goes away."""
        if not self._release or self._release not in text:
            return text
        for pair, stand_in in self.pairs:
            text = text.replace(pair, stand_in)
        return text.replace(self._release, "")

    def uncover(self, text: str) -> str:
        """The value as meant."""
        return text.translate(self._back)


@lru_cache(maxsize=64)
def shield(delimiters: Delimiters) -> Shield:
    return Shield(delimiters)
