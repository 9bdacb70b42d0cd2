"""How far a pull is: up to which change, and which records within the overlap before it were given out.

A transaction of Tryton writes the moment at which it began, and may end after others that began later. So a pull asks again
for an overlap before the latest change that it gave out, and leaves out what it has given out: nothing is lost, also when
records share a moment, and nothing comes twice. A thing changes in several rows, so each of its changes counts: one
that turns up late lies before another that was given out already.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator

import msgspec

from orderhub.connector import Bookmark
from orderhub.transport.records import Raw

#: Moments of one thing that are kept without a look at how old they are.
_FEW = 16


class Mark(msgspec.Struct, frozen=True):
    """What tells a record: which change of which thing it shows. Of a thing that gives several records, ``part`` counts
    them; the thing is given out with the last of its ``parts``."""

    id: int
    changed_at: str
    part: int = 1
    parts: int = 1


class Changes(dict[int, set[str]]):
    """Things by id, each with the moments of its changes.

    :param overlap: seconds before a thing's latest change; those before are never asked for again, and not kept.
    """

    def __init__(self, overlap: float) -> None:
        super().__init__()
        self._overlap = dt.timedelta(seconds=overlap)

    def note(self, number: int, moment: str) -> None:
        """A change of a thing."""
        moments = self.setdefault(number, set())
        moments.add(moment)
        count = len(moments)
        if count > _FEW and not count & (count - 1):
            floor = moment_text(dt.datetime.fromisoformat(max(moments)) - self._overlap)
            moments -= {one for one in moments if one < floor}


class Progress:
    """Progress of one pull, whose records come ordered by moment and id.

    :param since: the bookmark where it goes on.
    :param overlap: seconds before the latest change in which an older one may still turn up.
    """

    def __init__(self, since: Bookmark, overlap: float) -> None:
        kept = since or {}
        self._overlap = dt.timedelta(seconds=overlap)
        self._latest: str | None = kept.get("latest")
        self._given: dict[str, set[int]] = {
            moment: set(_numbers(ranges)) for moment, ranges in kept.get("given", {}).items()
        }
        #: Moments of the changes of what is read and not given out yet.
        self._read: dict[int, Collection[str]] = {}

    @property
    def floor(self) -> dt.datetime | None:
        """From which moment on changes are asked for; None for everything."""
        return dt.datetime.fromisoformat(self._latest) - self._overlap if self._latest else None

    def knows(self, number: int, moments: Iterable[str]) -> bool:
        """Whether all these changes of this thing were given out."""
        return all(number in self._given.get(moment, ()) for moment in moments)

    def read(self, number: int, moments: Collection[str]) -> None:
        """The records of this thing, which come now, show these changes."""
        self._read[number] = moments

    def fresh(self, records: list[Raw]) -> list[Raw]:
        """All of them: what is known is not even read."""
        return records

    def passed(self, records: list[Raw]) -> None:
        """These records are given out."""
        for record in records:
            mark = msgspec.json.decode(record, type=Mark)
            if mark.part == mark.parts:
                for moment in {mark.changed_at, *self._read.pop(mark.id, ())}:
                    self._given.setdefault(moment, set()).add(mark.id)
                self._latest = max(self._latest or mark.changed_at, mark.changed_at)

    def finish(self) -> None:
        """Nothing is left to do: the records came in order."""

    def bookmark(self) -> Bookmark:
        """As plain JSON: the latest moment, and the ids given out by moment, as ranges."""
        if self._latest is None or self.floor is None:
            return None
        floor = moment_text(self.floor)
        self._given = {moment: ids for moment, ids in self._given.items() if moment >= floor}
        given = {moment: list(_ranges(ids)) for moment, ids in self._given.items()}
        return {"latest": self._latest, "given": given}


def moment_text(moment: dt.datetime) -> str:
    """A moment as text that sorts as moments do."""
    return moment.isoformat(timespec="microseconds")


def _numbers(ranges: Iterable[tuple[int, int]]) -> Iterator[int]:
    for first, last in ranges:
        yield from range(first, last + 1)


def _ranges(numbers: Iterable[int]) -> Iterator[list[int]]:
    current: list[int] = []
    for number in sorted(numbers):
        if current and number == current[1] + 1:
            current[1] = number
            continue
        if current:
            yield current
        current = [number, number]
    if current:
        yield current
