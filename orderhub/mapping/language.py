"""A mapping file as it was written: the parsed form, before anything is checked against source and target.

A mapping that reads makes a canonical document of a message; one that writes (``source: {document: …}``) makes a payload
of a canonical document, and its fields have the names and the order of the payload.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from orderhub.formats.dialect import SourceDeclaration
from orderhub.mapping.expressions import Expression
from orderhub.yaml_file import Mark, Scalar

#: What happens with source data that nothing reads.
Unmapped: TypeAlias = Literal["ignore", "warn", "error"]


class Leaf(msgspec.Struct, frozen=True):
    """``field: expression``. ``scalar`` is the text as written, for positions."""

    key: Scalar
    scalar: Scalar
    expression: Expression


class Constant(msgspec.Struct, frozen=True):
    """``field: {const: X}``. The value is a text, a whole number, true or false; where a mapping writes also a decimal."""

    key: Scalar
    scalar: Scalar
    value: object


class Part(msgspec.Struct, frozen=True):
    """``field: {at: …}`` or ``{each: …}`` or neither, with the fields within. ``when`` says whether the part is made,
    ``where`` which of the groups count. Only where a mapping writes: ``over`` is ``each`` as an expression, and ``items``
    are the parts and values of a list that is written out (``field: [{…}, {…}]``)."""

    key: Scalar
    fields: dict[str, FieldMapping]
    mark: Mark
    at: Scalar | None = None
    each: Scalar | None = None
    when: Leaf | None = None
    where: Leaf | None = None
    over: Leaf | None = None
    items: tuple[FieldMapping, ...] = ()


FieldMapping: TypeAlias = Leaf | Constant | Part


class Check(msgspec.Struct, frozen=True):
    """One entry of ``checks``."""

    scalar: Scalar
    expression: Expression
    severity: Literal["error", "warning", "info"] = "error"
    message: str | None = None
    name: str | None = None


class Payload(msgspec.Struct, frozen=True):
    """The ``target:`` of a mapping that writes. ``options`` has what else stands there (XML: root, namespaces)."""

    format: str
    options: dict[str, object] = {}


class MappingFile(msgspec.Struct, frozen=True):
    """A parsed mapping file. ``marks`` has the positions of the entries of the head (``source``, ``source.release``);
    ``written`` are the bytes that it was parsed from, comments and all. One that writes has a ``payload``: its source's
    message is the document's name, and its target the name of the format."""

    path: str
    name: str
    version: int
    source: SourceDeclaration
    target: str
    fields: dict[str, FieldMapping]
    checks: tuple[Check, ...]
    unmapped: Unmapped
    unmapped_segments: dict[str, Unmapped]
    marks: dict[str, Mark]
    description: str | None = None
    written: bytes = b""
    payload: Payload | None = None

    @property
    def writes(self) -> bool:
        """Whether it makes a payload of a document, and not a document of a message."""
        return self.payload is not None


def normalised(mapping: MappingFile) -> object:
    """The mapping as plain data without positions, comments and layout: what its content hash is over."""
    return {
        "mapping": mapping.name,
        "version": mapping.version,
        "source": {
            "format": mapping.source.format,
            "message": mapping.source.message,
            "release": mapping.source.release,
            "options": mapping.source.options,
        },
        "target": mapping.target,
        "fields": _plain_fields(mapping.fields),
        "checks": [
            [_plain_expression(check.expression), check.severity, check.message, check.name]
            for check in mapping.checks
        ],
        "unmapped": [mapping.unmapped, mapping.unmapped_segments],
        **({"payload": [list(entry) for entry in _in_order(mapping)]} if mapping.payload is not None else {}),
    }


def _in_order(mapping: MappingFile) -> list[tuple[str, object]]:
    """What a payload's bytes depend on beyond the fields' meaning: its options, and the order of the fields."""
    options = mapping.payload.options if mapping.payload is not None else {}
    return [("options", options), ("order", _names_in_order(mapping.fields))]


def _names_in_order(fields: dict[str, FieldMapping]) -> list[object]:
    names: list[object] = []
    for name, field in fields.items():
        inner = field.fields if isinstance(field, Part) else {}
        items = field.items if isinstance(field, Part) else ()
        below = [_names_in_order(item.fields) if isinstance(item, Part) else [] for item in items]
        names.append([name, _names_in_order(inner), below])
    return names


def _plain_fields(fields: dict[str, FieldMapping]) -> dict[str, object]:
    return {name: _plain_field(field) for name, field in fields.items()}


def _plain_field(field: FieldMapping) -> object:
    if isinstance(field, Leaf):
        return _plain_expression(field.expression)
    if isinstance(field, Constant):
        number = {"number": True} if isinstance(field.value, Decimal) else {}
        return {"const": field.value, **number}
    return {
        "at": field.at.text if field.at else None,
        "each": field.each.text if field.each else None,
        "fields": _plain_fields(field.fields),
        # not there at all where nothing is written: what a mapping without conditions says stays the same
        **{
            word: _plain_expression(condition.expression)
            for word, condition in (("when", field.when), ("where", field.where))
            if condition is not None
        },
        **({"items": [_plain_field(item) for item in field.items]} if field.items else {}),
    }


def _plain_expression(expression: Expression) -> object:
    return _without_offsets(msgspec.to_builtins(expression))


def _without_offsets(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_offsets(item) for key, item in value.items() if key != "offset"}
    if isinstance(value, (list, tuple)):
        return [_without_offsets(item) for item in value]
    return value
