"""The statement that marks or deletes rows of an outbox, once the hub has what they name."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnClause,
    FromClause,
    bindparam,
    column,
    delete,
    func,
    literal_column,
    table,
    update,
)
from sqlalchemy.sql import quoted_name

from connectors.sql.sessions.base import TYPES, bound
from connectors.sql.settings import ByOutbox
from connectors.sql.statements import Statements
from connectors.sql.values import Kind, fitted


def marking(
    statements: Statements, read: ByOutbox, *, nothing: bool = False
) -> tuple[ClauseElement, tuple[str, ...]]:
    """The statement and the names of its parameters, in the order of the outbox's key; ``nothing``: it finds no row."""
    settings, kind = statements.settings, statements.shape.kind
    own = read.table is None
    name, schema = (settings.table, settings.db_schema) if own else (read.table, read.db_schema)
    where, key = ("", settings.key) if own else ("outbox", read.key)
    names_of_columns = dict.fromkeys([*key, *([read.mark.column] if read.mark is not None else [])])
    at: Any = table(
        quoted_name(str(name), quote=True),
        *(_column(one) for one in names_of_columns),
        schema=quoted_name(schema, quote=True) if schema else None,
    )
    names = tuple(f"key_{number}" for number in range(len(key)))
    if nothing:
        chosen = [literal_column("1") == literal_column("0")]
    else:
        chosen = [
            at.c[one] == bindparam(parameter, type_=TYPES[kind(where, one)])
            for one, parameter in zip(key, names, strict=True)
        ]
    if read.mark is None:
        return delete(at).where(*chosen), names
    done = read.mark.done
    mark_kind = kind(where, read.mark.column)
    value = func.current_timestamp() if done == "now" else bound(fitted(done, mark_kind), mark_kind)
    still_open = _open(at, statements, where, read)
    return update(at).where(*chosen, still_open).values({at.c[read.mark.column]: value}), names


def _column(name: str) -> ColumnClause[Any]:
    return column(quoted_name(name, quote=True))


def _open(at: FromClause, statements: Statements, where: str, read: ByOutbox) -> Any:
    """What was marked meanwhile keeps its mark."""
    assert read.mark is not None  # noqa: S101 - the caller looked
    mine = at.c[read.mark.column]
    if read.mark.open is None:
        return mine.is_(None)
    kind: Kind = statements.shape.kind(where, read.mark.column)
    return mine == bound(fitted(read.mark.open, kind), kind)
