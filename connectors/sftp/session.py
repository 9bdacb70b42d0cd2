"""A signed-in SSH connection with SFTP on it, run by a thread of its own, so that reads go on while the caller works."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import urllib.parse
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from connectors.sftp.host_keys import HostKeys
from orderhub.connector import Credentials
from orderhub.errors import ConnectorProtocolError, ConnectorRefused, ConnectorUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
#: Seconds between two questions whether a silent server is still there.
_ALIVE = 15
#: SSH_OPEN_CONNECT_FAILED of RFC 4254, which asyncssh also gives for a channel of a connection that was cut.
_NO_CONNECTION = 2


class _Client(asyncssh.SSHClient):
    def __init__(self, host_keys: HostKeys) -> None:
        self._host_keys = host_keys

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return self._host_keys.vouch(key)


class Session:
    """One connection. Made by ``Session.open``; every call runs on the thread that serves it.

    ``where`` is the server for people: ``sftp://host:port``.
    """

    client: asyncssh.SFTPClient

    def __init__(self, where: str, answer_seconds: float) -> None:
        self.where = where
        self.answer_seconds = answer_seconds
        self._connection: asyncssh.SSHClientConnection | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name=where, daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls, credentials: Credentials, *, name: str, connect_seconds: float, answer_seconds: float
    ) -> Session:
        """Connect, see whether the server is the expected one, and sign in.

        :param name: the connection's name, for people.
        :raises ConnectorUnavailable: not reached.
        :raises ConnectorRefused: another host key, or the user is not let in, or the connection is not filled in rightly.
        """
        host, port = _address(credentials, name)
        if not credentials.user:
            raise ConnectorRefused(f"The connection {name!r} has no user.", todo="Add the user's name to it.")
        host_keys = HostKeys(credentials.extra, name)
        keys = _keys(credentials, name)
        session = cls(f"sftp://{host}:{port}", answer_seconds)
        try:
            session.run(
                session._connect(host, port, credentials, host_keys, keys, connect_seconds),
                2 * connect_seconds + answer_seconds,
            )
        except BaseException:
            session.close()
            raise
        return session

    async def _connect(
        self,
        host: str,
        port: int,
        credentials: Credentials,
        host_keys: HostKeys,
        keys: list[asyncssh.SSHKey],
        connect_seconds: float,
    ) -> None:
        try:
            self._connection = await asyncssh.connect(
                host,
                port,
                username=credentials.user,
                password=credentials.secret or None,
                client_keys=keys or None,
                known_hosts=host_keys.match,
                server_host_key_algs=host_keys.algorithms,
                client_factory=lambda: _Client(host_keys),
                # nothing of the machine's own user counts: no agent, no configuration
                agent_path=None,
                config=None,
                connect_timeout=connect_seconds,
                login_timeout=connect_seconds,
                keepalive_interval=_ALIVE,
                keepalive_count_max=2,
            )
            self.client = await self._connection.start_sftp_client()
        except asyncssh.HostKeyNotVerifiable as error:
            raise host_keys.problem(self.where) from error
        except asyncssh.PermissionDenied as error:
            ways = " and ".join(
                way for way, given in (("key", keys), ("password", credentials.secret)) if given
            )
            raise ConnectorRefused(
                f"{self.where} does not let the user {credentials.user!r} in with the {ways or 'nothing'} of the "
                "connection.",
                todo="Correct the user, the password or the private key of the connection.",
            ) from error
        except asyncssh.KeyExchangeFailed as error:
            raise ConnectorProtocolError(
                f"{self.where} and the hub have no common way to encrypt: {error.reason}.",
                todo="Ask the server's operator for current key exchange and host key algorithms.",
            ) from error
        except (asyncssh.ProtocolError, asyncssh.SFTPBadMessage) as error:
            raise ConnectorProtocolError(
                f"{self.where} does not speak SFTP: {error.reason}.", todo="Correct host and port."
            ) from error
        except asyncssh.ChannelOpenError as error:
            if error.code == _NO_CONNECTION:
                raise self._gone(_said(error)) from error
            raise ConnectorRefused(
                f"{self.where} lets the user {credentials.user!r} in, but not to SFTP: {error.reason}.",
                todo="Ask the server's operator to allow SFTP for this user.",
            ) from error
        except (OSError, asyncssh.Error) as error:
            raise ConnectorUnavailable(
                f"{self.where} cannot be reached: {_said(error)}.",
                todo="Look at host and port of the connection, the network and the server.",
            ) from error

    @property
    def is_openssh(self) -> bool:
        """Whether the server says that it is OpenSSH."""
        version = self._connection.get_extra_info("server_version", "") if self._connection else ""
        return "-OpenSSH_" in str(version)

    def run(self, work: Coroutine[Any, Any, T], seconds: float | None = None) -> T:
        """Run something on the connection's thread and wait for it.

        :raises ConnectorUnavailable: it took longer than ``answer_seconds``, or the session is closed.
        """
        return self.result(self.submit(work), seconds)

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Begin something on the connection's thread."""
        if self._loop.is_closed():
            work.close()
            raise self._gone("the connection was closed")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def result(self, future: concurrent.futures.Future[T], seconds: float | None = None) -> T:
        """Wait for what ``submit`` began; as ``run``."""
        try:
            return future.result(self.answer_seconds if seconds is None else seconds)
        except (TimeoutError, concurrent.futures.CancelledError) as error:
            future.cancel()
            raise self._gone("it was silent for too long") from error
        except (
            asyncssh.SFTPConnectionLost,
            asyncssh.SFTPNoConnection,
            asyncssh.DisconnectError,
            OSError,
        ) as error:
            raise self._gone(_said(error)) from error

    def _gone(self, why: str) -> ConnectorUnavailable:
        return ConnectorUnavailable(
            f"The connection to {self.where} was lost: {why}.", todo="Look at the network and the server."
        )

    def close(self) -> None:
        """End the connection and its thread. Safe to call twice."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._end())
            self._loop.close()

    async def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
            with contextlib.suppress(asyncssh.Error, OSError, TimeoutError):
                await asyncio.wait_for(self._connection.wait_closed(), 2)
            self._connection.abort()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _address(credentials: Credentials, name: str) -> tuple[str, int]:
    try:
        parts = urllib.parse.urlsplit(credentials.url)
        host, port = parts.hostname, parts.port or 22
    except ValueError as error:
        raise _no_address(name) from error
    if not host or parts.scheme not in ("sftp", "ssh"):
        raise _no_address(name)
    return host, port


def _no_address(name: str) -> ConnectorRefused:
    return ConnectorRefused(
        f"The connection {name!r} names no SFTP server.",
        todo="Its address is sftp://host or sftp://host:port.",
    )


def _keys(credentials: Credentials, name: str) -> list[asyncssh.SSHKey]:
    """The private key of a connection's ``extra``: ``private_key`` is PEM text or a path, ``key_file`` a path."""
    extra = credentials.extra
    text = str(extra.get("private_key") or extra.get("key_file") or "")
    if not text:
        return []
    passphrase = extra.get("passphrase") or extra.get("private_key_passphrase") or None
    try:
        if "-----BEGIN" in text:
            return [asyncssh.import_private_key(text, passphrase)]
        return [asyncssh.read_private_key(Path(text), passphrase)]
    except (OSError, ValueError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        # the text of the key is nowhere in the sentence, nor is its path when it may be a key
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ConnectorRefused(
            f"The private key of the connection {name!r} cannot be used: {why}.",
            todo="Give the PEM text or the path of a private key, and its `passphrase` when it has one.",
        ) from error


def _said(error: BaseException) -> str:
    if isinstance(error, asyncssh.Error):
        return error.reason or type(error).__name__
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
