"""YAML files that people write, read as plain trees in which every key and value knows its line and column.

Built on the event stream of ruamel.yaml (YAML 1.2). Refused on purpose, because each has cost somebody a day: the same
key twice, anchors and aliases (a small file can become gigabytes), tags, several documents in one file. Nothing here
constructs anything but text, lists and maps, and depth and size are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from orderhub.errors import ConfigError
from orderhub.findings import Place

if TYPE_CHECKING:
    from ruamel.yaml.events import Event

#: Bytes; a mapping of 2,000 fields has about 100 KB.
MAX_SIZE = 2_000_000
MAX_DEPTH = 60

#: A position in the file: line and column, both from 1.
Mark: TypeAlias = tuple[int, int]


class Scalar(msgspec.Struct, frozen=True):
    """A text as written. ``quoted`` tells ``"5"`` from ``5``; ``mark`` is where its first character stands."""

    text: str
    mark: Mark
    quoted: bool = False
    block: bool = False

    def at(self, offset: int) -> Mark:
        """The position of a character within the text, exact for texts on one line."""
        if self.block:
            return self.mark
        return (self.mark[0], self.mark[1] + offset)


class Block(msgspec.Struct, frozen=True):
    """A map, in the order of the file."""

    entries: dict[str, Entry]
    mark: Mark

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        return iter(self.entries.items())

    def get(self, key: str) -> Value | None:
        entry = self.entries.get(key)
        return None if entry is None else entry.value


class Entry(msgspec.Struct, frozen=True):
    """One entry of a map."""

    key: Scalar
    value: Value


class Sequence(msgspec.Struct, frozen=True):
    """A list."""

    items: list[Value]
    mark: Mark


Value: TypeAlias = Scalar | Block | Sequence

#: Plain words that YAML 1.2 reads as nothing.
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
#: What fits 64 bits for sure.
_WHOLE = re.compile(r"[+-]?(0|[1-9][0-9]{0,17})")


def is_null(value: Value | None) -> bool:
    """Whether nothing was written (``key:``)."""
    return value is None or (isinstance(value, Scalar) and not value.quoted and value.text in _NULLS)


def plain(value: Value) -> object:
    """The tree as ordinary text, whole numbers, booleans, lists and dicts (YAML 1.2 core schema for plain scalars).

    Digits after a leading zero stay text: they are a number of somebody's (0815), and the zero is part of it.
    """
    if isinstance(value, Block):
        return {key: plain(entry.value) for key, entry in value}
    if isinstance(value, Sequence):
        return [plain(item) for item in value.items]
    if value.quoted or value.block:
        return value.text
    if value.text in _NULLS:
        return None
    if value.text in ("true", "True", "TRUE"):
        return True
    if value.text in ("false", "False", "FALSE"):
        return False
    if _WHOLE.fullmatch(value.text):
        return int(value.text)
    return value.text


class YamlError(ConfigError):
    """The file is no YAML that is accepted here."""

    code = "YAML"


def load_yaml(path: Path, *, name: str | None = None) -> Value:
    """Read and parse a file; :class:`YamlError` (unreadable, too large, not UTF-8, not YAML) with its place."""
    label = name or str(path)
    return parse_yaml(read_yaml(path, name=label), name=label)


def read_yaml(path: Path, *, name: str) -> bytes:
    """The bytes of a file for :func:`parse_yaml`; :class:`YamlError` when it is unreadable or too large."""
    label = name
    try:
        size = path.stat().st_size
        if size > MAX_SIZE:
            raise YamlError(
                f"The file has {size} bytes; at most {MAX_SIZE} are read.",
                todo="Split it.",
                place=Place(file=label),
            )
        return path.read_bytes()
    except OSError as error:
        raise YamlError(
            f"The file cannot be read: {error.strerror or error}.",
            todo="Check its name and rights.",
            place=Place(file=label),
        ) from error


def parse_yaml(data: bytes | str, *, name: str) -> Value:
    """Parse bytes (UTF-8) or text; :class:`YamlError` with line and column."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    if isinstance(data, bytes):
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise YamlError(
                f"The file is not UTF-8 (byte {data[error.start]:#04x}).",
                todo="Save it as UTF-8.",
                place=Place(file=name, line=line, offset=error.start),
            ) from error
    else:
        text = data
    builder = _Builder(name)
    try:
        for event in YAML(typ="rt").parse(text):
            builder.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(
            f"This is not YAML: {error.problem or error.context or 'it cannot be parsed'}.",
            todo="Check indentation, brackets and quotes here; an expression with ': ' or ' #' in it needs quotes.",
            place=Place(file=name, line=mark.line + 1, column=mark.column + 1) if mark else Place(file=name),
        ) from error
    except ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise YamlError(
            f"This is not YAML: {str(error).splitlines()[0]}.",
            todo="Remove the characters that YAML does not allow.",
            place=Place(file=name, line=line, column=column),
        ) from error
    except YAMLError as error:
        raise YamlError(
            f"This is not YAML: {str(error).splitlines()[0]}.",
            todo="Check the file with a YAML checker.",
            place=Place(file=name),
        ) from error
    except (
        RecursionError,
        AssertionError,
        IndexError,
        ValueError,
        AttributeError,
        TypeError,
        KeyError,
    ) as error:
        # what the parser library lets slip on broken input
        raise YamlError(
            f"This is not YAML ({type(error).__name__} while parsing).",
            todo="Check the file with a YAML checker.",
            place=Place(file=name),
        ) from error
    if builder.result is None:
        raise YamlError("The file is empty.", todo="Write something into it.", place=Place(file=name, line=1))
    return builder.result


class _Open:
    """A map or list that is being filled."""

    __slots__ = ("block", "key", "sequence")

    def __init__(self, *, block: Block | None = None, sequence: Sequence | None = None) -> None:
        self.block = block
        self.sequence = sequence
        self.key: Scalar | None = None


class _Builder:
    """Builds the tree from events, with a stack of its own, so that depth never meets the recursion limit."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.result: Value | None = None
        self.stack: list[_Open] = []
        self.documents = 0

    def _refuse(self, what: str, todo: str, mark: Mark) -> YamlError:
        return YamlError(what, todo=todo, place=Place(file=self.name, line=mark[0], column=mark[1]))

    def take(self, event: Event) -> None:
        kind = type(event).__name__
        if kind in ("StreamStartEvent", "StreamEndEvent", "DocumentEndEvent", "CommentEvent"):
            return
        mark = (event.start_mark.line + 1, event.start_mark.column + 1)
        if kind == "DocumentStartEvent":
            self.documents += 1
            if self.documents > 1:
                raise self._refuse(
                    "The file holds several YAML documents.", "Keep one document per file.", mark
                )
            return
        if kind == "AliasEvent" or getattr(event, "anchor", None):
            raise self._refuse("Anchors (&) and aliases (*) are not allowed.", "Write the value out.", mark)
        tag = getattr(event, "ctag", None) or getattr(event, "tag", None)
        if tag is not None and str(tag) not in ("!", "None", ""):
            raise self._refuse(f"The tag {tag} is not allowed.", "Remove it.", mark)
        if kind == "ScalarEvent":
            self._scalar(event, mark)
        elif kind == "MappingStartEvent":
            self._open(_Open(block=Block({}, mark)), mark)
        elif kind == "SequenceStartEvent":
            self._open(_Open(sequence=Sequence([], mark)), mark)
        else:
            closed = self.stack.pop()
            self._value(closed.block if closed.block is not None else closed.sequence, mark)

    def _scalar(self, event: Event, mark: Mark) -> None:
        style = getattr(event, "style", None)
        quoted = style in ('"', "'")
        block = style in ("|", ">")
        if quoted:
            mark = (mark[0], mark[1] + 1)
        scalar = Scalar(text=str(getattr(event, "value", "")), mark=mark, quoted=quoted, block=block)
        if any("\ud800" <= char <= "\udfff" for char in scalar.text):
            raise self._refuse("The text holds half a surrogate pair.", "Write the character itself.", mark)
        top = self.stack[-1] if self.stack else None
        if top is not None and top.block is not None and top.key is None:
            if scalar.text in top.block.entries:
                first = top.block.entries[scalar.text].key.mark
                raise self._refuse(
                    f"The key {scalar.text!r} stands here a second time (first in line {first[0]}).",
                    "Remove one of the two.",
                    scalar.mark,
                )
            top.key = scalar
            return
        self._value(scalar, mark)

    def _open(self, item: _Open, mark: Mark) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise self._refuse(f"Nested deeper than {MAX_DEPTH} levels.", "Flatten it.", mark)
        top = self.stack[-1] if self.stack else None
        if top is not None and top.block is not None and top.key is None:
            raise self._refuse("A key must be a plain word.", "Quote it, if it is meant as text.", mark)
        self.stack.append(item)

    def _value(self, value: Value | None, mark: Mark) -> None:
        if value is None:  # pragma: no cover - an _Open always has one of the two
            raise self._refuse("Unexpected end.", "Check the file.", mark)
        if not self.stack:
            self.result = value
            return
        top = self.stack[-1]
        if top.sequence is not None:
            top.sequence.items.append(value)
        elif top.block is not None and top.key is not None:
            top.block.entries[top.key.text] = Entry(top.key, value)
            top.key = None
