"""Rows of a level under their parents: in the parents' order, sorted by the level's key, none twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sql.documents import objects
from connectors.sql.plans import LevelPlan
from connectors.sql.texts import Places, flat, json_texts
from connectors.sql.values import Kind
from orderhub.errors import ConnectorRefused


def keys(rows: pa.Table, places: Sequence[int]) -> Any:
    """What tells a row: its key where that is one column, else one text of all."""
    columns = [flat(rows.column(at)) for at in places]
    if len(columns) == 1:
        return columns[0]
    return objects([(str(n), json_texts(one, Kind.OTHER)) for n, one in enumerate(columns)], rows.num_rows)


def below(plan: LevelPlan, rows: pa.Table, parents: Any) -> tuple[pa.Table, Places]:
    """Rows of a level with a parent among ``parents`` (their keys), in its order, and the place of each one's parent.

    Numbers and times order by value, texts by code point, so that a document is the same from every database.

    :raises ConnectorRefused: a row comes twice, so that a lookup has several rows or the key is none.
    """
    own = keys(rows, plan.parent)
    if own.type != parents.type:
        own = own.cast(parents.type)  # a column of nulls, or of numbers that fit a smaller type
    at = pc.index_in(own, value_set=parents)
    if at.null_count:
        kept = pc.is_valid(at)
        rows, at = rows.filter(kept), at.filter(kept)
    order = [at, *(_compared(rows.column(place), plan.kinds[place]) for place in plan.order)]
    if not ascending(order):
        ranked = pa.table({str(number): one for number, one in enumerate(order)})
        indices = pc.sort_indices(ranked, sort_keys=[(name, "ascending") for name in ranked.column_names])
        rows, at, ranked = rows.take(indices), at.take(indices), ranked.take(indices)
        refuse_twice(plan, ranked.columns)
    return rows, at.to_numpy(zero_copy_only=False).astype(np.int64)


def ascending(columns: Sequence[Any]) -> bool:
    """Whether each row comes before the next: most databases give rows as they were written, and need no sorting."""
    if len(columns[0]) < 2:
        return True
    tied: Any = None
    for one in columns:
        here, following = one.slice(0, len(one) - 1), one.slice(1)
        fine, same = pc.less_equal(here, following), pc.equal(here, following)
        if tied is not None:
            # rows that an earlier column told apart are in order already
            fine, same = pc.or_(pc.invert(tied), fine), pc.and_(tied, same)
        if not pc.all(fine, min_count=0, skip_nulls=False).as_py():
            return False
        tied = same
    return not pc.any(tied, min_count=0).as_py()


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


def _compared(column: Any, kind: Kind) -> Any:
    values = flat(column)
    if kind is Kind.NUMBER and pa.types.is_string(values.type):
        return values.cast(pa.decimal256(76, 30))
    return values
