"""Rows that the source deleted are said by the document: by a column of the row, by a log of changes, by an outbox."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from servers.mariadb import mariadb  # noqa: F401 - a fixture
from servers.sql_tables import (
    MOMENT,
    MariaDbTables,
    PostgresTables,
    SqliteTables,
    Tables,
    need_odbc,
    sql_mariadb,  # noqa: F401 - a fixture
    sql_postgres,  # noqa: F401 - a fixture
)

from connectors.sql.connector import SqlConnector
from orderhub.connector import Interchange, Settlement
from orderhub.connector_registry import registry
from orderhub.errors import ConfigError, ConnectorRefused
from orderhub.testing import PortsForTests

pytestmark = pytest.mark.integration

METADATA = sa.MetaData()
#: SQLite has no times, only texts of them: a counter there.
MARK = MOMENT.with_variant(sa.Integer(), "sqlite")
VENDORS = sa.Table(
    "vendor",
    METADATA,
    sa.Column("no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(40)),
    sa.Column("changed", MARK),
    sa.Column("deleted_at", MARK),
)
CONTACTS = sa.Table(
    "contact",
    METADATA,
    sa.Column("vendor", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("gone", sa.SmallInteger),
)
#: Every state that an item had; the operation says how it came about.
CHANGES = sa.Table(
    "item_change",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("op", sa.String(1)),
    sa.Column("item", sa.String(20)),
    sa.Column("title", sa.String(40)),
)
#: Which vendors changed, and nothing of them.
EVENTS = sa.Table(
    "vendor_event",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("op", sa.String(1)),
    sa.Column("vendor_no", sa.Integer),
    sa.Column("taken", MOMENT),
)
WAYS = {
    "postgresql": "",
    "postgresql_odbc": "PostgreSQL Unicode",
    "mariadb": "",
    "mariadb_odbc": "MariaDB Unicode",
    "sqlite_odbc": "SQLite3",
}
DAY = dt.datetime(2026, 11, 2, 8, 0)
SOFT: dict[str, Any] = {
    "table": "vendor",
    "key": ["no"],
    "columns": ["no", "name"],
    "deleted": {"column": "deleted_at", "operator": "not_null", "as": "withdrawn"},
    "read": {"by": "watermark", "column": "changed", "also": ["deleted_at"], "overlap": 60},
    "children": {
        "contacts": {
            "table": "contact",
            "key": ["name"],
            "join": {"vendor": "no"},
            "columns": ["name"],
            "deleted": {"column": "gone", "value": True},
        }
    },
}
LOG: dict[str, Any] = {
    "table": "item_change",
    "key": ["seq"],
    "columns": ["item", "title"],
    "deleted": {"column": "op", "value": "D"},
    "record": ["item"],
    "read": {"by": "watermark", "column": "seq", "overlap": 0},
}
OUTBOX: dict[str, Any] = {
    "table": "vendor",
    "key": ["no"],
    "columns": ["no", "name"],
    "where": [{"column": "name", "operator": "not_equal", "value": "secret"}],
    "read": {
        "by": "outbox",
        "table": "vendor_event",
        "key": ["id"],
        "join": {"vendor_no": "no"},
        "mark": {"column": "taken"},
        "deleted": {"column": "op", "value": "D"},
    },
    "children": {"contacts": SOFT["children"]["contacts"]},
}
Make = Callable[[dict[str, Any]], SqlConnector]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    if WAYS[request.param]:
        need_odbc(WAYS[request.param])
    return str(request.param)


@pytest.fixture
def at(way: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tables]:
    tables: Tables
    if way.startswith("postgresql"):
        tables = PostgresTables(request.getfixturevalue("sql_postgres"))
    elif way.startswith("mariadb"):
        tables = MariaDbTables(*request.getfixturevalue("sql_mariadb"))
    else:
        tables = SqliteTables(tmp_path / "source.db")
    METADATA.drop_all(tables.engine)
    METADATA.create_all(tables.engine)
    yield tables
    METADATA.drop_all(tables.engine)
    tables.close()


@pytest.fixture
def make(way: str, at: Tables) -> Iterator[Make]:
    made: list[SqlConnector] = []

    def build(settings: dict[str, Any]) -> SqlConnector:
        ports = PortsForTests(credentials={"source": at.credentials(odbc=way.endswith("odbc"))})
        connector = registry().create("sql", {"connection": "source", **settings}, ports)
        assert isinstance(connector, SqlConnector)
        made.append(connector)
        return connector

    yield build
    for connector in made:
        connector.close()


def moment(at: Tables, minutes: int) -> dt.datetime | int:
    """As a column of marks has it."""
    return 7 + minutes if isinstance(at, SqliteTables) else DAY + dt.timedelta(minutes=minutes)


def pages(found: list[Interchange]) -> list[list[dict[str, Any]]]:
    return [json.loads(one.data or b"") for one in found]


def put(at: Tables, table: sa.Table, *rows: tuple[Any, ...]) -> None:
    with at.engine.begin() as connection:
        names = table.columns.keys()
        connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in rows])


def run(at: Tables, statement: sa.Executable) -> None:
    with at.engine.begin() as connection:
        connection.execute(statement)


def test_a_row_says_that_it_was_deleted(at: Tables, make: Make) -> None:
    """Its own column is what makes it new: nobody touched ``changed``."""
    put(at, VENDORS, (1, "Nord", moment(at, 0), None), (2, "Sued", moment(at, 0), None))
    put(at, CONTACTS, (1, "Ann", 0), (1, "Bob", 1), (2, "Cid", None))
    connector = make(SOFT)
    found = list(connector.pull("vendors", None))
    assert pages(found) == [
        [
            {"no": 1, "name": "Nord", "withdrawn": False}
            | {"contacts": [{"name": "Ann", "deleted": False}, {"name": "Bob", "deleted": True}]},
            {"no": 2, "name": "Sued", "withdrawn": False, "contacts": [{"name": "Cid", "deleted": False}]},
        ]
    ]
    kept = json.loads(json.dumps(found[-1].bookmark))
    assert not connector.waiting("vendors", kept)
    run(at, VENDORS.update().where(VENDORS.c.no == 1).values(deleted_at=moment(at, 5)))
    assert connector.waiting("vendors", kept)
    [[withdrawn]] = pages(list(connector.pull("vendors", kept)))
    assert (withdrawn["no"], withdrawn["withdrawn"]) == (1, True)
    assert connector.check().ok


def test_a_log_of_changes_gives_every_state_of_a_record_in_an_interchange_of_its_own(
    at: Tables, make: Make
) -> None:
    """Two states of one record in one interchange would be two answers to one question."""
    put(
        at,
        CHANGES,
        (1, "I", "A", "Chain"),
        (2, "I", "B", "Bolt"),
        (3, "U", "A", "Chain 9"),
        (4, "D", "B", "Bolt"),
        (5, "D", "A", "Chain 9"),
        (6, "I", "A", "Chain 10"),
    )
    found = [
        [(one["item"], one["title"], one["deleted"]) for one in page]
        for page in pages(list(make(LOG).pull("items", None)))
    ]
    assert found == [
        [("A", "Chain", False), ("B", "Bolt", False)],
        [("A", "Chain 9", False), ("B", "Bolt", True)],
        [("A", "Chain 9", True)],
        [("A", "Chain 10", False)],
    ]


def test_an_outbox_names_documents_whose_rows_are_gone(at: Tables, make: Make) -> None:
    put(
        at,
        VENDORS,
        *((no, name, moment(at, 0), None) for no, name in ((1, "Nord"), (3, "Ost"), (4, "secret"))),
    )
    put(at, CONTACTS, (3, "Eve", 0))
    put(
        at,
        EVENTS,
        (1, "I", 2, None),  # gone meanwhile, which the next row says too
        (2, "D", 2, None),
        (3, "U", 3, None),
        (4, "U", 4, None),  # not to be read, and not deleted
        (5, "D", 3, None),  # there again: the outbox has the last word about what it names
    )
    connector = make(OUTBOX)
    assert connector.check().ok, connector.check()
    found = list(connector.pull("vendors", None))
    gone = {"no": 2, "name": None, "deleted": True, "contacts": []}
    there = {"no": 3, "name": "Ost", "contacts": [{"name": "Eve", "deleted": False}]}
    assert pages(found) == [[gone], [gone, {**there, "deleted": False}], [{**there, "deleted": True}]]
    for one in found:
        connector.settle(one, Settlement.ACCEPTED)
    assert [row["id"] for row in at.rows(EVENTS) if row["taken"] is None] == [4]
    assert not connector.waiting("vendors", None)


@pytest.mark.parametrize("way", ["postgresql"], indirect=True)
def test_what_would_hide_deleted_rows_is_refused(at: Tables, make: Make) -> None:
    put(at, VENDORS, (1, "Nord", DAY, None))
    hiding = {**SOFT, "where": [{"column": "deleted_at", "operator": "is_null"}]}
    for settings, said in (
        (hiding, "could hide"),
        ({**SOFT, "deleted": {**SOFT["deleted"], "as": "name"}}, "two things"),
        ({**OUTBOX, "deleted": SOFT["deleted"]}, "two names"),
        ({**SOFT, "read": {"by": "outbox", "mark": {"column": "op"}, "deleted": LOG["deleted"]}}, "mark"),
    ):
        with pytest.raises(ConfigError, match=said):
            make(settings)
    other = {**SOFT, "read": {**SOFT["read"], "also": ["name"]}}
    with pytest.raises(ConnectorRefused, match=r"changed \(moment\) and name \(text\)"):
        list(make(other).pull("vendors", None))
    every = {key: value for key, value in SOFT.items() if key != "columns"}
    with pytest.raises(ConnectorRefused, match="has a column changed"):
        list(make({**every, "deleted": {**SOFT["deleted"], "as": "changed"}}).pull("vendors", None))


@pytest.mark.parametrize("way", ["sqlite_odbc"], indirect=True)
def test_a_time_is_no_watermark_where_the_database_has_none(at: Tables, make: Make) -> None:
    """SQLite would compare texts, of which some have fractions of seconds and some have none."""
    at.order("first", "")
    settings = {"table": "Order", "key": ["Id"], "read": {"by": "watermark", "column": "changed"}}
    with pytest.raises(ConnectorRefused, match="keeps times as texts"):
        list(make(settings).pull("orders", None))
