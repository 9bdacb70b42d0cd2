"""Columns as JSON texts, without a Python object per value.

Numbers stay as they are written (``12.3400``), times are ISO 8601, bytes base64; NaN and infinity, which JSON has not, texts.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sql.values import Kind

TEXT = pa.large_string()
#: A number as JSON writes it; whether a whole column is such is told by its bytes, see ``_all_numbers``.
_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$"
_MUST_ESCAPE = r'["\\\x00-\x1f]'
_QUOTE, _BACKSLASH, _SPACE, _MINUS, _POINT, _ZERO = (ord(one) for one in '"\\ -.0')

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Places = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Texts:
    """A column of JSON: each of ``values`` between ``before`` and ``after``. These are the same in every row, so they are
    written when rows are joined and not sooner. There are no nulls."""

    values: Any
    before: str = ""
    after: str = ""


def flat(values: Any) -> Any:
    """One array of a column, of the type that its extension type is stored as."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return values.storage if isinstance(values.type, pa.BaseExtensionType) else values


def json_texts(values: Any, kind: Kind) -> Texts:
    """Each value of a column as JSON text, ``null`` where there is none."""
    values = flat(values)
    held = values.type
    if pa.types.is_null(held):
        return Texts(constant("null", len(values)))
    if pa.types.is_boolean(held) or pa.types.is_integer(held):
        return _filled(values.cast(TEXT))
    if pa.types.is_binary(held) or pa.types.is_large_binary(held) or pa.types.is_fixed_size_binary(held):
        return _quoted(_each_as_base64(values))
    if pa.types.is_string(held) or pa.types.is_large_string(held):
        values = values.cast(TEXT)
        if kind in (Kind.NUMBER, Kind.INTEGER, Kind.FLOAT):
            return _filled(_numbers(values))
        return _quoted(_escaped(values))
    if pa.types.is_decimal(held) or pa.types.is_floating(held):
        return _filled(_numbers(values.cast(TEXT)))
    if pa.types.is_timestamp(held):
        texts = pc.replace_substring(values.cast(pa.timestamp("us", held.tz)).cast(TEXT), " ", "T")
        return _quoted(pc.replace_substring_regex(texts, r"\.0+(Z?)$", r"\1"))
    return _quoted(values.cast(TEXT))


def whole(texts: Texts) -> Any:
    """The column with everything written."""
    if not texts.before and not texts.after:
        return texts.values
    return joined([scalar(texts.before), texts.values, scalar(texts.after)])


def joined(parts: list[Any]) -> Any:
    """Columns and scalars side by side."""
    return pc.binary_join_element_wise(*parts, scalar(""))


def scalar(text: str) -> Any:
    return pa.scalar(text, TEXT)


def constant(text: str, length: int) -> Any:
    return pa.array([text] * length, TEXT)


def content(texts: Any) -> tuple[Places, Bytes]:
    """Where the texts of an array begin and end (one more than there are), and the bytes that they lie in."""
    _, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return places, np.frombuffer(data or b"", np.uint8)


def _filled(texts: Any) -> Texts:
    return Texts(pc.fill_null(texts, scalar("null")) if texts.null_count else texts)


def _quoted(texts: Any) -> Texts:
    if not texts.null_count:
        return Texts(texts, '"', '"')
    return _filled(joined([scalar('"'), texts, scalar('"')]))


def _escaped(values: Any) -> Any:
    places, data = content(values)
    used = data[places[0] : places[-1]]
    if not ((used < _SPACE) | (used == _QUOTE) | (used == _BACKSLASH)).any():
        return values
    special = pc.match_substring_regex(values, _MUST_ESCAPE)
    escaped = [json.dumps(value.as_py(), ensure_ascii=False)[1:-1] for value in values.filter(special)]
    return pc.replace_with_mask(values, pc.fill_null(special, False), pa.array(escaped, TEXT))


def _numbers(values: Any) -> Any:
    if _all_numbers(values.drop_null() if values.null_count else values):
        return values
    fine = pc.match_substring_regex(values, _NUMBER)
    mended = [_number(value) for value in values.filter(pc.invert(fine)).to_pylist()]
    return pc.replace_with_mask(values, pc.fill_null(pc.invert(fine), False), pa.array(mended, TEXT))


def _all_numbers(values: Any) -> bool:
    """Whether every text is a number of JSON without an exponent. Looks at all bytes at once: a tenth of the time that
    an expression for each value takes."""
    if not len(values):
        return True
    places, data = content(values)
    starts, ends = places[:-1], places[1:]
    if (starts == ends).any():
        return False
    digit = (data - _ZERO) < 10  # bytes below the digits come round to large ones
    first = starts + (data[starts] == _MINUS)
    if not (first < ends).all() or not digit[first].all() or not digit[ends - 1].all():
        return False
    used = slice(places[0], places[-1])
    points = data[used] == _POINT
    signs = int(np.count_nonzero(data[starts] == _MINUS))
    if np.count_nonzero(digit[used]) + np.count_nonzero(points) + signs != places[-1] - places[0]:
        return False  # something else, or a sign within
    if np.add.reduceat(points, starts - places[0], dtype=np.int64).max() > 1:
        return False
    zeros = first[(data[first] == _ZERO) & (ends - first > 1)]
    return bool((data[zeros + 1] == _POINT).all())


def _number(text: str) -> str:
    """A number as JSON writes it (``.5``, ``+1`` and ``5.`` are none there), else a text."""
    try:
        number = Decimal(text)
    except ArithmeticError:
        number = Decimal("NaN")
    return format(number, "f") if number.is_finite() else json.dumps(text, ensure_ascii=False)


def _each_as_base64(values: Any) -> Any:
    texts = (
        None if value is None else base64.b64encode(value).decode("ascii") for value in values.to_pylist()
    )
    return pa.array(list(texts), TEXT)
