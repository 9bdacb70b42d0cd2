"""The SQL connector. See README.md in this folder."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from connectors.sql.marking import marking
from connectors.sql.reading import Reader
from connectors.sql.sessions import connect
from connectors.sql.sessions.base import Session
from connectors.sql.settings import ByKeys, ByOutbox, ByWatermark, SqlSettings
from connectors.sql.values import tagged, untagged
from connectors.sql.ways import KeysWay, OutboxWay, Page, WatermarkWay
from orderhub.connector import Bookmark, Capability, Connector, Health, Interchange, Ports, Settlement
from orderhub.errors import ConnectorError, ConnectorRefused, ConnectorUnavailable


class SqlConnector(Connector[SqlSettings]):
    """Pulls documents out of tables. One interchange is a JSON array of them."""

    name = "sql"
    capabilities = Capability.PULL | Capability.INCREMENTAL
    settings_type = SqlSettings

    def __init__(self, settings: SqlSettings, ports: Ports) -> None:
        super().__init__(settings, ports)
        self._session: Session | None = None
        self._reader: Reader | None = None

    def check(self) -> Health:
        """Whether every table and column can be read, and rows of an outbox may be marked; changes nothing."""
        try:
            reader = self._fresh()
            settings, read = self.settings, self.settings.read
            tables = reader.level_names()
            _ = reader.statements
            if isinstance(read, ByWatermark):
                if reader.exists(reader.statements.without_watermark(read.column)):
                    return Health(
                        ok=False,
                        sentence=f"{settings.table} has rows without {read.column}, which would never be read.",
                    )
                self._way(reader).waits(None)
            if isinstance(read, ByOutbox):
                statement, _ = marking(reader.statements, read, nothing=True)
                reader.session.change(statement, [], dry=True)
                tables = [*tables, *([read.table] if read.table else [])]
        except ConnectorError as error:
            self._forget(error)
            return Health(ok=False, sentence=error.what)
        return Health(ok=True, sentence=f"{reader.session.label}: {', '.join(tables)} can be read.")

    def pull(self, stream: str, since: Bookmark) -> Iterator[Interchange]:
        """What is new by the way that ``read`` names.

        :raises ConnectorUnavailable: the database is away or ended the session; the next pull goes on.
        :raises ConnectorRefused: credentials, rights, a table or column that is not there.
        """
        try:
            for page in self._way(self._fresh()).pages(since):
                yield self._interchange(stream, page)
        except ConnectorError as error:
            self._forget(error)
            raise

    def waiting(self, stream: str, since: Bookmark) -> bool:
        """Whether a pull would find something; reads keys only.

        :raises ConnectorUnavailable: the database is away.
        """
        try:
            return self._way(self._reader or self._fresh()).waits(since)
        except ConnectorError as error:
            self._forget(error)
            raise

    def settle(self, interchange: Interchange, settlement: Settlement) -> None:
        """Mark or delete the outbox rows of an interchange; rows that are marked already stay as they are.

        :raises ConnectorUnavailable: the database is away.
        """
        read, rows = self.settings.read, interchange.handle.get("rows")
        if not isinstance(read, ByOutbox) or not rows:
            return
        try:
            reader = self._reader or self._fresh()
            statement, names = marking(reader.statements, read)
            values = [dict(zip(names, (untagged(value) for value in row), strict=True)) for row in rows]
            reader.session.change(statement, values)
        except ConnectorError as error:
            self._forget(error)
            raise

    def close(self) -> None:
        self._reader = None
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _fresh(self) -> Reader:
        """A reader that asks again what the tables look like."""
        kept = self._session is not None
        if self._session is None:
            name = self.settings.connection
            self._session = connect(self.ports.credentials(name), name, self.settings.timeout_seconds)
        reader = Reader(self.settings, self._session)
        if kept:
            with contextlib.suppress(ConnectorUnavailable):
                # a session that the database ended while nobody used it is noticed here, and the next use connects anew
                _ = reader.statements
        self._reader = reader
        return reader

    def _way(self, reader: Reader) -> WatermarkWay | KeysWay | OutboxWay:
        read = self.settings.read
        if isinstance(read, ByWatermark):
            return WatermarkWay(reader, read)
        if isinstance(read, ByKeys):
            return KeysWay(reader, read)
        return OutboxWay(reader)

    def _forget(self, error: ConnectorError) -> None:
        """After these the connection or the tables are not what they were. Whoever reads meanwhile goes on with the same
        session, which connects anew."""
        if isinstance(error, ConnectorRefused):
            self.close()
        elif isinstance(error, ConnectorUnavailable):
            self._reader = None
            if self._session is not None:
                self._session.close()

    def _interchange(self, stream: str, page: Page) -> Interchange:
        data, count = page.data, len(page.positions)
        ends = [[tagged(value) for value in page.positions[at]] for at in (0, -1)]
        told = [stream, self.settings.table, count, ends, hashlib.sha256(data).hexdigest()]
        if page.handle:
            # what an outbox names is told by its rows too; not by them alone, for a source may open one again when the
            # document changed, or give the key of a deleted one anew
            told.append(page.handle)
        return Interchange(
            name=_shown(self.settings.table, page.positions),
            arrival=f"sql|{hashlib.sha256(msgspec.json.encode(told)).hexdigest()}",
            data=data,
            bookmark=page.bookmark,
            media_type="application/json",
            attributes={"documents": str(count)},
            handle=page.handle,
        )


def _shown(table: str, positions: Sequence[Sequence[Any]]) -> str:
    """A name for people, without anything that could not be printed."""
    first, last = (ascii(str(one[-1]))[1:-1][:40] for one in (positions[0], positions[-1]))
    keys = first if len(positions) == 1 else f"{first} to {last}"
    return f"{ascii(table)[1:-1]} {keys}.json"
