"""Ports that hubs choose: one that nobody listens on yet is given once all the same."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderhub.errors import ServiceError
from orderhub.services import ports


@pytest.fixture
def usual() -> Iterator[int]:
    """A port on which a server can listen, and which the system gives nobody else meanwhile."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def pick(chosen: ports.Chosen, *, wanted: int | None = None, usual: int | None = None) -> int:
    return chosen.pick(wanted=wanted, usual=usual, what="Airflow", setting="ORDERHUB_AIRFLOW_PORT")


def test_hubs_that_start_at_the_same_moment_choose_different_ports(usual: int) -> None:
    first, second, later = ports.Chosen(), ports.Chosen(), ports.Chosen()
    try:
        assert pick(first, usual=usual) == usual
        assert ports.is_free(usual)  # nobody listens there yet
        assert pick(second, usual=usual) != usual
        first.close()
        assert pick(later, usual=usual) == usual
    finally:
        for chosen in (first, second, later):
            chosen.close()


def test_the_parts_of_one_hub_have_different_ports(usual: int) -> None:
    chosen = ports.Chosen()
    try:
        found = [pick(chosen, usual=usual), pick(chosen, usual=usual), pick(chosen), pick(chosen)]
    finally:
        chosen.close()
    assert len(set(found)) == len(found)


def test_a_port_that_was_set_is_taken_or_refused(usual: int) -> None:
    chosen = ports.Chosen()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somebody:
            somebody.bind(("127.0.0.1", usual))
            assert pick(chosen, wanted=usual) == usual
        with socket.create_server(("127.0.0.1", 0)) as server:
            taken = server.getsockname()[1]
            with pytest.raises(ServiceError, match=f"Port {taken}, set for Airflow, is taken by"):
                pick(chosen, wanted=taken)
    finally:
        chosen.close()


def test_a_port_is_chosen_that_the_system_gives_nobody_by_itself(tmp_path: Path) -> None:
    given_out = tmp_path / "ip_local_port_range"
    for text, expected in [
        ("32768\t60999\n", range(10240, 32768)),
        ("10000 60999", range(61000, 65536)),
        ("1024 65535", range(0)),
        ("", range(10240, 32768)),
    ]:
        given_out.write_text(text, encoding="ascii")
        assert ports.own_range(given_out) == expected
    assert ports.own_range(tmp_path / "absent") == range(10240, 32768)
    own = ports.own_range()
    assert not own or all(ports.any_free() in own for _ in range(50))


def test_a_port_of_somebody_else_is_told_from_ones_own(usual: int) -> None:
    listens = "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); sys.stdin.read()"
    with (
        subprocess.Popen(
            [sys.executable, "-c", listens], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as below,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as aside,
    ):
        assert below.stdout is not None
        port = int(below.stdout.readline())
        assert not ports.is_others(port, os.getpid())
        assert ports.is_others(port, aside.pid)
        assert f"(process {below.pid})" in ports.holder(port)
        assert not ports.is_others(usual, aside.pid)  # nobody listens there
        for each in (below, aside):
            each.kill()
