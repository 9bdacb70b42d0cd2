"""Which files of a folder were given before, where files are left in place, in a bookmark of constant size.

Times do not tell: a sender may keep the old time of a file, and servers do not say when a file came to be there. So the files
that were given fall into 256 classes by a hash of name, size and time, and of each class the bookmark keeps the exclusive or
of the hashes. A class whose files have the same value has nothing new. Otherwise new files are told exactly when they are the
newest of their class or a single one; failing that (somebody removed old files) the class is given again, which the hub's
ledger knows by the arrivals.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable

from orderhub.connector import Bookmark
from orderhub.transport.files.store import Entry

_CLASSES = 256
_WIDTH = 8


class KnownFiles:
    """The files that were given; made from a bookmark and made into one."""

    def __init__(self, bookmark: Bookmark) -> None:
        self._given = [0] * _CLASSES
        try:
            kept = base64.b64decode(str((bookmark or {}).get("given", "")), validate=True)
        except binascii.Error:
            kept = b""
        if len(kept) == _CLASSES * _WIDTH:
            self._given = [
                int.from_bytes(kept[index : index + _WIDTH]) for index in range(0, len(kept), _WIDTH)
            ]

    def bookmark(self) -> Bookmark:
        """About 2.7 KB of JSON, however many files there are."""
        return {"given": base64.b64encode(b"".join(value.to_bytes(_WIDTH) for value in self._given)).decode()}

    def add(self, entry: Entry) -> None:
        """It was given."""
        value = _hash(entry)
        self._given[value % _CLASSES] ^= value

    def new(self, entries: Iterable[Entry]) -> list[Entry]:
        """Those that were not given, as far as can be told; a class that cannot be told begins anew."""
        classes: dict[int, list[tuple[int, Entry]]] = {}
        for entry in entries:
            value = _hash(entry)
            classes.setdefault(value % _CLASSES, []).append((value, entry))
        found: list[Entry] = []
        for index, members in classes.items():
            wanted = self._given[index]
            for value, _ in members:
                wanted ^= value
            if wanted == 0:
                continue
            told = _told(members, wanted)
            if told is None:
                self._given[index] = 0
                told = [entry for _, entry in members]
            found += told
        return found


def _told(members: list[tuple[int, Entry]], wanted: int) -> list[Entry] | None:
    """The newest ones, or the single one, whose hashes make the value."""
    members.sort(key=lambda member: (member[1].modified_ns, member[1].name), reverse=True)
    value = 0
    for index, (one, _) in enumerate(members):
        value ^= one
        if value == wanted:
            return [entry for _, entry in members[: index + 1]]
    for one, entry in members:
        if one == wanted:
            return [entry]
    return None


def _hash(entry: Entry) -> int:
    text = f"{entry.size}|{entry.modified_ns}|{entry.unique}|{entry.name}"
    return int.from_bytes(
        hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=_WIDTH).digest()
    )
