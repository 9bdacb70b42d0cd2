"""Whole rows of the tables: a document's own values with those of its version, in the order of the columns named here.

``hashed`` adds what databases with short index keys find a row by: ``key_hash`` and ``identity_hash``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

from orderhub.star import rows
from orderhub.star.merge import Load, Name, Version
from orderhub.star.tables import LINE_VERSION, LOAD, VERSION, Table

Value: TypeAlias = str | int | bool | Decimal | dt.date | None
#: How a moment is handed to the database.
Moment = Callable[[dt.datetime], dt.datetime]

_SEPARATOR = "\x1f"
#: Hashes that are kept: those of a batch are asked for first and written then.
_KEPT = 1 << 14


def aware(moment: dt.datetime) -> dt.datetime:
    """For databases whose moments know their time zone."""
    return moment


def naive(moment: dt.datetime) -> dt.datetime:
    """For databases whose moments do not: UTC."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None)


@lru_cache(_KEPT)
def key_hash(key: str) -> str:
    """SHA-256 of an idempotency key, hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(_KEPT)
def name_hash(name: Name) -> str:
    """SHA-256 of company, environment and identity, hex. No collation, case or trailing space makes two names one."""
    return hashlib.sha256(_SEPARATOR.join(name).encode("utf-8", "surrogatepass")).hexdigest()


def load_columns(*, hashed: bool = False) -> tuple[str, ...]:
    """The columns of ``load_row``."""
    return (*(column.name for column in LOAD), *(("key_hash",) if hashed else ()))


def load_row(load: Load, *, hashed: bool = False) -> tuple[Value, ...]:
    """The row of a load."""
    item, name, outcome = load.item, load.name, load.outcome
    return (
        load.id,
        item.key,
        type(item.document).document_name,
        name.identity,
        name.company,
        name.environment,
        item.source,
        item.load,
        outcome.state.value,
        load.version_id,
        outcome.version,
        outcome.reference,
        *((key_hash(item.key),) if hashed else ()),
    )


def version_columns(table: Table, *, hashed: bool = False) -> tuple[str, ...]:
    """The columns of ``version_row``. The end of its validity is not among them: it comes later."""
    own = (column.name for column in (*VERSION, *table.columns) if column.name != "valid_to")
    return (*own, *(("identity_hash",) if hashed else ()))


def version_row(version: Version, moment: Moment, *, hashed: bool = False) -> tuple[Any, ...]:
    """The row of a version."""
    name, item = version.name, version.item
    return (
        version.id,
        name.identity,
        version.number,
        name.company,
        name.environment,
        moment(version.valid_from),
        version.content_hash,
        item.source,
        version.load_id,
        *rows.values(item.document),
        *((name_hash(name),) if hashed else ()),
    )


def line_columns(table: Table) -> tuple[str, ...]:
    """The columns of ``line_rows``; empty for a document without lines."""
    if table.lines is None:
        return ()
    own = (column.name for column in (*table.lines.columns, *LINE_VERSION) if column.name != "valid_to")
    return (table.lines.parent, *own)


def line_tail(version: Version, moment: Moment) -> tuple[Value, ...]:
    """What stands behind a line's own values: ``LINE_VERSION`` without the end."""
    return (version.name.environment, moment(version.valid_from), version.item.source, version.load_id)


def line_rows(version: Version, moment: Moment) -> Iterator[tuple[Any, ...]]:
    """The rows of a version's lines."""
    tail = line_tail(version, moment)
    for line in rows.lines(version.item.document):
        yield (version.id, *line, *tail)
