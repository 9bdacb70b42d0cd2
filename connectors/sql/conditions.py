"""Conditions of the settings as SQL: every value bound, as its column compares it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, or_

from connectors.sql.chosen import Bind
from connectors.sql.plans import Shape, col
from connectors.sql.settings import Condition, Operator
from connectors.sql.values import given_value


class Conditions:
    """For the columns that the database described."""

    def __init__(self, shape: Shape, bind: Bind) -> None:
        self._shape, self._bind = shape, bind

    def every(self, conditions: Sequence[Condition], where: str, of: FromClause) -> list[ColumnElement[bool]]:
        """``where`` is the level of ``of``, by which the database described its columns."""
        return [self.one(condition, where, of) for condition in conditions]

    def one(self, condition: Condition, where: str, of: FromClause) -> ColumnElement[bool]:
        """:raises ConnectorRefused: the column has no such values."""
        mine = col(of, condition.column)
        match condition.operator:
            case Operator.IS_NULL:
                return mine.is_(None)
            case Operator.NOT_NULL:
                return mine.is_not(None)
            case Operator.ONE_OF:
                return or_(*(mine == self._bound(value, where, condition) for value in condition.values))
            case Operator.NONE_OF:
                return and_(*(mine != self._bound(value, where, condition) for value in condition.values))
        value = self._bound(condition.value, where, condition)
        compared: dict[Operator, ColumnElement[bool]] = {
            Operator.EQUAL: mine == value,
            Operator.NOT_EQUAL: mine != value,
            Operator.LESS: mine < value,
            Operator.AT_MOST: mine <= value,
            Operator.GREATER: mine > value,
            Operator.AT_LEAST: mine >= value,
        }
        return compared[condition.operator]

    def equal(self, of: FromClause, where: str, name: str, value: Any) -> ColumnElement[bool]:
        """Whether a column has a value, which may be null."""
        if value is None:
            return col(of, name).is_(None)
        kind = self._shape.kind(where, name)
        return col(of, name) == self._bind(given_value(value, kind, name), kind)

    def _bound(self, value: Any, where: str, condition: Condition) -> ColumnElement[Any]:
        kind = self._shape.kind(where, condition.column)
        return self._bind(given_value(value, kind, condition.column), kind)
