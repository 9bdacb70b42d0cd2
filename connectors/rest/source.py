"""Records pulled page by page."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.rest.asking import Requests
from connectors.rest.settings import Source
from orderhub.connector import Bookmark, Interchange
from orderhub.transport.batches import interchanges
from orderhub.transport.bookmarks import Position, lowered
from orderhub.transport.paging import check_progress, first, following
from orderhub.transport.records import Raw, records_at


class Pulling:
    """One source."""

    def __init__(self, source: Source, requests: Requests) -> None:
        self._source = source
        self._requests = requests

    def pull(self, stream: str, since: Bookmark) -> Iterator[Interchange]:
        """Interchanges of so many records as the settings say, each a JSON list."""
        position = self._position(since)
        size = self._source.records_per_interchange
        yield from interchanges(stream, self._pages(position), size=size, progress=position)

    def waiting(self, since: Bookmark) -> bool:
        """Whether there is a record that was not pulled yet."""
        position = self._position(since)
        return any(position.fresh(page) if position else page for page in self._pages(position))

    def look(self) -> int:
        """Ask for the first page; how many records it has."""
        return len(next(self._pages(self._position(None))))

    def _position(self, since: Bookmark) -> Position | None:
        declared = self._source.incremental
        if declared is None:
            return None
        return Position(since, declared.field, overlap=declared.overlap, ordered=declared.ordered)

    def _pages(self, position: Position | None) -> Iterator[list[Raw]]:
        source = self._source
        declared = source.incremental
        since = None
        if declared is not None and position is not None:
            since = declared.first if position.since is None else lowered(position.since, declared.overlap)
        turn = first(source.paging)
        seen: set[str] = set()
        number = 0
        while True:
            check_progress(seen, turn)
            if turn.url is not None:
                answer = self._requests.page(source, turn.url)
            else:
                answer = self._requests.ask(source, {"since": since}, paging=turn.params)
            number += 1
            records = records_at(answer.content, source.records, f"{source.method} {source.path}")
            yield records
            further = following(source.paging, number, answer, len(records))
            if further is None:
                return
            turn = further
