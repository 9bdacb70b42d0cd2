"""The grammar tables in memory: directories, messages, segments, elements. The notation is that of
``tools/edifact_grammar.py``; the tables lie in ``schemas/edifact``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from orderhub.errors import ConfigError

#: Where the tables lie in a checkout.
GRAMMAR_FOLDER = Path(__file__).resolve().parents[3] / "schemas" / "edifact"

Kind = Literal["a", "n", "an"]


class Element(msgspec.Struct, frozen=True):
    """A data element at its place. ``minimum`` equals ``maximum`` where the length is fixed, else it is 0."""

    number: str
    kind: Kind
    minimum: int
    maximum: int
    mandatory: bool
    name: str
    codes: frozenset[str] | None = None


class Composite(msgspec.Struct, frozen=True):
    """A composite at its place in a segment. ``qualifier`` is the index of its qualifying component."""

    number: str
    mandatory: bool
    components: tuple[Element, ...]
    qualifier: int | None = None


Part = Element | Composite


class Segment(msgspec.Struct, frozen=True):
    """A segment. A parsed segment is a flat tuple: its tag at 0, then every component in the order of the table.

    ``starts[i]`` is the flat index of the first component of part ``i``; ``size`` the length of the tuple;
    ``qualifier`` the flat indexes at which the default qualifier can stand.
    """

    tag: str
    name: str
    parts: tuple[Part, ...]
    starts: tuple[int, ...]
    size: int
    qualifier: tuple[int, ...]
    qualifier_number: str | None

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


_TOKEN = re.compile(r"([A-Z0-9]+)(!?)(?:\*(\d+))?(\()?|(\))")


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
        position = Position(number, match[1], bool(match[2]), int(match[3] or 1), stack[-1][0])
        stack[-1][1].append(position)
        if match[4]:
            position.group = match[1]
            stack.append((position, []))
    root.parts = tuple(stack[0][1])
    return root


class Directory:
    """One directory (``D.96A``) with the service segments of one syntax version."""

    def __init__(self, table: dict[str, Any], service: dict[str, Any]) -> None:
        self.release: str = table["directory"]
        self._structures: dict[str, str] = {
            **{name: entry["structure"] for name, entry in service["messages"].items()},
            **{name: entry["structure"] for name, entry in table["messages"].items()},
        }
        self._raw_segments = {**table["segments"], **service["segments"]}
        self._raw_composites = {**table["composites"], **service["composites"]}
        self._raw_elements = {**table["elements"], **service["elements"]}
        self._codes = {n: frozenset(values.split()) for n, values in table["codes"].items()}
        self._segments: dict[str, Segment] = {}
        self._messages: dict[str, Message] = {}

    @property
    def message_names(self) -> list[str]:
        return sorted(self._structures)

    def segment(self, tag: str) -> Segment | None:
        """The segment's definition, ``None`` when the directory does not list it."""
        if tag not in self._segments:
            if tag not in self._raw_segments:
                return None
            self._segments[tag] = self._build_segment(tag)
        return self._segments[tag]

    def message(self, name: str) -> Message | None:
        """The message's grammar, ``None`` when the directory does not list it."""
        if name not in self._messages:
            if name not in self._structures:
                return None
            segments = {tag: self._build_segment(tag) for tag in self._raw_segments}
            self._segments.update(segments)
            self._messages[name] = Message(name, self.release, self._structures[name], segments)
        return self._messages[name]

    def _element(self, number: str, mandatory: bool) -> Element:
        entry = self._raw_elements[number]
        kind, least, most = _parse_type(entry["type"])
        return Element(
            number=number,
            kind=kind,
            minimum=least,
            maximum=most,
            mandatory=mandatory,
            name=entry.get("name", ""),
            codes=self._codes.get(number),
        )

    def _build_segment(self, tag: str) -> Segment:
        raw = self._raw_segments[tag]
        parts: list[Part] = []
        starts: list[int] = []
        qualifier: list[int] = []
        wanted = raw.get("qualifier", "")
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
                if name == wanted:
                    qualifier.append(flat)
                flat += 1
        return Segment(
            tag=tag,
            name=raw["name"],
            parts=tuple(parts),
            starts=tuple(starts),
            size=flat,
            qualifier=tuple(qualifier),
            qualifier_number=wanted.rpartition("/")[2] or None,
        )


def _tokens(text: str) -> list[tuple[str, bool]]:
    return [(token.rstrip("!"), token.endswith("!")) for token in text.split()]


def _parse_type(text: str) -> tuple[Kind, int, int]:
    match = re.fullmatch(r"(an|a|n)(\.\.)?(\d+)", text)
    if match is None:
        raise ConfigError(f"{text!r} is no element type.", todo="Make the grammar tables again.")
    length = int(match[3])
    return match[1], (0 if match[2] else length), length  # type: ignore[return-value]  # the pattern allows only these


def _load(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path.name}: {error}.", todo="Make the grammar tables again.") from error
    return data


@lru_cache(maxsize=32)
def directory(release: str, syntax_version: str = "3", folder: Path = GRAMMAR_FOLDER) -> Directory | None:
    """The tables of a release (``D.96A``), ``None`` when there are none."""
    if not re.fullmatch(r"D\.[0-9]{2}[AB]", release) or not (folder / f"{release}.json").is_file():
        return None
    return Directory(_load(folder / f"{release}.json"), _service(syntax_version, folder))


@lru_cache(maxsize=8)
def service_directory(syntax_version: str = "3", folder: Path = GRAMMAR_FOLDER) -> Directory:
    """Only the service segments and messages (UNB, UNZ, CONTRL …)."""
    empty: dict[str, Any] = {
        "directory": "service",
        "messages": {},
        "segments": {},
        "composites": {},
        "elements": {},
        "codes": {},
    }
    return Directory(empty, _service(syntax_version, folder))


@lru_cache(maxsize=8)
def _service(syntax_version: str, folder: Path) -> dict[str, Any]:
    return _load(folder / ("service_v4.json" if syntax_version == "4" else "service_v3.json"))


def releases(folder: Path = GRAMMAR_FOLDER) -> list[str]:
    """The directories that there are tables for."""
    return sorted(path.stem for path in folder.glob("D.*.json"))
