"""Looking into and moving within a folder that strangers write into.

Every step is taken from an open folder (``dir_fd``), a symbolic link is never followed, and only what was seen to be a
regular file is opened, without blocking. So a name, a link or a pipe that somebody swaps in between two steps leads
nowhere else.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from orderhub.transport.files.names import distinct, shown

log = logging.getLogger(__name__)

#: A folder below this depth is not looked into.
MAX_DEPTH = 32
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
#: Names tried for a moved file before giving up.
_ATTEMPTS = 1000


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a folder as it was seen: which thing (``device``, ``inode``), and in which state."""

    folders: tuple[str, ...]
    name: str
    mode: int
    size: int
    modified_ns: int
    changed_ns: int
    device: int
    inode: int

    @property
    def label(self) -> str:
        """What it is sorted by."""
        return self.name

    @property
    def regular(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def folder(self) -> bool:
        return stat.S_ISDIR(self.mode)

    def same_state(self, other: Seen) -> bool:
        """Whether nothing was written, replaced or renamed between the two looks."""
        return (
            self.same_content(other.size, other.modified_ns, other.inode)
            and self.changed_ns == other.changed_ns
            and self.mode == other.mode
        )

    def same_content(self, size: int, modified_ns: int, inode: int) -> bool:
        """Whether it is the thing that had this size, modification time and inode."""
        return (self.size, self.modified_ns, self.inode) == (size, modified_ns, inode)


def seen(folders: tuple[str, ...], name: str, status: os.stat_result) -> Seen:
    """The look at an entry that a ``stat`` gave."""
    return Seen(
        folders=folders,
        name=name,
        mode=status.st_mode,
        size=status.st_size,
        modified_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
        device=status.st_dev,
        inode=status.st_ino,
    )


@contextlib.contextmanager
def open_root(path: Path) -> Iterator[int]:
    """The watched folder itself, which may be reached by a symbolic link: its path is the engineer's, not a stranger's.

    :raises OSError: when it is not there, not a folder, or not allowed.
    """
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def open_below(root: int, folders: tuple[str, ...]) -> Iterator[int]:
    """A folder below an open one, step by step, through no link.

    :raises OSError: when a step is missing or is not a real folder.
    """
    handle = os.dup(root)
    try:
        for name in folders:
            below = os.open(name, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def look(parent: int, folders: tuple[str, ...], name: str) -> Seen | None:
    """One look at one entry, without following it; None when it is gone."""
    try:
        return seen(folders, name, os.stat(name, dir_fd=parent, follow_symlinks=False))
    except FileNotFoundError:
        return None


def entries(root: int, *, recursive: bool, skip: frozenset[str]) -> Iterator[Seen]:
    """Everything in the folder, and below it when asked. ``skip`` are names right in the folder that are the hub's own.

    A folder below that cannot be opened is given as what it is, and not looked into.
    """
    yield from _entries(root, (), recursive=recursive, skip=skip)


def _entries(root: int, folders: tuple[str, ...], *, recursive: bool, skip: frozenset[str]) -> Iterator[Seen]:
    below: list[str] = []
    with open_below(root, folders) as here, os.scandir(here) as listing:
        for entry in listing:
            if entry.name in skip:
                continue
            found = look(here, folders, entry.name)
            if found is None:
                continue
            yield found
            if recursive and found.folder and len(folders) < MAX_DEPTH:
                below.append(entry.name)
    for name in sorted(below):
        try:
            yield from _entries(root, (*folders, name), recursive=True, skip=frozenset())
        except (FileNotFoundError, NotADirectoryError):
            continue  # gone, or swapped for a link, since it was listed
        except PermissionError:
            log.warning("the folder %s may not be read", shown("/".join((*folders, name))))


class NotRegular(Exception):
    """What stands under the name is not, or no longer, the regular file that was seen."""


def read(parent: int, expected: Seen, *, limit: int) -> tuple[bytes, Seen]:
    """The bytes of a file and its state after they were read. At most ``limit`` + 1 bytes are read.

    :raises NotRegular: when another thing stands there now.
    :raises OSError: when it is gone, not allowed or not readable.
    """
    try:
        handle = os.open(expected.name, _FILE, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EMLINK):
            raise NotRegular(expected.name) from error
        raise
    try:
        before = seen(expected.folders, expected.name, os.fstat(handle))
        if not before.regular or before.inode != expected.inode or before.device != expected.device:
            raise NotRegular(expected.name)
        chunks: list[bytes] = []
        wanted = limit + 1
        while wanted > 0 and (chunk := os.read(handle, min(wanted, 1 << 20))):
            chunks.append(chunk)
            wanted -= len(chunk)
        return b"".join(chunks), seen(expected.folders, expected.name, os.fstat(handle))
    finally:
        os.close(handle)


def make_folders(root: int, folders: tuple[str, ...]) -> None:
    """Make folders below an open one; those that are there already are left alone.

    :raises OSError: when one of the names is taken by something that is not a real folder.
    """
    for depth, name in enumerate(folders):
        with open_below(root, folders[:depth]) as parent:
            try:
                os.mkdir(name, 0o750, dir_fd=parent)
            except FileExistsError:
                continue
            os.fsync(parent)


def move(root: int, what: Seen, target: tuple[str, ...], *, mark: str) -> bool:
    """Move an entry into a folder below the root, over nothing that is there, and write both folders to disk.

    :param mark: goes into the name when the plain name is taken.
    :return: False when the entry was gone or replaced meanwhile; then nothing was moved.
    :raises OSError: when the move is not possible (rights, another file system).
    """
    make_folders(root, target)
    with open_below(root, what.folders) as source, open_below(root, target) as goal:
        current = look(source, what.folders, what.name)
        if current is None or not current.same_content(what.size, what.modified_ns, what.inode):
            return False
        name = _reserve(goal, what.name, mark, folder=what.folder)
        try:
            os.rename(what.name, name, src_dir_fd=source, dst_dir_fd=goal)
        except OSError as error:
            _release(goal, name, folder=what.folder)
            if isinstance(error, FileNotFoundError):
                return False
            raise
        moved = look(goal, target, name)
        if moved is not None and moved.inode != what.inode:
            _give_back(source, what.name, goal, name)
            return False
        os.fsync(goal)
        os.fsync(source)
    return True


def delete(root: int, what: Seen, *, claimed: str) -> bool:
    """Delete a file that is still the one that was seen. It gets a name of its own first, so that nothing is deleted that
    somebody put under its name meanwhile; a crash in between leaves that name, and the next call deletes it.

    :param claimed: the name of its own, the same at every call for one thing.
    :return: False when the file was gone or replaced meanwhile.
    :raises OSError: when it is not possible (rights).
    """
    with open_below(root, what.folders) as parent:
        found = look(parent, what.folders, claimed)
        if found is None:
            current = look(parent, what.folders, what.name)
            if current is None or not current.same_content(what.size, what.modified_ns, what.inode):
                return False
            try:
                os.rename(what.name, claimed, src_dir_fd=parent, dst_dir_fd=parent)
            except FileNotFoundError:
                return False
            found = look(parent, what.folders, claimed)
        if found is not None and found.inode != what.inode:
            _give_back(parent, what.name, parent, claimed)
            return False
        os.unlink(claimed, dir_fd=parent)
        os.fsync(parent)
    return True


def _reserve(goal: int, name: str, mark: str, *, folder: bool) -> str:
    """Take a free name by creating an empty entry under it, so that a rename replaces only that."""
    for attempt in range(_ATTEMPTS):
        candidate = name if attempt == 0 else distinct(name, mark if attempt == 1 else f"{mark}-{attempt}")
        try:
            if folder:
                os.mkdir(candidate, 0o750, dir_fd=goal)
            else:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                os.close(os.open(candidate, flags, 0o640, dir_fd=goal))
        except FileExistsError:
            continue
        return candidate
    raise FileExistsError(errno.EEXIST, "no free name is left for a moved file", name)


def _release(goal: int, name: str, *, folder: bool) -> None:
    with contextlib.suppress(FileNotFoundError):
        if folder:
            os.rmdir(name, dir_fd=goal)
        else:
            os.unlink(name, dir_fd=goal)


def _give_back(source: int, name: str, goal: int, taken: str) -> None:
    """Somebody put a new file under the name between the look and the move: it goes back, to be pulled as itself."""
    for candidate in (name, distinct(name, "again")):
        try:
            os.link(taken, candidate, src_dir_fd=goal, dst_dir_fd=source, follow_symlinks=False)
        except FileExistsError:
            continue
        os.unlink(taken, dir_fd=goal)
        os.fsync(source)
        return
