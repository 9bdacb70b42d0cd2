"""Airflow's connections for those that do not run in Airflow: the command line, the intake.

Airflow is asked in a process of its own (``orderhub.airflow.connections``), started when there is something to ask: an
import of Airflow takes seconds and 200 MB. Whether there can be anything is looked at first, in what costs nothing: the
environment, the configuration of a secrets backend, and one row of Airflow's metadata.
"""

from __future__ import annotations

import configparser
import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import psycopg

from orderhub.connector import Credentials
from orderhub.errors import ConnectorUnavailable, ServiceError
from orderhub.services import endpoints
from orderhub.services.settings import Settings

log = logging.getLogger(__name__)

#: Seconds that an answer is used again; a changed password is in effect after so long at the latest.
KEPT = 60.0
#: Seconds without a question after which the process is ended.
IDLE = 30.0
#: Seconds that a look-up may take, the start of the process included.
LONGEST = 60.0
_CONNECT_SECONDS = 5

COMMAND = (sys.executable, "-m", "orderhub.airflow.connections")
_EXISTS = "SELECT 1 FROM connection WHERE conn_id = %s LIMIT 1"


class _Found(msgspec.Struct, kw_only=True):
    credentials: Credentials | None = None
    problem: str = ""


def lookup(settings: Settings) -> Callable[[str], Credentials | None] | None:
    """What asks the hub's Airflow; None where no configuration of Airflow is known here (an Airflow elsewhere whose
    settings are not in the environment)."""
    surroundings = dict(os.environ)
    database = ""
    try:
        from orderhub.services.catalogue import airflow_environment

        surroundings |= airflow_environment(settings)
        database = endpoints.load(settings).airflow_database_url
    except ServiceError:
        known = ("AIRFLOW_HOME", "AIRFLOW_CONFIG", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
        if not any(name in surroundings for name in known):
            return None
    return AirflowConnections(surroundings, database)


class AirflowConnections:
    """``connections(name)`` gives credentials or None. Safe for several threads.

    :param surroundings: the environment that Airflow runs in.
    :param database: URL of Airflow's metadata, empty where it is not known: then Airflow itself is asked every time.
    """

    def __init__(
        self,
        surroundings: Mapping[str, str],
        database: str,
        *,
        command: Sequence[str] = COMMAND,
        kept: float = KEPT,
        idle: float = IDLE,
    ) -> None:
        self._surroundings = dict(surroundings)
        self._database = database
        self._command = tuple(command)
        self._kept = kept
        self._idle = idle
        self._lock = threading.Lock()
        self._answers: dict[str, tuple[float, Credentials | None]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._timer: threading.Timer | None = None

    def __call__(self, name: str) -> Credentials | None:
        """:raises ConnectorUnavailable: Airflow cannot be asked now."""
        with self._lock:
            known = self._answers.get(name)
            if known is not None and time.monotonic() - known[0] < self._kept:
                return known[1]
            found = self._ask(name) if self._may_have(name) else None
            self._answers[name] = (time.monotonic(), found)
            return found

    def close(self) -> None:
        """End the process; a later question starts it again."""
        with self._lock:
            self._end()

    def _may_have(self, name: str) -> bool:
        if f"AIRFLOW_CONN_{name.upper()}" in self._surroundings or self._has_backend() or not self._database:
            return True
        try:
            with psycopg.connect(self._database, connect_timeout=_CONNECT_SECONDS) as connection:
                return connection.execute(_EXISTS, (name,)).fetchone() is not None
        except psycopg.errors.UndefinedTable:
            return False  # Airflow was never set up
        except psycopg.Error as error:
            raise ConnectorUnavailable(
                f"Whether Airflow has a connection {name!r} cannot be found out: its database does not answer "
                f"({type(error).__name__}).",
                todo="Look at `orderhub status`; it is tried again.",
            ) from error

    def _has_backend(self) -> bool:
        if any(self._surroundings.get(f"AIRFLOW__{section}__BACKEND") for section in ("SECRETS", "WORKERS")):
            return True
        path = self._surroundings.get("AIRFLOW_CONFIG")
        if path is None and "AIRFLOW_HOME" in self._surroundings:
            path = str(Path(self._surroundings["AIRFLOW_HOME"]) / "airflow.cfg")
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            with contextlib.suppress(OSError):
                parser.read(path or ())
        except configparser.Error:
            return True  # Airflow knows what to make of it
        return bool(parser.get("secrets", "backend", fallback=""))

    def _ask(self, name: str) -> Credentials | None:
        for again in (True, False):
            line = self._exchange(msgspec.json.encode(name) + b"\n")
            if line:
                break
            self._end()
            if not again:
                raise _unavailable(name, "the process that looks it up ended")
        try:
            found = msgspec.json.decode(line, type=_Found)
        except msgspec.DecodeError as error:
            self._end()
            raise _unavailable(name, "its answer is not understood") from error
        if found.problem:
            raise _unavailable(name, found.problem)
        self._rest_later()
        return found.credentials

    def _exchange(self, question: bytes) -> bytes:
        process = self._process
        if process is None or process.poll() is not None:
            process = self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Airflow's own warnings at its start are none of the reader's business
                stderr=subprocess.DEVNULL,
                env=self._surroundings,
            )
        assert process.stdin is not None  # noqa: S101 - opened as pipes
        assert process.stdout is not None  # noqa: S101
        guard = threading.Timer(LONGEST, process.kill)
        guard.daemon = True
        guard.start()
        try:
            process.stdin.write(question)
            process.stdin.flush()
            return process.stdout.readline()
        except BrokenPipeError:
            return b""
        finally:
            guard.cancel()

    def _rest_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(self._idle, self.close)
        self._timer.daemon = True
        self._timer.start()

    def _end(self) -> None:
        process, self._process = self._process, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _unavailable(name: str, why: str) -> ConnectorUnavailable:
    return ConnectorUnavailable(
        f"Airflow could not be asked for the connection {name!r}: {why}.",
        todo="`orderhub airflow connections get NAME` shows what Airflow says; it is tried again.",
    )
