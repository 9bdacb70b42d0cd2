"""A purchasing database's tables through the real stages into the warehouse: orders, suppliers, items and stock levels."""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from adventure_data import FILES, generate, real_folder, rows
from hub_harness import Hub, hub

from orderhub.stage import RunResult

pytestmark = pytest.mark.integration

#: The flow's documents and their table.
TABLES = {
    "adventureworks_orders": "purchase_order",
    "adventureworks_suppliers": "supplier",
    "adventureworks_items": "item",
    "adventureworks_stock": "stock_level",
    "adventureworks_supplier_items": "supplier_item",
    "adventureworks_receipts": "receipt",
}


@contextmanager
def flow(name: str, database: str, folder: Path) -> Iterator[Hub]:
    with hub(name, database, folder) as at:
        yield at


def bring(at: Hub, source: Path) -> RunResult:
    """Drop the flow's files, run it, and see that nothing stays in the folder."""
    for file in FILES[at.flow.name]:
        at.drop(source / file)
    result = at.run()
    assert result.problems == []
    assert [path.name for path in at.inbox.iterdir() if path.is_file()] == []
    return result


def current(at: Hub, table: str) -> list[dict[str, Any]]:
    return at.rows(f"SELECT * FROM warehouse.current_{table} ORDER BY number")  # noqa: S608 - the test's own names


def totals(at: Hub) -> tuple[int, int, Decimal]:
    [found] = at.rows(
        "SELECT (SELECT count(*) FROM warehouse.current_purchase_order) AS orders, count(*) AS lines, sum(amount) AS amount "
        "FROM warehouse.current_purchase_order_line"
    )
    return found["orders"], found["lines"], found["amount"]


def versions(at: Hub, table: str) -> int:
    [found] = at.rows(f"SELECT count(*) AS n FROM warehouse.{table}")  # noqa: S608 - the test's own names
    return int(found["n"])


def unchanged_by(at: Hub, source: Path, count: int) -> None:
    """The same files again are known by their bytes; sent in another order of rows they are known by their content."""
    before = versions(at, TABLES[at.flow.name])
    [again] = bring(at, source).pull.interchanges
    assert at.rows("SELECT state FROM ledger.interchange WHERE id = :id", id=again) == [
        {"state": "duplicate"}
    ]
    assert versions(at, TABLES[at.flow.name]) == before
    assert len(current(at, TABLES[at.flow.name])) == count


def test_joined_tables_become_orders_and_a_second_time_changes_nothing(database: str, tmp_path: Path) -> None:
    source = tmp_path / "tables"
    total = generate(source)
    details = rows(source / "PurchaseOrderDetail.csv")
    with flow("adventureworks_orders", database, tmp_path) as at:
        result = bring(at, source)
        assert result.translate.documents == 30
        assert totals(at) == (30, len(details), total)
        vendors = {row["BusinessEntityID"]: row for row in rows(source / "Vendor.csv")}
        first = rows(source / "PurchaseOrderHeader.csv")[0]
        [order] = [row for row in current(at, "purchase_order") if row["number"] == "1"]
        assert order["supplier_code"] == vendors[first["VendorID"]]["AccountNumber"]
        assert (order["currency"], order["buyer_gln"]) == ("USD", "4299999001990")
        assert order["total_amount"] == Decimal(first["SubTotal"])
        assert order["delivery_terms"] == "CARGO BIKE 2"
        lines = at.rows(
            "SELECT * FROM warehouse.current_purchase_order_line WHERE order_id = :id ORDER BY position",
            id=order["id"],
        )
        wanted = [row for row in details if row["PurchaseOrderID"] == "1"]
        assert [(line["number"], line["buyer_code"], line["amount"]) for line in lines] == [
            (int(row["PurchaseOrderDetailID"]), f"VX-{int(row['ProductID']):04}", Decimal(row["LineTotal"]))
            for row in wanted
        ]
        unchanged_by(at, source, 30)


def test_an_order_with_a_fault_waits_alone_and_is_placed_in_its_file(database: str, tmp_path: Path) -> None:
    source = tmp_path / "tables"
    generate(source, orders=6)
    path = source / "PurchaseOrderDetail.csv"
    text = path.read_text(encoding="utf-8").splitlines(keepends=True)
    cells = text[1].split(",")
    text[1] = ",".join([*cells[:3], "many", *cells[4:]])
    path.write_text("".join(text), encoding="utf-8", newline="")
    with flow("adventureworks_orders", database, tmp_path) as at:
        bring(at, source)
        states = {row["number"]: row["state"] for row in at.documents()}
        assert states.pop("1") == "quarantined"
        assert set(states.values()) == {"loaded"}
        [bad] = [row for row in at.documents() if row["number"] == "1"]
        place = bad["findings"][0]["place"]
        assert place["file"].endswith("/PurchaseOrderDetail.csv")
        assert (place["line"], place["segment"]) == (2, "detail.OrderQty")


@pytest.mark.parametrize(
    "name",
    [
        "adventureworks_suppliers",
        "adventureworks_items",
        "adventureworks_stock",
        "adventureworks_supplier_items",
    ],
)
def test_records_get_a_version_when_they_change_and_none_when_they_do_not(
    name: str, database: str, tmp_path: Path
) -> None:
    source = tmp_path / "tables"
    generate(source)
    table = TABLES[name]
    file, column, value, canonical = {
        "supplier": ("Vendor.csv", "Name", "Velo & Daughters", "name"),
        "item": ("Product.csv", "Name", "Part of a part", "name"),
        "stock_level": ("ProductInventory.csv", "Quantity", "501", "quantity"),
        "supplier_item": ("ProductVendor.csv", "AverageLeadTime", "99", "lead_time_days"),
    }[table]
    with flow(name, database, tmp_path) as at:
        bring(at, source)
        before = current(at, table)
        assert len(before) == len(rows(source / file))
        unchanged_by(at, source, len(before))

        changed = rows(source / file)
        changed[0][column] = value
        old = (source / file).read_bytes()
        with (source / file).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(changed[0]), lineterminator="\r\n")
            writer.writeheader()
            writer.writerows(changed)
        result = bring(at, source)
        assert [sum(part.written for part in result.load), sum(part.rejected for part in result.load)] == [
            1,
            0,
        ]
        assert sum(verdict.duplicates for verdict in result.validate) == len(before) - 1
        assert sum(verdict.conflicts for verdict in result.validate) == 0
        [new] = [row for row in current(at, table) if row["version"] == 2]
        assert str(new[canonical]) == value
        [past] = at.rows(f"SELECT * FROM warehouse.{table} WHERE valid_to IS NOT NULL")  # noqa: S608 - own names
        assert (past["number"], past["valid_to"]) == (new["number"], new["valid_from"])

        # the bytes of the first file again: no duplicate any more, for the record is to be again what it was
        (source / file).write_bytes(old)
        bring(at, source)
        [back] = [row for row in current(at, table) if row["version"] == 3]
        assert back["content_hash"] == past["content_hash"]


def test_a_member_that_does_not_come_is_a_problem_that_is_shown(database: str, tmp_path: Path) -> None:
    source = tmp_path / "tables"
    generate(source)
    with flow("adventureworks_stock", database, tmp_path) as at:
        at.drop(source / "Product.csv")
        at.drop(source / "ProductInventory.csv")
        assert at.run().pull.interchanges == []
        at.flow.pull.settings["bundle_wait_seconds"] = 0
        assert at.run().pull.refused == 1
        [interchange] = at.interchanges().values()
        assert interchange["state"] == "refused"
        assert "Location.csv did not come" in str(interchange["findings"])
        assert sorted(path.name for path in at.inbox.rglob("*.csv")) == [
            "Product.csv",
            "ProductInventory.csv",
        ]
        assert not list(at.inbox.glob("*.csv"))


real = pytest.mark.skipif(
    real_folder() is None,
    reason="AdventureWorks' files are not there (ORDERHUB_DATA names their folder's parent)",
)
Timed = Callable[[str], None]


@real
@pytest.mark.slow
def test_adventureworks_itself(
    database: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Figures of the files themselves, counted with the csv module alone."""
    source = real_folder()
    assert source is not None
    with flow("adventureworks_orders", database, tmp_path) as at:
        started = time.monotonic()
        bring(at, source)
        record_property("orders_seconds", round(time.monotonic() - started, 2))
        assert totals(at) == (4012, 8845, Decimal("63791994.8380"))
        exact = sum(
            (Decimal(row["LineTotal"]) for row in rows(source / "PurchaseOrderDetail.csv")), Decimal(0)
        )
        assert exact == Decimal("63791994.8380")
        assert {row["state"] for row in at.documents()} == {"loaded"}
        unchanged_by(at, source, 4012)
    for name, file, count in (
        ("adventureworks_suppliers", "Vendor.csv", 104),
        ("adventureworks_items", "Product.csv", 504),
        ("adventureworks_stock", "ProductInventory.csv", 1069),
        ("adventureworks_supplier_items", "ProductVendor.csv", 460),
        ("adventureworks_receipts", "PurchaseOrderHeader.csv", 4012),
    ):
        with flow(name, database, tmp_path) as at:
            started = time.monotonic()
            bring(at, source)
            record_property(f"{name}_seconds", round(time.monotonic() - started, 2))
            assert len(rows(source / file)) == count
            unchanged_by(at, source, count)
    with flow("adventureworks_receipts", database, tmp_path) as at:
        [found] = at.rows(
            "SELECT count(*) AS lines, sum(quantity_received) AS received, sum(quantity_rejected) AS rejected "
            "FROM warehouse.current_receipt_line"
        )
        details = rows(source / "PurchaseOrderDetail.csv")
        assert found == {
            "lines": len(details),
            "received": sum(Decimal(row["ReceivedQty"]) for row in details),
            "rejected": sum(Decimal(row["RejectedQty"]) for row in details),
        }
        [found] = at.rows(
            "SELECT sum(price) AS price, sum(lead_time_days) AS days FROM warehouse.current_supplier_item"
        )
        offers = rows(source / "ProductVendor.csv")
        assert found == {
            "price": sum(Decimal(row["StandardPrice"]) for row in offers),
            "days": sum(int(row["AverageLeadTime"]) for row in offers),
        }
    with flow("adventureworks_stock", database, tmp_path) as at:
        [found] = at.rows("SELECT sum(quantity) AS quantity FROM warehouse.current_stock_level")
        stock = rows(source / "ProductInventory.csv")
        assert found["quantity"] == sum(Decimal(row["Quantity"]) for row in stock)
        # one row changes: one version, nothing else
        copy = tmp_path / "changed"
        shutil.copytree(source, copy)
        path = copy / "ProductInventory.csv"
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().replace(b"1,1,A,1,408,", b"1,1,A,1,409,", 1))
        bring(at, copy)
        assert versions(at, "stock_level") == 1070
