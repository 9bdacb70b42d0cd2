"""The ways to tell new documents from old ones: by watermark, by keys, by an outbox."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.sql.bookmarks import KnownKeys, Window
from connectors.sql.chosen import Chosen
from connectors.sql.reading import Block, Position, Reader
from connectors.sql.settings import ByKeys, ByWatermark
from connectors.sql.values import TIMES, fitted, given_value, tagged
from orderhub.connector import Bookmark
from orderhub.errors import ConnectorError

#: A watermark in the future would hide everything that comes before it; clocks and zones differ by less than this.
_FUTURE = dt.timedelta(days=1)
_KEYS_AT_ONCE = 50_000
#: Bound values of one statement; SQL Server takes 2100.
_MOST_VALUES = 1_000


@dataclass(frozen=True)
class Page:
    """Documents of one interchange. ``data`` is a JSON array of them."""

    positions: Sequence[Position]
    data: bytes
    bookmark: Bookmark
    handle: dict[str, Any] = field(default_factory=dict)


def _slices(block: Block, size: int) -> Iterator[tuple[Sequence[Position], bytes]]:
    ends = [*block.cuts, len(block.positions)]
    start = 0
    for end in ends:
        while start < end:
            stop = min(start + size, end)
            yield block.positions[start:stop], block.documents().array(start, stop)
            start = stop


def _read_ahead(blocks: Iterator[Block], may: Callable[[], bool] = lambda: True) -> Iterator[Block]:
    """Each block when the next one was read, so that its texts are made meanwhile; where that ``may`` be.

    What was read before the database went away is given first: a pull gets further by it.
    """
    before: Block | None = None
    try:
        for block in blocks:
            if before is not None:
                yield before
            before = block
            if not may():
                yield before
                before = None
    except ConnectorError:
        if before is not None:
            yield before
        raise
    if before is not None:
        yield before


class WatermarkWay:
    """Everything behind the last watermark, and what came late within the overlap before it."""

    def __init__(self, reader: Reader, read: ByWatermark) -> None:
        self._reader, self._read = reader, read

    def pages(self, since: Bookmark) -> Iterator[Page]:
        window = self._window(since)
        # what may have been given before is told by all that was given: no reading ahead of that
        for block in _read_ahead(self._blocks(window), lambda: not window.looks_back):
            for positions, data in _slices(block, self._reader.settings.documents_per_interchange):
                window.take(positions)
                yield Page(positions, data, window.dump())

    def _blocks(self, window: Window) -> Iterator[Block]:
        floor = window.floor
        after = window.position if not self._read.overlap else None
        while True:
            limit = self._reader.documents_per_block
            chosen = Chosen(after=after, floor=after[0] if after else floor, ceiling=self._ceiling())
            block = self._reader.read(chosen, limit, window.keep_seen if window.looks_back else None)
            yield block
            if block.found < limit:
                return
            after = block.last

    def waits(self, since: Bookmark) -> bool:
        window = self._window(since)
        if window.position is None:
            return bool(self._reader.positions(Chosen(ceiling=self._ceiling()), 1))
        if not self._read.overlap or window.partial:
            at = window.position
            return bool(self._reader.positions(Chosen(after=at, floor=at[0], ceiling=self._ceiling()), 1))
        after = None
        while True:
            found = self._reader.positions(
                Chosen(after=after, floor=window.floor, ceiling=self._ceiling()), _KEYS_AT_ONCE
            )
            if any(window.unseen(found)):
                return True
            if len(found) < _KEYS_AT_ONCE:
                return False
            after = found[-1]

    def _window(self, since: Bookmark) -> Window:
        return Window(
            self._read.overlap, since if since is not None and since.get("by") == "watermark" else None
        )

    def _ceiling(self) -> Any:
        kind = self._reader.statements.position_kinds[0]
        return fitted(dt.datetime.now(dt.UTC) + _FUTURE, kind) if kind in TIMES else None


class KeysWay:
    """Every key that was not read yet."""

    def __init__(self, reader: Reader, read: ByKeys) -> None:
        self._reader, self._read = reader, read

    def pages(self, since: Bookmark) -> Iterator[Page]:
        known = KnownKeys(since)
        size = self._at_once()
        wanted: list[Position] = []
        for key in self._keys():
            if key not in known:
                wanted.append(key)
            if len(wanted) == size:
                yield from self._read_these(wanted, known)
                wanted = []
        if wanted:
            yield from self._read_these(wanted, known)

    def waits(self, since: Bookmark) -> bool:
        known = KnownKeys(since)
        if self._read.keys is not None:
            unknown = [key for key in self._keys() if key not in known]
            size = self._at_once()
            return any(
                self._reader.positions(Chosen(among=tuple(unknown[at : at + size])), 1)
                for at in range(0, len(unknown), size)
            )
        return any(key not in known for key in self._keys())

    def _read_these(self, wanted: list[Position], known: KnownKeys) -> Iterator[Page]:
        block = self._reader.read(Chosen(among=tuple(wanted)), None)
        for positions, data in _slices(block, self._reader.settings.documents_per_interchange):
            for one in positions:
                known.add(one)
            yield Page(positions, data, known.dump())

    def _at_once(self) -> int:
        most = _MOST_VALUES // len(self._reader.settings.key)
        return max(1, min(self._reader.settings.documents_per_interchange, most))

    def _keys(self) -> Iterator[Position]:
        kinds = self._reader.statements.position_kinds
        if self._read.keys is not None:
            for given in self._read.keys:
                key = given if isinstance(given, tuple) else (given,)
                yield tuple(
                    given_value(value, kind, name)
                    for value, kind, name in zip(key, kinds, self._reader.settings.key, strict=True)
                )
            return
        after: Position | None = None
        while True:
            found = self._reader.positions(Chosen(after=after), _KEYS_AT_ONCE)
            yield from found
            if len(found) < _KEYS_AT_ONCE:
                return
            after = found[-1]


class OutboxWay:
    """Every row of the outbox that is not marked; the outbox itself is the bookmark."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def pages(self, since: Bookmark) -> Iterator[Page]:
        for block in _read_ahead(self._blocks()):
            for positions, data in _slices(block, self._reader.settings.documents_per_interchange):
                rows = [[tagged(value) for value in one] for one in positions]
                yield Page(positions, data, None, {"rows": rows})

    def _blocks(self) -> Iterator[Block]:
        after: Position | None = None
        while True:
            limit = self._reader.documents_per_block
            block = self._reader.read(Chosen(after=after), limit)
            yield block
            if block.found < limit:
                return
            after = block.last

    def waits(self, since: Bookmark) -> bool:
        return bool(self._reader.positions(Chosen(), 1))
