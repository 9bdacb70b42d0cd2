"""Connections that break at any moment: nothing lost, nothing twice, unclear outcomes looked up; and the proof that this is seen.

``python -m tests.faults.connections`` runs the full trial; here each kind has a few runs on every test run.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.connections import databases, erp, files, plan, queues, soap_service, table, web
from faults.connections.account import Account
from faults.connections.work import Place
from hub_harness import PROJECT
from servers import soap
from servers.file_servers import sshd  # noqa: F401 - a fixture
from servers.mariadb import MariaDb, mariadb  # noqa: F401 - a fixture
from servers.mock_sap import MockSap, mock_sap
from servers.rest import RestServer, rest_server
from servers.sql_tables import sql_mariadb, sql_postgres  # noqa: F401 - fixtures
from servers.valkey import DurableValkey, durable_valkey

from orderhub.services.folder import DataFolder

pytestmark = [pytest.mark.integration, pytest.mark.slow]

#: Kind → its run, and the fixture with the peer that it needs.
TRIALS: dict[str, tuple[Callable[[int, Place, Any], Account], str]] = {
    "tryton": (erp.tryton, "erp"),
    "soap-target": (soap_service.submitted, "exchange"),
    "soap-source": (soap_service.fetched, "exchange"),
    "rest-target": (web.rest_target, "rest"),
    "rest-source": (web.rest_source, "rest"),
    "odata-target": (web.odata_target, "sap"),
    "odata-batch": (web.odata_batch, "sap"),
    "sftp": (files.sftp, "sshd"),
    "sql-postgresql": (databases.read_postgresql, "sql_postgres"),
    "sql-mariadb": (databases.read_mariadb, "sql_mariadb"),
    "warehouse-postgresql": (databases.load_postgresql, "stores"),
    "warehouse-mariadb": (databases.load_mariadb, "mariadb"),
    "valkey": (queues.valkey, "streams"),
    "rabbitmq": (queues.rabbitmq, "rabbit"),
}


@pytest.fixture(scope="module")
def mappings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's mappings and those of the trial's peers."""
    folder: Path = tmp_path_factory.mktemp("mappings")
    tests = Path(__file__).resolve().parents[1]
    for source in (
        PROJECT / "mappings",
        tests / "integration" / "soap_flow" / "mappings",
        Path(__file__).parent / "connections" / "mappings",
    ):
        shutil.copytree(source, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture
def place(database: str, tmp_path: Path, mappings: Path) -> Place:
    return Place(database, tmp_path, mappings)


@pytest.fixture(scope="module")
def exchange(project_data: DataFolder) -> Iterator[soap.Exchange]:
    with soap.running(project_data.path / "cache") as running:
        yield running


@pytest.fixture(scope="module")
def rest() -> Iterator[RestServer]:
    with rest_server() as server:
        yield server


@pytest.fixture(scope="module")
def sap() -> Iterator[MockSap]:
    with mock_sap() as system:
        yield system


@pytest.fixture(scope="module")
def streams() -> Iterator[DurableValkey]:
    with durable_valkey() as server:
        yield server


@pytest.mark.parametrize(("kind", "seed"), plan.seeds_of_kinds())
def test_nothing_is_lost_and_nothing_comes_twice(
    kind: str,
    seed: int,
    place: Place,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    record_property(table.KIND, kind)
    record_property(table.SEED, seed)
    trial, peer = TRIALS[kind]
    account = trial(seed, place, request.getfixturevalue(peer))
    record_property(table.FIGURES, account.figures())
    assert account.faults == []
    assert account.sent > 0


def test_an_order_that_is_sent_blind_is_seen(place: Place, rest: RestServer) -> None:
    """A service that says of no order that it has it: what was unclear is sent again."""
    lie = {"method": "GET", "path": "/orders", "status": 200, "body": '{"data": []}', "count": 9999}
    assert any(web.rest_target(seed, place, rest, always=[lie]).twice for seed in range(1, 6))


def test_an_order_that_a_service_forgets_is_seen(place: Place, rest: RestServer) -> None:
    """A service that says it took an order and did not."""
    lie = {"method": "POST", "path": "/orders", "status": 201, "body": '{"id": "PO-0"}', "count": 1}
    account = web.rest_target(2, place, rest, always=[lie])
    assert account.lost


def test_runs_are_spread_over_all_kinds_and_each_can_be_replayed() -> None:
    spread = plan.seeds_of_kinds({plan.RUNS: "30", plan.SEED: "7"})
    assert len(spread) == 30
    assert set(TRIALS) == set(plan.KINDS) == {kind for kind, _ in spread}
    assert [seed for kind, seed in spread if kind == "tryton"] == [7, 8, 9]
    assert plan.seeds_of_kinds({plan.RUNS: "1", plan.SEED: "9", plan.KIND: "sftp"}) == [("sftp", 9)]
    with pytest.raises(KeyError, match="there are: tryton"):
        plan.seeds_of_kinds({plan.KIND: "telex"})
