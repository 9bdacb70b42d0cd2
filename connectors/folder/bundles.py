"""Files of a folder that belong together: which of them make one bundle, and what is still missing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from connectors.folder.tree import Seen


class Gathered(msgspec.Struct, frozen=True):
    """The files of one bundle. ``text`` is what ``*`` of the patterns stands for in their names, empty where the members
    have plain names; ``missing`` are the names still to come."""

    folders: tuple[str, ...]
    text: str
    members: tuple[Seen, ...]
    missing: tuple[str, ...]

    @property
    def changed_ns(self) -> int:
        """When the last of them came to be there."""
        return max(member.changed_ns for member in self.members)

    @property
    def modified_ns(self) -> int:
        return max(member.modified_ns for member in self.members)

    @property
    def label(self) -> str:
        """What it is sorted by."""
        return self.text

    def name(self, folder: str) -> str:
        """What the bundle is called: the folder's name, and what tells it from others there."""
        stem = self.folders[-1] if self.folders else folder
        return f"{stem}_{self.text}.zip" if self.text else f"{stem}.zip"


def member_text(name: str, pattern: str) -> str | None:
    """What ``*`` of the pattern stands for in the name; empty for a plain name that is this one; None when it is no such
    file."""
    before, star, after = pattern.partition("*")
    if not star:
        return "" if name == pattern else None
    long_enough = len(name) > len(before) + len(after)
    if not long_enough or not name.startswith(before) or not name.endswith(after):
        return None
    return name[len(before) : len(name) - len(after)]


def gather(found: Iterable[tuple[int, Seen]], patterns: Sequence[str]) -> Iterator[tuple[int, Gathered]]:
    """Group files by folder and by what ``*`` stands for; each with the moment at which its last file came.

    A file that fits two patterns is the member of the first.
    """
    groups: dict[tuple[tuple[str, ...], str], dict[str, tuple[int, Seen]]] = {}
    for moment, entry in found:
        for pattern in patterns:
            text = member_text(entry.name, pattern)
            if text is not None:
                groups.setdefault((entry.folders, text), {})[pattern] = (moment, entry)
                break
    for (folders, text), members in groups.items():
        missing = tuple(pattern.replace("*", text) for pattern in patterns if pattern not in members)
        files = tuple(entry for _, entry in sorted(members.values(), key=lambda member: member[1].name))
        yield max(moment for moment, _ in members.values()), Gathered(folders, text, files, missing)


def arrival_of(arrivals: Iterable[str]) -> str:
    """One arrival for those of all members: any of them sent again is another arrival of the bundle."""
    digest = hashlib.sha256("\n".join(sorted(arrivals)).encode("ascii")).hexdigest()
    return f"bundle|{digest}"
