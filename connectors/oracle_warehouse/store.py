"""The bulk path of a merge in Oracle: array binds into a stage, then one MERGE per table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

import sqlalchemy as sa

from connectors.oracle_warehouse.statements import Merge, OracleStar
from orderhub.star import records
from orderhub.star.halving import Refused
from orderhub.star.merge import Closing, Load, Version
from orderhub.star.sql_store import SqlStore
from orderhub.star.tables import DIGITS, SCALE, Table


class OracleStore(SqlStore):
    """A store with stages. ``array_rows`` rows go in one array bind."""

    clock = sa.literal_column("SYS_EXTRACT_UTC(SYSTIMESTAMP)", sa.DateTime())
    star: OracleStar

    def __init__(self, connection: sa.Connection, star: OracleStar, array_rows: int) -> None:
        super().__init__(connection, star)
        self._array_rows = array_rows

    def add_loads(self, loads: Sequence[Load]) -> None:
        columns = records.load_columns(hashed=True)
        rows = (records.load_row(load, hashed=True) for load in loads)
        self._put(self.star.load, columns, rows, on=("key_hash",))

    def add_versions(self, table: Table, versions: Sequence[Version]) -> None:
        columns = records.version_columns(table, hashed=True)
        rows = (records.version_row(version, records.naive, hashed=True) for version in versions)
        self._put(self.star.versions[table.name], columns, rows, on=("identity_hash", "version"))

    def add_lines(self, table: Table, versions: Sequence[Version]) -> None:
        lines = self.star.lines[table.name]
        rows = (row for version in versions for row in records.line_rows(version, records.naive))
        parent = table.lines.parent if table.lines is not None else ""
        self._put(lines, records.line_columns(table), rows, on=(parent, "position"))

    def close(self, table: Table, closing: Sequence[Closing]) -> None:
        """End versions and their lines by one MERGE each."""
        stage = self.star.closing
        self.connection.execute(stage.delete())
        ends = [{"id": one.id, "valid_to": records.naive(one.valid_to)} for one in closing]
        self.connection.execute(stage.insert(), ends)
        own = self.star.versions[table.name]
        self.connection.execute(Merge(own, stage, [("id", "id")], update=("valid_to",)))
        if table.lines is not None:
            lines = self.star.lines[table.name]
            self.connection.execute(Merge(lines, stage, [(table.lines.parent, "id")], update=("valid_to",)))

    def _put(
        self, table: sa.Table, columns: Sequence[str], rows: Iterable[tuple[Any, ...]], on: Sequence[str]
    ) -> None:
        stage = self.star.stages[table.name]
        # two turns of one batch stand in one transaction
        self.connection.execute(stage.delete())
        for piece in _pieces(rows, self._array_rows):
            self.connection.execute(
                stage.insert(),
                [dict(zip(columns, map(_bindable, row), strict=True)) for row in piece],
            )
        self.connection.execute(Merge(table, stage, [(name, name) for name in on], insert=columns))


def _bindable(value: Any) -> Any:
    """Oracle rounds what a NUMBER does not hold, so such a number is refused here; it has no booleans in columns."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal) and not fits(value):
        raise Refused(f"{value} has more than {DIGITS - SCALE} digits before the point or {SCALE} behind it")
    return value


def fits(value: Decimal) -> bool:
    """Whether a decimal is kept exactly."""
    # by digits: arithmetic would round to the context's precision first
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return False
    if not any(digits):
        return True
    zeros = next(place for place, digit in enumerate(reversed(digits)) if digit)
    return exponent + zeros >= -SCALE and value.adjusted() < DIGITS - SCALE


def _pieces(rows: Iterable[tuple[Any, ...]], size: int) -> Iterator[list[tuple[Any, ...]]]:
    stream = iter(rows)
    while piece := list(islice(stream, size)):
        yield piece
