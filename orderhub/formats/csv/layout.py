"""How one partner's CSV file is laid out: the ``source`` of a mapping with ``format: csv``.

==================== =============================================================================================
``key``              the columns whose values make one message (a list or one name); mandatory
``columns``          the columns that the header must have; mandatory
``optional_columns`` columns that may be there
``header``           ``false``: the file has no header row; all its columns are declared, in their order
``delimiter``        ``;`` ``,`` ``tab`` ``|``, or several characters (``+|``); absent: found out from the header
``line_end``         what ends a record before the line end (``&|``); none when absent
``quote``            the quote character, ``"`` when absent; a delimiter of several characters knows no quotes
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

from orderhub.formats.declaration import only_entries, only_message
from orderhub.formats.dialect import DeclarationError, NumberFormat, SourceDeclaration

#: The message name of every CSV source.
MESSAGE = "rows"

DELIMITERS = {";": ";", ",": ",", "|": "|", "tab": "\t", "\t": "\t"}
#: How one file is written, whether it is a source by itself or one of several.
FILE_OPTIONS = ("columns", "optional_columns", "header", "delimiter", "line_end", "quote", "encoding")
_OPTIONS = ("key", *FILE_OPTIONS, "decimal", "grouping", "rows")
#: Encodings that a byte can be decoded from without a table of our own and that keep ``\n`` and ``\r`` where they are.
_MAX_COLUMNS = 1_000
_MAX_MARK = 8


class FileLayout(msgspec.Struct, frozen=True, kw_only=True):
    """How one file is written; ``delimiter`` ``None`` means: find out."""

    columns: tuple[str, ...]
    optional_columns: tuple[str, ...] = ()
    header: bool = True
    delimiter: str | None = None
    line_end: str | None = None
    quote: str = '"'
    encoding: str | None = None

    @property
    def all_columns(self) -> tuple[str, ...]:
        return self.columns + self.optional_columns

    @property
    def plain(self) -> bool:
        """Whether rows are split by marks alone, without quoting."""
        return self.line_end is not None or len(self.delimiter or "") > 1


class CsvLayout(FileLayout, frozen=True, kw_only=True):
    """A declared layout of a source that is one file."""

    key: tuple[str, ...]
    numbers: NumberFormat = NumberFormat()
    adjacent: bool = True

    @classmethod
    def from_declaration(cls, source: SourceDeclaration) -> CsvLayout:
        """Read a mapping's ``source``; :class:`DeclarationError` naming the wrong entry."""
        options = source.options
        only_message(source, "CSV", MESSAGE)
        only_entries(options, _OPTIONS, "a CSV source")
        written = file_options(options)
        key = names(options, "key", needed=True)
        for name in key:
            if name not in written["columns"]:
                raise DeclarationError(
                    f"The key column {name!r} is not among the columns.",
                    key="key",
                    todo="Add it to columns, or correct the name.",
                    suggestions=difflib.get_close_matches(name, written["columns"]),
                )
        return cls(
            key=key,
            **written,
            numbers=numbers_of(options),
            adjacent=choice(options, "rows", ("adjacent", "any")) != "any",
        )


def file_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a :class:`FileLayout` from a declaration; :class:`DeclarationError` naming the wrong entry."""
    columns = names(options, "columns", needed=True)
    optional = names(options, "optional_columns", needed=False)
    known = columns + optional
    for position, name in enumerate(known):
        if name in known[:position]:
            raise DeclarationError(
                f"The column {name!r} is declared twice.", key="columns", todo="Remove one."
            )
    header = options.get("header")
    if header not in (None, True, False):
        raise DeclarationError(
            "header says whether there is a header row.", key="header", todo="Write true or false."
        )
    delimiter = _delimiter(options)
    line_end = _mark(options, "line_end")
    if header is False and delimiter is None:
        raise DeclarationError(
            "A file without a header does not show its delimiter.", key="delimiter", todo="Declare it."
        )
    if header is False and optional:
        raise DeclarationError(
            "A file without a header has all its columns, in their order.",
            key="optional_columns",
            todo="Move them to columns.",
        )
    if line_end is not None and delimiter is None:
        raise DeclarationError(
            "Where records end with a mark, the delimiter is declared too.",
            key="delimiter",
            todo="Declare it.",
        )
    return {
        "columns": columns,
        "optional_columns": optional,
        "header": header is not False,
        "delimiter": delimiter,
        "line_end": line_end,
        "quote": character(options, "quote") or '"',
        "encoding": encoding_of(options),
    }


def names(options: Mapping[str, Any], key: str, *, needed: bool, of: str = "source") -> tuple[str, ...]:
    """An entry that is a list of column names, or one; empty when it is not there and not needed."""
    value = options.get(key)
    if value is None:
        if needed:
            raise DeclarationError(
                f"The CSV {of} does not say its {key}.",
                key=key,
                todo=f"Add {key}: [order_no, …] to {of}.",
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


def character(options: Mapping[str, Any], key: str) -> str | None:
    """An entry that is one character; ``None`` when it is not there."""
    value = _text(options, key)
    if value is not None and (len(value) != 1 or value in "\r\n\0"):
        raise DeclarationError(f"{key} is one character.", key=key, todo="Write it in quotes.")
    return value


def choice(options: Mapping[str, Any], key: str, choices: tuple[str, ...]) -> str | None:
    """An entry that is one of a few words; ``None`` when it is not there."""
    value = _text(options, key)
    if value is not None and value not in choices:
        raise DeclarationError(f"{key} cannot be {value!r}.", key=key, todo=f"Write {' or '.join(choices)}.")
    return value


def _delimiter(options: Mapping[str, Any]) -> str | None:
    value = _text(options, "delimiter")
    if value is None:
        return None
    if value in DELIMITERS:
        return DELIMITERS[value]
    if len(value) > 1:
        return _mark(options, "delimiter")
    raise DeclarationError(
        f"The delimiter cannot be {value!r}.",
        key="delimiter",
        todo='Write ";", ",", "|", tab, or several characters.',
    )


def _mark(options: Mapping[str, Any], key: str) -> str | None:
    """A few characters that stand in no value."""
    value = _text(options, key)
    if value is None:
        return None
    usable = len(value) <= _MAX_MARK and not any(char.isalnum() or char.isspace() for char in value)
    if not usable or not value.isprintable():
        raise DeclarationError(
            f"{key} cannot be {value!r}.",
            key=key,
            todo=f"Write at most {_MAX_MARK} signs that stand in no value, such as '+|' or '&|'.",
        )
    return value


def encoding_of(options: Mapping[str, Any]) -> str | None:
    """The entry ``encoding`` as Python names it; ``None`` when it is not there."""
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


def numbers_of(options: Mapping[str, Any]) -> NumberFormat:
    """The entries ``decimal`` and ``grouping``."""
    decimal = character(options, "decimal") or "."
    grouping = character(options, "grouping") or ""
    if decimal not in ".,":
        raise DeclarationError(
            f"The decimal mark cannot be {decimal!r}.", key="decimal", todo='Write "." or ",".'
        )
    if grouping == decimal or grouping.isdigit() or (grouping and grouping in "+-"):
        raise DeclarationError(
            f"Digits cannot be grouped by {grouping!r}.", key="grouping", todo="Write ',', '.', ' ' or \"'\"."
        )
    return NumberFormat(marks=decimal, grouping=grouping)
