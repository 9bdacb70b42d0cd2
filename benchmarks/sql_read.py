"""Reading a million order lines out of PostgreSQL and MariaDB: the SQL connector beside pyodbc's ``fetchmany``.

The peer executes one SELECT of the same columns and fetches all rows as Python objects, 10,000 at a time; nothing is made of them.
``rows`` are the same lines read as Arrow tables, in pages by key, as the connector reads them. ``documents`` are whole pulls: orders
with ten lines each as the bytes of interchanges, ready for the archive. All in one run, in turns.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyodbc
import sqlalchemy as sa

from benchmarks import Result
from benchmarks.servers import mariadb, mariadb_is_there, postgres
from connectors.sql.chosen import Chosen
from connectors.sql.connector import SqlConnector
from connectors.sql.reading import Reader
from connectors.sql.sessions import connect
from connectors.sql.sessions.address import address
from connectors.sql.sessions.odbc import connection_string
from connectors.sql.settings import SqlSettings
from orderhub.connector import Credentials
from orderhub.testing import PortsForTests

BENCH = True
ORDERS = 100_000
LINES = 10
MOST_ROUNDS = 3
_LINE_COLUMNS = ("number", "item", "quantity", "unit", "price", "amount", "due")
_LINES: dict[str, Any] = {
    "connection": "bench",
    "table": "order_line",
    "key": ["order_id", "number"],
    "columns": ["order_id", *_LINE_COLUMNS],
    "read": {"by": "keys"},
}
_DOCUMENTS: dict[str, Any] = {
    "connection": "bench",
    "table": "purchase_order",
    "key": ["id"],
    "columns": ["id", "supplier", "issued", "total"],
    "read": {"by": "watermark", "column": "changed", "overlap": 0},
    "documents_per_interchange": 1000,
    "children": {
        "lines": {
            "table": "order_line",
            "key": ["number"],
            "join": {"order_id": "id"},
            "columns": list(_LINE_COLUMNS),
        }
    },
}


def _tables(engine: sa.Engine, series: str) -> None:
    """``series``: a query with numbers ``n`` from 1 to a million."""
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE purchase_order (id INT PRIMARY KEY, supplier VARCHAR(20), issued DATE, total DECIMAL(19,4), "
            "changed TIMESTAMP)",
            "CREATE TABLE order_line (order_id INT, number INT, item VARCHAR(20), quantity DECIMAL(12,3), unit CHAR(3), "
            "price DECIMAL(19,5), amount DECIMAL(19,4), due DATE, PRIMARY KEY (order_id, number))",
            "CREATE INDEX order_changed ON purchase_order (changed, id)",
            f"INSERT INTO purchase_order SELECT n, concat('SUP-', n % 500), DATE '2026-01-05', n * 1.25, "  # noqa: S608 - own names
            f"TIMESTAMP '2026-01-05 08:00:00' FROM ({series}) s WHERE n <= {ORDERS}",
            f"INSERT INTO order_line SELECT 1 + floor((n - 1) / {LINES}), 1 + (n - 1) % {LINES}, "  # noqa: S608 - own names
            f"concat('ITEM-', n % 5000), 0.5 + n % 100, 'C62', 12.34567, 1234.5, DATE '2026-03-02' FROM ({series}) s",
        ):
            connection.execute(sa.text(statement))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in ("purchase_order", "order_line"):
            verb = "ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE TABLE"
            connection.execute(sa.text(f"{verb} {table}"))


def _by_pyodbc(where: Credentials) -> int:
    given = address(where, "bench")
    connection = pyodbc.connect(connection_string(given, str(where.extra["driver"]), {}))
    try:
        cursor = connection.cursor()
        cursor.execute(f"SELECT order_id, {', '.join(_LINE_COLUMNS)} FROM order_line")  # noqa: S608 - own names
        count = 0
        while rows := cursor.fetchmany(10_000):
            count += len(rows)
        return count
    finally:
        connection.close()


def _rows(where: Credentials) -> int:
    session = connect(where, "bench", 600)
    reader = Reader(SqlSettings.model_validate(_LINES), session)
    count, after = 0, None
    try:
        while True:
            plan = reader.statements.headers(Chosen(after=after), 200_000)
            with session.snapshot():
                table = session.table(plan.statement)
            count += table.num_rows
            if table.num_rows < 200_000:
                return count
            last = table.slice(table.num_rows - 1)
            after = tuple(last.column(at)[0].as_py() for at in plan.parent)
    finally:
        session.close()


def _documents(where: Credentials) -> int:
    ports = PortsForTests(credentials={"bench": where})
    connector = SqlConnector(SqlSettings.model_validate(_DOCUMENTS), ports)
    try:
        found = 0
        for interchange in connector.pull("orders", None):
            found += int(interchange.attributes["documents"])
        return found * LINES
    finally:
        connector.close()


def _compared(name: str, native: Credentials, odbc: Credentials, rounds: int) -> list[Result]:
    ways: dict[str, Callable[[], int]] = {
        "pyodbc": lambda: _by_pyodbc(odbc),
        "rows as Arrow": lambda: _rows(native),
        "documents of an order with its lines": lambda: _documents(native),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(min(rounds, MOST_ROUNDS)):
        for way, read in ways.items():
            start = time.perf_counter()
            assert read() == ORDERS * LINES
            seconds[way].append(time.perf_counter() - start)
    rates = {way: ORDERS * LINES / statistics.median(found) for way, found in seconds.items()}
    return [
        Result(
            name=f"reading {ORDERS * LINES:,} order lines from {name}: {way}, beside pyodbc fetchmany",
            ours=round(rates[way]),
            peer=round(rates["pyodbc"]),
            ratio=round(rates[way] / rates["pyodbc"], 2),
            unit="lines/s",
        )
        for way in list(ways)[1:]
    ]


@contextmanager
def _engine(url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def _in_postgres(rounds: int) -> list[Result]:
    with postgres() as url:
        at = sa.engine.make_url(url)
        with _engine(url) as engine:
            _tables(engine, f"SELECT n FROM generate_series(1, {ORDERS * LINES}) n")  # noqa: S608 - own names
        # a socket's folder stands in the query
        extra = {"database": at.database, "host": str(at.query.get("host") or at.host)}
        native = Credentials(url="postgresql://", user=at.username, secret=at.password, extra=extra)
        odbc = Credentials(
            url="odbc://",
            user=at.username,
            secret=at.password,
            extra={**extra, "driver": "PostgreSQL Unicode"},
        )
        return _compared("PostgreSQL", native, odbc, rounds)


def _in_mariadb(rounds: int) -> list[Result]:
    with mariadb() as server, server.database() as database:
        with _engine(server.url(database)) as engine:
            _tables(engine, f"SELECT seq AS n FROM seq_1_to_{ORDERS * LINES}")  # noqa: S608 - own names
        return _compared("MariaDB", server.credentials(database), server.odbc_credentials(database), rounds)


def run(rounds: int) -> list[Result]:
    found = _in_postgres(rounds)
    return found + (_in_mariadb(rounds) if mariadb_is_there() else [])
