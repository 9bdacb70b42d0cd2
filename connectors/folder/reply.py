"""Answers into a folder that the partner takes them from: whole or not at all, and never over something else.

An answer is written under a temporary name that begins with a dot, synced, and renamed; then the folder is synced. A crash
before the rename leaves a file that nobody takes for an answer; ``sweep`` removes it later.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import time
from pathlib import Path

from connectors.folder.tree import open_root
from orderhub.connector import Outcome, OutcomeState
from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.transport.files import answers

log = logging.getLogger(__name__)

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
#: Errors that somebody has to mend; any other may pass by itself (a full disk, a share that is away).
_RIGHTS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG})


def write_answer(folder: Path, name: str, data: bytes, key: str, *, create: bool) -> Outcome:
    """Put an answer into the folder.

    :param create: make the folder when it is not there; for the hub's own, never for one that is mounted.
    :raises ConnectorUnavailable: the folder is not there, or cannot be written now.
    :raises ConnectorRefused: it may not be written, or the name is none of the hub's.
    """
    answers.check_name(name)
    try:
        if create:
            folder.mkdir(parents=True, exist_ok=True)
        with open_root(folder) as root:
            found = _look(root, name, len(data))
            if found is not None:
                return answers.already_there(folder, name, key, same=found == data)
            _write(root, name, data)
    except FileNotFoundError as error:
        raise ConnectorUnavailable(
            f"The folder for answers {folder} does not exist.",
            todo="Create or mount it, or correct `path` of the flow's or the partner's answers.",
        ) from error
    except OSError as error:
        what = f"The answer {name} cannot be written to {folder}: {error.strerror or error}."
        if error.errno in _RIGHTS or isinstance(error, FileExistsError):
            raise ConnectorRefused(
                what, todo="Give the hub's user the right to write there, or correct `path`."
            ) from error
        raise ConnectorUnavailable(
            what, todo="Look at the disk or the share; it is tried again at the next run."
        ) from error
    return Outcome(key=key, state=OutcomeState.WRITTEN, reference=name)


def _look(root: int, name: str, size: int) -> bytes | None:
    """What stands under the name; None when nothing does. Only a regular file is read, and no more than ``size`` + 1."""
    try:
        handle = os.open(name, _READ, dir_fd=root)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            return b""
        raise
    with os.fdopen(handle, "rb") as file:
        return file.read(size + 1) if stat.S_ISREG(os.fstat(handle).st_mode) else b""


def _write(root: int, name: str, data: bytes) -> None:
    part = answers.part_name(name)
    try:
        # the umask decides who may read it: the partner's user must
        with os.fdopen(os.open(part, _CREATE, 0o666, dir_fd=root), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(part, name, src_dir_fd=root, dst_dir_fd=root)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(part, dir_fd=root)
        raise
    os.fsync(root)


def sweep(folder: Path) -> None:
    """Remove what crashes left of answers that were being written, when it is older than an hour."""
    before = time.time() - answers.LEFT_FOR
    try:
        with open_root(folder) as root, os.scandir(root) as listing:
            for entry in listing:
                if answers.is_part(entry.name) and entry.stat(follow_symlinks=False).st_mtime < before:
                    os.unlink(entry.name, dir_fd=root)
    except OSError as error:
        # only tidying up: what hinders an answer is told when one is written
        log.info("left-overs in %s were not removed: %s", folder, error.strerror)
