"""EDIFACT's side of the mapping language: releases and messages, and paths below a segment."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from orderhub.formats.edi import paths, select
from orderhub.formats.edi.dialect import EdiDialect
from orderhub.formats.edi.grammar import Composite, Message, Segment
from orderhub.formats.edi.scope import EdiScope, Within
from orderhub.formats.edi.tables import Tables
from orderhub.formats.edi.unread import Naming
from orderhub.formats.edifact import elements
from orderhub.formats.edifact.grammar import GRAMMAR_FOLDER, directory, releases
from orderhub.formats.edifact.naming import EdifactNaming
from orderhub.formats.edifact.paths import NOTATION


class EdifactDialect(EdiDialect["EdifactScope"]):
    """Stateless. ``release`` of a source is the directory (``D.96A``), ``message`` the type (``ORDERS``)."""

    format: ClassVar[str] = "edifact"
    source_words: ClassVar[str] = "An EDIFACT source"
    release_words: ClassVar[str] = "the directory"
    message_words: ClassVar[str] = "message"
    example: ClassVar[str] = "D.96A, or the one that UNH names"
    folder: ClassVar[Path] = GRAMMAR_FOLDER
    #: ISO 9735 10.1: point and comma are decimal marks.
    marks: ClassVar[str] = ".,"

    def tables(self, release: str) -> Tables | None:
        return directory(release)

    def releases(self) -> list[str]:
        return releases()

    def made(self, message: Message) -> EdifactScope:
        return EdifactScope(message, message.root, None, None)


class EdifactScope(EdiScope):
    """Values are read by composite and element: ``DTM[137]/C507/2380``."""

    notation: ClassVar[paths.Notation] = NOTATION
    naming: ClassVar[Naming] = EdifactNaming()

    def segment_test(self, condition: paths.Condition, segment: Segment) -> select.Test:
        return elements.segment_test(condition, segment)

    def within(self, segment: Segment, step: paths.Step, rest: tuple[paths.Step, ...]) -> Within:
        return elements.within(segment, step, rest)

    def holders(self, name: str) -> list[str]:
        found = []
        for tag, segment in self.message.segments.items():
            for part in segment.parts:
                if part.number == name:
                    found.append(f"{tag}/{name}")
                elif isinstance(part, Composite) and any(c.number == name for c in part.components):
                    found.append(f"{tag}/{part.number}/{name}")
        return list(dict.fromkeys(found))[:3]
