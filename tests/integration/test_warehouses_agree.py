"""The same documents through the same flow into PostgreSQL, MariaDB and Parquet: the same rows, versions and sums."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from adventure_data import FILES, generate, real_folder, rows
from hub_harness import PROJECT, Hub, ProjectFolders, hub
from servers.mariadb import MariaDb, mariadb, mariadb_database

from connectors.parquet.reading import Warehouse
from orderhub.connector import Credentials
from orderhub.star import tables
from orderhub.star.tables import Kind, Table

pytestmark = pytest.mark.integration
__all__ = ["mariadb", "mariadb_database"]

TARGETS = ("warehouse", "mariadb_warehouse", "parquet")
FLOWS = {
    "adventureworks_orders": tables.ORDER,
    "adventureworks_suppliers": tables.SUPPLIER,
    "adventureworks_supplier_items": tables.SUPPLIER_ITEM,
    "adventureworks_items": tables.ITEM,
    "adventureworks_receipts": tables.RECEIPT,
    "adventureworks_stock": tables.STOCK_LEVEL,
}
_LOADS = """load:
  - {connector: warehouse}
  - {connector: mariadb_warehouse, settings: {connection: reporting}}
  - {connector: parquet, settings: {connection: lake}}
"""
#: What the three must have in common; ids and moments are each one's own.
_VERSION = ("identity", "version", "company", "environment", "content_hash", "source_document_id")

Content = list[tuple[Any, ...]]


class Three:
    """Three warehouses behind one flow."""

    def __init__(self, at: Hub, server: MariaDb, database: str, lake: Path) -> None:
        self.at, self.server, self.database, self.lake = at, server, database, Warehouse(lake.as_uri())

    def bring(self, source: Path) -> None:
        for file in FILES[self.at.flow.name]:
            self.at.drop(source / file)
        result = self.at.run()
        assert result.problems == []
        assert sum(part.rejected + part.unclear for part in result.load) == 0

    def maria(self, query: str) -> list[tuple[Any, ...]]:
        with self.server.connect(self.database) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def versions(self, table: Table) -> dict[str, Content]:
        """All versions, closed ones too: own columns, and whether they are open."""
        names = [*_VERSION, *(column.name for column in table.columns)]
        query = f"SELECT {', '.join(names)}, valid_to IS NULL FROM {{}} ORDER BY identity, version"  # noqa: S608
        found = self.lake.versions(table.name).sort_by([("identity", "ascending"), ("version", "ascending")])
        parquet = found.append_column("open", found["valid_to"].is_null()).select([*names, "open"])
        booleans = [place for place, name in enumerate(names) if _kind(table, name) is Kind.BOOLEAN]
        return {
            "PostgreSQL": [tuple(row.values()) for row in self._hub(query, f"warehouse.{table.name}")],
            "MariaDB": [
                _truths(row, [*booleans, len(names)]) for row in self.maria(query.format(table.name))
            ],
            "Parquet": [tuple(row.values()) for row in parquet.to_pylist()],
        }

    def lines(self, table: Table) -> dict[str, Content]:
        """All lines with the version they belong to."""
        assert table.lines is not None
        names = [column.name for column in table.lines.columns]
        query = (
            f"SELECT v.identity, v.version, {', '.join(f'l.{name}' for name in names)}, l.valid_to IS NULL "  # noqa: S608
            f"FROM {{0}}{table.name} v JOIN {{0}}{table.lines.name} l ON l.{table.lines.parent} = v.id "
            "ORDER BY v.identity, v.version, l.position"
        )
        seen = self.lake.snapshot()
        heads = self.lake.versions(table.name, seen).select(["id", "identity", "version"])
        joined = self.lake.versions(table.lines.name, seen).join(
            heads, keys=table.lines.parent, right_keys="id"
        )
        joined = joined.append_column("open", joined["valid_to"].is_null())
        ordered = joined.sort_by([(name, "ascending") for name in ("identity", "version", "position")])
        wanted = ["identity", "version", *names, "open"]
        return {
            "PostgreSQL": [tuple(row.values()) for row in self._hub(query, "warehouse.")],
            "MariaDB": [_truths(row, [len(row) - 1]) for row in self.maria(query.format(""))],
            "Parquet": [tuple(row[name] for name in wanted) for row in ordered.to_pylist()],
        }

    def _hub(self, query: str, name: str) -> list[dict[str, Any]]:
        return self.at.rows(query.format(name).replace("valid_to IS NULL", "valid_to IS NULL AS open"))


def _kind(table: Table, name: str) -> Kind | None:
    return next((column.kind for column in table.columns if column.name == name), None)


def _truths(row: tuple[Any, ...], places: list[int]) -> tuple[Any, ...]:
    return tuple(
        bool(value) if place in places and value is not None else value for place, value in enumerate(row)
    )


@contextmanager
def three(name: str, hub_database: str, server: MariaDb, database: str, folder: Path) -> Iterator[Three]:
    flows = folder / "flows"
    flows.mkdir(exist_ok=True)
    text = (PROJECT / "flows" / f"{name}.yaml").read_text(encoding="utf-8")
    start, end = text.index("load:\n"), text.index("acknowledge:")
    (flows / f"{name}.yaml").write_text(text[:start] + _LOADS + text[end:], encoding="utf-8")
    lake = folder / "lake"
    connections = {"reporting": server.credentials(database), "lake": Credentials(url=lake.as_uri())}
    with hub(
        name,
        hub_database,
        folder,
        targets=TARGETS,
        folders=ProjectFolders(flows_folder=flows),
        connections=connections.get,
    ) as at:
        yield Three(at, server, database, lake)


def assert_alike(found: dict[str, Content], count: int) -> None:
    assert {name: len(content) for name, content in found.items()} == dict.fromkeys(found, count)
    assert found["MariaDB"] == found["PostgreSQL"]
    assert found["Parquet"] == found["PostgreSQL"]


@pytest.mark.parametrize("name", list(FLOWS))
def test_three_warehouses_hold_the_same(
    name: str, database: str, mariadb: MariaDb, mariadb_database: str, tmp_path: Path
) -> None:
    source = tmp_path / "tables"
    generate(source)
    table = FLOWS[name]
    with three(name, database, mariadb, mariadb_database, tmp_path) as at:
        at.bring(source)
        count = len(at.versions(table)["PostgreSQL"])
        assert count > 0
        assert_alike(at.versions(table), count)
        if table.lines is not None:
            assert_alike(at.lines(table), len(rows(source / "PurchaseOrderDetail.csv")))
        file, column, value = {
            "purchase_order": ("PurchaseOrderHeader.csv", "RevisionNumber", "9"),
            "receipt": ("PurchaseOrderHeader.csv", "RevisionNumber", "9"),
            "supplier": ("Vendor.csv", "Name", "Velo 🚲 & Töchter "),
            "supplier_item": ("ProductVendor.csv", "StandardPrice", "77.1234"),
            "item": ("Product.csv", "ListPrice", "3.1415"),
            "stock_level": ("ProductInventory.csv", "Quantity", "501"),
        }[table.name]
        changed = rows(source / file)
        changed[0][column] = value
        with (source / file).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(changed[0]), lineterminator="\r\n")
            writer.writeheader()
            writer.writerows(changed)
        at.bring(source)
        found = at.versions(table)
        assert_alike(found, count + 1)
        assert sum(not row[-1] for row in found["PostgreSQL"]) == 1
        if table.lines is not None:
            assert_alike(at.lines(table), len(at.lines(table)["PostgreSQL"]))


@pytest.mark.slow
@pytest.mark.skipif(real_folder() is None, reason="AdventureWorks' files are not there (a corpus)")
def test_adventureworks_orders_are_the_same_in_all_three(
    database: str,
    mariadb: MariaDb,
    mariadb_database: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    source = real_folder()
    assert source is not None
    with three("adventureworks_orders", database, mariadb, mariadb_database, tmp_path) as at:
        at.bring(source)
        assert_alike(at.versions(tables.ORDER), 4012)
        assert_alike(at.lines(tables.ORDER), 8845)
        [total] = at.at.rows("SELECT sum(amount) AS amount FROM warehouse.current_purchase_order_line")
        [maria] = at.maria("SELECT sum(amount) FROM purchase_order_line WHERE valid_to IS NULL")
        parquet = sum(at.lake.current("purchase_order_line")["amount"].to_pylist(), Decimal(0))
        record_property("totals", f"{total['amount']} {maria[0]} {parquet}")
        assert {total["amount"], maria[0], parquet} == {Decimal("63791994.8380")}
