"""Tables of a source system in a real database, and what the contract of the SQL connector needs of them."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from servers.mariadb import MariaDb
from sqlalchemy.dialects import mysql
from sqlalchemy.sql import quoted_name

from orderhub.connector import Credentials
from orderhub.testing import Arrive, ConnectorContract, PortsForTests, Settings

if TYPE_CHECKING:
    from orderhub.services.stack import Stack

METADATA = sa.MetaData()
MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def _column(name: str, *given: Any, **more: Any) -> sa.Column[Any]:
    """A column whose name is as it stands here in every database; Oracle would make it upper case."""
    return sa.Column(quoted_name(name, quote=True), *given, **more)


#: Mixed case and a reserved word, so that names must be quoted.
ORDERS = sa.Table(
    quoted_name("Order", quote=True),
    METADATA,
    _column("Id", sa.Integer, primary_key=True, autoincrement=True),
    _column("name", sa.String(200)),
    _column("body", sa.String(4000)),
    _column("total", sa.Numeric(19, 4)),
    _column("group", sa.Integer),
    _column("changed", MOMENT),
    _column("state", sa.String(20)),
)
LINES = sa.Table(
    quoted_name("order_line", quote=True),
    METADATA,
    _column("order_id", sa.Integer, primary_key=True),
    _column("number", sa.Integer, primary_key=True),
    _column("item", sa.String(200)),
    _column("quantity", sa.Numeric(12, 3)),
    _column("due", sa.Date),
    _column("changed", MOMENT),
)
SCHEDULES = sa.Table(
    quoted_name("schedule", quote=True),
    METADATA,
    _column("order_id", sa.Integer, primary_key=True),
    _column("line", sa.Integer, primary_key=True),
    _column("part", sa.Integer, primary_key=True),
    _column("quantity", sa.Numeric(12, 3)),
)
ITEMS = sa.Table(
    quoted_name("item", quote=True),
    METADATA,
    _column("code", sa.String(200), primary_key=True),
    _column("title", sa.String(200)),
)
OUTBOX = sa.Table(
    quoted_name("outbox", quote=True),
    METADATA,
    _column("id", sa.Integer, primary_key=True, autoincrement=True),
    _column("order_id", sa.Integer),
    _column("taken", MOMENT),
)

#: An order with lines, their schedules and the item of each.
DOCUMENT: Settings = {
    "connection": "source",
    "table": "Order",
    "key": ["Id"],
    "children": {
        "lines": {
            "table": "order_line",
            "key": ["number"],
            "join": {"order_id": "Id"},
            "columns": ["number", "item", "quantity", "due"],
            "lookups": {"article": {"table": "item", "join": {"code": "item"}, "columns": ["title"]}},
            "children": {
                "schedules": {
                    "table": "schedule",
                    "key": ["part"],
                    "join": {"order_id": "order_id", "line": "number"},
                    "columns": ["part", "quantity"],
                }
            },
        }
    },
}


class Tables:
    """The tables in one database; ``engine`` is the test's own way."""

    peer = ""

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(url)
        self._moment = dt.datetime(2026, 11, 2, 8, 0)
        METADATA.drop_all(self.engine)
        METADATA.create_all(self.engine)

    def credentials(self, *, odbc: bool) -> Credentials:
        raise NotImplementedError

    def order(self, name: str, body: str, **more: Any) -> int:
        """Commit an order without lines; its id."""
        self._moment += dt.timedelta(seconds=1)
        row = {"name": name, "body": body, "changed": self._moment, "state": "new", **more}
        with self.engine.begin() as connection:
            return int(connection.execute(ORDERS.insert().values(row)).inserted_primary_key[0])

    def announce(self, order: int) -> None:
        """Put an order into the outbox."""
        with self.engine.begin() as connection:
            connection.execute(OUTBOX.insert().values(order_id=order))

    def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.select(table)).mappings()]

    def everything(self) -> object:
        return [self.rows(table) for table in METADATA.sorted_tables]

    def close(self) -> None:
        self.engine.dispose()


class PostgresTables(Tables):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        with self.engine.connect() as connection:
            self.peer = f"PostgreSQL {connection.execute(sa.text('SHOW server_version')).scalar_one()}"

    def credentials(self, *, odbc: bool) -> Credentials:
        at = self.engine.url
        return Credentials(
            url=f"{'odbc' if odbc else 'postgresql'}://{at.host}:{at.port}",
            user=at.username,
            secret=at.password,
            extra={"database": at.database, **({"driver": "PostgreSQL Unicode"} if odbc else {})},
        )


class MariaDbTables(Tables):
    def __init__(self, server: MariaDb, database: str) -> None:
        super().__init__(server.url(database))
        self._server, self._database = server, database
        with self.engine.connect() as connection:
            self.peer = f"MariaDB {connection.execute(sa.text('SELECT version()')).scalar_one()}"

    def credentials(self, *, odbc: bool) -> Credentials:
        given = self._server.odbc_credentials if odbc else self._server.credentials
        return given(self._database)


class SqliteTables(Tables):
    def __init__(self, path: Path) -> None:
        super().__init__(f"sqlite:///{path}")
        self._path = path
        self.peer = f"SQLite {sqlite3.sqlite_version}"

    def credentials(self, *, odbc: bool) -> Credentials:
        return Credentials(url="odbc://", extra={"driver": "SQLite3", "database": str(self._path)})


def need_odbc(driver: str) -> None:
    """Skip where unixODBC has no such driver."""
    try:
        listed = subprocess.run(["odbcinst", "-q", "-d"], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        pytest.skip("unixodbc is missing: run make test-tools")
    if f"[{driver}]" not in listed:
        pytest.skip(f"the ODBC driver {driver!r} is missing: run make test-tools")


class SqlContract(ConnectorContract):
    """The contract on ``tables``; ``odbc`` says by which way."""

    odbc: ClassVar[bool] = False
    by: ClassVar[Settings]

    @pytest.fixture
    def tables(self) -> Tables:
        raise NotImplementedError

    @pytest.fixture
    def at(self, tables: Tables) -> Iterator[Tables]:
        yield tables
        tables.close()

    @pytest.fixture
    def peer(self, at: Tables) -> str:
        credentials = at.credentials(odbc=self.odbc)
        if credentials.url.startswith("odbc"):
            need_odbc(credentials.extra["driver"])
            return f"{at.peer} over unixODBC"
        return at.peer

    @pytest.fixture
    def ports(self, at: Tables) -> PortsForTests:
        return PortsForTests(credentials={"source": at.credentials(odbc=self.odbc)})

    @pytest.fixture
    def settings(self) -> Settings:
        return {**DOCUMENT, "read": self.by, "documents_per_interchange": 1}

    @pytest.fixture
    def state(self, at: Tables) -> Callable[[], object]:
        return at.everything

    @pytest.fixture
    def arrive(self, at: Tables) -> Arrive:
        return lambda name, data: at.order(name, data.decode())

    @pytest.fixture
    def content(self) -> Callable[[bytes], bytes]:
        def body(data: bytes) -> bytes:
            [order] = json.loads(data)
            assert order["lines"] == []
            return str(order["body"]).encode()

        return body

    @pytest.fixture
    def unreachable(self, at: Tables) -> tuple[Settings, PortsForTests]:
        lost = at.credentials(odbc=self.odbc)
        nowhere = Credentials(
            url=f"{lost.url.partition('://')[0]}://127.0.0.1:1", user="nobody", secret="x", extra=lost.extra
        )
        return {**DOCUMENT, "read": self.by}, PortsForTests(credentials={"source": nowhere})


class WatermarkTable(SqlContract):
    by: ClassVar[Settings] = {"by": "watermark", "column": "changed", "overlap": 60}

    # what was read is remembered by the bookmark alone
    test_settle_is_repeatable_also_by_another_process = None


class OutboxTable(SqlContract):
    by: ClassVar[Settings] = {
        "by": "outbox",
        "table": "outbox",
        "key": ["id"],
        "join": {"order_id": "Id"},
        "mark": {"column": "taken"},
    }

    @pytest.fixture
    def arrive(self, at: Tables) -> Arrive:
        return lambda name, data: at.announce(at.order(name, data.decode()))


_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def sql_postgres(stores: Stack) -> Iterator[str]:
    """URL of one database for all tests of the SQL connector, which make their tables anew. Each folder of tests that
    takes this fixture has one of its own."""
    name = f"sql_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(stores.superuser_dsn, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER orderhub TEMPLATE template0").format(sql.Identifier(name))
        )
    yield stores.endpoints.database_url.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(stores.superuser_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def sql_mariadb(mariadb: MariaDb) -> Iterator[tuple[MariaDb, str]]:
    """The same in MariaDB."""
    with mariadb.database() as name:
        yield mariadb, name
