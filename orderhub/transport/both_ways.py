"""A connector over HTTP that is source, target or both: it opens its client once, and hands each call to the side it is for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Protocol

from orderhub.connector import (
    Bookmark,
    Capability,
    Connector,
    Interchange,
    LoadItem,
    Outcome,
    SettingsT,
    Settlement,
)
from orderhub.errors import ConnectorRefused
from orderhub.transport.http import HttpClient, HttpSettings, client_of


class Pulling(Protocol):
    """The side of a source."""

    def pull(self, stream: str, since: Bookmark) -> Iterator[Interchange]: ...

    def waiting(self, since: Bookmark) -> bool: ...


class Loading(Protocol):
    """The side of a target."""

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]: ...

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]: ...


class BothWays(Connector[SettingsT]):
    """Give the two sides; the rest of the contract is here. One instance is for one thread."""

    capabilities = Capability.PULL | Capability.INCREMENTAL | Capability.LOAD | Capability.FIND

    _client: HttpClient | None = None

    @abstractmethod
    def _pulling(self) -> Pulling:
        """:raises ConnectorRefused: the settings declare no source."""

    @abstractmethod
    def _loading(self) -> Loading:
        """:raises ConnectorRefused: the settings declare no target."""

    def pull(self, stream: str, since: Bookmark) -> Iterator[Interchange]:
        """:raises ConnectorError: see ``orderhub.transport.http``."""
        yield from self._pulling().pull(stream, since)

    def waiting(self, stream: str, since: Bookmark) -> bool:
        """Asks for the pages after the bookmark until one has something new."""
        return self._pulling().waiting(since)

    def settle(self, interchange: Interchange, settlement: Settlement) -> None:
        """The other side keeps its records; the bookmark is all there is to remember."""

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """Write each document once in effect."""
        return self._loading().load(items) if items else []

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """What is there under these keys."""
        return self._loading().find(keys) if keys else {}

    def close(self) -> None:
        """Give the client's connections back; the next call opens it again."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _http(self, connection: str, settings: HttpSettings) -> HttpClient:
        """The client of this connection, opened at the first call."""
        if self._client is None:
            credentials = self.ports.credentials(connection)
            self._client = client_of(credentials, settings, self.ports, name=self.name)
        return self._client


def not_declared(side: str, where: str) -> ConnectorRefused:
    """``side`` is ``source`` or ``target``, ``where`` the part of a flow in which it belongs."""
    return ConnectorRefused(f"The settings declare no {side}.", todo=f"Add {side} to {where}.")
