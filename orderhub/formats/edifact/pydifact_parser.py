"""pydifact's classes on the hub's tokenizer: ``Interchange.from_str(text, parser=PydifactParser())``.

pydifact's own parser goes through a file character by character; this one cuts it with ``str.split``. Its segments are
the same, which includes what pydifact does to them: trailing empty components are dropped, and a composite of one
component is a string.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydifact.control import Characters
from pydifact.exceptions import EDISyntaxError
from pydifact.parser import Parser
from pydifact.segments import Segment

from orderhub.formats.edi.delimiters import Delimiters, shield


class PydifactParser(Parser):  # type: ignore[misc]  # pydifact is not typed strictly enough to derive from
    """A drop-in parser for :class:`pydifact.segmentcollection.Interchange` and its siblings."""

    def parse(self, message: str, characters: Characters | None = None) -> Iterator[Segment]:
        """The segments of an interchange, UNA first when there is one.

        :raises EDISyntaxError: the text does not end with a segment terminator, or a tag is none.
        """
        start = 0 if message.startswith("UNA") else message.find("'UNA") + 1
        if message.startswith("UNA", start):
            characters = Characters.from_str(message[start : start + 9])
            yield self.factory.create_segment("UNA", str(characters))
            message = message[start + 9 :].lstrip("\r\n")
        used = characters or self.characters
        delimiters = Delimiters(
            used.component_separator,
            used.data_separator,
            used.decimal_point,
            used.escape_character.strip(),
            used.reserved_character,
            used.segment_terminator,
        )
        cover = shield(delimiters)
        pieces = cover.cover(message).split(delimiters.terminator)
        if pieces.pop().strip(" \r\n"):
            raise EDISyntaxError("Unexpected end of EDI messages.")
        released = delimiters.release != "" and delimiters.release in message
        for number, piece in enumerate(pieces):
            elements = (piece.lstrip(" \r\n") if number else piece).split(delimiters.element)
            raw = [_element(element, delimiters.component) for element in elements]
            if released:
                raw = [cover.uncover(e) if isinstance(e, str) else [cover.uncover(c) for c in e] for e in raw]
            yield self.convert_raw_segment_to_segment(raw, directory=self.directory)


def _element(text: str, separator: str) -> str | list[str]:
    if separator not in text:
        return text
    components = text.split(separator)
    while components and not components[-1]:
        components.pop()
    if not components:
        return ""
    return components[0] if len(components) == 1 else components
