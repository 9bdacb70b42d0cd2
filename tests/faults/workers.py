"""The worker processes of a trial: started, killed at any moment, and asked whether one ended by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from orders import PROJECT


class Workers:
    """Worker processes, each in a group of its own, forked from a process that has everything imported."""

    def __init__(self, environment: Mapping[str, str], log: Path, arguments: list[str]) -> None:
        self._log = log
        self._arguments = arguments
        self._alive: list[int] = []
        self._errors = log.open("ab")
        self._zygote = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py"))],
            env=dict(environment),
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )
        self._answer("ready")

    def _answer(self, expected: str | None = None) -> str:
        assert self._zygote.stdout is not None
        line = self._zygote.stdout.readline().strip()
        if not line or (expected is not None and line != expected):
            raise RuntimeError(f"the zygote answered {line!r}: {self._log.read_text()[-2000:]}")
        return line

    def _say(self, line: str) -> None:
        assert self._zygote.stdin is not None
        self._zygote.stdin.write(line + "\n")
        self._zygote.stdin.flush()

    def start(self) -> None:
        self._say(" ".join(["start", str(self._log), *self._arguments]))
        self._alive.append(int(self._answer()))

    def kill(self, index: int) -> int:
        """SIGKILL to one worker's whole group; its process id."""
        worker = self._alive.pop(index)
        os.killpg(worker, signal.SIGKILL)
        self._say("reap")
        return worker

    def dead(self) -> list[str]:
        """Workers that ended by themselves, which none should."""
        gone = []
        for worker in self._alive:
            state = Path(f"/proc/{worker}/stat")
            if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
                gone.append(f"worker {worker} ended by itself: {self._log.read_text()[-2000:]}")
        return gone

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for index in range(len(self._alive) - 1, -1, -1):
            try:
                self.kill(index)
            except ProcessLookupError:
                continue
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.close()
        try:
            self._zygote.wait(10)
        except subprocess.TimeoutExpired:
            self._zygote.kill()
            self._zygote.wait()
        self._zygote.stdout.close()
        self._errors.close()
