"""What becomes of a file on a server once the ledger has it. Every step may be done again after a crash.

A server tells a file by name, size and time, often in whole seconds. So somebody may put another file under the name, of the same
size, in the same second, between reading and moving. A file that was young when it was read is therefore read again after
it was moved (where nobody writes to it any more), and put back when it is another one.
"""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from orderhub.connector import Settlement
from orderhub.transport.files.arrivals import entry_of
from orderhub.transport.files.names import decoded, distinct, shown
from orderhub.transport.files.settings import FileSettings
from orderhub.transport.files.store import Entry, FileStore, Kind

log = logging.getLogger(__name__)

#: Names that begin so are files on their way out.
CLAIMED = ".orderhub-taken-"
#: A file is young for so long after its last change; clocks may differ by as much.
_YOUNG_NS = 120 * 10**9
#: Names tried for a moved file before giving up.
_ATTEMPTS = 100


class Settler:
    """Settles files of one folder."""

    def __init__(self, store: FileStore, settings: FileSettings) -> None:
        self.store = store
        self.settings = settings
        self._real: set[str] = set()

    def settle(self, handle: Mapping[str, Any], settlement: Settlement) -> None:
        """Move or delete the file of a handle, then its markers.

        :raises OSError: it cannot be moved.
        """
        name = decoded(handle["name"])
        expected = entry_of(handle, name)
        if self.settings.after == "delete" and handle["sha256"]:
            self._delete(expected, handle["sha256"])
        else:
            kind = self.settings.processed if settlement is Settlement.ACCEPTED else self.settings.refused
            self._move(expected, handle["sha256"], (kind, dt.datetime.now(dt.UTC).date().isoformat()))
        self._remove_markers(
            name,
            {
                decoded(marker): [decoded(other) for other in others]
                for marker, others in handle["markers"].items()
            },
        )

    def _move(self, what: Entry, sha256: str, target: tuple[str, ...]) -> None:
        if not self._is_there(what):
            return
        self._check_real(target[0])
        mark = f"{what.modified_ns // 10**9:x}-{sha256[:8] or 'x'}"
        names = (what.name, *(distinct(what.name, _numbered(mark, n)) for n in range(_ATTEMPTS)))
        moved = self._rename(what.name, ((*target, name) for name in names), folders=target)
        if moved is not None and not self._is_same(what, sha256, moved):
            self._give_back(what.name, moved)

    def _check_real(self, folder: str) -> None:
        """:raises NotADirectoryError: what files are moved to is a link or no folder."""
        if folder in self._real:
            return
        found = self.store.look((folder,))
        if found is not None:
            if found.kind is not Kind.FOLDER:
                raise NotADirectoryError(errno.ENOTDIR, f"{folder} is not a real folder")
            self._real.add(folder)

    def _delete(self, what: Entry, sha256: str) -> None:
        """Claim it under a name of its own first: what is removed must be what was read."""
        digest = hashlib.blake2b(
            f"{what.name}|{what.size}|{what.modified_ns}|{sha256}".encode("utf-8", "surrogateescape"),
            digest_size=8,
        ).hexdigest()
        claimed = (f"{CLAIMED}{digest}.part",)
        there = self.store.look(claimed) is not None or (
            self._is_there(what) and self._rename(what.name, [claimed], folders=()) is not None
        )
        if not there:
            return
        if self._is_same(what, sha256, claimed):
            self.store.remove(claimed)
        else:
            self._give_back(what.name, claimed)

    def _is_there(self, what: Entry) -> bool:
        current = self.store.look((what.name,))
        return current is not None and current.same_content(what)

    def _rename(
        self, name: str, targets: Iterable[tuple[str, ...]], *, folders: tuple[str, ...]
    ) -> tuple[str, ...] | None:
        """Rename to the first name that is free; None when the file is gone."""
        made = not folders
        for target in targets:
            while True:
                try:
                    self.store.rename((name,), target)
                except FileExistsError:
                    break
                except FileNotFoundError:
                    if made or self.store.look((name,)) is None:
                        return None
                    for depth in range(len(folders)):
                        self.store.make_folder(folders[: depth + 1])
                    made = True
                else:
                    return target
        raise FileExistsError(errno.EEXIST, "no free name is left for it")

    def _is_same(self, what: Entry, sha256: str, moved: tuple[str, ...]) -> bool:
        """Whether the file under its new name is the one that was read."""
        if not sha256 or time.time_ns() - what.modified_ns > _YOUNG_NS:
            found = self.store.look(moved)
            return found is None or found.same_content(what)
        [content] = self.store.contents([msgspec.structs.replace(what, name=moved[-1])], below=moved[:-1])
        if isinstance(content.error, FileNotFoundError):
            return True  # somebody cleans up fast
        return content.error is None and hashlib.sha256(content.data).hexdigest() == sha256

    def _give_back(self, name: str, moved: tuple[str, ...]) -> None:
        """Somebody put another file under the name between the look and the move: it goes back, to be pulled as itself."""
        log.info("%s was replaced meanwhile and is put back", shown(name))
        for number in range(_ATTEMPTS):
            candidate = name if number == 0 else distinct(name, _numbered("again", number - 1))
            try:
                self.store.rename(moved, (candidate,))
            except FileExistsError:
                continue
            return

    def _remove_markers(self, name: str, markers: Mapping[str, list[str]]) -> None:
        """Take away the markers of a file that is no longer there, unless another file still needs one."""
        if not markers or self.store.look((name,)) is not None:
            return
        for marker, others in markers.items():
            if any(self.store.look((other,)) is not None for other in others):
                continue
            try:
                self.store.remove((marker,))
            except FileNotFoundError:
                continue


def _numbered(mark: str, number: int) -> str:
    return mark if number == 0 else f"{mark}-{number + 1}"
