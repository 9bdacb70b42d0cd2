"""An IMAP mailbox: opened over TLS only, with typed errors."""

from __future__ import annotations

import contextlib
import imaplib
import logging
import ssl
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import Any

import imapclient
from imapclient import exceptions as driver

from orderhub.connector import Credentials
from orderhub.errors import ConnectorError, ConnectorProtocolError, ConnectorRefused, ConnectorUnavailable
from orderhub.transport.tls import tls_context, untrusted

log = logging.getLogger(__name__)

#: The keyword on messages that the hub has, where they stay.
DONE = "OrderhubDone"
_PORTS = {"imaps": 993, "imap": 143}


@contextlib.contextmanager
def typed(place: str) -> Iterator[None]:
    """Errors of IMAP as errors of the hub. ``place`` says what was asked, for people."""
    try:
        yield
    except (imaplib.IMAP4.error, OSError, ssl.SSLError) as error:
        raise as_hub_error(error, place) from error


def as_hub_error(error: Exception, place: str) -> ConnectorError:
    """``ConnectorUnavailable`` when it may pass, ``ConnectorRefused`` when somebody must change something."""
    if (refusal := untrusted(error, place)) is not None:
        return refusal
    said = str(error)[:300] or type(error).__name__
    if isinstance(error, driver.LoginError) and "UNAVAILABLE" not in said:
        return ConnectorRefused(
            f"{place}: the server refuses this user: {said}.",
            todo="Check the connection's user and password.",
        )
    if isinstance(error, (imaplib.IMAP4.abort, OSError, driver.LoginError)):
        return ConnectorUnavailable(
            f"{place}: the server does not answer: {said}.", todo="Check that it runs and can be reached."
        )
    if isinstance(error, driver.ProtocolError):
        return ConnectorProtocolError(
            f"{place}: an answer that is no IMAP: {said}.", todo="Look at the server."
        )
    return ConnectorRefused(
        f"{place}: the server refuses: {said}.", todo="Check the folders and the user's rights."
    )


class Mailbox:
    """One signed-in connection. ``validity`` is the UIDVALIDITY of the folder that is open."""

    def __init__(self, credentials: Credentials, timeout: float) -> None:
        try:
            parts = urllib.parse.urlsplit(credentials.url)
            host, port = parts.hostname, parts.port
        except ValueError:
            parts, host, port = urllib.parse.urlsplit(""), None, None
        if parts.scheme not in _PORTS or not host:
            raise ConnectorRefused(
                "The connection's address is none of IMAP.",
                todo="Write imaps://host:993, or imap://host:143 for STARTTLS.",
            )
        context = tls_context(credentials)
        at_once = parts.scheme == "imaps"
        self.client: Any = imapclient.IMAPClient(
            host, port or _PORTS[parts.scheme], ssl=at_once, ssl_context=context, timeout=timeout
        )
        try:
            if not at_once:
                # raises when the server has none: a password never goes over the wire in the clear
                self.client.starttls(context)
            self.client.login(credentials.user or "", credentials.secret or "")
        except BaseException:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                self.client.shutdown()
            raise
        self._open: tuple[str, bool] | None = None
        self.validity = 0

    def open(self, folder: str, *, readonly: bool = False) -> int:
        """Open a folder unless it is; gives its UIDVALIDITY."""
        if self._open not in ((folder, readonly), (folder, False)):
            answer = self.client.select_folder(folder, readonly=readonly)
            self._open = (folder, readonly)
            self.validity = int(answer[b"UIDVALIDITY"])
        else:
            self.client.noop()
        return self.validity

    def new(self) -> list[int]:
        """UIDs of the messages that the hub does not have yet, oldest first."""
        return sorted(int(uid) for uid in self.client.search(["UNDELETED", "UNKEYWORD", DONE]))

    def has(self, folder: str) -> bool:
        """Whether the folder exists."""
        return bool(self.client.folder_exists(folder))

    def make(self, folder: str) -> None:
        """Make the folder unless it exists."""
        if not self.has(folder):
            try:
                self.client.create_folder(folder)
            except imaplib.IMAP4.error:
                # another worker made it meanwhile
                if not self.has(folder):
                    raise

    def move(self, uid: int, folder: str) -> None:
        """To another folder; nothing when the message is gone."""
        if self.client.has_capability("MOVE"):
            self.client.move([uid], folder)
            return
        if self.client.search(["UID", str(uid)]):
            self.client.copy([uid], folder)
            self.remove(uid)

    def remove(self, uid: int) -> None:
        """Delete for good where the server can do that to one message; else it is marked as deleted."""
        self.client.add_flags([uid], [imapclient.DELETED], silent=True)
        if self.client.has_capability("UIDPLUS"):
            self.client.uid_expunge([uid])

    def headers_with(self, folder: str, field: str, value: str, fields: Sequence[str]) -> list[bytes]:
        """The header lines of these fields, of the folder's messages whose ``field`` contains the value."""
        if not self.has(folder):
            return []
        self.open(folder)
        found = self.client.search(["HEADER", field, value])
        wanted = f"BODY.PEEK[HEADER.FIELDS ({' '.join(fields)})]"
        return [
            data
            for part in self.client.fetch(found, [wanted]).values()
            for name, data in part.items()
            if name.startswith(b"BODY[HEADER")
        ]

    def close(self) -> None:
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            self.client.logout()
