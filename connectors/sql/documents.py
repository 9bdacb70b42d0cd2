"""Rows as columns in, documents as JSON texts out: the columns of a row become one object, the rows of a parent one array,
level by level."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sql.plans import LevelPlan
from connectors.sql.texts import TEXT, Places, Texts, constant, content, flat, joined, json_texts, scalar

Member = tuple[str, Texts]


class Documents:
    """Texts of documents in one piece of memory, of which interchanges are cut without joining anything again."""

    def __init__(self, objects: Any) -> None:
        """``objects``: an array of JSON objects, each with a comma behind it."""
        places, data = content(objects)
        self._places, self._data = places, data.data

    def __len__(self) -> int:
        return len(self._places) - 1

    def array(self, start: int, stop: int) -> bytes:
        """A JSON array of the documents from ``start`` to before ``stop``, which is behind it."""
        cut = self._data[self._places[start] : self._places[stop] - 1]
        return b"".join((b"[", cut, b"]"))


def objects(members: Sequence[Member], length: int, *, begin: Any = None, end: str = "") -> Any:
    """One JSON object per row. ``begin`` (a function of the first text) gives what each row begins with, ``end`` follows
    every one."""
    parts: list[Any] = []
    text = "{"
    for number, (name, texts) in enumerate(members):
        comma = "," if number else ""
        text += f"{comma}{json.dumps(name, ensure_ascii=False)}:{texts.before}"
        parts += [text, texts.values]
        text = texts.after
    parts.append(f"{text}}}{end}")
    made = [scalar(part) if isinstance(part, str) else part for part in parts]
    if begin is not None:
        made[0] = begin(parts[0])
    elif not members:
        return constant(parts[0], length)
    return joined(made)


def rows_of(plan: LevelPlan, rows: pa.Table, below: Sequence[Member]) -> list[Member]:
    """The members of each row of a level; ``below`` are the arrays of its children by name."""
    members = [(name, json_texts(rows.column(at), plan.kinds[at])) for name, at in plan.columns]
    for lookup in plan.lookups:
        found = objects(
            [(name, json_texts(rows.column(at), plan.kinds[at])) for name, at in lookup.columns],
            rows.num_rows,
        )
        missing = pc.is_null(flat(rows.column(lookup.marker)))
        members.append((lookup.name, Texts(pc.if_else(missing, scalar("null"), found))))
    if plan.deleted is not None:
        name, at = plan.deleted
        holds = pc.equal(flat(rows.column(at)).cast(TEXT), scalar("1"))
        members.append((name, Texts(pc.if_else(holds, scalar("true"), scalar("false")))))
    return [*members, *below]


def arrays(members: Sequence[Member], parents: Places, count: int) -> Texts:
    """One JSON array per parent out of its rows, which are sorted by ``parents`` (places from 0 to count).

    A row begins with what stands before it in the array, so that the rows of a parent need no joining: where they lie one
    behind the other is their array, but for its end.
    """
    if not len(parents):
        return Texts(constant("[", count), after="]")
    opens = np.ones(len(parents), dtype=bool)
    np.not_equal(parents[1:], parents[:-1], out=opens[1:])
    opening = pa.array(opens)
    rows = objects(
        members,
        len(parents),
        begin=lambda text: pc.if_else(opening, scalar(f"[{text}"), scalar(f",{text}")),
    )
    places, _ = content(rows)
    ends = np.concatenate(([0], np.cumsum(np.bincount(parents, minlength=count))))
    made = pa.LargeStringArray.from_buffers(count, pa.py_buffer(places[ends]), rows.buffers()[2])
    if (ends[1:] == ends[:-1]).any():
        made = pc.if_else(pc.equal(made, scalar("")), scalar("["), made)
    return Texts(made, after="]")
