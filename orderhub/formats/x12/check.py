"""X12's words and rules for the reference (``edi/check.py``): repeated elements, rules between elements, characters."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import ClassVar

from orderhub.formats.edi.check import Collector, SegmentChecker, check_repertoire
from orderhub.formats.edi.delimiters import Delimiters
from orderhub.formats.edi.grammar import Element, Segment
from orderhub.formats.edi.source import MessageSource

_TEXT = bytes(set(range(0x20, 0x100)) - {0x7F}) + b"\r\n"

_RULES = {
    "P": "must all be there, or none of them",
    "R": "must not all be missing",
    "E": "may not be there together",
    "C": "must be there with the first of them",
    "L": "needs one of the others with the first of them",
}


class X12Checker(SegmentChecker):
    """Paths are tag and position: ``N104``, ``SLN05-1``."""

    tag: ClassVar[re.Pattern[str]] = re.compile(r"[A-Z][A-Z0-9]{1,2}")
    tag_words: ClassVar[str] = "two or three capital letters or digits"
    separator_advice: ClassVar[str] = "have the sender use a component separator (ISA16) that no text holds"
    codes_first: ClassVar[bool] = True
    code_advice: ClassVar[str] = "Use a code of the release"

    def __init__(self, delimiters: Delimiters, collector: Collector, guide: bool) -> None:
        super().__init__(delimiters, collector, guide)
        self._repetition = delimiters.repetition

    def path(self, tag: str, element: int, component: int, composite: str, number: str) -> str:
        return element_path(tag, element, component)

    def label(self, path: str, what: Element) -> str:
        return path

    def pieces(self, number: int, element: int, text: str) -> list[str]:
        if self._repetition and self._repetition in text:
            self._add(
                "ELEMENT_REPEAT",
                f"The element holds the repetition separator {self._repetition!r} (ISA11); of its values only the first "
                "was taken. Have the sender choose a separator that no text holds, or send one value.",
                number,
                element,
                value=text[:200],
            )
            text = text.partition(self._repetition)[0]
        return text.split(self._component)

    def whole(self, number: int, definition: Segment, values: list[str]) -> None:
        for note in definition.notes:
            present = [any(values[flat] for flat in flats) for flats in note.flats]
            if note.holds(present):
                continue
            names = [element_path(definition.tag, part + 1, 0) for part in note.parts]
            lacking = next((part for part, there in zip(note.parts, present, strict=True) if not there), None)
            at = note.parts[-1] if note.kind == "E" or lacking is None else lacking
            self._add(
                "SEGMENT_RULE",
                f"{', '.join(names)} {_RULES[note.kind]} ({note.text}). Have the sender correct {definition.tag}.",
                number,
                at + 1,
                path=element_path(definition.tag, at + 1, 0),
            )


def element_path(tag: str, element: int, component: int) -> str:
    """``N104``; ``SLN05-1`` for a component."""
    return f"{tag}{element:02d}-{component}" if component else f"{tag}{element:02d}"


@lru_cache(maxsize=64)
def repertoire(delimiters: Delimiters) -> bytes:
    """What a transaction set may hold: everything but control characters; line ends stand between segments. A separator
    may be a control character."""
    return _TEXT + f"{delimiters.element}{delimiters.component}{delimiters.terminator}".encode("ascii")


def codec_of_bytes(raw: bytes) -> str:
    """X12 names no character set: UTF-8 where the bytes are, else ISO 8859-1."""
    if raw.isascii():
        return "ascii"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "iso8859-1"
    return "utf-8"


def check_characters(source: MessageSource, collector: Collector) -> None:
    """Bytes that are not UTF-8, control characters, line breaks within segments."""
    if source.encoding == "iso8859-1":
        at = next(at for at, byte in enumerate(source.raw) if byte > 0x7F)
        collector.add(
            "CHARSET",
            "The text is neither ASCII nor UTF-8; it was taken as ISO 8859-1. Agree on a character set with the sender.",
            place=source.place_at(at),
            value=source.raw[at : at + 1].hex().upper(),
        )
    check_repertoire(source, repertoire(source.delimiters), "the characters of X12", collector)
