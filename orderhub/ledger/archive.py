"""The archive of originals: content-addressed, encrypted, on any fsspec folder.

An original lies at ``ab/cd/<SHA-256 of the plain bytes>``; its key in the ledger is that hash. It is written under a
temporary name, synced, renamed, and the folder synced, before the ledger hears of it. Files that the ledger does not know
are swept after an hour.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar, NoReturn
from urllib.parse import urlsplit
from urllib.request import url2pathname

import fsspec
import msgspec
from fsspec.implementations.local import LocalFileSystem

from orderhub.errors import ArchiveError
from orderhub.security.keys import KeyRing
from orderhub.security.sealing import BrokenSeal, UnknownKey, seal, unseal

_KEY = re.compile(r"[0-9a-f]{64}")
_INCOMING = "incoming"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ArchiveFull(ArchiveError):
    """There is no room for another original."""

    code: ClassVar[str] = "ARCHIVE_FULL"
    retryable: ClassVar[bool] = True


class ArchiveMissing(ArchiveError):
    """An original that the ledger knows is not there."""

    code: ClassVar[str] = "ARCHIVE_MISSING"


class ArchiveTampered(ArchiveError):
    """An original is not what was stored."""

    code: ClassVar[str] = "ARCHIVE_TAMPERED"


class ArchiveKeyMissing(ArchiveError):
    """An original was sealed with a key that the settings no longer have."""

    code: ClassVar[str] = "ARCHIVE_KEY_MISSING"


class ArchiveUnavailable(ArchiveError):
    """The folder cannot be reached, read or written."""

    code: ClassVar[str] = "ARCHIVE_UNAVAILABLE"
    retryable: ClassVar[bool] = True


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """``key`` is what the ledger keeps; ``sha256`` (hex) and ``size`` (bytes) are of the plain bytes; ``existed`` when they
    were there before."""

    key: str
    sha256: str
    size: int
    existed: bool


class Archive:
    """``url`` is a folder path or an fsspec URL (its options after ``?`` are not read; give ``options``). The
    constructor does no I/O.

    :param filesystem: an fsspec file system to use instead of the one that the URL names.
    """

    def __init__(self, url: str, keys: KeyRing, *, filesystem: Any = None, **options: Any) -> None:
        if filesystem is None:
            if url.startswith("file:"):
                # fsspec does not undo the escapes of a file URL
                url = url2pathname(urlsplit(url).path)
            filesystem, path = fsspec.core.url_to_fs(url, **options)
        else:
            path = url
        self._fs = filesystem
        self._root = str(path).rstrip("/")
        self._keys = keys
        self._local = isinstance(filesystem, LocalFileSystem)

    def __repr__(self) -> str:
        return f"Archive({self._root!r})"

    def store(self, data: bytes | Iterable[bytes]) -> Stored:
        """Write and sync; when this returns the bytes survive a crash. Raises ``ArchiveFull``, ``ArchiveUnavailable``."""
        digest, size = hashlib.sha256(), 0

        def parts() -> Iterator[bytes]:
            nonlocal size
            for part in (data,) if isinstance(data, bytes) else data:
                digest.update(part)
                size += len(part)
                yield part

        if isinstance(data, bytes):
            key = hashlib.sha256(data).hexdigest()
            if self._present(key):
                return Stored(key=key, sha256=key, size=len(data), existed=True)
        temporary = f"{self._root}/{_INCOMING}/{secrets.token_hex(12)}"
        try:
            self._fs.makedirs(f"{self._root}/{_INCOMING}", exist_ok=True)
            try:
                with self._create(temporary) as file:
                    for piece in seal(parts(), self._keys):
                        file.write(piece)
                    if self._local:
                        file.flush()
                        os.fsync(file.fileno())
                key = digest.hexdigest()
                self._move(temporary, self._path(key))
            except BaseException:
                # the first problem is the one to tell; what is left behind is swept
                with contextlib.suppress(OSError):
                    self._fs.rm_file(temporary)
                raise
        except OSError as problem:
            self._failed("stored", None, problem)
        return Stored(key=key, sha256=key, size=size, existed=False)

    def read(self, key: str) -> bytes:
        """The plain bytes, verified. Raises ``ArchiveMissing``, ``ArchiveTampered``, ``ArchiveKeyMissing``,
        ``ArchiveUnavailable``."""
        return b"".join(self.chunks(key))

    def chunks(self, key: str) -> Iterator[bytes]:
        """The plain bytes in pieces of 256 KiB. Each is what was sealed; that all together are the original is known
        only at the end. Raises as ``read`` does."""
        digest = hashlib.sha256()
        try:
            with self._fs.open(self._path(key), "rb") as file:
                for part in unseal(file, self._keys):
                    digest.update(part)
                    yield part
        except FileNotFoundError as problem:
            raise ArchiveMissing(
                f"The original {key} is not in the archive {self._root}.",
                todo="Restore the archive from its backup, or check that the archive URL is the right one.",
            ) from problem
        except OSError as problem:
            self._failed("read", key, problem)
        except BrokenSeal as problem:
            self._tampered(key, str(problem), problem)
        except UnknownKey as problem:
            raise ArchiveKeyMissing(
                f"The original {key} is sealed with the archive key {problem}, which the settings do not have.",
                todo="Put that key back into the archive keys, after the current one.",
            ) from problem
        if digest.hexdigest() != key:
            self._tampered(key, "it is another original", None)

    def exists(self, key: str) -> bool:
        """Whether a file is there (unverified)."""
        try:
            return bool(self._fs.exists(self._path(key)))
        except OSError as problem:
            self._failed("read", key, problem)

    def sweep(
        self,
        known: Callable[[Sequence[str]], Collection[str]],
        *,
        older_than: dt.timedelta = dt.timedelta(hours=1),
    ) -> list[str]:
        """Remove originals that the ledger does not know, and left-over temporary files, when they are older.

        :param known: answers which of these keys the ledger has; asked after the files were listed.
        :returns: the names of what was removed.
        """
        before = dt.datetime.now(dt.UTC) - older_than
        removed = []
        try:
            old = {name: path for name, path in self._files() if self._modified(path) < before}
            keys = [name for name in old if _KEY.fullmatch(name)]
            keep = set(known(keys)) if keys else set()
            for name, path in old.items():
                # looked at again: a store that found the file in place has touched it meanwhile
                if name not in keep and self._modified(path) < before:
                    self._fs.rm_file(path)
                    removed.append(name)
        except FileNotFoundError:
            return removed
        except OSError as problem:
            self._failed("swept", None, problem)
        return removed

    def _files(self) -> Iterator[tuple[str, str]]:
        for path in self._fs.find(self._root):
            name = str(path).rsplit("/", 1)[-1]
            if _KEY.fullmatch(name) or f"/{_INCOMING}/" in str(path):
                yield name, str(path)

    def _modified(self, path: str) -> dt.datetime:
        found: dt.datetime = self._fs.modified(path)
        return found if found.tzinfo else found.replace(tzinfo=dt.UTC)

    def _path(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise ArchiveMissing(
                f"{key[:80]!r} is no key of the archive.",
                todo="Use the key that the ledger has for the interchange.",
            )
        return f"{self._root}/{key[:2]}/{key[2:4]}/{key}"

    def _present(self, key: str) -> bool:
        """Whether the original is there whole. Then it is made young again, so that no sweep takes it before the ledger
        knows it; a damaged one counts as absent and is written anew."""
        path = self._path(key)
        try:
            if not self._fs.exists(path):
                return False
            if self._local:
                os.utime(path)
            for _ in self.chunks(key):
                pass
        except (ArchiveTampered, ArchiveMissing, ArchiveKeyMissing):
            return False
        except OSError as problem:
            self._failed("read", key, problem)
        # elsewhere the age cannot be set: write again
        return self._local

    def _create(self, path: str) -> IO[bytes]:
        if self._local:
            return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        opened: IO[bytes] = self._fs.open(path, "wb")
        return opened

    def _move(self, temporary: str, path: str) -> None:
        folder = path.rsplit("/", 1)[0]
        self._fs.makedirs(folder, exist_ok=True)
        if not self._local:
            self._fs.mv(temporary, path)
            return
        Path(temporary).replace(path)
        for synced in (folder, folder.rsplit("/", 1)[0], self._root):
            _sync_folder(synced)

    def _failed(self, done: str, key: str | None, problem: OSError) -> NoReturn:
        subject = f"The original {key}" if key else "The archive"
        if problem.errno in _FULL:
            raise ArchiveFull(
                f"An original cannot be stored in {self._root}: {problem.strerror or problem}.",
                todo="Make room; the next run goes on by itself, nothing is lost.",
            ) from problem
        raise ArchiveUnavailable(
            f"{subject} in {self._root} cannot be {done}: {problem.strerror or problem}.",
            todo="Check that the folder exists, is reachable and that the hub may read and write it.",
        ) from problem

    def _tampered(self, key: str, why: str, problem: Exception | None) -> NoReturn:
        raise ArchiveTampered(
            f"The original {key} in {self._root} is not what was stored: {why}.",
            todo="Restore it from the archive's backup and find out who changed it.",
        ) from problem


def _sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
