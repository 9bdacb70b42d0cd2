"""How one partner's CSV file is laid out: the ``source`` of a mapping with ``format: csv``.

==================== =============================================================================================
``key``              the columns whose values make one message (a list or one name); mandatory
``columns``          the columns that the header must have; mandatory
``optional_columns`` columns that may be there
``delimiter``        ``;`` ``,`` ``tab`` ``|``; absent: found out from the header
``quote``            the quote character, ``"`` when absent
``encoding``         ``utf-8`` when absent (a byte order mark always wins): utf-8, utf-16, cp1252, latin-1 and others
``decimal``          the decimal mark of numbers, ``.`` when absent
``grouping``         the character between groups of digits; none when absent
``rows``             ``adjacent`` (the rows of a message stand together; the file is streamed) or ``any``
==================== =============================================================================================
"""

from __future__ import annotations

import codecs
import difflib
from collections.abc import Mapping
from typing import Any

import msgspec

from orderhub.formats.dialect import DeclarationError, NumberFormat, SourceDeclaration

#: The message name of every CSV source.
MESSAGE = "rows"

DELIMITERS = {";": ";", ",": ",", "|": "|", "tab": "\t", "\t": "\t"}
_OPTIONS = (
    "key",
    "columns",
    "optional_columns",
    "delimiter",
    "quote",
    "encoding",
    "decimal",
    "grouping",
    "rows",
)
#: Encodings that a byte can be decoded from without a table of our own and that keep ``\n`` and ``\r`` where they are.
_MAX_COLUMNS = 1_000


class CsvLayout(msgspec.Struct, frozen=True, kw_only=True):
    """A declared layout; ``delimiter`` ``None`` means: find out."""

    key: tuple[str, ...]
    columns: tuple[str, ...]
    optional_columns: tuple[str, ...] = ()
    delimiter: str | None = None
    quote: str = '"'
    encoding: str | None = None
    numbers: NumberFormat = NumberFormat()
    adjacent: bool = True

    @property
    def all_columns(self) -> tuple[str, ...]:
        return self.columns + self.optional_columns

    @classmethod
    def from_declaration(cls, source: SourceDeclaration) -> CsvLayout:
        """Read a mapping's ``source``; :class:`DeclarationError` naming the wrong entry."""
        options = source.options
        if source.message not in (None, MESSAGE):
            raise DeclarationError(
                f"A CSV source has the message {MESSAGE}, not {source.message}.",
                key="message",
                todo=f"Write message: {MESSAGE} or leave it out.",
            )
        if source.release is not None:
            raise DeclarationError("A CSV source has no release.", key="release", todo="Remove it.")
        for name in options:
            if name not in _OPTIONS:
                raise DeclarationError(
                    f"There is no entry {name!r} in a CSV source.",
                    key=name,
                    todo=f"The entries are {', '.join(_OPTIONS)}.",
                    suggestions=difflib.get_close_matches(name, _OPTIONS),
                )
        columns = _names(options, "columns", needed=True)
        optional = _names(options, "optional_columns", needed=False)
        key = _names(options, "key", needed=True)
        known = columns + optional
        for position, name in enumerate(known):
            if name in known[:position]:
                raise DeclarationError(
                    f"The column {name!r} is declared twice.", key="columns", todo="Remove one."
                )
        for name in key:
            if name not in columns:
                raise DeclarationError(
                    f"The key column {name!r} is not among the columns.",
                    key="key",
                    todo="Add it to columns, or correct the name.",
                    suggestions=difflib.get_close_matches(name, columns),
                )
        return cls(
            key=key,
            columns=columns,
            optional_columns=optional,
            delimiter=_delimiter(options),
            quote=_character(options, "quote") or '"',
            encoding=_encoding(options),
            numbers=_numbers(options),
            adjacent=_choice(options, "rows", ("adjacent", "any")) != "any",
        )


def _names(options: Mapping[str, Any], key: str, *, needed: bool) -> tuple[str, ...]:
    value = options.get(key)
    if value is None:
        if needed:
            raise DeclarationError(
                f"The CSV source does not say its {key}.",
                key=key,
                todo=f"Add {key}: [order_no, …] to source.",
            )
        return ()
    items = value if isinstance(value, list) else [value]
    names = tuple(str(item).strip() for item in items if isinstance(item, (str, int)))
    if len(names) != len(items) or not all(names) or (needed and not names) or len(names) > _MAX_COLUMNS:
        raise DeclarationError(
            f"{key} is a list of column names.", key=key, todo=f"Write {key}: [order_no, item]."
        )
    return names


def _text(options: Mapping[str, Any], key: str) -> str | None:
    value = options.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise DeclarationError(f"{key} is a text.", key=key, todo="Write it in quotes.")
    return value


def _character(options: Mapping[str, Any], key: str) -> str | None:
    value = _text(options, key)
    if value is not None and (len(value) != 1 or value in "\r\n\0"):
        raise DeclarationError(f"{key} is one character.", key=key, todo="Write it in quotes.")
    return value


def _choice(options: Mapping[str, Any], key: str, choices: tuple[str, ...]) -> str | None:
    value = _text(options, key)
    if value is not None and value not in choices:
        raise DeclarationError(f"{key} cannot be {value!r}.", key=key, todo=f"Write {' or '.join(choices)}.")
    return value


def _delimiter(options: Mapping[str, Any]) -> str | None:
    value = _text(options, "delimiter")
    if value is None:
        return None
    if value not in DELIMITERS:
        raise DeclarationError(
            f"The delimiter cannot be {value!r}.", key="delimiter", todo='Write ";", ",", "|" or tab.'
        )
    return DELIMITERS[value]


def _encoding(options: Mapping[str, Any]) -> str | None:
    value = _text(options, "encoding")
    if value is None:
        return None
    try:
        info = codecs.lookup(value)
        decoded = b"a;1\n".decode(info.name) if not info.name.startswith(("utf-16", "utf-32")) else "a;1\n"
    except (LookupError, UnicodeDecodeError, ValueError):
        decoded = ""
    if decoded != "a;1\n":
        raise DeclarationError(
            f"There is no text encoding {value!r}.",
            key="encoding",
            todo="Write utf-8, cp1252, latin-1 or utf-16.",
        )
    return info.name


def _numbers(options: Mapping[str, Any]) -> NumberFormat:
    decimal = _character(options, "decimal") or "."
    grouping = _character(options, "grouping") or ""
    if decimal not in ".,":
        raise DeclarationError(
            f"The decimal mark cannot be {decimal!r}.", key="decimal", todo='Write "." or ",".'
        )
    if grouping == decimal or grouping.isdigit() or (grouping and grouping in "+-"):
        raise DeclarationError(
            f"Digits cannot be grouped by {grouping!r}.", key="grouping", todo="Write ',', '.', ' ' or \"'\"."
        )
    return NumberFormat(marks=decimal, grouping=grouping)
