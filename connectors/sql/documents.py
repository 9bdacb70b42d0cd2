"""Rows as columns in, documents as JSON texts out, without a Python object per value.

Every column becomes a column of JSON texts, the columns of a row one object, the rows of a parent one array, level by level.
Numbers stay as they are written (``12.3400``), times are ISO 8601, bytes base64; NaN and infinity, which JSON has not, texts.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sql.statements import LevelPlan
from connectors.sql.values import Kind
from orderhub.errors import ConnectorRefused

_TEXT = pa.large_string()
_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$"
_MUST_ESCAPE = r'["\\\x00-\x1f]'


def json_texts(values: Any, kind: Kind) -> Any:
    """Each value of a column as JSON text, ``null`` where there is none."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values.type, pa.BaseExtensionType):
        values = values.storage
    held = values.type
    if pa.types.is_null(held):
        return _constant("null", len(values))
    if pa.types.is_boolean(held) or pa.types.is_integer(held):
        texts = values.cast(_TEXT)
    elif pa.types.is_binary(held) or pa.types.is_large_binary(held) or pa.types.is_fixed_size_binary(held):
        texts = _each(values, lambda value: f'"{base64.b64encode(value).decode("ascii")}"')
    elif pa.types.is_string(held) or pa.types.is_large_string(held):
        values = values.cast(_TEXT)
        texts = _numbers(values) if kind in (Kind.NUMBER, Kind.INTEGER, Kind.FLOAT) else _texts(values)
    elif pa.types.is_decimal(held) or pa.types.is_floating(held):
        texts = _numbers(values.cast(_TEXT))
    elif pa.types.is_timestamp(held):
        texts = pc.replace_substring(values.cast(pa.timestamp("us", held.tz)).cast(_TEXT), " ", "T")
        texts = _quoted(pc.replace_substring_regex(texts, r"\.0+(Z?)$", r"\1"))
    else:
        texts = _quoted(values.cast(_TEXT))
    return pc.fill_null(texts, pa.scalar("null", _TEXT))


def objects(members: Sequence[tuple[str, Any]], length: int) -> Any:
    """One JSON object per row, out of columns of JSON texts."""
    if not members:
        return _constant("{}", length)
    parts: list[Any] = []
    for number, (name, texts) in enumerate(members):
        start = "," if number else "{"
        parts += [pa.scalar(f"{start}{json.dumps(name, ensure_ascii=False)}:", _TEXT), texts]
    return pc.binary_join_element_wise(*parts, pa.scalar("}", _TEXT), pa.scalar("", _TEXT))


def rows_of(plan: LevelPlan, rows: pa.Table, below: Sequence[tuple[str, Any]]) -> Any:
    """The JSON object of each row of a level; ``below`` are the arrays of its children by name."""
    members = [(name, json_texts(rows.column(at), plan.kinds[at])) for name, at in plan.columns]
    for lookup in plan.lookups:
        found = objects(
            [(name, json_texts(rows.column(at), plan.kinds[at])) for name, at in lookup.columns],
            rows.num_rows,
        )
        missing = pc.is_null(rows.column(lookup.marker).combine_chunks())
        members.append((lookup.name, pc.if_else(missing, pa.scalar("null", _TEXT), found)))
    return objects([*members, *below], rows.num_rows)


def arrays(texts: Any, parents: np.ndarray[Any, Any], count: int) -> Any:
    """One JSON array per parent out of its rows' texts, which are sorted by ``parents`` (places from 0 to count)."""
    offsets = np.concatenate(([0], np.cumsum(np.bincount(parents, minlength=count))))
    lists = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), texts)
    joined = pc.binary_join(lists, pa.scalar(",", _TEXT))
    return pc.binary_join_element_wise(
        pa.scalar("[", _TEXT), joined, pa.scalar("]", _TEXT), pa.scalar("", _TEXT)
    )


def keys(rows: pa.Table, places: Sequence[int]) -> Any:
    """What tells a row: its key where that is one column, else one text of all."""
    columns = [rows.column(at).combine_chunks() for at in places]
    columns = [one.storage if isinstance(one.type, pa.BaseExtensionType) else one for one in columns]
    if len(columns) == 1:
        return columns[0]
    return objects([(str(n), json_texts(one, Kind.OTHER)) for n, one in enumerate(columns)], rows.num_rows)


def below(plan: LevelPlan, rows: pa.Table, parents: Any) -> tuple[pa.Table, np.ndarray[Any, Any]]:
    """Rows of a level with a parent among ``parents`` (their keys), in its order, and the place of each one's parent.

    Numbers and times order by value, texts by code point, so that a document is the same from every database.

    :raises ConnectorRefused: a row comes twice, so that a lookup has several rows or the key is none.
    """
    own = keys(rows, plan.parent)
    if own.type != parents.type:
        own = own.cast(parents.type)  # a column of nulls, or of numbers that fit a smaller type
    at = pc.index_in(own, value_set=parents)
    kept = pc.is_valid(at)
    if not pc.all(kept, min_count=0).as_py():
        rows, at = rows.filter(kept), at.filter(kept)
    order = {f"{number}": rows.column(place) for number, place in enumerate(plan.order)}
    order = {
        name: one.cast(one.type.storage_type) if isinstance(one.type, pa.BaseExtensionType) else one
        for name, one in order.items()
    }
    numbers = {
        name: (
            pc.cast(one, pa.decimal256(76, 30))
            if plan.kinds[plan.order[int(name)]] is Kind.NUMBER and pa.types.is_string(one.type)
            else one
        )
        for name, one in order.items()
    }
    ranked = pa.table({"parent": at, **numbers})
    indices = pc.sort_indices(ranked, sort_keys=[(name, "ascending") for name in ranked.column_names])
    if not _ascending(indices):
        rows, at, ranked = rows.take(indices), at.take(indices), ranked.take(indices)
    refuse_twice(plan, [ranked.column(name) for name in ranked.column_names])
    return rows, at.to_numpy(zero_copy_only=False).astype(np.int64)


def refuse_twice(plan: LevelPlan, columns: Sequence[Any]) -> None:
    """Refuse neighbours that are one row twice.

    :raises ConnectorRefused: naming the level.
    """
    if len(columns[0]) < 2:
        return
    same: Any = True
    for one in columns:
        same = pc.and_(same, pc.equal(one.slice(1), one.slice(0, len(one) - 1)))
    if pc.any(same).as_py():
        where = f"the level {plan.path}" if plan.path else "the document's table"
        raise ConnectorRefused(
            f"A row of {where} comes more than once with the same key.",
            todo="Let `key` name all columns that tell rows apart, and each lookup's `join` lead to one row.",
        )


def _ascending(indices: Any) -> bool:
    numbers = indices.to_numpy()
    return bool((numbers[1:] > numbers[:-1]).all())


def _texts(values: Any) -> Any:
    special = pc.match_substring_regex(values, _MUST_ESCAPE)
    if pc.any(special, min_count=0).as_py():
        escaped = [json.dumps(value.as_py(), ensure_ascii=False)[1:-1] for value in values.filter(special)]
        values = pc.replace_with_mask(values, pc.fill_null(special, False), pa.array(escaped, _TEXT))
    return _quoted(values)


def _numbers(values: Any) -> Any:
    fine = pc.match_substring_regex(values, _NUMBER)
    if pc.all(fine, min_count=0).as_py():
        return values
    mended = [_number(value) for value in values.filter(pc.invert(fine)).to_pylist()]
    return pc.replace_with_mask(values, pc.fill_null(pc.invert(fine), False), pa.array(mended, _TEXT))


def _number(text: str) -> str:
    """A number as JSON writes it (``.5``, ``+1`` and ``5.`` are none there), else a text."""
    try:
        number = Decimal(text)
    except ArithmeticError:
        number = Decimal("NaN")
    return format(number, "f") if number.is_finite() else json.dumps(text, ensure_ascii=False)


def _quoted(texts: Any) -> Any:
    quote = pa.scalar('"', _TEXT)
    return pc.binary_join_element_wise(quote, texts, quote, pa.scalar("", _TEXT))


def _each(values: Any, to_text: Any) -> Any:
    return pa.array([None if value is None else to_text(value) for value in values.to_pylist()], _TEXT)


def _constant(text: str, length: int) -> Any:
    return pa.array([text] * length, _TEXT)
