"""YAML files that people write (flows, agreements): read with the line and column of every key and value.

YAML 1.2 as ``orderhub.yaml_file`` reads it: ``yes``, ``on`` and ``0815`` are text, not truth and octal; no tags, no
anchors, no duplicate keys. Every error is a ``ConfigError`` at its line and column.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

from orderhub import yaml_file
from orderhub.errors import ConfigError
from orderhub.findings import Place
from orderhub.yaml_file import Block, Scalar, Value, is_null, parse_yaml
from orderhub.yaml_file import Sequence as Listing

T = TypeVar("T")

log = logging.getLogger(__name__)

#: A flow or an agreement is a page of text; anything larger is a mistake (a data file in the wrong folder).
MAX_BYTES = 256 * 1024

_KIND = {
    "str": "text",
    "int": "a whole number",
    "bool": "true or false",
    "null": "nothing",
    "float": "a number",
}


_FLOAT = re.compile(r"[+-]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][+-]?[0-9]{1,3})?")


def _scalar(value: Scalar) -> str | int | float | bool | None:
    found = yaml_file.plain(value)
    if isinstance(found, str) and not value.quoted and not value.block and _FLOAT.fullmatch(found):
        # a whole number that comes here is too long to be one; as text it stays what it was
        return found if found.lstrip("+-").isdigit() else float(found)
    return found if isinstance(found, (str, int)) else None


class Section:
    """A YAML mapping with the places of its keys. Every key must be asked for; ``done`` refuses the others."""

    def __init__(self, node: Block, file: str, path: str = "") -> None:
        self._file = file
        self._path = path
        self._node = node
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        self._asked.add(key)
        return key in self._node.entries

    def keys(self) -> list[str]:
        """The keys in the order of the file."""
        return list(self._node.entries)

    def place(self, key: str | None = None) -> Place:
        """Where the value of a key stands; the start of the section when there is no such key."""
        node = self._node.get(key) if key is not None else None
        return _place(self._node if node is None else node, self._file, self._name(key))

    def fail(self, key: str | None, what: str, todo: str) -> NoReturn:
        """Refuse the file at this key."""
        raise ConfigError(what, todo=todo, place=self.place(key))

    def text(self, key: str) -> str:
        """A mandatory, non-empty text."""
        found = self.optional_text(key)
        if found is None:
            self.fail(key, f"{self._name(key)} is missing.", f"Add `{key}: …` here.")
        return found

    def optional_text(self, key: str) -> str | None:
        """A text or None."""
        value = self._value(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self._wrong(key, "text", value)
        if not value.strip():
            self.fail(key, f"{self._name(key)} is empty.", "Give a value or remove the key.")
        return value

    def choice(self, key: str, options: Sequence[str], default: str | None = None) -> str:
        """One of several words."""
        value = self.optional_text(key)
        if value is None:
            if default is None:
                self.fail(key, f"{self._name(key)} is missing.", f"Write one of: {', '.join(options)}.")
            return default
        if value not in options:
            self.fail(key, f"{self._name(key)} is {value!r}.", f"Write one of: {', '.join(options)}.")
        return value

    def integer(
        self, key: str, default: int | None = None, *, least: int = 0, most: int | None = None
    ) -> int | None:
        """A whole number within bounds."""
        value = self._value(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            self._wrong(key, "int", value)
        if value < least or (most is not None and value > most):
            bounds = f"at least {least}" + (f" and at most {most}" if most is not None else "")
            self.fail(key, f"{self._name(key)} is {value}.", f"It must be {bounds}.")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """True or false."""
        value = self._value(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self._wrong(key, "bool", value)
        return value

    def section(self, key: str) -> Section | None:
        """A mapping below this key, or None."""
        self._asked.add(key)
        node = self._node.get(key)
        if node is None or is_null(node):
            return None
        if not isinstance(node, Block):
            self.fail(key, f"{self._name(key)} must be a mapping.", f"Write `{key}: {{…}}` or indented keys.")
        return Section(node, self._file, self._name(key))

    def need(self, key: str) -> Section:
        """A mandatory mapping below this key."""
        found = self.section(key)
        if found is None:
            self.fail(key, f"{self._name(key)} is missing.", f"Add `{key}: {{…}}` here.")
        return found

    def sections(self, key: str) -> list[Section]:
        """A list of mappings; empty when absent."""
        self._asked.add(key)
        node = self._node.get(key)
        if node is None or is_null(node):
            return []
        if not isinstance(node, Listing):
            self.fail(key, f"{self._name(key)} must be a list.", "Write each entry on a line with a dash.")
        found = []
        for index, entry in enumerate(node.items):
            if not isinstance(entry, Block):
                raise ConfigError(
                    f"{self._name(key)}[{index}] must be a mapping.",
                    todo="Write `- {key: value}`.",
                    place=_place(entry, self._file),
                )
            found.append(Section(entry, self._file, f"{self._name(key)}[{index}]"))
        return found

    def texts(self, key: str) -> list[str]:
        """A list of texts, or one text; empty when absent."""
        self._asked.add(key)
        node = self._node.get(key)
        if node is None or is_null(node):
            return []
        entries = node.items if isinstance(node, Listing) else [node]
        found: list[str] = []
        for entry in entries:
            value = _scalar(entry) if isinstance(entry, Scalar) else None
            if not isinstance(value, str) or not value:
                raise ConfigError(
                    f"{self._name(key)} must be a list of texts.",
                    todo="Put numbers in quotes, so that leading zeros stay.",
                    place=_place(entry, self._file),
                )
            found.append(value)
        return found

    def plain(self, key: str) -> dict[str, Any]:
        """A mapping below this key as plain values, for something that checks it itself (connector settings)."""
        below = self.section(key)
        if below is None:
            return {}
        return {key: _plain(entry.value) for key, entry in below._node}

    def done(self) -> None:
        """Refuse keys that nobody asked for, with the nearest known one."""
        for key, entry in self._node:
            if key not in self._asked:
                near = difflib.get_close_matches(key, self._asked, n=1)
                hint = (
                    f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(sorted(self._asked))}."
                )
                raise ConfigError(
                    f"The key {self._name(key)!r} is not known.",
                    todo=hint,
                    place=_place(entry.key, self._file),
                )

    def _name(self, key: str | None) -> str:
        return ".".join(part for part in (self._path, key) if part)

    def _value(self, key: str) -> str | int | float | bool | None:
        self._asked.add(key)
        node = self._node.get(key)
        if node is None:
            return None
        if not isinstance(node, Scalar):
            self.fail(key, f"{self._name(key)} must be a single value.", f"Write `{key}: value`.")
        return _scalar(node)

    def _wrong(self, key: str, wanted: str, value: object) -> NoReturn:
        hint = "Put it in quotes." if wanted == "text" else "Write it without quotes."
        self.fail(key, f"{self._name(key)} must be {_KIND.get(wanted, wanted)}, it is {value!r}.", hint)


def _plain(node: Value) -> Any:
    if isinstance(node, Scalar):
        return _scalar(node)
    if isinstance(node, Listing):
        return [_plain(entry) for entry in node.items]
    return {key: _plain(entry.value) for key, entry in node}


def _place(node: Value, file: str, path: str | None = None) -> Place:
    line, column = node.mark
    if isinstance(node, Scalar) and node.quoted:
        column -= 1  # the quote, not the first character after it
    return Place(file=file, line=line, column=column, path=path or None)


def read_config(path: Path) -> Section:
    """The top mapping of a YAML file.

    :raises ConfigError: when the file cannot be read, is not UTF-8 or not YAML, or its top is not a mapping.
    """
    file = path.name
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"The file cannot be read: {error.strerror}.",
            todo="Check its name and rights.",
            place=Place(file=file),
        ) from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(
            f"The file has {len(raw)} bytes.", todo=f"At most {MAX_BYTES} are read.", place=Place(file=file)
        )
    node = parse_yaml(raw, name=file)
    if not isinstance(node, Block):
        raise ConfigError(
            "The file's top must be a mapping.", todo="Write `key: value` lines.", place=_place(node, file)
        )
    return Section(node, file)


class ConfigFolder(Generic[T]):
    """The YAML files of a folder, each parsed by one function. A file that changed is read again when asked; a broken
    file is kept as its error and hides only itself.

    ``noun`` and ``nouns`` are for error texts (``flow``, ``flows``).
    """

    def __init__(self, folder: Path, parse: Callable[[Path], T], *, noun: str) -> None:
        self.folder = folder
        self._parse = parse
        self._noun = noun
        self._read: dict[Path, tuple[tuple[int, int], T | ConfigError]] = {}

    def usable(self) -> list[T]:
        """What could be parsed, by file name."""
        self._refresh()
        return [entry for _, (_, entry) in sorted(self._read.items()) if not isinstance(entry, ConfigError)]

    def broken(self) -> list[ConfigError]:
        """What is wrong with the others, by file name."""
        self._refresh()
        return [entry for _, (_, entry) in sorted(self._read.items()) if isinstance(entry, ConfigError)]

    def get(self, name: str) -> T:
        """What ``<name>.yaml`` defines. The name is looked up among the files that are there, never made into a path.

        :raises ConfigError: when the file is wrong (that error), or when there is none.
        """
        self._refresh()
        for path, (_, entry) in self._read.items():
            if path.stem == name:
                if isinstance(entry, ConfigError):
                    raise entry
                return entry
        known = ", ".join(sorted(path.stem for path in self._read)) or "none"
        raise ConfigError(
            f"There is no {self._noun} {name!r}.",
            todo=f"Known: {known}. They stand in the folder {self.folder.name}/.",
            place=Place(file=self.folder.name),
        )

    def _refresh(self) -> None:
        present: set[Path] = set()
        if self.folder.is_dir():
            for path in sorted(self.folder.glob("*.yaml")):
                try:
                    status = path.stat()
                except OSError:
                    continue  # removed between listing and looking
                present.add(path)
                stamp = (status.st_mtime_ns, status.st_size)
                known = self._read.get(path)
                if known is None or known[0] != stamp:
                    self._read[path] = (stamp, self._attempt(path))
        for path in [path for path in self._read if path not in present]:
            del self._read[path]

    def _attempt(self, path: Path) -> T | ConfigError:
        try:
            return self._parse(path)
        except ConfigError as error:
            return error
        except Exception as error:
            # nothing that one file holds may hide the others
            log.exception("%s cannot be read", path.name)
            return ConfigError(
                f"The file cannot be used ({type(error).__name__}: {error}).",
                todo=f"Compare it with another {self._noun}'s file; the log has the details.",
                place=Place(file=path.name),
            )
