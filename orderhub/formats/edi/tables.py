"""The tables of one release of a standard: from their compact notation to messages and segments, on demand.

A table has ``messages`` (name → structure), ``segments`` (tag → parts, name, default qualifier, pairs, notes),
``composites``, ``elements`` (number → type, name) and ``codes`` (number → the listed codes, blanks between them).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from orderhub.errors import ConfigError
from orderhub.formats.edi.grammar import Composite, Element, Kind, Message, Note, Part, Segment


class ValueType(NamedTuple):
    """What the ``type`` of an element in a table says: see :class:`Element`."""

    kind: Kind
    minimum: int
    maximum: int
    decimals: int = 0


class Tables:
    """One release (``D.96A``, ``004010``) with its service segments.

    :param parse_type: the standard's notation of an element's type.
    :param service: the table of the segments around messages; its segments replace those of the release.
    """

    def __init__(
        self,
        release: str,
        table: dict[str, Any],
        service: dict[str, Any],
        parse_type: Callable[[str], ValueType],
    ) -> None:
        self.release = release
        self._parse_type = parse_type
        self._structures: dict[str, str] = {
            **{name: entry["structure"] for name, entry in service["messages"].items()},
            **{name: entry["structure"] for name, entry in table["messages"].items()},
        }
        self._raw_segments = {**table["segments"], **service["segments"]}
        self._raw_composites = {**table["composites"], **service["composites"]}
        self._raw_elements = {**table["elements"], **service["elements"]}
        self._raw_codes: dict[str, str] = table["codes"]
        self._codes: dict[str, frozenset[str]] = {}
        self._segments: dict[str, Segment] = {}
        self._messages: dict[str, Message] = {}

    @property
    def message_names(self) -> list[str]:
        return sorted(self._structures)

    def segment(self, tag: str) -> Segment | None:
        """The segment's definition, ``None`` when the release does not list it."""
        if tag not in self._segments:
            if tag not in self._raw_segments:
                return None
            self._segments[tag] = self._build_segment(tag)
        return self._segments[tag]

    def message(self, name: str) -> Message | None:
        """The message's grammar, ``None`` when the release does not list it."""
        if name not in self._messages:
            if name not in self._structures:
                return None
            for tag in self._raw_segments:
                self.segment(tag)
            self._messages[name] = Message(name, self.release, self._structures[name], self._segments)
        return self._messages[name]

    def _element(self, number: str, mandatory: bool) -> Element:
        entry = self._raw_elements[number]
        kind, least, most, decimals = self._parse_type(entry["type"])
        if number in self._raw_codes and number not in self._codes:
            self._codes[number] = frozenset(self._raw_codes[number].split())
        return Element(
            number=number,
            kind=kind,
            minimum=least,
            maximum=most,
            mandatory=mandatory,
            name=entry.get("name", ""),
            codes=self._codes.get(number),
            decimals=decimals,
        )

    def _build_segment(self, tag: str) -> Segment:
        raw = self._raw_segments[tag]
        parts: list[Part] = []
        starts: list[int] = []
        qualifier: list[int] = []
        wanted = raw.get("qualifier", "")  # a number, composite/number, or the position in two digits
        flat = 1
        for name, mandatory in _tokens(raw["parts"]):
            starts.append(flat)
            if name in self._raw_composites:
                entry = self._raw_composites[name]
                components = tuple(self._element(n, m) for n, m in _tokens(entry["parts"]))
                numbers = [c.number for c in components]
                own = entry.get("qualifier")
                index = numbers.index(own) if own else None
                parts.append(Composite(name, mandatory, components, index))
                if index is not None and wanted == f"{name}/{own}":
                    qualifier.append(flat + index)
                flat += len(components)
            else:
                parts.append(self._element(name, mandatory))
                if name == wanted or (len(wanted) == 2 and int(wanted) == len(parts)):
                    qualifier.append(flat)
                flat += 1
        if len(wanted) == 2:
            wanted = parts[int(wanted) - 1].number
        return Segment(
            tag=tag,
            name=raw["name"],
            parts=tuple(parts),
            starts=tuple(starts),
            size=flat,
            qualifier=tuple(qualifier),
            qualifier_number=wanted.rpartition("/")[2] or None,
            pairs=_pairs(raw.get("pairs", ""), parts, starts),
            notes=tuple(_note(text, parts, starts) for text in raw.get("notes", "").split()),
        )


def _tokens(text: str) -> list[tuple[str, bool]]:
    return [(token.rstrip("!"), token.endswith("!")) for token in text.split()]


def _pairs(text: str, parts: list[Part], starts: list[int]) -> tuple[tuple[int, int], ...]:
    """``235/234``: wherever the one stands before the other."""
    if not text:
        return ()
    first, _, second = text.partition("/")
    return tuple(
        (starts[at], starts[at + 1])
        for at in range(len(parts) - 1)
        if parts[at].number == first and parts[at + 1].number == second
    )


def _note(text: str, parts: list[Part], starts: list[int]) -> Note:
    indexes = tuple(int(number) - 1 for number in re.findall("[0-9]{2}", text[1:]))
    flats = []
    for index in indexes:
        part = parts[index]
        size = len(part.components) if isinstance(part, Composite) else 1
        flats.append(tuple(range(starts[index], starts[index] + size)))
    return Note(kind=text[0], text=text, parts=indexes, flats=tuple(flats))  # type: ignore[arg-type]  # the tool writes no other


def load_table(path: Path) -> dict[str, Any]:
    """:raises ConfigError: the file is no table."""
    try:
        data: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path.name}: {error}.", todo="Make the grammar tables again.") from error
    return data


#: A table without anything, for the service segments alone.
EMPTY: dict[str, Any] = {"messages": {}, "segments": {}, "composites": {}, "elements": {}, "codes": {}}
