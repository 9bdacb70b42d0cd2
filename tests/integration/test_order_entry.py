"""The orders of an order-entry system (one XML file an order) through the real stages into warehouse and ERP.

The files belong to others and are no part of the project; see :func:`real_folder`. What they must sum up to is computed
here by an independent reading: expat, no hub.
"""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from xml.parsers import expat

import erp_support
import pytest
from hub_harness import PROJECT, Hub, hub

from orderhub.services.endpoints import Endpoints

pytestmark = pytest.mark.integration

FLOW = "oracle_order_entry"


def real_folder() -> Path | None:
    """``$ORDERHUB_DATA/oracle_order_entry``, or beside the project."""
    given = os.environ.get("ORDERHUB_DATA")
    folder = (Path(given) if given else PROJECT.parent / "shared" / "data") / FLOW
    return folder if any(folder.glob("*.xml")) else None


real = pytest.mark.skipif(
    real_folder() is None, reason="no order-entry files (ORDERHUB_DATA names their folder's parent)"
)


def independently(folder: Path) -> tuple[int, int, Decimal]:
    """Orders, lines and the sum of quantity times price, as the files have them."""
    orders = lines = 0
    amount = Decimal(0)

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal orders, lines, amount
        orders += name == "Reference"
        if name == "Part":
            lines += 1
            amount += Decimal(attributes["Quantity"]) * Decimal(attributes["UnitPrice"])

    for path in folder.glob("*.xml"):
        parser = expat.ParserCreate()
        parser.StartElementHandler = start
        parser.Parse(path.read_bytes(), True)
    return orders, lines, amount


def in_warehouse(at: Hub) -> tuple[int, int, Decimal]:
    [found] = at.rows(
        "SELECT (SELECT count(*) FROM warehouse.current_purchase_order) AS orders, count(*) AS lines, "
        "sum(quantity * price) AS amount FROM warehouse.current_purchase_order_line"
    )
    return found["orders"], found["lines"], found["amount"]


def drop(at: Hub, folder: Path) -> None:
    for file in sorted(folder.glob("*.xml")):
        at.drop(file)


@real
def test_every_file_reaches_the_warehouse_to_the_last_cent_and_a_second_time_changes_nothing(
    database: str, tmp_path: Path
) -> None:
    folder = real_folder()
    assert folder is not None
    wanted = independently(folder)
    with hub(FLOW, database, tmp_path) as at:
        drop(at, folder)
        assert at.run().problems == []
        documents = at.documents()
        assert {row["state"] for row in documents} == {"loaded"}
        assert {row["number"] for row in documents} == {file.stem for file in folder.glob("*.xml")}
        assert [row["findings"] for row in documents if row["findings"]] == []
        assert in_warehouse(at) == wanted
        [head] = at.rows(
            "SELECT DISTINCT currency, supplier_code, issued_on::text FROM warehouse.current_purchase_order"
        )
        assert head == {"currency": "USD", "supplier_code": "OE-VIDEO", "issued_on": "2002-10-09"}
        drop(at, folder)
        assert at.run().problems == []
        assert in_warehouse(at) == wanted
        [versions] = at.rows("SELECT count(*) AS n FROM warehouse.purchase_order")
        assert versions["n"] == wanted[0]


@real
@pytest.mark.slow
def test_every_file_reaches_the_erp_once_with_the_supplier_and_items_it_names(
    database: str, tmp_path: Path, erp: Endpoints
) -> None:
    folder = real_folder()
    assert folder is not None
    orders, lines, amount = independently(folder)
    with hub(FLOW, database, tmp_path, targets=("warehouse", "tryton"), erp=erp) as at:
        for _ in range(2):  # a second time changes nothing
            drop(at, folder)
            assert at.run().problems == []
            refused = at.rows("SELECT DISTINCT code, reason FROM ledger.outbox WHERE state = 'rejected'")
            assert refused == []
            assert {row["state"] for row in at.documents()} <= {"loaded", "duplicate"}
            assert in_warehouse(at) == (orders, lines, amount)
            with erp_support.session(erp) as people:
                bought = people.read(
                    "purchase.line",
                    [["purchase.party.code", "=", "OE-VIDEO"]],
                    ["purchase", "quantity", "unit_price"],
                )
                assert len({line["purchase"] for line in bought}) == orders
                assert len(bought) == lines
                total = sum(Decimal(str(line["quantity"])) * line["unit_price"] for line in bought)
                assert total == amount
