"""The bulk path of a merge in MySQL and MariaDB: LOAD DATA LOCAL straight into the tables, inside the transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from connectors.mariadb_warehouse.local_data import LocalDataConnection
from orderhub.star import records, text
from orderhub.star.halving import Refused
from orderhub.star.merge import Load, Version
from orderhub.star.sql import Star
from orderhub.star.sql_store import SqlStore
from orderhub.star.tables import Table


class MariaDbStore(SqlStore):
    """A store on a connection whose driver's connection is a ``LocalDataConnection``."""

    clock = sa.literal_column("UTC_TIMESTAMP(6)", sa.DateTime())

    def __init__(self, connection: sa.Connection, star: Star, composed: dict[Any, str]) -> None:
        """:param composed: keeps statements between transactions."""
        super().__init__(connection, star)
        self._composed = composed

    def ask(
        self, wanted: sa.Select[Any], column: sa.ColumnElement[Any], hashes: Sequence[str]
    ) -> Iterable[Sequence[Any]]:
        """The driver binds the values of a statement that SQLAlchemy composed: a thousand binds of SQLAlchemy's own cost more
        than the search."""
        key = (column, len(hashes))
        if key not in self._composed:
            statement = wanted.where(column.in_([""] * len(hashes)))
            self._composed[key] = str(
                statement.compile(
                    dialect=self.connection.dialect, compile_kwargs={"render_postcompile": True}
                )
            )
        return self.connection.exec_driver_sql(self._composed[key], tuple(hashes))

    def add_loads(self, loads: Sequence[Load]) -> None:
        self._bulk(
            self.star.load, records.load_columns(hashed=True), text.loads(loads, hashed=True), len(loads)
        )

    def add_versions(self, table: Table, versions: Sequence[Version]) -> None:
        self._bulk(
            self.star.versions[table.name],
            records.version_columns(table, hashed=True),
            text.versions(versions, records.naive, hashed=True),
            len(versions),
        )

    def add_lines(self, table: Table, versions: Sequence[Version]) -> None:
        count = sum(len(getattr(version.item.document, "lines", ())) for version in versions)
        rows = text.lines(versions, records.naive)
        self._bulk(self.star.lines[table.name], records.line_columns(table), rows, count)

    def _bulk(self, table: sa.Table, columns: Sequence[str], rows: Iterable[str], count: int) -> None:
        driver = self.connection.connection.driver_connection
        if not isinstance(driver, LocalDataConnection):
            raise TypeError(f"LOAD DATA needs a LocalDataConnection, not {type(driver).__name__}")
        taken = driver.load(statement(self.connection.dialect, table, columns), rows)
        if taken != count:
            raise Refused(f"the server took {taken} of {count} rows of {table.name}")


def statement(dialect: sa.Dialect, table: sa.Table, columns: Sequence[str]) -> str:
    """The LOAD DATA of a table; the file's name is none."""
    quoted = dialect.identifier_preparer
    names = ", ".join(quoted.quote(table.c[name].name) for name in columns)
    return f"LOAD DATA LOCAL INFILE 'rows' INTO TABLE {quoted.format_table(table)} CHARACTER SET utf8mb4 ({names})"
