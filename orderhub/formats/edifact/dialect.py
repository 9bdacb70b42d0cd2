"""EDIFACT's side of the mapping language: releases and messages, and paths below a segment."""

from __future__ import annotations

import difflib
from typing import ClassVar

from orderhub.formats.dialect import DeclarationError, NumberFormat, SourceDeclaration
from orderhub.formats.edi import paths, select
from orderhub.formats.edi.grammar import Composite, Segment
from orderhub.formats.edi.scope import EdiScope, Within
from orderhub.formats.edi.unread import Naming
from orderhub.formats.edifact import elements
from orderhub.formats.edifact.grammar import GRAMMAR_FOLDER, directory, releases
from orderhub.formats.edifact.naming import EdifactNaming
from orderhub.formats.edifact.paths import NOTATION


class EdifactDialect:
    """Stateless. ``release`` of a source is the directory (``D.96A``), ``message`` the type (``ORDERS``)."""

    format = "edifact"

    def numbers(self, source: SourceDeclaration) -> NumberFormat:
        """ISO 9735 10.1: point and comma are decimal marks, there is no grouping."""
        return NumberFormat(marks=".,")

    def scope(self, source: SourceDeclaration) -> EdifactScope:
        if not source.release:
            raise DeclarationError(
                "An EDIFACT source needs the release of its directory.",
                key="release",
                todo="Write release: D.96A, or the one that UNH names.",
                suggestions=releases(),
            )
        tables = directory(source.release)
        if tables is None:
            raise DeclarationError(
                f"There is no grammar for the directory {source.release!r}.",
                key="release",
                todo=f"There are {', '.join(releases())} in {GRAMMAR_FOLDER.parent.name}/{GRAMMAR_FOLDER.name}.",
                suggestions=difflib.get_close_matches(source.release, releases(), 3, 0.5),
            )
        message = tables.message(source.message or "")
        if message is None:
            raise DeclarationError(
                f"The directory {source.release} has no message {source.message!r} here."
                if source.message
                else "An EDIFACT source needs the message type.",
                key="message",
                todo=f"There are {', '.join(tables.message_names)}.",
                suggestions=difflib.get_close_matches(source.message or "", tables.message_names, 3, 0.5),
            )
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
