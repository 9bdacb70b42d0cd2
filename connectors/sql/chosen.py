"""Which documents a statement is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from connectors.sql.values import Kind, fitted

#: Binds a value that is compared with a column of this kind.
Bind = Callable[[Any, Kind], ColumnElement[Any]]


@dataclass(frozen=True)
class Chosen:
    """Which documents: behind ``after``, up to and with ``upto``, at or behind ``floor`` and not behind ``ceiling`` (of the
    first column); or ``among`` these entries. Values in the order of the position."""

    after: tuple[Any, ...] | None = None
    upto: tuple[Any, ...] | None = None
    floor: Any = None
    ceiling: Any = None
    among: tuple[tuple[Any, ...], ...] | None = None

    def conditions(
        self, order: Sequence[ColumnElement[Any]], kinds: Sequence[Kind], bind: Bind
    ) -> list[ColumnElement[bool]]:
        def bound(values: Sequence[Any]) -> list[ColumnElement[Any]]:
            return [bind(fitted(value, kind), kind) for value, kind in zip(values, kinds, strict=True)]

        found: list[ColumnElement[bool]] = []
        if self.floor is not None:
            found.append(order[0] >= bind(fitted(self.floor, kinds[0]), kinds[0]))
        if self.ceiling is not None:
            found.append(order[0] <= bind(fitted(self.ceiling, kinds[0]), kinds[0]))
        if self.after is not None:
            # the first one alone lets an index be used
            found += [order[0] >= bound(self.after)[0], _behind(order, bound(self.after))]
        if self.upto is not None:
            found += [order[0] <= bound(self.upto)[0], _before(order, bound(self.upto))]
        if self.among is not None:
            found.append(
                or_(
                    *(
                        and_(*(one == value for one, value in zip(order, bound(key), strict=True)))
                        for key in self.among
                    )
                )
            )
        return found


def _behind(order: Sequence[ColumnElement[Any]], values: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
    if len(order) == 1:
        return order[0] > values[0]
    return or_(order[0] > values[0], and_(order[0] == values[0], _behind(order[1:], values[1:])))


def _before(order: Sequence[ColumnElement[Any]], values: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
    if len(order) == 1:
        return order[0] <= values[0]
    return or_(order[0] < values[0], and_(order[0] == values[0], _before(order[1:], values[1:])))
