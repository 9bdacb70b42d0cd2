"""EDIFACT's words and rules for the reference (``edi/check.py``): code lists of other agencies, character sets."""

from __future__ import annotations

from typing import ClassVar

from orderhub.formats.edi.check import Collector, SegmentChecker, check_repertoire
from orderhub.formats.edi.grammar import Composite
from orderhub.formats.edi.source import MessageSource
from orderhub.formats.edifact.syntax import repertoire


class EdifactChecker(SegmentChecker):
    """Paths are tag / composite / element; a composite may name whose codes it has."""

    own_codes: ClassVar[frozenset[str]] = frozenset({"3055"})
    code_advice: ClassVar[str] = "Use a code of the directory, or name the list it comes from (1131, 3055)"

    def foreign(self, part: Composite, pieces: list[str]) -> bool:
        """Whether a code list of somebody else is named (1131, or 3055 other than 6, UN/ECE)."""
        for index, component in enumerate(part.components[: len(pieces)]):
            if component.number == "1131" and pieces[index]:
                return True
            if component.number == "3055" and pieces[index] not in ("", "6"):
                return True
        return False


def check_characters(source: MessageSource, syntax: str, collector: Collector) -> None:
    """Bytes that the codec does not have, and characters outside the syntax level's repertoire."""
    try:
        source.raw.decode(source.encoding)
    except UnicodeDecodeError as error:
        bad = source.raw[error.start : error.end]
        collector.add(
            "CHARSET",
            f"The byte{'s' if len(bad) > 1 else ''} {bad.hex(' ').upper()} do{'' if len(bad) > 1 else 'es'} not exist "
            f"in {syntax} ({source.encoding}), which UNB names. Have the sender name the character set that is used.",
            place=source.place_at(error.start),
            value=bad.hex().upper(),
        )
        return
    check_repertoire(source, repertoire(syntax, source.delimiters), f"{syntax}, which UNB names", collector)
