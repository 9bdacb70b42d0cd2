"""A partner with an SFTP server: orders are taken from there and answered there, through all stages and through cuts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_harness import PROJECT, Hub, ProjectFolders, hub
from servers.cutting_proxy import CuttingProxy, cutting_proxy
from servers.sshd import Sshd, running_sshd

from orderhub.errors import ConnectorUnavailable

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


def drop(partner: Sshd, name: str, data: bytes | None = None) -> None:
    """A sample, or other data under its name, as a careful sender does: under a temporary name, then renamed."""
    part = partner.home / "out" / f".{name}.part"
    part.write_bytes((SAMPLES / name).read_bytes() if data is None else data)
    part.rename(partner.home / "out" / name)


def left(partner: Sshd) -> list[str]:
    return [path.name for path in (partner.home / "out").iterdir() if path.is_file()]


def processed(partner: Sshd) -> list[str]:
    return sorted(path.name for path in partner.home.glob("out/processed/*/*"))


def answers(partner: Sshd) -> list[bytes]:
    """What the partner may take; the beginning of an answer that a cut left lies there hidden until it is swept away."""
    return sorted(
        path.read_bytes() for path in (partner.home / "in").iterdir() if not path.name.startswith(".")
    )


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
    for number in range(60):
        # how many pieces a connection has depends on how much comes at once
        if number >= 12 and proxy.cuts > 6:
            break
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
