"""How one partner's JSON is laid out: the ``source`` of a mapping with ``format: json``.

============= =====================================================================================================
``keys``      the keys that every record must have (a list or one name); mandatory. The first one names the record
              to people, and the mapping whose keys fit most takes a file that no flow has given a mapping
``record``    where the records of an object stand: ``orders``, ``data.orders`` (a list, or one object); absent: each
              document is a record
``encoding``  UTF-8 when absent (RFC 8259 8.1); a byte order mark always wins
============= =====================================================================================================

A file is one document, an array of documents, an object with a list of records, or JSON Lines. Which of them, the file
itself shows.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Any

import msgspec

from orderhub.formats.declaration import only_entries, only_message
from orderhub.formats.dialect import DeclarationError, PathError, SourceDeclaration
from orderhub.formats.json.paths import Key, parse_path

#: The message name of every JSON source.
MESSAGE = "record"

_OPTIONS = ("keys", "record", "encoding")
_MAX_KEYS = 1_000


class JsonLayout(msgspec.Struct, frozen=True, kw_only=True):
    """A declared layout. ``record`` has the keys on the way to the records."""

    keys: tuple[str, ...] = ()
    record: tuple[str, ...] = ()
    encoding: str | None = None

    @classmethod
    def from_declaration(cls, source: SourceDeclaration) -> JsonLayout:
        """Read a mapping's ``source``; :class:`DeclarationError` naming the wrong entry."""
        options = source.options
        only_message(source, "JSON", MESSAGE)
        only_entries(options, _OPTIONS, "a JSON source")
        return cls(keys=_keys(options), record=_record(options), encoding=_encoding(options))


def _keys(options: Mapping[str, Any]) -> tuple[str, ...]:
    value = options.get("keys")
    items = value if isinstance(value, list) else [value]
    names = tuple(str(item) for item in items if isinstance(item, (str, int)))
    if value is None or len(names) != len(items) or not names or not all(names) or len(names) > _MAX_KEYS:
        raise DeclarationError(
            "The JSON source does not say which keys a record has."
            if value is None
            else "keys is a list of key names.",
            key="keys",
            todo="Add keys: [orderNo, …] to source: those that every record has, the one with its number first.",
        )
    twice = next((name for position, name in enumerate(names) if name in names[:position]), None)
    if twice is not None:
        raise DeclarationError(f"The key {twice!r} is declared twice.", key="keys", todo="Remove one.")
    return names


def _record(options: Mapping[str, Any]) -> tuple[str, ...]:
    value = options.get("record")
    if value is None:
        return ()
    try:
        path = parse_path(value) if isinstance(value, str) else None
    except PathError:
        path = None
    names = tuple(step.name for step in path.steps if isinstance(step, Key)) if path is not None else ()
    if path is None or not names or len(names) != len(path.steps):
        raise DeclarationError(
            "record names the keys on the way to the records.",
            key="record",
            todo="Write record: orders, or record: data.orders.",
        )
    return names


def _encoding(options: Mapping[str, Any]) -> str | None:
    value = options.get("encoding")
    if value is None:
        return None
    try:
        info = codecs.lookup(value if isinstance(value, str) else "")
        known = "{}".encode(info.name).decode(info.name) == "{}" and info.name not in ("idna", "punycode")
    except (LookupError, UnicodeError, ValueError, TypeError):
        known = False
    if not known:
        raise DeclarationError(
            f"There is no text encoding {value!r}.",
            key="encoding",
            todo="Write utf-8, cp1252, latin-1 or utf-16.",
        )
    return info.name
