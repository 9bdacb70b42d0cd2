"""Starts the supervisor and talks to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from supervisor.xmlrpc import SupervisorTransport

from orderhub.errors import ServiceError
from orderhub.services import launch, leftovers
from orderhub.services.folder import DataFolder
from orderhub.services.programs import Program, launcher_variables, supervisor_configuration


class Supervisor:
    """A running supervisord and its programs. ``stop`` may be called at any time and more than once."""

    def __init__(self, chosen: DataFolder, programs: Iterable[Program], env: dict[str, str]) -> None:
        self._folder = chosen
        self.programs = {p.name: p for p in programs}
        env = {name: value for name, value in env.items() if not launch.is_internal(name)}
        here = leftovers.working_folder(chosen.path)
        here.mkdir(exist_ok=True)
        # PostgreSQL's own user works in it, whatever the umask is
        here.chmod(0o711)
        configuration = chosen.run / "supervisor.conf"
        configuration.write_text(
            supervisor_configuration(self.programs.values(), run=chosen.run, logs=chosen.logs),
            encoding="utf-8",
        )
        with (chosen.logs / "supervisor-errors.log").open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "orderhub.services.daemon", str(configuration)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=here,
                env=env | launcher_variables(self.programs.values(), env),
                # Ctrl-C in the terminal goes to the front process alone, which stops things in order
                start_new_session=True,
            )
        self._socket = chosen.run / "supervisor.sock"
        self._wait_for_socket()

    def _wait_for_socket(self) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise ServiceError(
                    f"The supervisor ended at once with code {self._process.returncode}.",
                    todo=f"Read {self._folder.logs / 'supervisor-errors.log'}.",
                )
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(str(self._socket)) == 0:
                    return
            time.sleep(0.05)
        raise ServiceError("The supervisor does not answer.", todo=f"Read the logs in {self._folder.logs}.")

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        """Whether the supervisor itself runs."""
        return self._process.poll() is None

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def start(self, name: str) -> None:
        """Start a program; does not wait for it."""
        self._call("startProcess", self.programs[name].full_name, False)

    def restart(self, name: str) -> None:
        """Stop a program, wait for that, and start it again."""
        self.halt(name)
        self.start(name)

    def halt(self, name: str) -> None:
        """Stop one program and wait for that."""
        try:
            self._call("stopProcess", self.programs[name].full_name, True)
        except xmlrpc.client.Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise

    def state(self, name: str) -> tuple[str, int, int]:
        """A program's state in supervisor's words (RUNNING, EXITED, FATAL …), exit code, and pid (0 when none)."""
        info = cast(dict[str, Any], self._call("getProcessInfo", self.programs[name].full_name))
        return str(info["statename"]), int(info["exitstatus"]), int(info["pid"])

    def states(self) -> dict[str, tuple[str, int]]:
        """State and pid of every program."""
        return {i["name"]: (i["statename"], i["pid"]) for i in self._call("getAllProcessInfo")}

    def log_path(self, name: str) -> Path:
        return self._folder.logs / f"{name}.log"

    def log_tail(self, name: str, lines: int = 12) -> str:
        """The last lines of a program's log, for an error message."""
        try:
            with self.log_path(name).open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 8192))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def run_step(self, name: str, *, timeout_seconds: float) -> None:
        """Run a program that ends, and wait for it.

        :raises ServiceError: it failed or took too long, with the end of its log.
        """
        self.start(name)
        end = time.monotonic() + timeout_seconds
        while time.monotonic() < end:
            state, code, _ = self.state(name)
            if state == "EXITED" and code == 0:
                return
            if state in ("EXITED", "FATAL", "UNKNOWN"):
                raise ServiceError(
                    f"The step {name} failed with code {code}:\n{self.log_tail(name)}\n",
                    todo=f"The whole log is {self.log_path(name)}.",
                )
            time.sleep(0.1)
        raise ServiceError(
            f"The step {name} took longer than {timeout_seconds:.0f} s:\n{self.log_tail(name)}\n",
            todo=f"The whole log is {self.log_path(name)}; start again, it goes on where it was.",
        )

    def stop(self, timeout_seconds: float = 90.0) -> None:
        """Stop everything and wait until nothing is left."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        leftovers.sweep(self._folder.path)
