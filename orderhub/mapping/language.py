"""A mapping file as it was written: the parsed form, before anything is checked against source and target."""

from __future__ import annotations

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
    """``field: {const: X}``."""

    key: Scalar
    scalar: Scalar
    value: object


class Part(msgspec.Struct, frozen=True):
    """``field: {at: …}`` or ``{each: …}`` or neither, with the fields within. ``when`` says whether the part is made,
    ``where`` which of the groups count."""

    key: Scalar
    fields: dict[str, FieldMapping]
    mark: Mark
    at: Scalar | None = None
    each: Scalar | None = None
    when: Leaf | None = None
    where: Leaf | None = None


FieldMapping: TypeAlias = Leaf | Constant | Part


class Check(msgspec.Struct, frozen=True):
    """One entry of ``checks``."""

    scalar: Scalar
    expression: Expression
    severity: Literal["error", "warning", "info"] = "error"
    message: str | None = None
    name: str | None = None


class MappingFile(msgspec.Struct, frozen=True):
    """A parsed mapping file. ``marks`` has the positions of the entries of the head (``source``, ``source.release``);
    ``written`` are the bytes that it was parsed from, comments and all."""

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
    }


def _plain_fields(fields: dict[str, FieldMapping]) -> dict[str, object]:
    plain: dict[str, object] = {}
    for name, field in fields.items():
        if isinstance(field, Leaf):
            plain[name] = _plain_expression(field.expression)
        elif isinstance(field, Constant):
            plain[name] = {"const": field.value}
        else:
            plain[name] = {
                "at": field.at.text if field.at else None,
                "each": field.each.text if field.each else None,
                "fields": _plain_fields(field.fields),
                # not there at all where nothing is written: what a mapping without conditions says stays the same
                **{
                    word: _plain_expression(condition.expression)
                    for word, condition in (("when", field.when), ("where", field.where))
                    if condition is not None
                },
            }
    return plain


def _plain_expression(expression: Expression) -> object:
    return _without_offsets(msgspec.to_builtins(expression))


def _without_offsets(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_offsets(item) for key, item in value.items() if key != "offset"}
    if isinstance(value, (list, tuple)):
        return [_without_offsets(item) for item in value]
    return value
