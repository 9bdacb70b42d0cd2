"""A standard's dialect: from the ``source:`` of a mapping to the scope of its message."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from orderhub.formats.dialect import DeclarationError, NumberFormat, SourceDeclaration
from orderhub.formats.edi.grammar import Message
from orderhub.formats.edi.scope import EdiScope
from orderhub.formats.edi.tables import Tables

ScopeT = TypeVar("ScopeT", bound=EdiScope)


class EdiDialect(Generic[ScopeT]):
    """Stateless. ``release`` of a source names the tables, ``message`` the type in them."""

    format: ClassVar[str]
    #: ``An EDIFACT source``, ``the directory``, ``message``, as people of the standard say it.
    source_words: ClassVar[str]
    release_words: ClassVar[str]
    message_words: ClassVar[str]
    #: A release as it is written, for the error text.
    example: ClassVar[str]
    folder: ClassVar[Path]
    #: The decimal marks of its numbers.
    marks: ClassVar[str]

    def tables(self, release: str) -> Tables | None:
        raise NotImplementedError

    def releases(self) -> list[str]:
        raise NotImplementedError

    def made(self, message: Message) -> ScopeT:
        """The message's own scope."""
        raise NotImplementedError

    def numbers(self, source: SourceDeclaration) -> NumberFormat:
        """There is no grouping of digits in any of the standards."""
        return NumberFormat(marks=self.marks)

    def scope(self, source: SourceDeclaration) -> ScopeT:
        known = self.releases()
        if not source.release:
            raise DeclarationError(
                f"{self.source_words} needs the release of {self.release_words}.",
                key="release",
                todo=f"Write release: {self.example}.",
                suggestions=known,
            )
        tables = self.tables(source.release)
        if tables is None:
            raise DeclarationError(
                f"There is no grammar for {self.release_words} {source.release!r}.",
                key="release",
                todo=f"There are {', '.join(known)} in {self.folder.parent.name}/{self.folder.name}.",
                suggestions=difflib.get_close_matches(source.release, known, 3, 0.5),
            )
        message = tables.message(source.message or "")
        if message is None:
            raise DeclarationError(
                f"{self.release_words[0].upper()}{self.release_words[1:]} {source.release} has no {self.message_words} "
                f"{source.message!r} here."
                if source.message
                else f"{self.source_words} needs the {self.message_words}.",
                key="message",
                todo=f"There are {', '.join(tables.message_names)}.",
                suggestions=difflib.get_close_matches(source.message or "", tables.message_names, 3, 0.5),
            )
        return self.made(message)
