"""Settings of a database that is pulled: which rows make a document, and how new ones are told from old ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

import pydantic

from orderhub.connector import ConnectorSettings, Poll

#: A column's name as the database keeps it.
Name = Annotated[str, pydantic.Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f]+$")]
Value = str | int | bool | Decimal | dt.datetime | dt.date | None
#: Starts the name of a column that the level above has.
ABOVE = "../"


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Operator(StrEnum):
    EQUAL = "equal"
    NOT_EQUAL = "not_equal"
    LESS = "less"
    AT_MOST = "at_most"
    GREATER = "greater"
    AT_LEAST = "at_least"
    ONE_OF = "one_of"
    NONE_OF = "none_of"
    IS_NULL = "is_null"
    NOT_NULL = "not_null"


class Condition(_Part):
    """``column operator value``; ``values`` for ``one_of`` and ``none_of``. Values are bound, never pasted."""

    column: Name
    operator: Operator = Operator.EQUAL
    value: Value = None
    values: tuple[Value, ...] = ()

    @pydantic.model_validator(mode="after")
    def _has_what_it_compares(self) -> Condition:
        several = self.operator in (Operator.ONE_OF, Operator.NONE_OF)
        without = self.operator in (Operator.IS_NULL, Operator.NOT_NULL)
        if several is not bool(self.values):
            raise ValueError("`values` belongs to one_of and none_of, and they need it")
        if (several or without) is not (self.value is None):
            raise ValueError(f"{self.operator} takes {'no' if several or without else 'a'} `value`")
        return self


class Deleted(Condition):
    """Which rows the source deleted without taking them out (``deleted_at`` is not null, an operation ``D``); the document
    says it as true or false under the name ``as``."""

    shown: Name = pydantic.Field("deleted", alias="as")


class Lookup(_Part):
    """A row of another table that this one points to, nested under the lookup's name; null where there is none.

    ``join``: its column to this row's column; ``../column`` is one of the row above.
    """

    table: Name
    db_schema: Name | None = pydantic.Field(None, alias="schema")
    join: dict[Name, Name] = pydantic.Field(min_length=1)
    columns: tuple[Name, ...] = pydantic.Field(min_length=1)


class Level(_Part):
    """Rows of a table with what belongs to each: ``lookups`` (one row each) and ``children`` (a list each).

    ``columns``: all when absent. ``key`` tells the rows of one parent apart and orders them.
    """

    table: Name
    db_schema: Name | None = pydantic.Field(None, alias="schema")
    key: tuple[Name, ...] = pydantic.Field(min_length=1)
    columns: tuple[Name, ...] = ()
    where: tuple[Condition, ...] = ()
    deleted: Deleted | None = None
    lookups: dict[Name, Lookup] = {}
    children: dict[Name, Child] = {}

    @pydantic.model_validator(mode="after")
    def _names_differ(self) -> Level:
        names = [*self.columns, *self.lookups, *self.children]
        names += [self.deleted.shown] if self.deleted is not None else []
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands for two things")
        return self

    @pydantic.model_validator(mode="after")
    def _deleted_rows_are_read(self) -> Level:
        if self.deleted is not None and any(one.column == self.deleted.column for one in self.where):
            raise ValueError(f"`where` asks for {self.deleted.column}, and so could hide what was deleted")
        return self


class Child(Level):
    """Rows below another row. ``join``: its column to the parent's column."""

    join: dict[Name, Name] = pydantic.Field(min_length=1)


class ByWatermark(_Part):
    """New is what has a later ``column`` (a time or a growing number) than what was read.

    ``also``: such columns of the same table that may be null (``deleted_at``). ``children``: such columns of tables
    below, by the names of their levels (``lines``, ``lines/schedules``). A document is as new as the newest of all
    these. ``overlap`` (seconds; of a number its units) is read again, for transactions that commit late; what was
    pulled from it is known and not given twice.
    """

    by: Literal["watermark"]
    column: Name
    also: tuple[Name, ...] = ()
    children: dict[str, Name] = {}
    overlap: float = pydantic.Field(60, ge=0)


class ByKeys(_Part):
    """New is a key that was not read yet; ``keys`` limits it to these. A changed row is not new."""

    by: Literal["keys"]
    keys: tuple[Value | tuple[Value, ...], ...] | None = None


class Mark(_Part):
    """A column that says whether a row was taken. ``open``: its value before (null when absent); ``done``: after, where
    ``now`` is the database's time."""

    column: Name
    open: Value = None
    done: Value = "now"

    @pydantic.model_validator(mode="after")
    def _differ(self) -> Mark:
        if self.open == self.done or self.done is None:
            raise ValueError("`done` must be a value other than `open`")
        return self


class ByOutbox(_Part):
    """New is what an outbox table names. ``key`` orders its rows; ``join``: its column to the document's column. Rows are
    marked, or deleted where there is no ``mark``, when the hub has them. Without ``table`` the document's own table has the
    mark. ``deleted``: which rows of the outbox say that their document was deleted; a document whose own row is gone then
    comes as well, as deleted, with nothing but the columns that ``join`` leads to."""

    by: Literal["outbox"]
    table: Name | None = None
    db_schema: Name | None = pydantic.Field(None, alias="schema")
    key: tuple[Name, ...] = ()
    join: dict[Name, Name] = {}
    where: tuple[Condition, ...] = ()
    mark: Mark | None = None
    deleted: Deleted | None = None

    @pydantic.model_validator(mode="after")
    def _whole(self) -> ByOutbox:
        if self.table is None and (self.mark is None or self.key or self.join or self.where or self.deleted):
            raise ValueError("without a table of its own an outbox is a `mark` and nothing else")
        if self.table is not None and not (self.key and self.join):
            raise ValueError("an outbox table needs `key` and `join`")
        return self


class SqlSettings(Level, ConnectorSettings):
    """One kind of document out of a database. ``connection`` names where it is and the driver.

    ``record``: columns that say whose state a row is, where several rows are about one record (a log of changes). Two of
    them never stand in one interchange, so that the hub has them in their order, one after the other.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    connection: Name
    record: tuple[Name, ...] = ()
    read: Annotated[ByWatermark | ByKeys | ByOutbox, pydantic.Field(discriminator="by")]
    documents_per_interchange: int = pydantic.Field(500, ge=1, le=100_000)
    #: A statement that takes longer is given up.
    timeout_seconds: float = pydantic.Field(600, gt=0, le=86_400)
    poll_seconds: float = pydantic.Field(60, ge=1, le=86_400)

    def poll(self) -> Poll:
        return Poll(seconds=self.poll_seconds, host=self.connection)

    def levels(self) -> Iterator[tuple[str, Level]]:
        """Every level with its path (``""`` for the document's own table, ``lines``, ``lines/schedules``)."""
        waiting: list[tuple[str, Level]] = [("", self)]
        while waiting:
            path, level = waiting.pop(0)
            yield path, level
            waiting += [(f"{path}/{name}".lstrip("/"), child) for name, child in level.children.items()]

    def says_deleted(self, path: str, level: Level) -> str | None:
        """What the rows of a level call whether the source deleted them; None where nothing was declared."""
        if level.deleted is not None:
            return level.deleted.shown
        read = self.read
        return read.deleted.shown if not path and isinstance(read, ByOutbox) and read.deleted else None

    @pydantic.model_validator(mode="after")
    def _deleted_has_one_name(self) -> SqlSettings:
        read = self.read
        said = read.deleted.shown if isinstance(read, ByOutbox) and read.deleted else None
        if said in (*self.columns, *self.lookups, *self.children):
            raise ValueError(f"{said} stands for two things")
        if said is not None and self.deleted is not None and said != self.deleted.shown:
            raise ValueError("`deleted` has two names (as): one document says it once")
        return self

    @pydantic.model_validator(mode="after")
    def _levels_exist(self) -> SqlSettings:
        if isinstance(self.read, ByWatermark):
            unknown = set(self.read.children) - {path for path, _ in self.levels() if path}
            if unknown:
                raise ValueError(
                    f"read.children names no level of this document: {', '.join(sorted(unknown))}"
                )
        if isinstance(self.read, ByKeys) and any(
            len(key) != len(self.key)
            for key in (one if isinstance(one, tuple) else (one,) for one in self.read.keys or ())
        ):
            raise ValueError(f"each of read.keys needs {len(self.key)} values, one for each column of `key`")
        for path, level in self.levels():
            for name, lookup in level.lookups.items():
                if not path and any(column.startswith(ABOVE) for column in lookup.join.values()):
                    raise ValueError(f"there is no row above the one of the lookup {name}")
        return self
