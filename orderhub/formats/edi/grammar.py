"""The grammar tables in memory: messages, segments, elements, the same for every standard.

A message's structure is written as ``tools/edifact_grammar.py`` and ``tools/x12_grammar.py`` write it: a token is
``NAME``, ``!`` when mandatory, ``*N`` when it may occur up to N times (``*`` alone: without limit); a group has its parts
in parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

#: How a value is written: ``a`` letters and signs, ``an`` any text, ``n`` a number with ``.`` or ``,`` as decimal mark
#: (EDIFACT), ``r`` a number with a point (X12 R), ``i`` a whole number, perhaps with implied decimals (X12 N), ``dt`` a date
#: of six or eight digits, ``tm`` a time of four to eight.
Kind = Literal["a", "n", "an", "r", "i", "dt", "tm"]

NUMERIC = frozenset({"n", "r", "i"})

#: The maximum of what may occur without limit.
UNLIMITED = 1_000_000_000


class Element(msgspec.Struct, frozen=True):
    """A data element at its place. ``minimum`` is 0 where one character is enough; ``decimals`` are those that the last
    digits stand for without a mark (X12 N2: ``1250`` is 12.50)."""

    number: str
    kind: Kind
    minimum: int
    maximum: int
    mandatory: bool
    name: str
    codes: frozenset[str] | None = None
    decimals: int = 0


class Composite(msgspec.Struct, frozen=True):
    """A composite at its place in a segment. ``qualifier`` is the index of its qualifying component."""

    number: str
    mandatory: bool
    components: tuple[Element, ...]
    qualifier: int | None = None


Part = Element | Composite


class Note(msgspec.Struct, frozen=True):
    """A rule between elements of a segment (X12 syntax notes). ``kind``: ``P`` all or none, ``R`` at least one, ``E`` at most
    one, ``C`` when the first then all others, ``L`` when the first then at least one other. ``text`` as the tables have
    it (``P0304``), ``parts`` the indexes of the parts, ``flats`` the flat indexes of each part."""

    kind: Literal["P", "R", "E", "C", "L"]
    text: str
    parts: tuple[int, ...]
    flats: tuple[tuple[int, ...], ...]

    def holds(self, present: Sequence[bool]) -> bool:
        """:param present: for each of ``parts`` whether the segment has it."""
        if self.kind == "P":
            return all(present) or not any(present)
        if self.kind == "R":
            return any(present)
        if self.kind == "E":
            return sum(present) <= 1
        if not present[0]:
            return True
        return all(present[1:]) if self.kind == "C" else any(present[1:])


class Segment(msgspec.Struct, frozen=True):
    """A segment. A parsed segment is a flat tuple: its tag at 0, then every component in the order of the table.

    ``starts[i]`` is the flat index of the first component of part ``i``; ``size`` the length of the tuple;
    ``qualifier`` the flat indexes at which the default qualifier can stand; ``pairs`` are flat indexes of a qualifier and of
    the value that follows it; ``notes`` are rules between elements (``P0304``: both or none), by flat index of each.
    """

    tag: str
    name: str
    parts: tuple[Part, ...]
    starts: tuple[int, ...]
    size: int
    qualifier: tuple[int, ...]
    qualifier_number: str | None
    pairs: tuple[tuple[int, int], ...] = ()
    notes: tuple[Note, ...] = ()

    def components(self) -> Iterator[tuple[int, int, int, Element]]:
        """Flat index, element (from 1), component (from 1; 0 for a simple element) and its definition."""
        for index, part in enumerate(self.parts):
            if isinstance(part, Composite):
                for inner, component in enumerate(part.components):
                    yield self.starts[index] + inner, index + 1, inner + 1, component
            else:
                yield self.starts[index], index + 1, 0, part


class Position:
    """A segment or a group at its place in a message. ``number`` is unique in the message; ``parts`` is empty for a
    segment; ``tag`` is the segment's, or the trigger's for a group; ``group`` the group's name (``SG25``)."""

    __slots__ = ("group", "mandatory", "maximum", "number", "parent", "parts", "tag")

    def __init__(self, number: int, tag: str, mandatory: bool, maximum: int, parent: Position | None) -> None:
        self.number = number
        self.tag = tag
        self.group: str | None = None
        self.mandatory = mandatory
        self.maximum = maximum
        self.parent = parent
        self.parts: tuple[Position, ...] = ()

    def __repr__(self) -> str:
        return f"<{self.group or self.tag} {self.number}>"

    def walk(self) -> Iterator[Position]:
        """All positions below, depth first, in message order."""
        for part in self.parts:
            yield part
            yield from part.walk()

    @property
    def path(self) -> str:
        """``SG25/SG28/PRI``"""
        names = [self.group or self.tag]
        above = self.parent
        while above is not None and above.group:
            names.append(above.group)
            above = above.parent
        return "/".join(reversed(names))


class Message:
    """A message type of a directory, ready to check and to resolve paths against."""

    def __init__(self, name: str, release: str, structure: str, segments: dict[str, Segment]) -> None:
        self.name = name
        self.release = release
        self.root = _parse_structure(structure)
        self.positions: list[Position] = [self.root, *self.root.walk()]
        self.by_tag: dict[str, list[Position]] = {}
        for position in self.positions[1:]:
            if position.group is None:
                self.by_tag.setdefault(position.tag, []).append(position)
        self.segments = {tag: segments[tag] for tag in self.by_tag}
        self.repeating = self._repeating()

    def _repeating(self) -> Position | None:
        """The group that makes messages long (SG25 of ORDERS): at the top level, with a trigger that occurs nowhere
        else. Its instances are kept as nodes of their own, so that what was learnt of one serves all others."""
        for part in self.root.parts:
            if part.group and part.maximum >= 1000 and len(self.by_tag[part.tag]) == 1:
                return part
        return None

    @property
    def description(self) -> str:
        return f"{self.name} {self.release}"


_TOKEN = re.compile(r"([A-Za-z0-9]+)(!?)(\*\d*)?(\()?|(\))")


def _parse_structure(text: str) -> Position:
    root = Position(0, "", True, 1, None)
    stack: list[tuple[Position, list[Position]]] = [(root, [])]
    number = 0
    for match in _TOKEN.finditer(text):
        if match[5]:
            group, parts = stack.pop()
            group.parts = tuple(parts)
            group.tag = parts[0].tag
            continue
        number += 1
        most = int(match[3][1:] or UNLIMITED) if match[3] else 1
        position = Position(number, match[1], bool(match[2]), most, stack[-1][0])
        stack[-1][1].append(position)
        if match[4]:
            position.group = match[1]
            stack.append((position, []))
    root.parts = tuple(stack[0][1])
    return root
