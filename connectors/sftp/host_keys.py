"""Whether a server is the one that was expected. A host key that nobody vouched for is never accepted, not even once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncssh

from orderhub.errors import ConnectorRefused

_PLAIN = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)


class HostKeys:
    """What a connection's ``extra`` says of the server's host key, and what the server showed.

    ``fingerprint``: ``SHA256:…`` as ``ssh-keygen -lf`` shows it, one or a list. ``known_hosts``: lines of a known_hosts file, or
    the path of one. ``host_key``: one public key (``ssh-ed25519 AAAA…``).

    :raises ConnectorRefused: none of them is given, or one cannot be read.
    """

    def __init__(self, extra: Mapping[str, Any], connection: str) -> None:
        self.connection = connection
        given = extra.get("fingerprint") or ()
        listed = [given] if isinstance(given, str) else list(given)
        self.fingerprints = frozenset(_fingerprint(str(one), connection) for one in listed)
        self._known = _known_hosts(extra, connection)
        self._keys = _host_key(extra, connection)
        self._matched: list[asyncssh.SSHKey] = []
        self.shown: asyncssh.SSHKey | None = None

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Which kinds of host keys to ask for: with fingerprints alone no certificates, for nobody vouches for those; else
        nothing is said, and asyncssh asks for the kinds that are known."""
        return _PLAIN if self._known is None and not self._keys else ()

    def match(self, host: str, address: str, port: int | None) -> tuple[list[Any], list[Any], list[Any]]:
        """Trusted keys, authorities and revoked keys of a host, as asyncssh asks for them."""
        trusted, authorities, revoked = list(self._keys), [], []
        if self._known is not None:
            known = self._known.match(host, address, port)
            trusted += known[0]
            authorities, revoked = list(known[1]), list(known[2])
            # where only a revocation names the port, asyncssh looks on without the port and loses it
            for name in (host, address) if port else ():
                revoked += self._known.match(f"[{name}]:{port}", "", None)[2]
        self._matched = trusted
        return trusted, authorities, revoked

    def vouch(self, key: asyncssh.SSHKey) -> bool:
        """Whether a key that is not among the trusted ones has a fingerprint that was given."""
        self.shown = key
        return key.get_fingerprint() in self.fingerprints

    def problem(self, where: str) -> ConnectorRefused:
        """Why the server was not believed, with what it showed and what was expected."""
        shown = (
            f"{self.shown.get_fingerprint()} ({self.shown.get_algorithm()})" if self.shown else "a host key"
        )
        expected = sorted(self.fingerprints | {key.get_fingerprint() for key in self._matched})
        if not expected:
            return ConnectorRefused(
                f"Nothing vouches for the host key of {where}: it shows {shown}, and the connection {self.connection!r} "
                "has no `fingerprint`, `known_hosts` or `host_key` for it.",
                todo="Ask the server's operator for the fingerprint by another way, compare, and put it into the connection.",
            )
        return ConnectorRefused(
            f"The host key of {where} is not the expected one: it shows {shown}, expected is {' or '.join(expected)}.",
            todo="Nothing was sent. Ask the server's operator whether the key was changed; if so, put the new fingerprint "
            "into the connection. If not, somebody else answers in the server's place.",
        )


def _fingerprint(text: str, connection: str) -> str:
    kind, colon, digest = text.strip().partition(":")
    if kind != "SHA256" or not colon or len(digest.rstrip("=")) != 43:
        raise ConnectorRefused(
            f"The connection {connection!r} has a fingerprint {text[:80]!r} that is none.",
            todo="Write it as `ssh-keygen -lf` shows it: SHA256: and 43 characters.",
        )
    return f"SHA256:{digest.rstrip('=')}"


def _known_hosts(extra: Mapping[str, Any], connection: str) -> asyncssh.SSHKnownHosts | None:
    text = str(extra.get("known_hosts") or "")
    if not text:
        return None
    try:
        if "\n" not in text and " " not in text.strip():
            text = Path(text.strip()).read_text(encoding="utf-8")
        return asyncssh.import_known_hosts(text)
    except (OSError, ValueError, asyncssh.KeyImportError) as error:
        raise ConnectorRefused(
            f"The known_hosts of the connection {connection!r} cannot be read: {error}.",
            todo="Give the lines of a known_hosts file, or the path of one.",
        ) from error


def _host_key(extra: Mapping[str, Any], connection: str) -> list[asyncssh.SSHKey]:
    text = str(extra.get("host_key") or "").strip()
    if not text:
        return []
    try:
        return [asyncssh.import_public_key(text)]
    except (ValueError, asyncssh.KeyImportError) as error:
        raise ConnectorRefused(
            f"The host_key of the connection {connection!r} cannot be read: {error}.",
            todo="Write it as in a .pub file: the type, a space, and the key.",
        ) from error
