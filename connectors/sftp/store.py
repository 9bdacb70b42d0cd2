"""A folder of an SFTP server."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import errno
import itertools
import os
import stat
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from typing import Any, TypeVar

import asyncssh

from connectors.sftp.session import Session
from orderhub.errors import ConnectorProtocolError
from orderhub.transport.files.answers import part_name
from orderhub.transport.files.store import Content, Entry, FileStore, Kind

T = TypeVar("T")
#: Names fetched at once.
_NAMES = 2_000
#: Files read at the same time; two such groups are under way at once.
_GROUP = 64
#: Bytes of one group, unless a single file has more.
_GROUP_BYTES = 16 * 1024 * 1024
#: A file up to this size is read by one request.
_SMALL = 32 * 1024
#: A slower server is taken for silent, bytes per second.
_SLOWEST = 20_000

_FILE_ERRORS: tuple[tuple[tuple[type[asyncssh.SFTPError], ...], type[OSError], int], ...] = (
    ((asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath), FileNotFoundError, errno.ENOENT),
    ((asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect), PermissionError, errno.EACCES),
    ((asyncssh.SFTPFileAlreadyExists,), FileExistsError, errno.EEXIST),
    ((asyncssh.SFTPNotADirectory,), NotADirectoryError, errno.ENOTDIR),
)


class SftpStore(FileStore):
    """Small files are read many at a time; what was read and not yet taken is bounded."""

    def __init__(self, session: Session, path: str) -> None:
        self._session = session
        self._client = session.client
        self._folder = os.fsencode(path)
        self.where = f"{session.where}/{path.removeprefix('/')}" if path != "." else session.where

    def _path(self, parts: tuple[str, ...]) -> bytes:
        return b"/".join((self._folder.rstrip(b"/"), *(os.fsencode(part) for part in parts)))

    def _run(self, work: Coroutine[Any, Any, T], seconds: float | None = None) -> T:
        try:
            return self._session.run(work, seconds)
        except asyncssh.SFTPError as error:
            raise self._said(error) from error

    def _said(self, error: asyncssh.SFTPError) -> Exception:
        """The server's answer about a file as the error that Python has for it."""
        if isinstance(error, asyncssh.SFTPBadMessage):
            return ConnectorProtocolError(
                f"{self._session.where} broke the protocol: {error.reason}.",
                todo="Tell the server's operator.",
            )
        for kinds, result, number in _FILE_ERRORS:
            if isinstance(error, kinds):
                return result(number, error.reason)
        return OSError(errno.EIO, error.reason or "the server gives no reason")

    def entries(self) -> Iterator[Entry]:
        listing = self._client.scandir(self._folder or b"/")
        try:
            while True:
                try:
                    names = self._run(_next(listing, _NAMES))
                except FileNotFoundError:
                    self._say_no_folder()
                    raise
                for name in names:
                    found = os.fsdecode(name.filename)
                    if found not in (".", ".."):
                        yield _entry(found, name.attrs) or self._look_again(found)
                if len(names) < _NAMES:
                    return
        finally:
            with contextlib.suppress(Exception):
                self._run(listing.aclose())  # type: ignore[attr-defined]  # an async generator

    def _say_no_folder(self) -> None:
        """:raises NotADirectoryError: a file stands where the folder is expected; servers call that missing."""
        with contextlib.suppress(FileNotFoundError):
            found = _entry("", self._run(self._client.stat(self._folder or b"/")))
            if found is not None and found.kind is not Kind.FOLDER:
                raise NotADirectoryError(errno.ENOTDIR, "it is no folder")

    def _look_again(self, name: str) -> Entry:
        """A server may list names alone."""
        return self.look((name,)) or Entry(name=name, kind=Kind.OTHER, size=0, modified_ns=0)

    def contents(self, entries: Iterable[Entry], *, below: tuple[str, ...] = ()) -> Iterator[Content]:
        groups = _groups(entries)
        under_way: deque[tuple[list[Entry], concurrent.futures.Future[list[Content]]]] = deque()
        try:
            while True:
                for group in itertools.islice(groups, 2 - len(under_way)):
                    under_way.append((group, self._session.submit(self._fetch_all(group, below))))
                if not under_way:
                    return
                group, future = under_way.popleft()
                size = sum(entry.size for entry in group)
                try:
                    read = self._session.result(future, 2 * (self._session.answer_seconds + size / _SLOWEST))
                except asyncssh.SFTPError as error:
                    raise self._said(error) from error
                yield from read
        finally:
            for _, future in under_way:
                future.cancel()

    async def _fetch_all(self, group: list[Entry], below: tuple[str, ...]) -> list[Content]:
        alone = len(group) == 1
        return await asyncio.gather(*(self._fetch(entry, below, at_once=alone) for entry in group))

    async def _fetch(self, entry: Entry, below: tuple[str, ...], *, at_once: bool) -> Content:
        """:param at_once: send what can be sent together, for a file that is waited for by itself."""
        try:
            small = entry.size <= _SMALL
            file = await self._client.open(
                self._path((*below, entry.name)), "rb", block_size=0 if small else -1
            )
            try:
                read: str | bytes
                if at_once and entry.size:
                    read, attributes = await asyncio.gather(file.read(entry.size, 0), file.stat())
                else:
                    read = await file.read(entry.size, 0) if entry.size else b""
                    attributes = await file.stat()
                after = _entry(entry.name, attributes)
            finally:
                await file.close()
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.SFTPBadMessage):
            raise
        except asyncssh.SFTPError as error:
            said = self._said(error)
            return Content(entry=entry, error=said if isinstance(said, OSError) else OSError(str(said)))
        return Content(entry=entry, data=read if isinstance(read, bytes) else b"", after=after)

    def look(self, parts: tuple[str, ...]) -> Entry | None:
        try:
            attributes = self._run(self._client.lstat(self._path(parts)))
        except FileNotFoundError:
            return None
        return _entry(parts[-1], attributes) or Entry(name=parts[-1], kind=Kind.OTHER, size=0, modified_ns=0)

    def rename(self, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        # the protocol forbids to replace; looking first is for servers that may do it all the same
        if not self._session.is_openssh and self.look(new) is not None:
            raise FileExistsError(errno.EEXIST, "the name is taken")
        try:
            self._run(self._client.rename(self._path(old), self._path(new)))
        except (PermissionError, FileNotFoundError):
            raise
        except OSError as error:
            if self.look(new) is not None:
                raise FileExistsError(errno.EEXIST, "the name is taken") from error
            raise

    def remove(self, parts: tuple[str, ...]) -> None:
        self._run(self._client.remove(self._path(parts)))

    def make_folder(self, parts: tuple[str, ...]) -> None:
        try:
            self._run(self._client.mkdir(self._path(parts)))
        except OSError as error:
            found = self.look(parts)
            if found is None:
                raise
            if found.kind is not Kind.FOLDER:
                raise NotADirectoryError(errno.ENOTDIR, "it is not a real folder") from error

    def write(self, name: str, data: bytes) -> None:
        self._run(
            self._write(self._path((name,)), data), 2 * self._session.answer_seconds + len(data) / _SLOWEST
        )

    async def _write(self, path: bytes, data: bytes) -> None:
        async with self._client.open(path, "xb") as file:
            await file.write(data)
            with contextlib.suppress(asyncssh.SFTPOpUnsupported):
                await file.fsync()

    def may_write(self) -> bool | None:
        """SFTP cannot be asked, so an empty hidden file is made and removed at once."""
        name = part_name("check.tmp")
        try:
            self.write(name, b"")
            self.remove((name,))
        except PermissionError:
            return False
        except OSError:
            return None
        return True

    def close(self) -> None:
        self._session.close()


async def _next(listing: AsyncIterator[asyncssh.SFTPName], most: int) -> list[asyncssh.SFTPName]:
    names = []
    async for name in listing:
        names.append(name)
        if len(names) == most:
            break
    return names


def _entry(name: str, attributes: asyncssh.SFTPAttrs) -> Entry | None:
    """None where the server does not say what it is."""
    if attributes.permissions is None or attributes.mtime is None:
        return None
    kind = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.FOLDER, stat.S_IFLNK: Kind.LINK}.get(
        stat.S_IFMT(attributes.permissions), Kind.OTHER
    )
    modified = attributes.mtime * 10**9 + (attributes.mtime_ns or 0)
    return Entry(name=name, kind=kind, size=attributes.size or 0, modified_ns=modified)


def _groups(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    group: list[Entry] = []
    size = 0
    for entry in entries:
        if group and (len(group) == _GROUP or size + entry.size > _GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(entry)
        size += entry.size
    if group:
        yield group
