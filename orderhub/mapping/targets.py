"""The target side: the canonical documents as the compiler sees them.

Read from the msgspec Structs of :mod:`orderhub.documents`, so that a new field is known to mappings as soon as it
stands there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import inspect

from orderhub.documents import document_type
from orderhub.mapping.kinds import Kind, Refusal, shown


class TargetField(msgspec.Struct, frozen=True):
    """One field. Exactly one of ``kind`` (a value) and ``struct`` (a nested part) is set; ``many`` makes it a list.

    ``check`` returns the sentence that says why a value does not fit (pattern, length, bounds), or ``None``;
    it is itself ``None`` when any value of the kind fits. ``min_items`` is for lists.
    """

    name: str
    kind: Kind | None
    struct: TargetStruct | None
    many: bool
    required: bool
    optional: bool
    title: str | None
    check: Callable[[Any], str | None] | None
    min_items: int = 0


class TargetStruct(msgspec.Struct, frozen=True):
    """A document or a part of one."""

    name: str
    build: type[Any]
    fields: dict[str, TargetField]


@lru_cache(maxsize=32)
def target_document(name: str) -> TargetStruct:
    """The document of that name; ``KeyError`` when there is none."""
    return _struct(document_type(name))


@lru_cache(maxsize=64)
def _struct(cls: type[Any]) -> TargetStruct:
    info = inspect.type_info(cls)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{cls} is no Struct")
    return TargetStruct(
        name=getattr(cls, "document_name", cls.__name__),
        build=cls,
        fields={field.name: _field(field) for field in info.fields},
    )


def _field(field: inspect.Field) -> TargetField:
    kind_type, title, optional = _unwrap(field.type)
    many = False
    min_items = 0
    if isinstance(kind_type, inspect.ListType):
        many = True
        min_items = kind_type.min_length or 0
        kind_type, inner_title, _ = _unwrap(kind_type.item_type)
        title = title or inner_title
    if isinstance(kind_type, inspect.StructType):
        return TargetField(
            name=field.name,
            kind=None,
            struct=_struct(kind_type.cls),
            many=many,
            required=field.required,
            optional=optional,
            title=title,
            check=None,
            min_items=min_items,
        )
    kind = _kind(kind_type)
    if kind is None:
        raise TypeError(f"field {field.name}: the mapping language has no type for {kind_type}")
    return TargetField(
        name=field.name,
        kind=kind,
        struct=None,
        many=many,
        required=field.required,
        optional=optional,
        title=title,
        check=_check(kind_type, title),
        min_items=min_items,
    )


def _unwrap(kind_type: inspect.Type) -> tuple[inspect.Type, str | None, bool]:
    """Without metadata and ``None``: the type itself, its title, whether ``None`` is allowed."""
    title: str | None = None
    optional = False
    while True:
        if isinstance(kind_type, inspect.Metadata):
            title = title or (kind_type.extra_json_schema or {}).get("title")
            kind_type = kind_type.type
        elif isinstance(kind_type, inspect.UnionType):
            others = [t for t in kind_type.types if not isinstance(t, inspect.NoneType)]
            optional = optional or len(others) < len(kind_type.types)
            if len(others) != 1:
                raise TypeError(f"the mapping language cannot fill a union of {len(others)} types")
            kind_type = others[0]
        else:
            return kind_type, title, optional


def _kind(kind_type: inspect.Type) -> Kind | None:
    for cls, kind in (
        (inspect.StrType, Kind.TEXT),
        (inspect.BoolType, Kind.BOOLEAN),
        (inspect.IntType, Kind.INTEGER),
        (inspect.DecimalType, Kind.DECIMAL),
        (inspect.DateTimeType, Kind.DATETIME),
        (inspect.DateType, Kind.DATE),
    ):
        if isinstance(kind_type, cls):
            return kind
    return None


def _check(kind_type: inspect.Type, title: str | None) -> Callable[[Any], str | None] | None:
    if isinstance(kind_type, inspect.StrType):
        return _text_check(kind_type, title)
    if isinstance(kind_type, inspect.IntType):
        return _bounds_check(kind_type)
    return None


def _text_check(kind_type: inspect.StrType, title: str | None) -> Callable[[str], str | None] | None:
    # empty texts count as absent and never get here, so min_length 1 is always kept
    minimum = kind_type.min_length or 0
    maximum = kind_type.max_length
    search = re.compile(kind_type.pattern).search if kind_type.pattern else None
    if minimum <= 1 and maximum is None and search is None:
        return None

    def check(value: str) -> str | None:
        if search is not None and search(value) is None:
            return f"is no {title}" if title else f"does not match {kind_type.pattern}"
        # `$` in a pattern lets a line feed at the end pass
        if search is not None and value[-1:] == "\n":
            return "ends with a line feed"
        if len(value) < minimum:
            return f"is shorter than {minimum} characters"
        if maximum is not None and len(value) > maximum:
            return f"is longer than {maximum} characters"
        return None

    return check


def _bounds_check(kind_type: inspect.IntType) -> Callable[[int], str | None] | None:
    low, high = kind_type.ge, kind_type.le
    if low is None and high is None:
        return None

    def check(value: int) -> str | None:
        if low is not None and value < low:
            return f"is less than {low}"
        if high is not None and value > high:
            return f"is more than {high}"
        return None

    return check


def refuse(field: TargetField, value: Any, why: str) -> Refusal:
    """The refusal for a value that does not fit its field."""
    return Refusal(
        "VALUE_FIELD",
        f"{shown(value)} {why}.",
        f"{field.name} needs another value: convert it in the mapping (lookup, upper, replace), or ask the sender.",
        str(value),
    )
