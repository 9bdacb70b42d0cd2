"""A folder of an FTPS or FTP server.

Names are bytes on the wire; ``TRANSPARENT`` carries them through ``ftplib``. Listings are read here and not by ``ftplib``, which
would take a line break within a name for the end of a line.
"""

from __future__ import annotations

import calendar
import contextlib
import errno
import ftplib
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from connectors.ftp.session import TRANSPARENT
from orderhub.errors import ConnectorProtocolError, ConnectorUnavailable
from orderhub.transport.files.store import Content, Entry, FileStore, Kind

T = TypeVar("T")
_CHUNK = 64 * 1024
#: More than this without a line end is no line of a listing.
_LONGEST_LINE = 64 * 1024


class FtpStore(FileStore):
    """One file at a time over one control connection."""

    def __init__(self, session: ftplib.FTP, where: str, path: str) -> None:
        self._session = session
        self._server = where
        self._folder = path
        self.where = f"{where}/{path.removeprefix('/')}" if path != "." else where
        self._features: frozenset[str] | None = None

    # The protocol

    def _path(self, parts: tuple[str, ...]) -> str:
        """:raises OSError: a name that FTP cannot say."""
        path = "/".join((self._folder.rstrip("/"), *parts)) if parts else self._folder
        if "\r" in path or "\n" in path:
            raise OSError(errno.EINVAL, "FTP cannot say a name with a line break")
        return os.fsencode(path).decode(TRANSPARENT)

    def _run(self, work: Callable[[], T]) -> T:
        """What the server refuses is an ``OSError`` with its words; what the connection does is unavailable."""
        try:
            return work()
        except ftplib.error_perm as error:
            raise PermissionError(errno.EACCES, _words(error)) from error
        except ftplib.error_temp as error:
            if str(error).startswith("421"):
                raise self._gone(error) from error
            raise OSError(errno.EIO, _words(error)) from error
        except (ftplib.error_proto, ftplib.error_reply) as error:
            raise ConnectorProtocolError(
                f"{self._server} broke the protocol: {_words(error)}.", todo="Tell the server's operator."
            ) from error
        except (OSError, EOFError) as error:
            raise self._gone(error) from error

    def _gone(self, error: Exception) -> ConnectorUnavailable:
        why = "no answer in time" if isinstance(error, TimeoutError) else str(error) or "it was closed"
        return ConnectorUnavailable(
            f"The connection to {self._server} was lost: {why}.", todo="Look at the network and the server."
        )

    def _has(self, feature: str) -> bool:
        if self._features is None:
            try:
                said = self._run(lambda: self._session.sendcmd("FEAT"))
            except OSError:
                said = ""
            lines = [line.strip().partition(" ")[0].upper() for line in said.splitlines()[1:]]
            self._features = frozenset(line for line in lines if line)
            if "UTF8" in self._features:
                with contextlib.suppress(OSError):
                    self._run(lambda: self._session.sendcmd("OPTS UTF8 ON"))
        return feature in self._features

    # Looking

    def entries(self) -> Iterator[Entry]:
        # the folder itself first: a server may list what is not there as empty
        folder = self._look_at(self._folder) if self._has("MLST") else None
        if self._has("MLST"):
            if folder is None:
                raise FileNotFoundError(errno.ENOENT, "it does not exist")
            if folder.kind is not Kind.FOLDER:
                raise NotADirectoryError(errno.ENOTDIR, "it is no folder")
            for line in self._lines(f"MLSD {self._path(())}"):
                facts, _, given = line.partition(b" ")
                said = facts.decode(TRANSPARENT)
                if _facts(said).get("type", "").lower() not in ("cdir", "pdir", ""):
                    yield _from_facts(said, os.fsdecode(given))
            return
        for name in self._bare_names():
            yield self.look((name,)) or Entry(name=name, kind=Kind.FOLDER, size=0, modified_ns=0)

    @property
    def lists_cheaply(self) -> bool:
        return self._has("MLST")

    def _bare_names(self) -> list[str]:
        """All at once: while a listing goes on the control connection is for nothing else."""
        listed = (os.fsdecode(line).rpartition("/")[2] for line in self._lines(f"NLST {self._path(())}"))
        return [name for name in listed if name not in ("", ".", "..")]

    def _lines(self, command: str) -> Iterator[bytes]:
        data = self._run(lambda: self._session.transfercmd(command))
        rest = b""
        whole = False
        try:
            while chunk := self._run(lambda: data.recv(_CHUNK)):
                *lines, rest = (rest + chunk).split(b"\r\n")
                if len(rest) > _LONGEST_LINE:
                    raise ConnectorProtocolError(
                        f"{self._server} lists a line without an end.", todo="Tell the server's operator."
                    )
                yield from lines
            whole = True
        finally:
            self._end_transfer(data, whole=whole)
        if rest:
            yield rest

    def _end_transfer(self, data: socket.socket, *, whole: bool) -> None:
        """Close the data connection and read what the server says to it; of one that was left early anything may be said."""
        data.close()
        try:
            self._run(self._session.voidresp)
        except OSError:
            if whole:
                raise

    def _look_at(self, path: str) -> Entry | None:
        """MLST of one path."""
        wire = os.fsencode(path).decode(TRANSPARENT)
        try:
            said = self._run(lambda: self._session.sendcmd(f"MLST {wire}"))
        except PermissionError:
            return None  # 550 says both that it is missing and that it is not for us
        lines = said.split("\n")
        if len(lines) < 2:
            raise ConnectorProtocolError(
                f"{self._server} answered MLST without facts.", todo="Tell the server's operator."
            )
        return _from_facts(lines[1].strip().partition(" ")[0], path.rpartition("/")[2])

    def look(self, parts: tuple[str, ...]) -> Entry | None:
        path = self._path(parts)
        if self._has("MLST"):
            return self._look_at(os.fsdecode(path.encode(TRANSPARENT)))
        try:
            size = self._run(lambda: self._session.size(path))
            said = self._run(lambda: self._session.sendcmd(f"MDTM {path}"))
        except PermissionError:
            return self._look_for_folder(parts, path)
        return Entry(
            name=parts[-1], kind=Kind.FILE, size=size or 0, modified_ns=_time(said.partition(" ")[2])
        )

    def _look_for_folder(self, parts: tuple[str, ...], path: str) -> Entry | None:
        """A server without MLST tells a folder only by entering it."""
        try:
            before = self._run(self._session.pwd)
            self._run(lambda: self._session.cwd(path))
        except PermissionError:
            return None
        self._run(lambda: self._session.cwd(before))
        return Entry(name=parts[-1], kind=Kind.FOLDER, size=0, modified_ns=0)

    # Reading

    def contents(self, entries: Iterable[Entry], *, below: tuple[str, ...] = ()) -> Iterator[Content]:
        for entry in entries:
            parts = (*below, entry.name)
            try:
                data = self._read(self._path(parts), entry.size)
            except OSError as error:
                gone = isinstance(error, PermissionError) and self.look(parts) is None
                said = FileNotFoundError(errno.ENOENT, error.strerror) if gone else error
                yield Content(entry=entry, error=said)
            else:
                yield Content(entry=entry, data=data, after=self.look(parts))

    def _read(self, path: str, size: int) -> bytes:
        data = self._run(lambda: self._session.transfercmd(f"RETR {path}"))
        chunks: list[bytes] = []
        got = 0
        whole = False
        try:
            while chunk := self._run(lambda: data.recv(_CHUNK)):
                chunks.append(chunk)
                got += len(chunk)
                if got > size:
                    break
            else:
                whole = True
        finally:
            self._end_transfer(data, whole=whole)
        return b"".join(chunks)

    # Changing

    def rename(self, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        source, target = self._path(old), self._path(new)
        # servers replace what is there, so it is looked at first
        if self.look(new) is not None:
            raise FileExistsError(errno.EEXIST, "the name is taken")
        try:
            self._run(lambda: self._session.rename(source, target))
        except PermissionError as error:
            if self.look(old) is None or (len(new) > 1 and self.look(new[:-1]) is None):
                raise FileNotFoundError(errno.ENOENT, error.strerror) from error
            raise

    def remove(self, parts: tuple[str, ...]) -> None:
        path = self._path(parts)
        try:
            self._run(lambda: self._session.delete(path))
        except PermissionError as error:
            if self.look(parts) is None:
                raise FileNotFoundError(errno.ENOENT, error.strerror) from error
            raise

    def make_folder(self, parts: tuple[str, ...]) -> None:
        path = self._path(parts)
        try:
            self._run(lambda: self._session.mkd(path))
        except PermissionError as error:
            found = self.look(parts)
            if found is None:
                raise
            if found.kind is not Kind.FOLDER:
                raise NotADirectoryError(errno.ENOTDIR, "it is not a real folder") from error

    def write(self, name: str, data: bytes) -> None:
        path = self._path((name,))
        try:
            connection = self._run(lambda: self._session.transfercmd(f"STOR {path}"))
        except PermissionError as error:
            if self._has("MLST") and self._look_at(self._folder) is None:
                raise FileNotFoundError(errno.ENOENT, error.strerror) from error
            raise
        whole = False
        try:
            self._run(lambda: connection.sendall(data))
            whole = True
            if isinstance(connection, ssl.SSLSocket):
                # the end of the file is said within TLS; some servers close without the answer to it
                with contextlib.suppress(OSError):
                    connection.unwrap()
        finally:
            self._end_transfer(connection, whole=whole)

    def may_write(self) -> bool | None:
        """What the server says of the folder (``perm`` of its facts: ``c`` is to make files there)."""
        if not self._has("MLST"):
            return None
        wire = self._path(())
        said = self._run(lambda: self._session.sendcmd(f"MLST {wire}"))
        facts = _facts(said.split("\n")[1].strip().partition(" ")[0])
        return "c" in facts["perm"].lower() if "perm" in facts else None

    def close(self) -> None:
        with contextlib.suppress(OSError, EOFError, ftplib.Error):
            if self._session.sock is not None:
                self._session.sock.settimeout(2)
                self._session.quit()
        self._session.close()


def _words(error: Exception) -> str:
    """The server's words, as far as they are fit for one line."""
    return " ".join(str(error).split())[:300].rstrip(".")


def _facts(text: str) -> dict[str, str]:
    pairs = (fact.partition("=") for fact in text.split(";") if "=" in fact)
    return {name.lower(): value for name, _, value in pairs}


def _from_facts(text: str, name: str) -> Entry:
    """An entry of MLSD or MLST (RFC 3659)."""
    facts = _facts(text)
    said = facts.get("type", "").lower()
    if said == "file":
        kind = Kind.FILE
    elif said in ("dir", "cdir", "pdir"):
        kind = Kind.FOLDER
    else:
        kind = Kind.LINK if "link" in said else Kind.OTHER
    size = facts.get("size", "0")
    return Entry(
        name=name,
        kind=kind,
        size=int(size) if size.isdigit() else 0,
        modified_ns=_time(facts.get("modify", "")),
        unique=facts.get("unique", ""),
    )


def _time(text: str) -> int:
    """YYYYMMDDHHMMSS[.f] UTC in nanoseconds; 0 for what is no such time."""
    whole, _, fraction = text.strip().partition(".")
    try:
        seconds = calendar.timegm(time.strptime(whole, "%Y%m%d%H%M%S"))
    except ValueError:
        return 0
    return seconds * 10**9 + int((fraction if fraction.isdigit() else "0")[:9].ljust(9, "0"))
