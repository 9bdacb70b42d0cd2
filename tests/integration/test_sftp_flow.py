"""A partner with an SFTP server: orders are taken from there and answered there, through all stages and through cuts; then the same
flow in Airflow, woken by the intake when a file arrives."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from hub_harness import PROJECT, Hub, ProjectFolders, hub
from servers.cutting_proxy import CuttingProxy, cutting_proxy
from servers.sshd import Sshd, running_sshd

from orderhub.errors import ConnectorUnavailable
from orderhub.services.airflow_parts import access_token
from orderhub.services.stack import Stack

pytestmark = pytest.mark.integration
FLOWS = Path(__file__).with_name("sftp_flow") / "flows"
FLOW = "orders_by_sftp"
SAMPLES = PROJECT / "samples" / "inbox" / "edifact_orders"
GOOD = "01_good_single.edi", "02_good_three_messages.edi", "05_good_crlf.edi"


@pytest.fixture
def partner() -> Iterator[Sshd]:
    """The partner's server; the hub takes from ``out`` and puts into ``in``."""
    with running_sshd() as server:
        for name in ("in", "out"):
            (server.home / name).mkdir()
        yield server


@pytest.fixture
def proxy(partner: Sshd) -> Iterator[CuttingProxy]:
    with cutting_proxy(partner.port) as between:
        yield between


@pytest.fixture
def at(database: str, tmp_path: Path, partner: Sshd, proxy: CuttingProxy) -> Iterator[Hub]:
    with hub(
        FLOW,
        database,
        tmp_path,
        folders=ProjectFolders(flows_folder=FLOWS),
        connections=lambda name: partner.credentials(port=proxy.port) if name == "acme_sftp" else None,
    ) as running:
        yield running


def drop(partner: Sshd, name: str) -> None:
    """As a careful sender does: under a temporary name, then renamed."""
    part = partner.home / "out" / f".{name}.part"
    part.write_bytes((SAMPLES / name).read_bytes())
    part.rename(partner.home / "out" / name)


def left(partner: Sshd) -> list[str]:
    return [path.name for path in (partner.home / "out").iterdir() if path.is_file()]


def processed(partner: Sshd) -> list[str]:
    return sorted(path.name for path in partner.home.glob("out/processed/*/*"))


def answers(partner: Sshd) -> list[bytes]:
    return sorted(path.read_bytes() for path in (partner.home / "in").iterdir())


def test_orders_are_taken_once_and_answered_beside(at: Hub, partner: Sshd) -> None:
    for name in GOOD:
        drop(partner, name)
    result = at.run()
    assert result.problems == []
    assert processed(partner) == sorted(GOOD)
    assert left(partner) == []
    documents = at.documents()
    assert len(documents) == 5
    assert {one["state"] for one in documents} == {"loaded"}
    assert len(answers(partner)) == 3
    assert all(answer.startswith(b"UN") for answer in answers(partner))
    assert at.run().pull.interchanges == []
    assert len(answers(partner)) == 3


def test_a_connection_cut_anywhere_loses_nothing_and_doubles_nothing(
    at: Hub, partner: Sshd, proxy: CuttingProxy
) -> None:
    for name in GOOD:
        drop(partner, name)
    proxy.cut_after_pieces_sent(*range(3, 75, 3))
    for _ in range(12):
        try:
            at.run()
        except ConnectorUnavailable:
            continue
    cuts = proxy.cuts
    proxy.cut_after_pieces_sent(None)
    for _ in range(2):
        assert at.run().problems == []
    assert cuts > 6
    assert left(partner) == []
    assert processed(partner) == sorted(GOOD)
    assert [one["file"] for one in at.documents()].count(GOOD[1]) == 3
    assert len(at.documents()) == 5
    assert len(answers(partner)) == len(set(answers(partner))) == 3


def until(condition: Callable[[], object], what: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come within {seconds:.0f} s"
        time.sleep(0.2)


@pytest.mark.slow
def test_airflow_runs_the_flow_when_a_file_arrives_at_the_partner(
    stack_with: Callable[..., AbstractContextManager[Stack]], partner: Sshd
) -> None:
    with (
        stack_with(flows_folder=FLOWS) as stack,
        httpx.Client(
            base_url=stack.endpoints.airflow_url,
            headers={"Authorization": f"Bearer {access_token(stack.endpoints)}"},
            timeout=30,
            trust_env=False,
        ) as airflow,
    ):
        entered = {
            "connection_id": "acme_sftp",
            "conn_type": "orderhub_sftp",
            "host": "127.0.0.1",
            "port": partner.port,
            "login": partner.user,
            "extra": json.dumps(
                {"private_key": partner.user_key.read_text(), "fingerprint": partner.fingerprint}
            ),
        }
        airflow.post("/api/v2/connections", json=entered).raise_for_status()
        until(lambda: airflow.get(f"/api/v2/dags/{FLOW}").is_success, "the flow's DAG")
        airflow.patch(f"/api/v2/dags/{FLOW}", json={"is_paused": False}).raise_for_status()
        for name in GOOD:
            drop(partner, name)
        until(lambda: len(answers(partner)) == 3, "the answers at the partner's server", 180)
        assert processed(partner) == sorted(GOOD)
        assert left(partner) == []
        page = airflow.get(f"/orderhub/flows/{FLOW}")
        assert page.is_success
        assert "sftp" in page.text
        assert GOOD[0] in airflow.get("/orderhub/files", params={"flow": FLOW}).text
