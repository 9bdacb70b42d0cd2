"""What is missing is named with the command that installs it, and installing starts no service."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orderhub.services import test_peers as peers


def lacking(name: str, *packages: str) -> peers.Peer:
    return peers.Peer(name, packages, lambda: False)


def test_what_is_missing_is_named_with_its_command() -> None:
    there = peers.Peer("Here", ("here",), lambda: True)
    found = peers.missing([there, lacking("MariaDB", "mariadb-server"), lacking("Node", "nodejs", "npm")])
    assert [peer.name for peer in found] == ["MariaDB", "Node"]
    assert peers.command(found) == (
        "apt-get update && apt-get install --yes --no-install-recommends mariadb-server nodejs npm"
    )


def test_an_ordinary_user_installs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(peers.subprocess, "run", lambda *_, **__: pytest.fail("something was run"))
    assert [peer.name for peer in peers.ensure([lacking("MariaDB", "mariadb-server")])] == ["MariaDB"]


def test_no_service_is_started_meanwhile_and_a_policy_that_is_there_stays(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with peers._no_services(policy):
        assert "exit 101" in policy.read_text()
        assert os.access(policy, os.X_OK)
    assert list(tmp_path.iterdir()) == []
    policy.write_text("another's")
    with peers._no_services(policy):
        assert policy.read_text() == "another's"
    assert policy.read_text() == "another's"


def test_every_peer_of_the_tests_has_packages() -> None:
    assert all(peer.packages and peer.name for peer in peers.PEERS)
