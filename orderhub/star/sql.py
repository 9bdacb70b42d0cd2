"""The star schema's tables for SQLAlchemy, for MySQL, MariaDB and Oracle.

These databases compare texts by collations that take ``a`` and ``A`` or ``a`` and ``a`` with a space for one, and their index
keys are short. So what must be found or be unique is found by a hash: ``key_hash`` of a load, ``identity_hash`` of a version.
``open_identity`` repeats the hash while the version is open: being unique, it lets no identity have two open versions.

Ids come from ``warehouse_counter``, one row per table of versions, which a merge locks: ids of loads count per table too.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, oracle

from orderhub.star import tables
from orderhub.star.tables import DIGITS, SCALE, Column, Kind

_ENGINE: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}
_TEXT: dict[str, Any] = {"charset": "utf8mb4", "collation": "utf8mb4_bin"}


def _hash() -> sa.types.TypeEngine[Any]:
    # no CHAR: what that gives for a generated column depends on the session
    return sa.String(64).with_variant(mysql.VARCHAR(64, charset="ascii", collation="ascii_bin"), "mysql")


def _type(kind: Kind) -> sa.types.TypeEngine[Any]:
    match kind:
        case Kind.TEXT:
            return (
                sa.Text()
                .with_variant(mysql.TEXT(**_TEXT), "mysql")
                .with_variant(oracle.VARCHAR2(1000), "oracle")
            )
        case Kind.LONG_TEXT:
            return sa.Text().with_variant(mysql.LONGTEXT(**_TEXT), "mysql")
        case Kind.INTEGER:
            return sa.BigInteger()
        case Kind.DECIMAL:
            return sa.Numeric(DIGITS, SCALE)
        case Kind.DATE:
            return sa.Date()
        case Kind.BOOLEAN:
            return sa.SmallInteger()
        case Kind.MOMENT:
            return (
                sa.DateTime()
                .with_variant(mysql.DATETIME(fsp=6), "mysql")
                .with_variant(oracle.TIMESTAMP(), "oracle")
            )


def _column(column: Column) -> sa.Column[Any]:
    return sa.Column(column.name, _type(column.kind), nullable=not column.required)


class Star:
    """All tables. ``versions`` and ``lines`` are by the name of the document type's table."""

    def __init__(self) -> None:
        self.metadata = sa.MetaData()
        self.counter = sa.Table(
            "warehouse_counter",
            self.metadata,
            sa.Column("name", _hash(), primary_key=True),
            sa.Column("next_version", sa.BigInteger, nullable=False),
            sa.Column("next_load", sa.BigInteger, nullable=False),
            **_ENGINE,
        )
        self.load = sa.Table(
            "warehouse_load",
            self.metadata,
            *(_column(column) for column in tables.LOAD),
            sa.Column("key_hash", _hash(), nullable=False),
            sa.Column("loaded_at", _type(Kind.MOMENT), server_default=sa.text("CURRENT_TIMESTAMP(6)")),
            # in the order of arrival: clustered by the hash, every row would go to another page
            sa.PrimaryKeyConstraint("id", "key_hash"),
            sa.Index("warehouse_load_key_once", "key_hash", unique=True),
            sa.Index("warehouse_load_by_document", "source_document_id"),
            **_ENGINE,
        )
        self.versions: dict[str, sa.Table] = {}
        self.lines: dict[str, sa.Table] = {}
        for table in tables.TABLES.values():
            self.versions[table.name] = sa.Table(
                table.name,
                self.metadata,
                *(_version_column(column) for column in (*tables.VERSION, *table.columns)),
                sa.Column("identity_hash", _hash(), nullable=False),
                sa.Column(
                    "open_identity",
                    _hash(),
                    sa.Computed("CASE WHEN valid_to IS NULL THEN identity_hash END"),
                ),
                sa.Index(f"{table.name}_version_once", "identity_hash", "version", unique=True),
                sa.Index(f"{table.name}_open_once", "open_identity", unique=True),
                sa.Index(f"{table.name}_by_number", "number", mysql_length=64),
                **_ENGINE,
            )
            if table.lines is not None:
                self.lines[table.name] = sa.Table(
                    table.lines.name,
                    self.metadata,
                    sa.Column(table.lines.parent, sa.BigInteger, primary_key=True, autoincrement=False),
                    *(_line_column(column) for column in (*table.lines.columns, *tables.LINE_VERSION)),
                    **_ENGINE,
                )

    def all(self) -> list[sa.Table]:
        """Every table."""
        return [self.counter, self.load, *self.versions.values(), *self.lines.values()]


def _version_column(column: Column) -> sa.Column[Any]:
    if column.name == "id":
        return sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False)
    return _column(column)


def _line_column(column: Column) -> sa.Column[Any]:
    if column.name == "position":
        return sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False)
    return _column(column)
