"""Records that come page by page, given out as interchanges of another size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import msgspec

from orderhub.connector import Bookmark, Interchange
from orderhub.transport.records import Raw, array, digest


class Progress(Protocol):
    """How far a pull is; ``orderhub.transport.bookmarks.Position`` is one."""

    def fresh(self, records: list[Raw]) -> list[Raw]:
        """The records that were not given out before."""

    def passed(self, records: list[Raw]) -> None:
        """These records are given out."""

    def finish(self) -> None:
        """All that there was is given out."""

    def bookmark(self) -> Bookmark:
        """Where a later pull goes on."""


def interchanges(
    stream: str, pages: Iterable[list[Raw]], *, size: int, progress: Progress | None
) -> Iterator[Interchange]:
    """Interchanges of ``size`` records (the last may have fewer), each a JSON list.

    The last one is held back until it is known to be the last: only then may the bookmark go to the end, where the other
    side gives no order.
    """
    pending: list[Raw] = []
    held: Interchange | None = None
    for page in pages:
        pending += progress.fresh(page) if progress is not None else page
        while len(pending) >= size:
            batch, pending = pending[:size], pending[size:]
            if held is not None:
                yield held
            held = _interchange(stream, batch, progress)
    if pending:
        if held is not None:
            yield held
        held = _interchange(stream, pending, progress)
    if held is None:
        return
    if progress is not None:
        progress.finish()
        held = msgspec.structs.replace(held, bookmark=progress.bookmark())
    yield held


def _interchange(stream: str, batch: list[Raw], progress: Progress | None) -> Interchange:
    if progress is not None:
        progress.passed(batch)
    arrival = digest(batch)
    return Interchange(
        name=f"{stream}-{arrival[:8]}.json",
        arrival=arrival,
        data=array(batch),
        bookmark=progress.bookmark() if progress is not None else None,
        media_type="application/json",
        attributes={"records": str(len(batch))},
    )
