"""Flows out of tables, through all their stages: weekly demand, and what becomes of rows that the source deleted."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hub_harness import PROJECT, Hub, ProjectFolders, hub
from servers.mariadb import MariaDb, mariadb  # noqa: F401 - a fixture
from servers.sql_tables import (
    MOMENT,
    sql_mariadb,  # noqa: F401 - a fixture
    sql_postgres,  # noqa: F401 - a fixture
)

from orderhub.connector import Credentials

pytestmark = pytest.mark.integration
HERE = Path(__file__).parent
DAY = dt.datetime(2026, 11, 2, 8, 0)

PLANNING = sa.MetaData()
DEMAND = sa.Table(
    "weekly_demand",
    PLANNING,
    sa.Column("item_no", sa.String(20), primary_key=True),
    sa.Column("warehouse", sa.String(10), primary_key=True),
    sa.Column("kind", sa.String(3), primary_key=True),
    sa.Column("week_from", sa.Date, primary_key=True),
    sa.Column("week_to", sa.Date),
    sa.Column("quantity", sa.Numeric(12, 3)),
    sa.Column("unit", sa.CHAR(3)),
    sa.Column("changed", MOMENT),
    sa.Column("taken_back_at", MOMENT),
)
PLANNED_ITEMS = sa.Table(
    "planned_item",
    PLANNING,
    sa.Column("item_no", sa.String(20), primary_key=True),
    sa.Column("title", sa.String(40)),
    sa.Column("gtin", sa.String(14)),
)

PURCHASING = sa.MetaData()
VENDORS = sa.Table(
    "vendor",
    PURCHASING,
    sa.Column("vendor_no", sa.String(20), primary_key=True),
    sa.Column("name", sa.String(40)),
    sa.Column("is_deleted", sa.SmallInteger),
    sa.Column("changed", MOMENT),
)
STOCK = sa.Table(
    "stock_change",
    PURCHASING,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("operation", sa.CHAR(1)),
    sa.Column("item", sa.String(20)),
    sa.Column("place", sa.String(10)),
    sa.Column("quantity", sa.Numeric(12, 3)),
    sa.Column("at", sa.Date),
)
ORDERS = sa.Table(
    "purchase_order",
    PURCHASING,
    sa.Column("order_no", sa.String(20), primary_key=True),
    sa.Column("vendor_no", sa.String(20)),
    sa.Column("ordered_on", sa.Date),
)
LINES = sa.Table(
    "purchase_order_line",
    PURCHASING,
    sa.Column("order_no", sa.String(20), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("item", sa.String(20)),
    sa.Column("quantity", sa.Numeric(12, 3)),
    sa.Column("price", sa.Numeric(12, 4)),
)
EVENTS = sa.Table(
    "order_event",
    PURCHASING,
    sa.Column("event", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("operation", sa.CHAR(1)),
    sa.Column("order_no", sa.String(20)),
    sa.Column("taken", MOMENT),
)


class Source:
    """A database with the tables of one system in it."""

    def __init__(self, url: str, credentials: Credentials, tables: sa.MetaData) -> None:
        self.credentials, self._tables = credentials, tables
        self._engine = sa.create_engine(url)
        tables.drop_all(self._engine)
        tables.create_all(self._engine)

    def put(self, table: sa.Table, *rows: tuple[Any, ...]) -> None:
        names = table.columns.keys()
        self.run(table.insert().values([dict(zip(names, row, strict=True)) for row in rows]))

    def run(self, statement: sa.Executable) -> None:
        with self._engine.begin() as connection:
            connection.execute(statement)

    def close(self) -> None:
        self._tables.drop_all(self._engine)
        self._engine.dispose()


def in_postgres(url: str, tables: sa.MetaData) -> Source:
    at = sa.engine.make_url(url)
    credentials = Credentials(
        url=f"postgresql://{at.host}:{at.port}",
        user=at.username,
        secret=at.password,
        extra={"database": at.database},
    )
    return Source(url, credentials, tables)


@pytest.fixture
def purchasing(sql_postgres: str) -> Iterator[Source]:  # noqa: F811 - the fixture
    source = in_postgres(sql_postgres, PURCHASING)
    yield source
    source.close()


@pytest.fixture(params=["postgresql", "mariadb"])
def planning(request: pytest.FixtureRequest) -> Iterator[Source]:
    if request.param == "postgresql":
        source = in_postgres(request.getfixturevalue("sql_postgres"), PLANNING)
    else:
        server, name = request.getfixturevalue("sql_mariadb")
        assert isinstance(server, MariaDb)
        source = Source(server.url(name), server.credentials(name), PLANNING)
    yield source
    source.close()


@contextmanager
def flow(name: str, database: str, folder: Path, source: Source) -> Iterator[Hub]:
    mappings = folder / "mappings"
    shutil.copytree(PROJECT / "mappings", mappings, ignore=shutil.ignore_patterns("examples"))
    shutil.copytree(HERE / "sql_flow" / "mappings", mappings, dirs_exist_ok=True)
    flows = HERE / ("flows" if name == "weekly_demand" else "sql_flow/flows")
    with hub(
        name,
        database,
        folder,
        folders=ProjectFolders(flows_folder=flows, mappings_folder=mappings),
        settle_at_once=False,
        connections=dict.fromkeys(("planning", "purchasing"), source.credentials).get,
    ) as at:
        yield at


def test_weekly_demand_goes_into_the_warehouse(database: str, tmp_path: Path, planning: Source) -> None:
    first, second = dt.date(2026, 11, 2), dt.date(2026, 11, 9)
    week = dt.timedelta(days=6)
    planning.put(PLANNED_ITEMS, ("KC-0041", "Chain 9", "4019999011016"))
    planning.put(
        DEMAND,
        ("KC-0041", "OULU", "FC", first, first + week, Decimal("120.500"), "PCE", DAY, None),
        ("KC-0041", "OULU", "FC", second, second + week, Decimal("80.000"), "PCE", DAY, None),
        ("KC-0041", "TURKU", "FC", first, first + week, Decimal("7.250"), "PCE", DAY, None),
        ("KB-0042", "OULU", "ACT", first, first + week, Decimal("3.000"), None, DAY, None),
        ("KB-0042", "OULU", "FC", second, first, Decimal("3.000"), None, DAY, None),
    )
    with flow("weekly_demand", database, tmp_path, planning) as at:
        assert at.run().problems == []
        [backwards] = [row for row in at.documents() if row["state"] == "quarantined"]
        assert [finding["code"] for finding in backwards["findings"]] == ["DE_PERIOD"]
        assert demand(at) == [
            ("KB-0042", "OULU", "actual", first, Decimal(3), "C62", None),
            ("KC-0041", "OULU", "forecast", first, Decimal("120.5"), "C62", "Chain 9"),
            ("KC-0041", "OULU", "forecast", second, Decimal(80), "C62", "Chain 9"),
            ("KC-0041", "TURKU", "forecast", first, Decimal("7.25"), "C62", "Chain 9"),
        ]
        later = DAY + dt.timedelta(hours=1)
        mine = (DEMAND.c.item_no == "KC-0041") & (DEMAND.c.warehouse == "OULU")
        planning.run(
            DEMAND.update()
            .where(mine, DEMAND.c.week_from == first)
            .values(quantity=Decimal("99.5"), changed=later)
        )
        planning.run(DEMAND.update().where(mine, DEMAND.c.week_from == second).values(taken_back_at=later))
        assert at.run().problems == []
        assert [(row[3], row[4]) for row in demand(at) if row[0] == "KC-0041" and row[1] == "OULU"] == [
            (first, Decimal("99.5")),
            (second, Decimal(0)),
        ]
        versions = at.rows("SELECT version, quantity FROM warehouse.demand WHERE period_from = :f", f=second)
        assert {row["version"]: row["quantity"] for row in versions} == {1: Decimal(80), 2: Decimal(0)}
        again = at.run()
        assert (again.pull.interchanges, again.pull.seen) == ([], 0)


def demand(at: Hub) -> list[tuple[Any, ...]]:
    """The newest state of every record."""
    rows = at.rows(
        "SELECT item_number, location, kind, period_from, quantity, unit, item_name FROM warehouse.demand "
        "WHERE valid_to IS NULL ORDER BY 1, 2, 3, 4"
    )
    return [tuple(row.values()) for row in rows]


def test_a_deleted_supplier_is_no_longer_active(database: str, tmp_path: Path, purchasing: Source) -> None:
    purchasing.put(VENDORS, ("NORD", "Nord", 0, DAY), ("SUED", "Sued", 0, DAY))
    with flow("vendor_table", database, tmp_path, purchasing) as at:
        assert at.run().problems == []
        deleted = VENDORS.update().where(VENDORS.c.vendor_no == "NORD")
        purchasing.run(deleted.values(is_deleted=1, changed=DAY + dt.timedelta(hours=1)))
        assert at.run().problems == []
        rows = at.rows("SELECT number, version, active, valid_to IS NULL AS newest FROM warehouse.supplier")
        assert sorted(tuple(row.values()) for row in rows) == [
            ("NORD", 1, True, False),
            ("NORD", 2, False, True),
            ("SUED", 1, True, True),
        ]


def test_deleted_stock_is_none(database: str, tmp_path: Path, purchasing: Source) -> None:
    """Every change of the log is a version, also several that are pulled at once."""
    day = DAY.date()
    purchasing.put(
        STOCK,
        (1, "I", "KC-0041", "A1", Decimal(5), day),
        (2, "U", "KC-0041", "A1", Decimal(4), day),
        (3, "I", "KB-0042", "A1", Decimal(9), day),
        (4, "D", "KC-0041", "A1", Decimal(4), day),
    )
    with flow("stock_changes", database, tmp_path, purchasing) as at:
        assert at.run().problems == []
        assert {row["state"] for row in at.documents()} <= {"loaded"}
        newest = at.rows("SELECT number, quantity FROM warehouse.stock_level WHERE valid_to IS NULL")
        assert {row["number"]: row["quantity"] for row in newest} == {
            "KC-0041@A1": Decimal(0),
            "KB-0042@A1": Decimal(9),
        }


def test_a_deleted_order_is_a_case_with_its_reason(database: str, tmp_path: Path, purchasing: Source) -> None:
    """Whether its row is gone or still there: the order that was loaded stays, and a person is told."""
    day = DAY.date()
    for number in ("P-1", "P-2", "P-3"):
        purchasing.put(ORDERS, (number, "NORD", day))
        purchasing.put(LINES, (number, 1, f"KC-{number}", Decimal(2), Decimal("12.25")))
    purchasing.put(EVENTS, *((n, "I", f"P-{n}", None) for n in (1, 2, 3)))
    with flow("order_events", database, tmp_path, purchasing) as at:
        assert at.run().problems == []
        for table in (LINES, ORDERS):
            purchasing.run(table.delete().where(table.c.order_no == "P-1"))
        purchasing.put(EVENTS, (4, "D", "P-1", None), (5, "D", "P-2", None))
        assert at.run().problems == []
        states: dict[str, list[tuple[str, str]]] = {}
        for row in at.documents():
            states.setdefault(row["number"], []).append((row["state"], _reasons(row)))
        assert states == {
            "P-1": [("loaded", []), ("quarantined", ["deleted, and its row is gone"])],
            "P-2": [
                ("loaded", []),
                ("quarantined", ["The order was deleted in the database that it comes from"]),
            ],
            "P-3": [("loaded", [])],
        }
        orders = at.rows("SELECT number, function FROM warehouse.current_purchase_order ORDER BY number")
        assert [tuple(row.values()) for row in orders] == [(f"P-{n}", "original") for n in (1, 2, 3)]


def _reasons(row: dict[str, Any]) -> list[str]:
    """Why a document is kept back, apart from what a row that is gone does not say."""
    errors = [one for one in row["findings"] or () if one["severity"] == "error"]
    return [
        str(one["value"]) if one["code"] == "VALUE_LOOKUP" else one["message"].partition(":")[0]
        for one in errors
        if one["code"] != "VALUE_MISSING"
    ]
