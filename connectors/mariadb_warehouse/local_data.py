"""LOAD DATA LOCAL from memory.

With LOAD DATA LOCAL the server tells the client which file to send, and a client that obeys sends any file of its machine to
a server that asks for it. This connection opens no file at all: it sends the rows that were handed to ``load``, and refuses
when none were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pymysql
from pymysql.connections import Connection, MySQLResult

#: Bytes of one packet: so few that the server takes in one while the next is written, enough that packets do not cost.
_PACKET = 64 * 1024


class LocalDataError(pymysql.err.DataError):
    """The server took the rows otherwise than they were meant."""


# The stubs of pymysql leave out what it keeps to itself.
class _Result(MySQLResult):
    def _read_load_local_packet(self, first_packet: object) -> None:
        connection: Any = self.connection
        rows, connection.rows = connection.rows, None
        if rows is None:
            connection.write_packet(b"")
            connection._read_packet()
            raise pymysql.err.OperationalError(
                2068, "The server asked for a file of this machine, which it does not get"
            )
        try:
            for packet in _packets(rows):
                connection.write_packet(packet)
        finally:
            # an empty packet ends the data; the server answers also when something went wrong here
            connection.write_packet(b"")
            answer = connection._read_packet()
        self._read_ok_packet(answer)  # type: ignore[attr-defined]  # as above


class LocalDataConnection(Connection):
    """A connection of pymysql that has rows instead of files."""

    rows: Iterable[str] | None = None

    def _read_query_result(self, unbuffered: bool = False) -> int:
        result = self._result = _Result(self)
        if unbuffered:
            result.init_unbuffered_query()
        else:
            result.read()
        if result.server_status is not None:
            self.server_status = result.server_status
        return int(result.affected_rows or 0)

    def load(self, statement: str, rows: Iterable[str]) -> int:
        """Run a ``LOAD DATA LOCAL`` with these rows (text with tabs); gives how many the server took in.

        LOCAL makes of errors in the data warnings: texts are cut, numbers bent, rows with a key that is there left out. So
        any warning is an error here.

        :raises LocalDataError: with the first of the server's warnings.
        """
        self.rows = rows
        try:
            taken = self.query(statement)
        finally:
            self.rows = None
        if self.warning_count():
            with self.cursor() as cursor:
                cursor.execute("SHOW WARNINGS LIMIT 1")
                first = cursor.fetchone()
            number, reason = (first[1], first[2]) if first else (1265, "the server warned")
            raise LocalDataError(number, reason)
        return int(taken)

    def warning_count(self) -> int:
        """Warnings and notes of the last statement."""
        return int(self._result.warning_count) if self._result else 0


def _packets(rows: Iterable[str]) -> Iterator[bytes]:
    held: list[str] = []
    size = 0
    for piece in rows:
        held.append(piece)
        size += len(piece)
        if size >= _PACKET:
            yield from _cut("".join(held).encode())
            held, size = [], 0
    yield from _cut("".join(held).encode())


def _cut(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(data), _PACKET):
        yield bytes(view[start : start + _PACKET])
