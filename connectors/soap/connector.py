"""A SOAP service as source and as target."""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Iterator, Sequence

import msgspec

from connectors.soap.documents import Documents
from connectors.soap.service import Service
from connectors.soap.settings import Call, SoapSettings
from connectors.soap.source import Source
from connectors.soap.target import Target
from connectors.soap.values import filled
from orderhub.connector import (
    Bookmark,
    Capability,
    Connector,
    Credentials,
    Health,
    Interchange,
    LoadItem,
    Outcome,
    Ports,
    Settlement,
)
from orderhub.errors import ConnectorError, ConnectorRefused
from orderhub.transport.addresses import guard_of
from orderhub.transport.http import HttpClient
from orderhub.transport.shared import shared_url


class SoapConnector(Connector[SoapSettings]):
    """One service of one connection. The WSDL is read at the first call."""

    name = "soap"
    capabilities = Capability.PULL | Capability.INCREMENTAL | Capability.LOAD | Capability.FIND
    settings_type = SoapSettings

    def __init__(self, settings: SoapSettings, ports: Ports) -> None:
        super().__init__(settings, ports)
        self._client: HttpClient | None = None
        self._service: Service | None = None
        self._since = 0.0

    def check(self) -> Health:
        """Whether the WSDL is reached, has what the settings name, and the service lets us in."""
        self._fresh()
        try:
            service = self._open()
            for call in self._calls():
                service.described.operation(call.operation)
            service.described.schema()
            asked = self._ask(service)
        except ConnectorError as error:
            return Health(ok=False, sentence=f"{error.what} {error.todo}")
        return Health(
            ok=True,
            sentence=f"{service.described.name} answers at {service.described.place}; asked: {asked}.",
        )

    def pull(self, stream: str, since: Bookmark) -> Iterator[Interchange]:
        """Yield the answers of the declared operation. ``stream`` is for people and bookmarks."""
        self._fresh()
        yield from self._source().interchanges(since)

    def waiting(self, stream: str, since: Bookmark) -> bool:
        """Asks for one page."""
        self._fresh()
        return self._source().waiting(since)

    def settle(self, interchange: Interchange, settlement: Settlement) -> None:
        """Call the confirming operation, where one is declared. What was refused is in the archive, and confirmed too."""
        taken = interchange.handle.get("taken")
        if self.settings.pull is not None and self.settings.pull.confirm is not None and taken:
            self._source().confirm(taken)

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """Submit every document."""
        self._fresh()
        return self._target().load(items) if items else []

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """Look keys up, one call each."""
        self._fresh()
        return self._target().find(keys) if keys else {}

    def close(self) -> None:
        """Give back connections."""
        if self._client is not None:
            self._client.close()
        self._client = None
        self._service = None

    def _fresh(self) -> None:
        """Before something begins: a service that was opened too long ago is opened again, for WSDL and password change."""
        if self._service is not None and time.monotonic() - self._since > self.settings.keep_seconds:
            self.close()

    def _open(self) -> Service:
        if self._service is None:
            self.close()
            credentials = self.ports.credentials(self.settings.connection)
            endpoint = credentials.extra.get("endpoint")
            further = [urllib.parse.urljoin(credentials.url, str(endpoint))] if endpoint else []
            client = self._client = HttpClient(
                _over_http(credentials, self.settings),
                self.settings.http,
                name=self.name,
                shared_url=shared_url(self.ports),
                guard=guard_of(credentials, *further),
            )
            documents = Documents(
                client, user=credentials.user or "", keep_seconds=self.settings.keep_seconds
            )
            self._service = Service(self.settings, credentials, client, documents)
            self._since = time.monotonic()
        return self._service

    def _source(self) -> Source:
        if self.settings.pull is None:
            raise _not_declared("pull")
        return Source(self.settings.pull, self._open())

    def _target(self) -> Target:
        if self.settings.load is None:
            raise _not_declared("load")
        return Target(self.settings.load, self.settings.find, self._open(), self.ports)

    def _calls(self) -> list[Call]:
        settings = self.settings
        confirm = settings.pull.confirm if settings.pull is not None else None
        return [
            call for call in (settings.pull, confirm, settings.load, settings.find, settings.check) if call
        ]

    def _ask(self, service: Service) -> str:
        """One harmless call: it alone shows whether user, password and signature are accepted."""
        settings = self.settings
        if settings.check is not None:
            request = service.request(settings.check.operation, filled(settings.check.parameters, _nothing))
            service.call(settings.check.operation, request, effect=False)
            return settings.check.operation
        if settings.find is not None and settings.load is not None:
            self._target().find(["orderhub-check"])
            return settings.find.operation
        if settings.pull is not None:
            self._source().waiting(None)
            return settings.pull.operation
        return "nothing, name an operation in `check`"


def _nothing(_: str) -> None:
    return None


def _over_http(credentials: Credentials, settings: SoapSettings) -> Credentials:
    """User and password go into the message where it has a token; over HTTP as well only when the connection says so."""
    if settings.ws_security == "none" or credentials.extra.get("auth"):
        return credentials
    return msgspec.structs.replace(credentials, user=None, secret=None)


def _not_declared(what: str) -> ConnectorRefused:
    return ConnectorRefused(
        f"The settings of the SOAP connector have no `{what}`.", todo=f"Add {what} with its operation."
    )
