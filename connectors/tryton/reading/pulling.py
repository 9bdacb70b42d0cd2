"""One pull: the changes since the bookmark in the order in which they were made, read and given out page by page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from connectors.tryton.reading.changes import Reader
from connectors.tryton.reading.items import Items
from connectors.tryton.reading.progress import Changes, Progress
from connectors.tryton.reading.receipts import Receipts
from connectors.tryton.reading.stock_levels import StockLevels
from connectors.tryton.reading.supplier_items import SupplierItems
from connectors.tryton.reading.suppliers import Suppliers
from connectors.tryton.settings import Source
from orderhub.connector import Bookmark, Interchange
from orderhub.errors import ConnectorRefused
from orderhub.transport.batches import interchanges
from orderhub.transport.records import Raw, dump

#: Things per request.
_PAGE = 200


class Records(Protocol):
    """One kind of records."""

    def changed(self, since: dt.datetime | None) -> Iterator[tuple[int, str]]:
        """Ids of what changed at or after a moment, with the moment of each change."""

    def records(self, things: Mapping[int, str]) -> list[dict[str, Any]]:
        """The records of these, each with the members of ``progress.Mark``, in the order of ``things``."""


_KINDS: dict[str, Callable[[Reader, Source], Records]] = {
    "suppliers": lambda reader, source: Suppliers(reader, source.category),
    "items": lambda reader, _: Items(reader),
    "supplier_items": lambda reader, _: SupplierItems(reader),
    "receipts": lambda reader, _: Receipts(reader),
    "stock_levels": lambda reader, source: StockLevels(reader, source.stock_per),
}


class Pulling:
    """What a stream gives after a bookmark.

    :raises ConnectorRefused: there is no such stream.
    """

    def __init__(self, reader: Reader, source: Source, stream: str) -> None:
        if stream not in _KINDS:
            raise ConnectorRefused(
                f"Tryton has no stream {stream!r}.", todo=f"Name one of {', '.join(sorted(_KINDS))}."
            )
        self._records = _KINDS[stream](reader, source)
        self._source = source
        self._stream = stream

    def pull(self, since: Bookmark) -> Iterator[Interchange]:
        """Interchanges of so many records as the settings say, each a JSON list."""
        progress = Progress(since, self._source.overlap_seconds)
        size = self._source.records_per_interchange
        yield from interchanges(self._stream, self._pages(progress), size=size, progress=progress)

    def waiting(self, since: Bookmark) -> bool:
        """Whether there is a record that was not given out."""
        return any(self._pages(Progress(since, self._source.overlap_seconds)))

    def _pages(self, progress: Progress) -> Iterator[list[Raw]]:
        found = Changes(self._source.overlap_seconds)
        for number, moment in self._records.changed(progress.floor):
            found.note(number, moment)
        new = sorted(
            (max(moments), number) for number, moments in found.items() if not progress.knows(number, moments)
        )
        for start in range(0, len(new), _PAGE):
            page = {number: moment for moment, number in new[start : start + _PAGE]}
            for number in page:
                progress.read(number, found[number])
            yield [dump(tree) for tree in self._records.records(page)]
