"""The star schema as Arrow types. Files hold no ``valid_to``: they never change, and it follows from the next version."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from orderhub.star import records, tables
from orderhub.star.tables import DIGITS, SCALE, Column, Kind, Table

_TYPES: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.LONG_TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.DECIMAL: pa.decimal128(DIGITS, SCALE),
    Kind.DATE: pa.date32(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.MOMENT: pa.timestamp("us", tz="UTC"),
}
#: The folders that files lie in: when their versions began.
PARTITIONS = pa.schema([("year", pa.int16()), ("month", pa.int8())])


def _schema(columns: Iterable[Column], names: Iterable[str]) -> pa.Schema:
    by_name = {column.name: column for column in columns}
    return pa.schema(
        [pa.field(name, _TYPES[by_name[name].kind], nullable=not by_name[name].required) for name in names]
    )


def load_schema() -> pa.Schema:
    """One row per key."""
    return _schema(tables.LOAD, records.load_columns())


def version_schema(table: Table) -> pa.Schema:
    """One row per version."""
    return _schema((*tables.VERSION, *table.columns), records.version_columns(table))


def line_schema(table: Table) -> pa.Schema | None:
    """One row per line, where the documents have lines."""
    if table.lines is None:
        return None
    parent = Column(table.lines.parent, Kind.INTEGER, required=True)
    return _schema((parent, *table.lines.columns, *tables.LINE_VERSION), records.line_columns(table))


def schemas() -> dict[str, pa.Schema]:
    """All tables by name."""
    found = {"load": load_schema()}
    for table in tables.TABLES.values():
        found[table.name] = version_schema(table)
        lines = line_schema(table)
        if table.lines is not None and lines is not None:
            found[table.lines.name] = lines
    return found
