"""The ``source`` of a mapping with ``format: xml``.

============== ===================================================================================================
``message``    the local name of the message's element; mandatory
``release``    its namespace; absent: none
``prefixes``   the prefixes that the paths use, with their namespaces
``namespace``  the namespace of names without a prefix in paths; absent: none
``record``     true: the message is not the root but every outermost element of that name (the root itself included)
``schema``     a table of the elements that can occur (``ubl/order``); absent: every path is taken as it is
``decimal``    the decimal mark of numbers, ``.`` when absent
``grouping``   the character between groups of digits; none when absent
============== ===================================================================================================

``record`` can also be the element's name itself (with its prefix), which must be the message's.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import msgspec

from orderhub.formats.declaration import only_entries
from orderhub.formats.dialect import DeclarationError, NumberFormat, SourceDeclaration
from orderhub.formats.xml.names import NAME, joined
from orderhub.formats.xml.schema import SchemaTable, schema_names, schema_table

_OPTIONS = ("prefixes", "namespace", "record", "schema", "decimal", "grouping")


class XmlSource(msgspec.Struct, frozen=True, kw_only=True):
    """A declared source. ``tag`` is the message element's full name; ``prefixes`` go from prefix to namespace."""

    message: str
    tag: str
    prefixes: dict[str, str]
    namespace: str | None = None
    record: bool = False
    schema: SchemaTable | None = None
    numbers: NumberFormat = NumberFormat()

    @classmethod
    def from_declaration(cls, source: SourceDeclaration) -> XmlSource:
        """Read a mapping's ``source``; :class:`DeclarationError` naming the wrong entry."""
        options = source.options
        only_entries(options, _OPTIONS, "an XML source", also=("message", "release"))
        match = NAME.match(source.message or "")
        if match is None or match[1]:
            raise DeclarationError(
                "An XML source names the element of its message.",
                key="message",
                todo="Write message: Order, without prefix; its namespace is the release.",
            )
        message = match[2]
        prefixes = _prefixes(options)
        schema = _schema(options)
        namespace = _text(options, "namespace")
        return cls(
            message=message,
            tag=joined(source.release, message),
            prefixes=prefixes,
            namespace=namespace,
            record=_record(options, joined(source.release, message), message, prefixes, namespace),
            schema=schema,
            numbers=_numbers(options),
        )


def record_tag(source: SourceDeclaration) -> str | None:
    """The full name of the repeating element, ``None`` where the root is the message (or the source is wrong)."""
    try:
        declared = XmlSource.from_declaration(source)
    except DeclarationError:
        return None
    return declared.tag if declared.record else None


def _text(options: Mapping[str, Any], key: str) -> str | None:
    value = options.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise DeclarationError(f"{key} is a text.", key=key, todo="Write it in quotes.")
    return value


def _prefixes(options: Mapping[str, Any]) -> dict[str, str]:
    value = options.get("prefixes")
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(
        isinstance(key, str) and isinstance(uri, str) and uri and NAME.match(key) and ":" not in key
        for key, uri in value.items()
    ):
        raise DeclarationError(
            "prefixes is a map of prefixes and their namespaces.",
            key="prefixes",
            todo="Write prefixes: {cbc: urn:oasis:…}.",
        )
    return dict(value)


def _record(
    options: Mapping[str, Any], tag: str, message: str, prefixes: Mapping[str, str], namespace: str | None
) -> bool:
    value = options.get("record")
    if value is None or isinstance(value, bool):
        return bool(value)
    match = NAME.match(value) if isinstance(value, str) else None
    if match is not None:
        known = match[1] is None or match[1] in prefixes
        own = match[2] == message and (match[1] is None or joined(prefixes.get(match[1]), message) == tag)
        if known and own:
            return True
    raise DeclarationError(
        f"The record {value!r} is not the element of the message ({message}).",
        key="record",
        todo=f"Write record: true, or the name {message} with the prefix of the release.",
    )


def _schema(options: Mapping[str, Any]) -> SchemaTable | None:
    name = _text(options, "schema")
    if name is None:
        return None
    table = schema_table(name)
    if table is None:
        raise DeclarationError(
            f"There is no schema table {name!r}.",
            key="schema",
            todo=f"There are {', '.join(schema_names())} in schemas.",
            suggestions=difflib.get_close_matches(name, schema_names()),
        )
    return table


def _numbers(options: Mapping[str, Any]) -> NumberFormat:
    decimal = _text(options, "decimal") or "."
    grouping = _text(options, "grouping") if options.get("grouping") != " " else " "
    if decimal not in (".", ","):
        raise DeclarationError(
            f"The decimal mark cannot be {decimal!r}.", key="decimal", todo='Write "." or ",".'
        )
    if grouping is not None and (len(grouping) != 1 or grouping == decimal or grouping.isdigit()):
        raise DeclarationError(
            f"Digits cannot be grouped by {grouping!r}.", key="grouping", todo="Write ',', '.', ' ' or \"'\"."
        )
    return NumberFormat(marks=decimal, grouping=grouping or "")
