"""A statement's values handed to PostgreSQL ahead of it, as settings of the transaction.

The driver streams a result (COPY in its binary form, rows decoded while the server still makes some) only of a statement without
parameters; with them it waits for the whole result first. So the values go before, bound in a statement of their own
(``set_config``), and the query takes them from there: by a subquery, which is evaluated once and not for every row.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ClauseElement, Select, String, func, literal, select, true
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect

#: Of more values than these the statement is sent with parameters.
_MOST = 20
_NAME = "orderhub.value_{}"


@dataclass(frozen=True)
class Ahead:
    """``settings`` is executed first, in the same transaction; ``text`` has no parameters then."""

    settings: Select[Any]
    text: str


class _Compiler(PGCompiler):
    """Writes the setting where a parameter would be."""

    _of_limit = False

    def limit_clause(self, select: Any, **kw: Any) -> str:
        """As the planner can see it: what is right for a few rows is not for many."""
        self._of_limit = True
        try:
            return str(super().limit_clause(select, **kw))  # type: ignore[no-untyped-call]  # it has no types
        finally:
            self._of_limit = False

    def bindparam_string(self, name: str, *args: Any, **kw: Any) -> str:
        super().bindparam_string(name, *args, **kw)
        place = list(self.bind_names.values()).index(name)
        kind = self.dialect.type_compiler_instance.process(kw["bindparam_type"])
        value = f"CAST(current_setting('{_NAME.format(place)}') AS {kind})"
        return value if self._of_limit else f"(SELECT {value})"


_DIALECT = PGDialect(paramstyle="named")  # type: ignore[no-untyped-call]  # its constructor has no types
_DIALECT.statement_compiler = _Compiler


def values_ahead(statement: ClauseElement) -> Ahead | None:
    """None for a statement without values, or with more than are worth it."""
    made: Any = statement.compile(dialect=_DIALECT)
    given = made.construct_params()
    values = [given[name] for name in made.bind_names.values()]
    if not 0 < len(values) <= _MOST or any(value is None for value in values):
        return None
    settings = [
        func.set_config(literal(_NAME.format(place), String()), literal(_text(value), String()), true())
        for place, value in enumerate(values)
    ]
    return Ahead(select(*settings), str(made))


def _text(value: Any) -> str:
    """As PostgreSQL reads a value of the type that it is cast to."""
    match value:
        case bool():
            return "true" if value else "false"
        case dt.datetime():
            return value.isoformat(" ")
        case dt.date() | dt.time():
            return value.isoformat()
        case bytes():
            return f"\\x{value.hex()}"
        case int() | float() | Decimal() | str():
            return str(value)
        case _:
            raise TypeError(f"a {type(value).__name__} is no value that a column is compared with")
