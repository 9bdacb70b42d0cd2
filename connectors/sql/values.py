"""Values on their way through JSON: into a bookmark and back, and to the process that a driver runs in."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from orderhub.errors import ConnectorRefused


class Kind(StrEnum):
    """What a column holds, as far as it matters to a document or to a comparison."""

    INTEGER = "integer"
    NUMBER = "number"
    FLOAT = "float"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    MOMENT = "moment"  # date and time without a zone
    INSTANT = "instant"  # with a zone
    UUID = "uuid"
    BYTES = "bytes"
    OTHER = "other"


class Described(msgspec.Struct, frozen=True):
    """A column of a result."""

    name: str
    kind: Kind
    #: Values may be too long for a buffer of a fixed size.
    long: bool = False


#: Kinds that can be compared and counted on, so that a watermark may have them.
TIMES = (Kind.DATE, Kind.MOMENT, Kind.INSTANT)
NUMBERS = (Kind.INTEGER, Kind.NUMBER)


def tagged(value: Any) -> list[str] | None:
    """A value as JSON that ``untagged`` makes the same value of.

    :raises TypeError: a value that no column can have.
    """
    match value:
        case None:
            return None
        case bool():
            return [Kind.BOOLEAN, str(int(value))]
        case int():
            return [Kind.INTEGER, str(value)]
        case Decimal():
            return [Kind.NUMBER, str(value)]
        case float():
            return [Kind.FLOAT, value.hex()]
        case str():
            return [Kind.TEXT, value]
        case dt.datetime():
            return [Kind.MOMENT if value.tzinfo is None else Kind.INSTANT, value.isoformat()]
        case dt.date():
            return [Kind.DATE, value.isoformat()]
        case dt.time():
            return [Kind.TIME, value.isoformat()]
        case uuid.UUID():
            return [Kind.UUID, str(value)]
        case bytes() | bytearray() | memoryview():
            return [Kind.BYTES, bytes(value).hex()]
        case _:
            raise TypeError(f"a {type(value).__name__} is no value of a column")


def untagged(value: list[str] | None) -> Any:
    """The value that ``tagged`` was given."""
    if value is None:
        return None
    kind, text = value
    return _FROM_TEXT[Kind(kind)](text)


_FROM_TEXT: dict[Kind, Callable[[str], Any]] = {
    Kind.BOOLEAN: lambda text: text == "1",
    Kind.INTEGER: int,
    Kind.NUMBER: Decimal,
    Kind.FLOAT: float.fromhex,
    Kind.TEXT: str,
    Kind.MOMENT: dt.datetime.fromisoformat,
    Kind.INSTANT: dt.datetime.fromisoformat,
    Kind.DATE: dt.date.fromisoformat,
    Kind.TIME: dt.time.fromisoformat,
    Kind.UUID: str,
    Kind.BYTES: bytes.fromhex,
}


def fitted(value: Any, kind: Kind) -> Any:
    """A value of the settings (or of a result) as a column of this kind compares it.

    :raises ValueError: it is no such value.
    """
    if value is None:
        return None
    if isinstance(value, str):
        if kind in (Kind.MOMENT, Kind.INSTANT):
            value = dt.datetime.fromisoformat(value)
        elif kind is Kind.DATE:
            return dt.date.fromisoformat(value[:10])
        elif kind is Kind.INTEGER:
            return int(value)
        elif kind is Kind.NUMBER:
            return _decimal(value)
        else:
            return value
    if isinstance(value, dt.datetime):
        if kind is Kind.MOMENT and value.tzinfo is not None:
            return value.astimezone(dt.UTC).replace(tzinfo=None)
        if kind is Kind.INSTANT and value.tzinfo is None:
            return value.replace(tzinfo=dt.UTC)
        return value.date() if kind is Kind.DATE else value
    if isinstance(value, dt.date) and kind in (Kind.MOMENT, Kind.INSTANT):
        return fitted(dt.datetime.combine(value, dt.time()), kind)
    if isinstance(value, bool) and kind in NUMBERS:
        return int(value)  # what databases without booleans have in their place
    if kind is Kind.NUMBER and isinstance(value, int | float):
        return _decimal(str(value))
    return str(value) if kind in (Kind.TEXT, Kind.UUID) else value


def given_value(value: Any, kind: Kind, column: str) -> Any:
    """A value of the settings as a column compares it.

    :raises ConnectorRefused: the column holds no such values.
    """
    try:
        return fitted(value, kind)
    except ValueError as error:
        raise ConnectorRefused(
            f"{value!r} cannot be compared with the column {column}, which is of the kind {kind}.",
            todo="Correct the value in the settings.",
        ) from error


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError as error:
        raise ValueError(f"{text!r} is no number") from error
