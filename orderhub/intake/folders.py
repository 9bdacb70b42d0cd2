"""What lies in a watched folder, and whether that is a reason to wake its flow."""

from __future__ import annotations

import fnmatch
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from orderhub.connector import Watch

log = logging.getLogger(__name__)

#: Files that stay in a folder although a run was started for them (incomplete, locked, left by a run that failed) are
#: a reason again after this many seconds, then after twice as many.
FIRST_REMINDER = 10.0
LONGEST_REMINDER = 600.0
#: More entries than this are not told apart; the folder then counts as changed at every look.
MOST_ENTRIES = 50_000


class News(Enum):
    """``ARRIVED``: something the flow was not woken for. ``LEFT``: nothing new, but something still lies there."""

    NONE = auto()
    ARRIVED = auto()
    LEFT = auto()


#: Path below the folder, size, time of change, inode.
Entry = tuple[str, int, int, int]


@dataclass(slots=True)
class WatchedFolder:
    """One folder of one flow. ``news`` says whether the flow is to be woken, and remembers what it was woken for."""

    flow: str
    path: Path
    watch: Watch
    clock: Callable[[], float] = time.monotonic
    known: frozenset[Entry] = frozenset()
    remind_at: float = field(default=0.0)
    reminder: float = field(default=FIRST_REMINDER)

    def news(self) -> News:
        """What the flow is to be woken for, if anything; what was told once is told again only after a while."""
        entries = self._entries()
        fresh = entries - self.known
        self.known = entries
        if fresh:
            self.reminder = FIRST_REMINDER
            self.remind_at = self.clock() + self.reminder
            return News.ARRIVED
        if not entries or not self.watch.empties or self.clock() < self.remind_at:
            return News.NONE
        self.reminder = min(self.reminder * 2, LONGEST_REMINDER)
        self.remind_at = self.clock() + self.reminder
        return News.LEFT

    def concerns(self, changed: Path) -> bool:
        """Whether a change at this path can be an arrival here."""
        try:
            parts = changed.relative_to(self.path).parts
        except ValueError:
            return False
        if not parts or (len(parts) > 1 and not self.watch.recursive):
            return False
        return not any(self._ignored(part) for part in parts)

    def _ignored(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.watch.ignore)

    def _entries(self) -> frozenset[Entry]:
        found: set[Entry] = set()
        try:
            for entry in self._walk(self.path):
                found.add(entry)
                if len(found) >= MOST_ENTRIES:
                    log.warning("more than %d entries in %s", MOST_ENTRIES, self.path)
                    break
        except FileNotFoundError:
            log.debug("%s does not exist", self.path)
        except OSError as error:
            log.warning("cannot look into %s: %s", self.path, error.strerror)
        return frozenset(found)

    def _walk(self, folder: Path) -> Iterator[Entry]:
        with os.scandir(folder) as listing:
            for entry in listing:
                if self._ignored(entry.name):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue  # taken away between listing and looking
                if stat.S_ISDIR(status.st_mode) and self.watch.recursive:
                    yield from self._walk(Path(entry.path))
                    continue
                name = os.path.relpath(entry.path, self.path)
                yield name, status.st_size, status.st_mtime_ns, status.st_ino
