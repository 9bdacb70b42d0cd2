"""What the process does that an ODBC driver runs in (``python -m connectors.sql.sessions.start``).

Such drivers are native code of many makers. When one crashes, this process dies and the hub's own lives. Requests come on
standard input, answers go to what was standard output; it ends when its input does.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import os
import re
import sys
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Protocol

import msgspec
import pyarrow as pa

from connectors.sql.sessions.rows import table_of
from connectors.sql.sessions.wire import BATCH, END, ERROR, PLAIN, SCHEMA, Failed, receive, send
from connectors.sql.values import Described, Kind, untagged

_REPEATABLE_READ = {108: 4}  # SQL_ATTR_TXN_ISOLATION: SQL_TXN_REPEATABLE_READ
_LONG = 65_535
_STATE = re.compile(r"State: (\w{5})|^\('?(\w{5})'?,|^\[(\w{5})\]")
_NATIVE = re.compile(r"Native error: (\d+)|\((\d{1,5})\) \(SQL")
#: Types of pyodbc's description.
_KINDS: dict[type, Kind] = {
    bool: Kind.BOOLEAN,
    int: Kind.INTEGER,
    decimal.Decimal: Kind.NUMBER,
    float: Kind.FLOAT,
    str: Kind.TEXT,
    bytes: Kind.BYTES,
    bytearray: Kind.BYTES,
    dt.datetime: Kind.MOMENT,
    dt.date: Kind.DATE,
    dt.time: Kind.TIME,
    uuid.UUID: Kind.UUID,
}
#: Drivers that take many rows in one call without crashing; others get them one by one. The MariaDB and SQLite drivers do not.
FAST_EXECUTEMANY = re.compile(r"^(libmsodbcsql|psqlodbc)", re.IGNORECASE)


class Driver(Protocol):
    def describe(self, text: str, values: list[Any]) -> list[Described]: ...
    def tables(self, text: str, values: list[Any]) -> Iterator[pa.Table | pa.RecordBatch]: ...
    def change(self, text: str, rows: Sequence[list[Any]], dry: bool) -> None: ...
    def begin(self) -> None: ...
    def end(self) -> None: ...


class PyOdbc:
    """Any ODBC driver, row by row: the common ground."""

    def __init__(self, connection: str, timeout: int) -> None:
        import pyodbc

        pyodbc.pooling = False
        self.connection = pyodbc.connect(connection, timeout=10, attrs_before=_REPEATABLE_READ)
        self.made_by = self.connection.getinfo(pyodbc.SQL_DRIVER_NAME)
        self.database = str(self.connection.getinfo(pyodbc.SQL_DBMS_NAME))
        with contextlib.suppress(pyodbc.Error):
            # a driver without time-outs: the hub ends this process then
            self.connection.timeout = timeout
        if self.database == "PostgreSQL":
            self.connection.cursor().execute("SET TIME ZONE 'UTC'")
            self.connection.commit()

    def describe(self, text: str, values: list[Any]) -> list[Described]:
        try:
            cursor = self.connection.cursor().execute(text, values)
            return [
                Described(name, _KINDS.get(kind, Kind.OTHER), not 0 < (size or 0) < _LONG)
                for name, kind, _, size, *_ in cursor.description
            ]
        finally:
            self.connection.rollback()

    def tables(self, text: str, values: list[Any]) -> Iterator[pa.Table]:
        cursor = self.connection.cursor().execute(text, values)
        names = [one[0] for one in cursor.description]
        yield table_of(names, iter(lambda: cursor.fetchmany(10_000), []))

    def change(self, text: str, rows: Sequence[list[Any]], dry: bool) -> None:
        cursor = self.connection.cursor()
        cursor.fast_executemany = bool(FAST_EXECUTEMANY.match(self.made_by))
        try:
            if rows and rows[0]:
                cursor.executemany(text, rows)
            else:
                cursor.execute(text)
        except BaseException:
            self.connection.rollback()
            raise
        if dry:
            self.connection.rollback()
        else:
            self.connection.commit()

    def begin(self) -> None:
        """The first statement begins a transaction."""

    def end(self) -> None:
        self.connection.rollback()


class ArrowOdbc:
    """Whole blocks of columns; parameters are texts. Only for drivers that were tried with it."""

    def __init__(self, connection: str, timeout: int) -> None:
        import arrow_odbc  # type: ignore[import-untyped]  # it has none

        self.connection = arrow_odbc.connect(connection)
        self.database = ""

    def describe(self, text: str, values: list[Any]) -> list[Described]:
        raise NotImplementedError

    def tables(self, text: str, values: list[Any]) -> Iterator[pa.RecordBatch]:
        reader = self.connection.read_arrow_batches(
            text, batch_size=20_000, parameters=[_as_text(value) for value in values] or None
        )
        yield pa.Table.from_batches([], reader.schema)
        yield from reader

    def change(self, text: str, rows: Sequence[list[Any]], dry: bool) -> None:
        raise NotImplementedError

    def begin(self) -> None:
        self._run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def end(self) -> None:
        self._run("ROLLBACK")

    def _run(self, text: str) -> None:
        list(self.connection.read_arrow_batches(text))


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(int(value))
    return value.isoformat(" ") if isinstance(value, dt.datetime) else str(value)


def _failed(error: BaseException) -> Failed:
    text = str(error)
    state, native = _STATE.search(text), _NATIVE.search(text)
    return Failed(
        text,
        next(filter(None, state.groups()), None) if state else None,
        int(next(filter(None, native.groups()))) if native else None,
    )


def _answer(driver: Driver, request: dict[str, Any], to: BinaryIO) -> None:
    values = [untagged(value) for value in request.get("values", ())]
    match request["do"]:
        case "describe":
            send(to, PLAIN, driver.describe(request["text"], values))
        case "table":
            schema: pa.Schema | None = None
            for part in driver.tables(request["text"], values):
                if schema is None:
                    schema = part.schema
                    send(to, SCHEMA, memoryview(schema.serialize()))
                for batch in part.to_batches() if isinstance(part, pa.Table) else (part,):
                    send(to, BATCH, memoryview(batch.serialize()))
            send(to, END, b"")
        case "change":
            rows = [[untagged(value) for value in row] for row in request["rows"]]
            driver.change(request["text"], rows, request["dry"])
            send(to, PLAIN, None)
        case "begin":
            driver.begin()
            send(to, PLAIN, None)
        case _:
            driver.end()
            send(to, PLAIN, None)


def main() -> None:
    """Answer requests until the input ends."""
    to = os.fdopen(os.dup(1), "wb")
    # a driver that prints must not spoil the answers
    os.dup2(2, 1)
    driver: Driver | None = None
    while True:
        try:
            _, data = receive(sys.stdin.buffer)
        except EOFError:
            return
        request = msgspec.msgpack.decode(data)
        try:
            if request["do"] == "open":
                made = PyOdbc if request["driver"] == "pyodbc" else ArrowOdbc
                opened = made(request["connection"], request["timeout"])
                driver = opened
                send(to, PLAIN, opened.database)
            elif driver is not None:
                _answer(driver, request, to)
        except BrokenPipeError:
            return
        except Exception as error:
            send(to, ERROR, _failed(error))
