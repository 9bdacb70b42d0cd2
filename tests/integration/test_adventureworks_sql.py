"""One purchasing database by five ways (PostgreSQL and MariaDB, natively and over ODBC, and as CSV files): the same orders in
the warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from adventure_data import FILES, generate, real_folder, rows
from adventure_tables import put
from hub_harness import Hub, ProjectFolders, endpoints_for, hub
from servers.mariadb import MariaDb, mariadb  # noqa: F401 - a fixture
from servers.sql_tables import need_odbc, sql_mariadb, sql_postgres  # noqa: F401 - fixtures

from orderhub.connector import Credentials
from orderhub.flows.context import open_context
from orderhub.flows.registry import FlowRegistry

pytestmark = pytest.mark.integration

FLOWS = Path(__file__).parent / "flows"
WAYS = ("postgresql", "postgresql_odbc", "mariadb", "mariadb_odbc")
#: What tells one load from another, and nothing of the order.
_NOT_BUSINESS = {
    "id",
    "order_id",
    "identity",
    "agreement",
    "valid_from",
    "valid_to",
    "load_id",
    "source_id",
    "key",
}


@contextmanager
def tables_flow(name: str, database: str, folder: Path, credentials: Credentials) -> Iterator[Hub]:
    """The flow that pulls tables, over one connection."""
    endpoints = endpoints_for(database, folder)
    flow = msgspec.structs.replace(FlowRegistry(FLOWS).get("adventureworks_tables"), name=name)
    ctx = open_context(
        ProjectFolders(), endpoints, lease_seconds=5, connections={"adventureworks": credentials}.get
    )
    try:
        yield Hub(ctx=ctx, flow=flow, inbox=endpoints.inbox_folder, endpoints=endpoints)
    finally:
        ctx.close()


def content(at: Hub) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Every business column of every order and line in the warehouse."""
    orders = at.rows("SELECT * FROM warehouse.current_purchase_order ORDER BY number")
    numbers = {row["id"]: row["number"] for row in orders}
    lines = at.rows("SELECT * FROM warehouse.current_purchase_order_line ORDER BY order_id, position")
    for line in lines:
        line["of"] = numbers[line["order_id"]]
    lines.sort(key=lambda line: (line["of"], line["position"]))
    return [_business(row) for row in orders], [_business(row) for row in lines]


def _business(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in row.items()
        if name not in _NOT_BUSINESS and not name.endswith(("_at", "_load", "_source"))
    }


def empty(at: Hub) -> None:
    """Forget everything that was loaded, so that the next way begins with an empty hub."""
    with at.ctx.ledger.begin() as connection:
        tables = connection.execute(
            sa.text(
                "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables "
                "WHERE schemaname IN ('ledger', 'warehouse') AND tablename <> 'alembic_version'"
            )
        ).scalar_one()
        connection.execute(sa.text("ALTER TABLE ledger.audit DISABLE TRIGGER USER"))
        connection.execute(sa.text(f"TRUNCATE {tables} RESTART IDENTITY"))
        connection.execute(sa.text("ALTER TABLE ledger.audit ENABLE TRIGGER USER"))


def five_ways(
    source: Path, database: str, folder: Path, postgres: str, server: MariaDb, name: str
) -> list[dict[str, Any]]:
    """Bring the tables in by each way; the lines, which were the same by all of them."""
    at = sa.engine.make_url(postgres)
    credentials = {
        "postgresql": Credentials(
            url=f"postgresql://{at.host}:{at.port}",
            user=at.username,
            secret=at.password,
            extra={"database": at.database},
        ),
        "postgresql_odbc": Credentials(
            url=f"odbc://{at.host}:{at.port}",
            user=at.username,
            secret=at.password,
            extra={"database": at.database, "driver": "PostgreSQL Unicode"},
        ),
        "mariadb": server.credentials(name),
        "mariadb_odbc": server.odbc_credentials(name),
    }
    need_odbc("PostgreSQL Unicode")
    need_odbc("MariaDB Unicode")
    for url in (postgres, server.url(name)):
        engine = sa.create_engine(url)
        put(source, engine)
        engine.dispose()
    with hub("adventureworks_orders", database, folder) as by_files:
        for file in FILES["adventureworks_orders"]:
            by_files.drop(source / file)
        assert by_files.run().problems == []
        orders, lines = content(by_files)
        assert orders
        empty(by_files)
    for way in WAYS:
        with tables_flow(f"adventureworks_{way}", database, folder / way, credentials[way]) as by_tables:
            assert by_tables.ctx.connectors("sql", by_tables.flow.pull.settings).waiting("orders", None)
            assert by_tables.run().problems == []
            assert content(by_tables) == (orders, lines), way
            # nothing is given twice
            again = by_tables.run()
            assert (again.pull.interchanges, again.pull.seen) == ([], 0), way
            empty(by_tables)
    return lines


def test_five_ways_are_one_content(
    database: str,
    tmp_path: Path,
    sql_postgres: str,  # noqa: F811 - the fixture
    sql_mariadb: tuple[MariaDb, str],  # noqa: F811 - the fixture
) -> None:
    source = tmp_path / "tables"
    total = generate(source)
    lines = five_ways(source, database, tmp_path, sql_postgres, *sql_mariadb)
    assert len(lines) == len(rows(source / "PurchaseOrderDetail.csv"))
    assert sum(line["amount"] for line in lines) == total


@pytest.mark.slow
@pytest.mark.skipif(
    real_folder() is None,
    reason="AdventureWorks' files are not there (ORDERHUB_DATA names their folder's parent)",
)
def test_adventureworks_by_five_ways(
    database: str,
    tmp_path: Path,
    sql_postgres: str,  # noqa: F811 - the fixture
    sql_mariadb: tuple[MariaDb, str],  # noqa: F811 - the fixture
) -> None:
    source = real_folder()
    assert source is not None
    lines = five_ways(source, database, tmp_path, sql_postgres, *sql_mariadb)
    assert (len(lines), sum(line["amount"] for line in lines)) == (8845, Decimal("63791994.8380"))
