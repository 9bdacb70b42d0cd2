"""A flow with a SOAP service at either end, through all its stages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hub_harness import PROJECT, Hub, ProjectFolders, hub
from servers import soap
from sqlalchemy import text

from connectors.soap.documents import KEPT
from orderhub.connector import Credentials
from orderhub.services.folder import DataFolder

pytestmark = pytest.mark.integration
FILES = Path(__file__).with_name("soap_flow")


@pytest.fixture(scope="module")
def cache(project_data: DataFolder) -> Path:
    return project_data.path / "cache"


@pytest.fixture
def exchanges(cache: Path) -> Iterator[tuple[soap.Exchange, soap.Exchange]]:
    """Where the orders come from, and where they go."""
    KEPT.clear()
    with soap.running(cache) as source, soap.running(cache) as target:
        yield source, target


def connections(source: soap.Exchange, target: soap.Exchange) -> dict[str, Credentials]:
    return {
        "exchange_source": Credentials(url=source.wsdl("digest"), user=soap.USER, secret=soap.PASSWORD),
        "exchange_target": Credentials(url=target.wsdl("plain"), user=soap.USER, secret=soap.PASSWORD),
    }


@contextmanager
def flow(database: str, folder: Path, source: soap.Exchange, target: soap.Exchange) -> Iterator[Hub]:
    mappings = folder / "mappings"
    if not mappings.exists():
        shutil.copytree(PROJECT / "mappings", mappings)
        shutil.copytree(FILES / "mappings", mappings, dirs_exist_ok=True)
    folders = ProjectFolders(flows_folder=FILES / "flows", mappings_folder=mappings)
    with hub(
        "soap_exchange",
        database,
        folder,
        targets=("soap", "warehouse"),
        folders=folders,
        settle_at_once=False,
        connections=connections(source, target).get,
    ) as at:
        yield at


def test_orders_go_from_one_service_to_another(
    database: str, tmp_path: Path, exchanges: tuple[soap.Exchange, soap.Exchange]
) -> None:
    source, target = exchanges
    source.put(*(soap.order(f"X-{number}") for number in range(5)), soap.order("X-bad", issuedOn=""))
    with flow(database, tmp_path, source, target) as at:
        assert at.run().problems == []
        assert [(row["number"], row["state"]) for row in at.documents()] == [
            (f"X-{number}", "loaded") for number in range(5)
        ]
        taken = target.told()["submitted"]
        assert [one["order"]["number"] for one in taken] == [f"X-{number}" for number in range(5)]
        refused = [row for row in at.interchanges().values() if row["state"] == "refused"]
        assert len(refused) == 1
        assert "/OrderPage/order" in str(refused[0])
        assert "issuedOn" in str(refused[0])
        assert all(one["confirmed"] for one in source.told()["orders"])
        kept = at.rows("SELECT count(*) AS lines FROM warehouse.purchase_order_line")
        assert kept[0]["lines"] == 5
        assert at.run().problems == []
        assert len(target.told()["submitted"]) == 5


def test_an_order_that_was_taken_without_an_answer_is_not_sent_again(
    database: str, tmp_path: Path, exchanges: tuple[soap.Exchange, soap.Exchange]
) -> None:
    source, target = exchanges
    source.put(*(soap.order(f"Y-{number}") for number in range(3)))
    with flow(database, tmp_path, source, target) as at:
        target.does(then="hang", forgetful=True)
        at.run()
        assert [one["order"]["number"] for one in target.told()["submitted"]] == ["Y-0"]
        target.does(forgetful=True)
        for _ in range(6):
            at.run()
            if all(row["state"] == "loaded" for row in at.documents()):
                break
            with at.ctx.ledger.begin() as connection:
                # as if the pause were over
                connection.execute(text("UPDATE ledger.outbox SET next_attempt_at = clock_timestamp()"))
        assert {row["state"] for row in at.documents()} == {"loaded"}
        numbers = [one["order"]["number"] for one in target.told()["submitted"]]
        assert sorted(numbers) == ["Y-0", "Y-1", "Y-2"]


def test_a_document_that_the_service_refuses_waits_with_its_reason(
    database: str, tmp_path: Path, exchanges: tuple[soap.Exchange, soap.Exchange]
) -> None:
    source, target = exchanges
    source.put(soap.order("Z-0"))
    with flow(database, tmp_path, source, target) as at:
        target.does(fault={"where": "Server", "text": "Unknown supplier.", "code": "SUPPLIER_UNKNOWN"})
        at.run()
        [row] = at.documents()
        assert row["state"] != "loaded"
        [finding] = [one for one in row["findings"] if one["code"].startswith("SOAP")]
        assert finding["code"] == "SOAP_FAULT"
        assert "Unknown supplier." in finding["message"]
        assert target.told()["submitted"] == []
