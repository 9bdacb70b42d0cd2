"""Rows of Python values as an Arrow table, for drivers that know nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa


def _clock(value: dt.timedelta) -> str:
    seconds = value.total_seconds()
    hours, rest = divmod(abs(int(seconds)), 3600)
    return f"{'-' if seconds < 0 else ''}{hours:02}:{rest // 60:02}:{rest % 60:02}"


_AS_TEXT: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (Decimal, lambda value: format(value, "f")),
    (dt.timedelta, _clock),
)


def table_of(names: Sequence[str], chunks: Iterable[Sequence[Sequence[Any]]]) -> pa.Table:
    """A table out of chunks of rows. Decimals become their digits, what Arrow has no type for its text."""
    tables = [_chunk(names, chunk) for chunk in chunks if chunk]
    if not tables:
        return pa.table({f"c{number}": pa.nulls(0) for number in range(len(names))})
    if any(one.schema != tables[0].schema for one in tables[1:]):
        return pa.concat_tables(tables, promote_options="permissive")
    return pa.concat_tables(tables)


def _chunk(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    return pa.table({f"c{number}": _column(columns[number]) for number in range(len(names))})


def _column(values: Sequence[Any]) -> pa.Array:
    first = next((value for value in values if value is not None), None)
    for kind, to_text in _AS_TEXT:
        if isinstance(first, kind):
            return pa.array(
                [to_text(value) if isinstance(value, kind) else _text(value) for value in values], pa.string()
            )
    if isinstance(first, bytearray):
        values = [None if value is None else bytes(value) for value in values]
    if isinstance(first, dt.datetime):
        return _or_text(values, pa.timestamp("us", "UTC" if first.tzinfo is not None else None))
    return _or_text(values, None)


def _or_text(values: Sequence[Any], kind: pa.DataType | None) -> pa.Array:
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
