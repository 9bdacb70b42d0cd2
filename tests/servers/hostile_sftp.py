"""An SFTP server that is not to be trusted: it lists whatever names a test wants, and lets users in by password. asyncssh's own
server, on a thread of this process."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from orderhub.connector import Credentials

USER, PASSWORD = "partner", "geheim pass"


@dataclass
class HostileSftp:
    """``opened`` are the paths that a client opened, renamed or removed, ``passwords`` what it signed in with."""

    port: int
    fingerprint: str
    opened: list[bytes] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list, repr=False)

    def credentials(self, password: str = PASSWORD) -> Credentials:
        return Credentials(
            url=f"sftp://127.0.0.1:{self.port}",
            user=USER,
            secret=password,
            extra={"fingerprint": self.fingerprint},
        )


class _Users(asyncssh.SSHServer):
    def __init__(self, server: HostileSftp) -> None:
        self._server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._server.connections.append(conn)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self._server.passwords.append(password)
        return (username, password) == (USER, PASSWORD)


@contextmanager
def hostile_sftp(folder: Path, names: Sequence[bytes] = ()) -> Iterator[HostileSftp]:
    """Serve a folder; ``names`` stand in its listing as files of five bytes beside what is there."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = HostileSftp(port=0, fingerprint=key.get_fingerprint())

    class Files(asyncssh.SFTPServer):
        async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
            for name in names:
                attributes = asyncssh.SFTPAttrs(
                    size=5, uid=0, gid=0, permissions=stat.S_IFREG | 0o644, atime=1, mtime=1
                )
                yield asyncssh.SFTPName(name, b"", attributes)
            async for entry in super().scandir(path):
                yield entry

        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
            server.opened.append(path)
            return super().open(path, pflags, attrs)

        def rename(self, oldpath: bytes, newpath: bytes) -> object:
            server.opened.append(oldpath)
            return super().rename(oldpath, newpath)

        def remove(self, path: bytes) -> object:
            server.opened.append(path)
            return super().remove(path)

    loop = asyncio.new_event_loop()
    ready = threading.Event()
    stopped = asyncio.Event()

    async def serve() -> None:
        acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Users(server),
            server_host_keys=[key],
            sftp_factory=lambda channel: Files(channel, chroot=bytes(folder)),
        )
        server.port = acceptor.get_port()
        ready.set()
        await stopped.wait()
        acceptor.close()
        for connection in server.connections:
            connection.abort()
        await asyncio.gather(*(one.wait_closed() for one in server.connections), return_exceptions=True)
        await acceptor.wait_closed()
        await asyncio.sleep(0)  # transports close one turn later

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(serve())
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        finally:
            loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        assert ready.wait(60)
        yield server
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
