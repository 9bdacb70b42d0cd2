"""The log of commits, which alone says which files count.

``_log/00000000000000000007.json`` is commit 7: the files it adds and the next free ids. A commit is there when its file is,
whole; its number can be taken once, so of two writers at the same moment one comes too late, looks again and decides anew.
Every hundredth commit names all files of those before as well, so that a reader need not read the whole log.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from connectors.parquet.files import Files

FOLDER = "_log"
_COMPLETE_EVERY = 100


class TakenNumber(Exception):
    """Another writer was faster."""


class Commit(msgspec.Struct, kw_only=True):
    """What a commit's file says. ``files``: paths by table. ``complete``: they are all files up to here."""

    batch: str
    at: str
    files: dict[str, list[str]]
    next_ids: dict[str, int]
    complete: bool = False


class Snapshot(msgspec.Struct):
    """What counts after commit ``number`` (0: nothing yet)."""

    number: int = 0
    files: dict[str, list[str]] = {}
    next_ids: dict[str, int] = {}

    def after(self, commit: Commit) -> Snapshot:
        """What counts when the commit came."""
        files = dict(commit.files) if commit.complete else _together(self.files, commit.files)
        return Snapshot(self.number + 1, files, commit.next_ids)


class Log:
    """The log below a store's root."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._last = Snapshot()

    def snapshot(self) -> Snapshot:
        """What counts now. Reads the commits that came since the last time."""
        numbers = [int(name[:-5]) for name in self._files.names(FOLDER) if _is_commit(name)]
        newest = max(numbers, default=0)
        last = self._last
        complete = newest - newest % _COMPLETE_EVERY
        if complete > last.number:
            last = Snapshot(complete - 1)
        for commit in self._read(range(last.number + 1, newest + 1)):
            last = last.after(commit)
        self._last = last
        return last

    def commit(
        self, seen: Snapshot, batch: str, at: str, files: dict[str, list[str]], next_ids: dict[str, int]
    ) -> None:
        """Add a commit to what was seen.

        :raises TakenNumber: another commit came meanwhile; nothing of this one counts.
        :raises OSError: the store failed; ``has`` says whether the commit is there.
        """
        number = seen.number + 1
        complete = number % _COMPLETE_EVERY == 0
        entry = Commit(
            batch=batch,
            at=at,
            files=_together(seen.files, files) if complete else files,
            next_ids=next_ids,
            complete=complete,
        )
        try:
            self._files.create(_name(number), msgspec.json.encode(entry))
        except FileExistsError:
            if self.has(number, batch):
                return
            raise TakenNumber from None

    def has(self, number: int, batch: str) -> bool:
        """Whether commit ``number`` is there and is this batch's."""
        if _name(number).rpartition("/")[2] not in self._files.names(FOLDER):
            return False
        return self._read([number])[0].batch == batch

    def _read(self, numbers: Iterable[int]) -> list[Commit]:
        found = self._files.read([_name(number) for number in numbers])
        return [msgspec.json.decode(data, type=Commit) for data in found]


def _name(number: int) -> str:
    return f"{FOLDER}/{number:020}.json"


def _is_commit(name: str) -> bool:
    return name.endswith(".json") and name[:-5].isdecimal()


def _together(first: dict[str, list[str]], second: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: [*first.get(name, ()), *second.get(name, ())] for name in {**first, **second}}
