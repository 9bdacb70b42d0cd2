"""The hub's side of a process that a driver runs in."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any, BinaryIO, cast

import msgspec
import pyarrow as pa

from connectors.sql.sessions.base import Saying
from connectors.sql.sessions.wire import BATCH, ERROR, PLAIN, SCHEMA, Failed, receive, send
from connectors.sql.values import Described, tagged
from orderhub.errors import ConnectorUnavailable

log = logging.getLogger(__name__)


class DriverProcess:
    """One connection in a process of its own, started by ``open`` and ended by ``close``.

    A process that dies, hangs for longer than the time-out, or loses its connection, is ``ConnectorUnavailable``; it is closed
    then, and ``open`` starts another.
    """

    def __init__(self, driver: str, saying: Saying, timeout: float) -> None:
        self._driver, self._saying, self._timeout = driver, saying, timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._overdue = False

    @property
    def pid(self) -> int | None:
        """For tests that kill it."""
        return self._process.pid if self._process is not None else None

    @property
    def is_open(self) -> bool:
        return self._process is not None

    def open(self, connection: str) -> str:
        """Start the process and connect; the name of the database's make. The connection string goes through the pipe, never
        to a command line."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "connectors.sql.sessions.start"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C at the hub is the hub's to handle
        )
        try:
            opening = {
                "do": "open",
                "driver": self._driver,
                "connection": connection,
                "timeout": int(self._timeout),
            }
            return str(msgspec.msgpack.decode(self._ask(opening)))
        except BaseException:
            self.close()
            raise

    def describe(self, text: str, values: Sequence[Any]) -> list[Described]:
        answer = self._ask({"do": "describe", "text": text, "values": [tagged(value) for value in values]})
        return msgspec.msgpack.decode(answer, type=list[Described])

    def table(self, text: str, values: Sequence[Any]) -> pa.Table:
        found = self._ask({"do": "table", "text": text, "values": [tagged(value) for value in values]})
        return cast("pa.Table", found)

    def change(self, text: str, rows: Sequence[Sequence[Any]], *, dry: bool) -> None:
        sent = [[tagged(value) for value in row] for row in rows]
        self._ask({"do": "change", "text": text, "rows": sent, "dry": dry})

    def begin(self) -> None:
        self._ask({"do": "begin"})

    def end(self) -> None:
        self._ask({"do": "end"})

    def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            try:
                cast("BinaryIO", pipe).close()
            except BrokenPipeError:
                log.debug("the driver's process had ended already")
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _ask(self, request: dict[str, Any]) -> Any:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None  # noqa: S101
        self._overdue = False
        watch = threading.Timer(self._timeout + 15, self._give_up, [process])
        watch.daemon = True
        watch.start()
        try:
            send(cast("BinaryIO", process.stdin), PLAIN, request)
            return self._answer(cast("BinaryIO", process.stdout))
        except (EOFError, BrokenPipeError) as error:
            raise self._died(process) from error
        except ConnectorUnavailable:
            self.close()
            raise
        finally:
            watch.cancel()

    def _answer(self, of: BinaryIO) -> Any:
        kind, data = receive(of)
        if kind == PLAIN:
            return data
        schema, batches = None, []
        while kind in (SCHEMA, BATCH):
            if kind == SCHEMA:
                schema = pa.ipc.read_schema(pa.py_buffer(data))
            else:
                batches.append(pa.ipc.read_record_batch(pa.py_buffer(data), schema))
            kind, data = receive(of)
        if kind == ERROR:
            failed = msgspec.msgpack.decode(data, type=Failed)
            self._saying.raise_typed(
                RuntimeError(failed.text), state=failed.state, mysql=_mysql(failed), oracle=_oracle(failed)
            )
        return pa.Table.from_batches(batches, schema)

    def _give_up(self, process: subprocess.Popen[bytes]) -> None:
        self._overdue = True
        process.kill()

    def _died(self, process: subprocess.Popen[bytes]) -> ConnectorUnavailable:
        self.close()
        code = process.returncode
        if self._overdue:
            return ConnectorUnavailable(
                f"{self._saying.where} did not answer for {self._timeout:g} s; the driver's process was ended.",
                todo="Raise timeout_seconds, or give the columns of key, join and watermark an index.",
            )
        how = f"by the signal {signal.Signals(-code).name}" if code and code < 0 else f"with the code {code}"
        return ConnectorUnavailable(
            f"The process of the ODBC driver for {self._saying.where} ended {how}.",
            todo="Nothing is lost: the next pull goes on. When it happens again, update or replace the ODBC driver.",
        )


def _mysql(failed: Failed) -> int | None:
    """The number is only a MariaDB server's where its connector says so."""
    return failed.native if "[ma-" in failed.text else None


def _oracle(failed: Failed) -> int:
    return (failed.native or 0) if "ORA-" in failed.text else 0
