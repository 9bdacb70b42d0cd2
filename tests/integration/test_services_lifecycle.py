"""Whatever happens to the front process, nothing it started is left behind, and it says what is wrong.

The ERP and Airflow are set to be elsewhere, so that a start takes seconds: PostgreSQL, Valkey, the ledger's tables and
the intake are the hub's own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from orderhub.services import leftovers
from orderhub.services.secret_store import FILE_NAME

pytestmark = [pytest.mark.integration, pytest.mark.slow]

T = TypeVar("T")
PROJECT = Path(__file__).resolve().parents[2]
#: A stop, or a start that fails, takes some seconds, and many times that on a busy machine.
STOP_SECONDS = 120
ELSEWHERE = {
    "ORDERHUB_ERP_URL": "http://127.0.0.1:1",
    "ORDERHUB_ERP_PASSWORD": "unused",
    "ORDERHUB_AIRFLOW_URL": "http://127.0.0.1:1",
    "ORDERHUB_AIRFLOW_PASSWORD": "unused",
}
#: ``orderhub up`` that takes PostgreSQL's port for free once though somebody listens there: the moment between a choice and
#: its use, made long.
CHOOSES_FIRST = """
import os
from orderhub.services import ports, up

looked, taken = ports.any_free, int(os.environ.pop("TAKEN_PORT"))
chosen = [taken]
ports.any_free = lambda *a: chosen.pop() if chosen else looked(*a)
raise SystemExit(up.main())
"""


class Front:
    """A running ``orderhub up``."""

    def __init__(self, data_folder: Path, *, program: str = "", **more: str) -> None:
        self.data_folder = data_folder
        self.log = data_folder / "front.log"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ORDERHUB_")}
        environment |= ELSEWHERE | {
            "ORDERHUB_DATA_FOLDER": str(data_folder),
            "ORDERHUB_PROJECT_FOLDER": str(PROJECT),
        }
        environment |= more
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *(("-c", program) if program else ("-m", "orderhub.services.up"))],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={k: v for k, v in environment.items() if v},
                cwd=PROJECT,
            )

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def wait_until_up(self) -> None:
        wait_for(lambda: "It stays up" in self.said() or self.process.poll() is not None, 240)
        assert "It stays up" in self.said(), self.said()

    def left(self) -> list[str]:
        return looked_at(self.data_folder, lambda process: f"{process.pid} {process.name()}")

    def valkeys(self) -> set[int]:
        """Process ids."""
        found = looked_at(self.data_folder, lambda process: (process.name(), process.pid))
        return {number for name, number in found if "valkey" in name}


def looked_at(data_folder: Path, look: Callable[[psutil.Process], T]) -> list[T]:
    """What is seen of each process that a data folder has."""
    found = []
    for process in leftovers.find(data_folder):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended while it was looked at
            found.append(look(process))
    return found


def wait_for(condition: object, seconds: float) -> bool:
    assert callable(condition)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_told_to_stop_it_leaves_nothing(data_folder: Path, number: signal.Signals) -> None:
    front = Front(data_folder)
    front.wait_until_up()
    assert len(front.left()) > 3
    front.process.send_signal(number)
    assert front.process.wait(STOP_SECONDS) == 0
    assert front.left() == []
    assert "Everything is stopped." in front.said()


def test_killed_it_leaves_nothing(data_folder: Path) -> None:
    front = Front(data_folder)
    front.wait_until_up()
    front.process.kill()
    front.process.wait()
    assert wait_for(lambda: not front.left(), STOP_SECONDS), front.left()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal on a parent's death is Linux's")
def test_killed_together_with_the_supervisor_it_leaves_nothing(data_folder: Path) -> None:
    front = Front(data_folder)
    front.wait_until_up()
    supervisor = psutil.Process(int((data_folder / "run" / "supervisor.pid").read_text()))
    front.process.kill()
    supervisor.kill()
    front.process.wait()
    assert wait_for(lambda: not front.left(), STOP_SECONDS), front.left()


def test_stopped_while_it_starts_it_leaves_nothing(data_folder: Path) -> None:
    front = Front(data_folder)
    assert wait_for((data_folder / "run" / "supervisor.sock").exists, STOP_SECONDS)
    front.process.send_signal(signal.SIGINT)
    assert front.process.wait(STOP_SECONDS) == 0
    assert front.left() == []


def test_a_start_that_fails_half_way_says_why_and_leaves_nothing(data_folder: Path) -> None:
    front = Front(data_folder, ORDERHUB_DATABASE_URL="postgresql://nobody:hunter2@127.0.0.1:1/nothing")
    assert front.process.wait(STOP_SECONDS) == 1
    assert "ledger-migrate failed" in front.said()
    assert "hunter2" not in front.said()
    assert front.left() == []


def test_a_second_start_on_the_same_data_is_refused(data_folder: Path) -> None:
    front = Front(data_folder)
    front.wait_until_up()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ORDERHUB_")}
    environment |= ELSEWHERE | {"ORDERHUB_DATA_FOLDER": str(data_folder)}
    second = subprocess.run(
        [sys.executable, "-m", "orderhub.services.up"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=STOP_SECONDS,
    )
    assert second.returncode == 1
    assert f"already runs with the data folder {data_folder} (process {front.process.pid})" in second.stdout
    assert front.left(), "the first one goes on"
    front.process.send_signal(signal.SIGINT)
    front.process.wait(STOP_SECONDS)


def test_a_taken_port_is_named_with_its_holder(data_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        front = Front(
            data_folder,
            ORDERHUB_AIRFLOW_URL="",
            ORDERHUB_AIRFLOW_PASSWORD="",
            ORDERHUB_AIRFLOW_PORT=str(port),
        )
        assert front.process.wait(STOP_SECONDS) == 1
    assert f"Port {port}, set for Airflow, is taken by" in front.said()
    assert f"(process {os.getpid()})" in front.said()
    assert front.left() == []


def test_a_port_that_is_lost_before_its_server_listens_is_replaced(data_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        lost = taken.getsockname()[1]
        front = Front(data_folder, program=CHOOSES_FIRST, TAKEN_PORT=str(lost))
        front.wait_until_up()
        assert f"Port {lost} was taken by" in front.said()
        assert f"(process {os.getpid()})" in front.said()
        front.process.send_signal(signal.SIGINT)
        assert front.process.wait(STOP_SECONDS) == 0
    assert front.left() == []
    assert str(lost) not in (data_folder / "run" / "endpoints.json").read_text(encoding="utf-8")


def test_data_secrets_and_ports_stay_between_starts(data_folder: Path) -> None:
    kept = []
    for _ in range(2):
        front = Front(data_folder)
        front.wait_until_up()
        kept.append(
            ((data_folder / FILE_NAME).read_bytes(), (data_folder / "run" / "endpoints.json").read_bytes())
        )
        front.process.send_signal(signal.SIGINT)
        front.process.wait(STOP_SECONDS)
    assert kept[0] == kept[1]
    assert "create the cluster" not in front.said()


def test_a_program_that_dies_is_started_again(data_folder: Path) -> None:
    front = Front(data_folder)
    front.wait_until_up()
    before = front.valkeys()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert wait_for(lambda: front.valkeys() - before, STOP_SECONDS)
    front.process.send_signal(signal.SIGINT)
    assert front.process.wait(STOP_SECONDS) == 0
    assert front.left() == []


def test_no_secret_is_in_a_log_or_on_a_command_line(data_folder: Path) -> None:
    import json

    front = Front(data_folder)
    front.wait_until_up()
    secrets = json.loads((data_folder / FILE_NAME).read_text()).values()
    lines = looked_at(data_folder, lambda process: " ".join(process.cmdline()))
    front.process.send_signal(signal.SIGINT)
    front.process.wait(STOP_SECONDS)
    files = [
        p for p in (*(data_folder / "logs").rglob("*"), *(data_folder / "run").glob("*.conf")) if p.is_file()
    ]
    texts = lines + [path.read_text(errors="replace") for path in files] + [front.said()]
    assert not [s for s in secrets if any(s in text for text in texts)]
