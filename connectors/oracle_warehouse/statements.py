"""Oracle's MERGE, which SQLAlchemy has no construct for: from a stage into its table, composed and quoted by its compiler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

from orderhub.star import sql


class OracleStar(sql.Star):
    """The star schema with a stage for every table: a global temporary one, empty again after each transaction."""

    def __init__(self) -> None:
        super().__init__()
        self.stages: dict[str, sa.Table] = {}
        for table in (self.load, *self.versions.values(), *self.lines.values()):
            self.stages[table.name] = sa.Table(
                f"stage_{table.name}",
                self.metadata,
                *(sa.Column(column.name, column.type) for column in _plain(table)),
                prefixes=["GLOBAL TEMPORARY"],
                oracle_on_commit="DELETE ROWS",
            )
        self.closing = sa.Table(
            "stage_closing",
            self.metadata,
            sa.Column("id", sa.BigInteger),
            sa.Column("valid_to", self.load.c.loaded_at.type),
            prefixes=["GLOBAL TEMPORARY"],
            oracle_on_commit="DELETE ROWS",
        )

    def all(self) -> list[sa.Table]:
        """Every table, the stages too."""
        return [*super().all(), *self.stages.values(), self.closing]


def _plain(table: sa.Table) -> list[sa.Column[Any]]:
    """The columns that a load writes."""
    return [
        column
        for column in table.columns
        if column.computed is None and column.name not in ("valid_to", "loaded_at")
    ]


class Merge(Executable, ClauseElement):
    """``MERGE INTO table USING stage``: rows whose ``on`` columns are not there are inserted (``insert`` names the columns);
    those that are there get ``update``."""

    inherit_cache = False

    def __init__(
        self,
        table: sa.Table,
        stage: sa.Table,
        on: Sequence[tuple[str, str]],
        *,
        insert: Sequence[str] = (),
        update: Sequence[str] = (),
    ) -> None:
        self.table, self.stage, self.on, self.insert, self.update = table, stage, on, insert, update


@compiles(Merge, "oracle")
def _merge(element: Merge, compiler: SQLCompiler, **_: Any) -> str:
    quoted = compiler.preparer

    def column(table: sa.Table, name: str) -> str:
        return quoted.quote(table.c[name].name)

    matched = " AND ".join(
        f"t.{column(element.table, left)} = s.{column(element.stage, right)}" for left, right in element.on
    )
    parts = [
        f"MERGE INTO {quoted.format_table(element.table)} t USING {quoted.format_table(element.stage)} s ON ({matched})"
    ]
    if element.update:
        changes = ", ".join(
            f"t.{column(element.table, name)} = s.{column(element.stage, name)}" for name in element.update
        )
        parts.append(f"WHEN MATCHED THEN UPDATE SET {changes}")
    if element.insert:
        into = ", ".join(column(element.table, name) for name in element.insert)
        values = ", ".join(f"s.{column(element.stage, name)}" for name in element.insert)
        # S608: names alone, quoted by the dialect
        parts.append(f"WHEN NOT MATCHED THEN INSERT ({into}) VALUES ({values})")  # noqa: S608
    return " ".join(parts)
