"""A flow from a REST interface into SAP by OData, through all its stages: pages, tokens that end, lost answers.

SAP is mock-sap, which takes any vendor and material: what SAP itself would refuse is not shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hub_harness import Hub, ProjectFolders, hub
from servers.line import Line
from servers.mock_sap import PASSWORD, USER, MockSap, mock_sap
from servers.rest import RestServer, rest_server
from sqlalchemy import text

from orderhub.connector import Credentials

pytestmark = pytest.mark.integration
FLOWS = Path(__file__).with_name("rest_flow") / "flows"


@pytest.fixture(scope="module")
def shop_process() -> Iterator[RestServer]:
    with rest_server() as server:
        yield server


@pytest.fixture(scope="module")
def sap_process() -> Iterator[MockSap]:
    with mock_sap() as system:
        yield system


@pytest.fixture
def shop(shop_process: RestServer) -> RestServer:
    """Its tokens are good for two requests."""
    shop_process.reset(token_lives=2)
    return shop_process


@pytest.fixture
def sap(sap_process: MockSap) -> MockSap:
    sap_process.reset()
    return sap_process


def order(number: str, **changes: Any) -> dict[str, Any]:
    """An order of the shop."""
    items = [
        {"line": line, "gtin": gtin, "qty": 10 * line, "unit": "PCE", "price": {"net": "0.12"}}
        for line, gtin in enumerate(("4019999011016", "4019999011023"), 1)
    ]
    return {
        "orderNo": number,
        "orderedAt": "2026-11-02",
        "currency": "EUR",
        "customer": {"gln": "4299999001099", "name": "Fjord Shop AS"},
        "vendor": {"gln": "4019999010002", "id": "17300001", "name": "Nordwerk"},
        "delivery": {"requestedOn": "2026-12-01"},
        "items": items,
        **changes,
    }


@contextmanager
def flow(database: str, folder: Path, shop: RestServer, sap_url: str) -> Iterator[Hub]:
    known = {
        "shop_api": Credentials(
            url=shop.url, user="client", secret="word", extra={"auth": "oauth2", "token_url": "/token"}
        ),
        "sap": Credentials(url=sap_url, user=USER, secret=PASSWORD),
    }
    with hub(
        "rest_to_sap",
        database,
        folder,
        targets=("odata", "warehouse"),
        folders=ProjectFolders(flows_folder=FLOWS),
        settle_at_once=False,
        connections=known.get,
    ) as at:
        yield at


def arrive(shop: RestServer, *orders: dict[str, Any]) -> None:
    for one in orders:
        shop.arrive(one["orderNo"], b"", **one)


def test_orders_go_from_pages_into_sap_once(
    database: str, tmp_path: Path, shop: RestServer, sap: MockSap
) -> None:
    arrive(shop, *(order(f"F-{number}") for number in range(7)), order("F-bad", currency="XXQ"))
    with flow(database, tmp_path, shop, sap.url) as at:
        assert at.run().problems == []
        states = {row["number"]: row["state"] for row in at.documents()}
        assert {number for number, state in states.items() if state == "loaded"} == {
            f"F-{number}" for number in range(7)
        }
        assert states["F-bad"] == "quarantined"
        there = sap.orders()
        assert len(there) == 7
        assert {one["Supplier"] for one in there} == {"17300001"}
        assert [line["OrderQuantity"] for line in there[0]["to_PurchaseOrderItem"]["results"]] == [
            "10.000",
            "20.000",
        ]
        assert shop.state()["tokens_given"] > 1
        assert at.rows("SELECT count(*) AS lines FROM warehouse.purchase_order_line")[0]["lines"] == 14
        shop.set(token_lives=2)
        arrive(shop, order("F-7"))
        assert at.run().problems == []
        assert len(sap.orders()) == 8
        assert len(at.interchanges()) == 4


def test_a_batch_that_was_executed_without_an_answer_is_not_sent_again(
    database: str, tmp_path: Path, shop: RestServer, sap: MockSap
) -> None:
    arrive(shop, *(order(f"G-{number}") for number in range(6)))
    line = Line(sap.url, lambda request: b"$batch" in request[:200])
    try:
        with flow(database, tmp_path, shop, line.url) as at:
            with line.cut(0, after=True):
                at.run()
            for _ in range(6):
                if all(row["state"] == "loaded" for row in at.documents()):
                    break
                with at.ctx.ledger.begin() as connection:
                    # as if the pause were over
                    connection.execute(text("UPDATE ledger.outbox SET next_attempt_at = clock_timestamp()"))
                at.run()
            assert {row["state"] for row in at.documents()} == {"loaded"}
    finally:
        line.close()
    assert len(sap.orders()) == 6
