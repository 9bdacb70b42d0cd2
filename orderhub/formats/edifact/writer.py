"""Writing EDIFACT: segments to text with escaping, messages and interchanges with their counts and references."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from orderhub.errors import SourceError
from orderhub.formats.edi.delimiters import Delimiters
from orderhub.formats.edifact.syntax import STANDARD, codec_of

#: An element: one value, or the components of a composite.
ElementValue: TypeAlias = str | Sequence[str]


class EdifactWriter:
    """Turns values into the bytes of an interchange.

    Values are given as meant; what serves as a delimiter is released. Empty components and elements at the end are left
    out (ISO 9735 section 8).

    :param syntax: identifier and version as in UNB (``UNOC:3``); it decides the encoding.
    :param line_breaks: a line end after each segment, for people.
    """

    def __init__(
        self, syntax: str = "UNOC:3", *, delimiters: Delimiters = STANDARD, line_breaks: bool = False
    ) -> None:
        self.syntax = syntax
        self.delimiters = delimiters
        self.encoding = codec_of(syntax.partition(":")[0]) or "iso8859-1"
        self._end = delimiters.terminator + ("\n" if line_breaks else "")
        specials = delimiters.release + delimiters.component + delimiters.element + delimiters.terminator
        self._release = str.maketrans({char: delimiters.release + char for char in specials})

    def segment(self, tag: str, *elements: ElementValue) -> str:
        """One segment with its terminator."""
        colon, plus = self.delimiters.component, self.delimiters.element
        texts = [tag]
        for element in elements:
            if isinstance(element, str):
                texts.append(element.translate(self._release))
            else:
                texts.append(colon.join([value.translate(self._release) for value in element]).rstrip(colon))
        while len(texts) > 1 and not texts[-1]:
            texts.pop()
        return plus.join(texts) + self._end

    def encode(self, text: str) -> bytes:
        """:raises SourceError: a character that the interchange's character set does not have."""
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise SourceError(
                f"The character {text[error.start]!r} does not exist in {self.syntax}.",
                todo="Write the interchange with another syntax identifier (UNOY has every character).",
            ) from error

    def message(
        self,
        reference: str,
        identifier: Sequence[str],
        segments: Iterable[tuple[str, *tuple[ElementValue, ...]]],
    ) -> bytes:
        """A message from UNH to UNT, with the count and the reference in UNT.

        :param identifier: UNH S009: ``("ORDERS", "D", "96A", "UN")``.
        :param segments: tag and elements of each segment between UNH and UNT.
        """
        texts = [self.segment("UNH", reference, identifier)]
        texts += [self.segment(*segment) for segment in segments]
        texts.append(self.segment("UNT", str(len(texts) + 1), reference))
        return self.encode("".join(texts))

    def interchange(
        self,
        messages: Iterable[bytes],
        *,
        sender: ElementValue,
        receiver: ElementValue,
        reference: str,
        prepared_at: dt.datetime,
        application_reference: str = "",
        test: bool = False,
        una: bool = True,
    ) -> Iterator[bytes]:
        """The interchange piece by piece: header, messages, and a trailer that counts them.

        :param sender: identification, or identification and qualifier; ``receiver`` likewise.
        """
        head = f"UNA{self.delimiters}" + ("\n" if self._end.endswith("\n") else "") if una else ""
        version = self.syntax.partition(":")[2]
        date = prepared_at.strftime("%Y%m%d" if version == "4" else "%y%m%d")
        head += self.segment(
            "UNB",
            self.syntax.split(":"),
            sender,
            receiver,
            (date, prepared_at.strftime("%H%M")),
            reference,
            "",
            application_reference,
            "",
            "",
            "",
            "1" if test else "",
        )
        yield self.encode(head)
        count = 0
        for message in messages:
            count += 1
            yield message
        yield self.encode(self.segment("UNZ", str(count), reference))
