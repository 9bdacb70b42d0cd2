"""The Tryton connector. See README.md in this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from connectors.tryton.bulk import Bulk
from connectors.tryton.client import TrytonClient
from connectors.tryton.item_records import ItemRecords
from connectors.tryton.master_data import MasterData
from connectors.tryton.purchase_loading import PurchaseLoading
from connectors.tryton.reading.changes import Reader
from connectors.tryton.reading.pulling import Pulling
from connectors.tryton.record_loading import RecordLoading
from connectors.tryton.settings import TrytonSettings
from connectors.tryton.supplier_records import SupplierRecords
from orderhub.connector import (
    Bookmark,
    Capability,
    Connector,
    Health,
    Interchange,
    LoadItem,
    Outcome,
    OutcomeState,
    Settlement,
)
from orderhub.documents import Document, Item, PurchaseOrder, Supplier
from orderhub.errors import ConnectorError


class TrytonConnector(Connector[TrytonSettings]):
    """Loads purchase orders as confirmed purchases; pulls master data, receipts and stock. One instance is for one thread."""

    name = "tryton"
    capabilities = Capability.PULL | Capability.INCREMENTAL | Capability.LOAD | Capability.FIND
    settings_type = TrytonSettings

    _client: TrytonClient | None = None
    _master: MasterData | None = None

    def check(self) -> Health:
        """Signs in and reads the company; writes nothing but the session."""
        try:
            client, master = self._open()
            company = master.context()["company"]
            master.warehouse()
            [row] = client.call(
                "model.company.company.read", [company], ["rec_name"], master.context(), effect=False
            )
            count = client.call("model.purchase.purchase.search_count", [], master.context(), effect=False)
        except ConnectorError as error:
            return Health(ok=False, sentence=f"{error.what} {error.todo}")
        return Health(ok=True, sentence=f"Tryton answers for {row['rec_name']}, which has {count} purchases.")

    def pull(self, stream: str, since: Bookmark) -> Iterator[Interchange]:
        """Lists of records that changed after the bookmark; the stream says of what (manifest.yaml).

        :raises ConnectorUnavailable: Tryton cannot be reached.
        :raises ConnectorRefused: there is no such stream, or the user may not read it.
        """
        yield from self._pulling(stream).pull(since)

    def waiting(self, stream: str, since: Bookmark) -> bool:
        """Asks for changes after the bookmark until one of them is to be given out."""
        return self._pulling(stream).waiting(since)

    def settle(self, interchange: Interchange, settlement: Settlement) -> None:
        """Tryton keeps its records; the bookmark is all there is to remember."""

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """Bring every order into Tryton as one confirmed purchase, and every supplier and item as the agreement allows it.

        :raises ConnectorUnavailable: Tryton cannot be reached; there may be drafts, which a later call goes on with.
        :raises ConnectorRefused: the connection's user, rights, database or company are wrong.
        """
        outcomes: dict[str, Outcome] = {}
        begun = False
        for document, load in self._loaders():
            mine = [item for item in items if isinstance(item.document, document)]
            if not mine:
                continue
            try:
                outcomes |= {outcome.key: outcome for outcome in load(mine)}
            except ConnectorError as error:
                if not begun:
                    raise
                outcomes |= {item.key: _not_known(item, error) for item in mine}
            begun = True
        return [outcomes.get(item.key) or _unsupported(item) for item in items]

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """Which of these keys are confirmed purchases; drafts and quotations are none yet, ``load`` goes on with them."""
        return self._purchases().find(keys) if keys else {}

    def close(self) -> None:
        """Sign out and close the connection."""
        if self._client is not None:
            self._client.close()
        self._client = self._master = None

    def _open(self) -> tuple[TrytonClient, MasterData]:
        if self._client is None or self._master is None:
            settings = self.settings
            self._client = TrytonClient(
                self.ports.credentials(settings.connection),
                connect_seconds=settings.connect_seconds,
                timeout_seconds=settings.timeout_seconds,
            )
            self._master = MasterData(self._client, settings)
        return self._client, self._master

    def _loaders(self) -> Iterator[tuple[type[Document], Callable[[Sequence[LoadItem]], list[Outcome]]]]:
        """How each type of document is loaded, master data first."""
        client, master = self._open()
        reader, bulk, size = Reader(client, master), Bulk(client, master), self.settings.batch_size
        yield Supplier, RecordLoading(SupplierRecords(reader, master), bulk, batch_size=size).load
        yield Item, RecordLoading(ItemRecords(reader, master), bulk, batch_size=size).load
        yield PurchaseOrder, self._purchases().load

    def _pulling(self, stream: str) -> Pulling:
        return Pulling(Reader(*self._open()), self.settings.source, stream)

    def _purchases(self) -> PurchaseLoading:
        return PurchaseLoading(*self._open(), batch_size=self.settings.batch_size)


def _unsupported(item: LoadItem) -> Outcome:
    return Outcome(
        key=item.key,
        state=OutcomeState.REJECTED,
        code="TRYTON_DOCUMENT_UNSUPPORTED",
        reason=f"A {item.document.document_name} is not loaded into Tryton, only orders, suppliers and items.",
    )


def _not_known(item: LoadItem, error: ConnectorError) -> Outcome:
    """Of documents that were to follow others, which may have had their effect."""
    return Outcome(key=item.key, state=OutcomeState.UNCLEAR, code=error.code, reason=error.what)
