"""Programs get exactly their environment through the launcher, however large the caller's is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orderhub.errors import ServiceError
from orderhub.services import launch
from orderhub.services.programs import Program, launcher_variables
from orderhub.services.settings import Settings
from orderhub.services.stack import Stack

SHOW = "import json, os, sys; sys.stdout.write(json.dumps([dict(os.environ), sys.stdin.read()]))"
CALLER = {f"CALLER_{number}": "x" * 1000 for number in range(30)} | {
    "PATH": os.environ["PATH"],
    "LC_CTYPE": "C.UTF-8",
}


def program(name: str, env: dict[str, str], stdin: str | None = None) -> Program:
    command = (sys.executable, "-I", "-S", "-c", SHOW)
    return Program(name=name, layer="steps", command=command, env=env, folder=Path("/"), stdin=stdin)


def launched(name: str, environment: dict[str, str]) -> tuple[dict[str, str], str]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", launch.__file__, name],
        env=environment | {launch.SUPERVISOR: str(os.getpid()), "SUPERVISOR_ENABLED": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    env, stdin = json.loads(done.stdout)
    return env, stdin


def test_thirty_kilobytes_of_surroundings_are_no_trouble() -> None:
    changed = {k: v for k, v in CALLER.items() if k != "CALLER_7"} | {"CALLER_1": "other", "OWN": "1"}
    wanted = {f"part-{number}": CALLER | {"SECRET": f"s{number}"} for number in range(12)}
    wanted |= {"changed": changed, "foreign": {"PATH": CALLER["PATH"], "LC_CTYPE": "C.UTF-8", "PLAIN": "1"}}
    programs = [program(name, env, stdin=f"for {name}\n") for name, env in wanted.items()]
    environment = CALLER | launcher_variables(programs, CALLER)
    for name in ("part-0", "part-11", "changed", "foreign"):
        assert launched(name, environment) == (wanted[name], f"for {name}\n")


def test_what_the_system_refuses_at_the_start_is_said_plainly(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(
        data_folder=data_folder,
        erp_url="http://127.0.0.1:1",
        erp_password="unused",
        airflow_url="http://127.0.0.1:1",
        airflow_password="unused",
    )
    # one variable of more than the kernel's 128 KiB
    monkeypatch.setenv("HUGE", "x" * 200_000)
    with pytest.raises(ServiceError, match=r"cannot be started.*Argument list too long"):
        Stack(settings, parts=frozenset()).start()


def test_an_inbox_that_the_hub_makes_is_private_and_an_operators_own_stays(data_folder: Path) -> None:
    elsewhere = {
        "erp_url": "http://127.0.0.1:1",
        "erp_password": "unused",
        "airflow_url": "http://127.0.0.1:1",
        "airflow_password": "unused",
    }
    with Stack(Settings(data_folder=data_folder, **elsewhere), parts=frozenset()) as stack:
        assert stack.endpoints.inbox_folder.stat().st_mode & 0o777 == 0o700
    shared = data_folder / "shared"
    shared.mkdir()
    shared.chmod(0o775)
    with Stack(Settings(data_folder=data_folder, inbox_folder=shared, **elsewhere), parts=frozenset()):
        assert shared.stat().st_mode & 0o777 == 0o775
