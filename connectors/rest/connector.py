"""The REST connector. See README.md in this folder."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from connectors.rest.asking import Requests
from connectors.rest.openapi import Use, problems
from connectors.rest.settings import RestSettings
from connectors.rest.source import Pulling
from connectors.rest.target import Loading
from orderhub.connector import Capability, Health, Ports
from orderhub.errors import ConnectorError, ConnectorRefused
from orderhub.transport.addresses import shown
from orderhub.transport.both_ways import BothWays, not_declared
from orderhub.transport.http import HttpClient
from orderhub.transport.paging import first


class RestConnector(BothWays[RestSettings]):
    """Records from a JSON API, documents into one."""

    name = "rest"
    settings_type = RestSettings

    def __init__(self, settings: RestSettings, ports: Ports) -> None:
        super().__init__(settings, ports)
        if settings.target is not None and settings.target.find is None:
            # without a way to look up, the other side is declared to do the same key once
            self.capabilities = self.capabilities & ~Capability.FIND  # type: ignore[misc]  # this use of it can do less

    def check(self) -> Health:
        """Asks for the first page, looks up a key that is not there, and reads the API's description."""
        settings = self.settings
        done: list[str] = []
        try:
            requests = self._requests()
            if settings.openapi is not None:
                wrong = problems(self._description(), self._uses())
                if wrong:
                    return Health(ok=False, sentence=" ".join(wrong))
                done.append("the API's description knows every path and parameter")
            if settings.source is not None:
                count = Pulling(settings.source, requests).look()
                done.append(f"the first page of {settings.source.path} has {count} records")
            if settings.target is not None:
                Loading(settings.target, requests, self.ports).look()
                asked = settings.target.find is not None
                done.append(
                    "orders can be looked up" if asked else f"nothing was asked of {settings.target.path}"
                )
            place = shown(self._open().base)
        except ConnectorError as error:
            return Health(ok=False, sentence=f"{error.what} {error.todo}")
        return Health(ok=True, sentence=f"{place} answers: {', '.join(done)}.")

    def _open(self) -> HttpClient:
        return self._http(self.settings.connection, self.settings.http)

    def _requests(self) -> Requests:
        return Requests(self._open(), self.ports.credentials(self.settings.connection))

    def _pulling(self) -> Pulling:
        if self.settings.source is None:
            raise not_declared("source", "pull.settings")
        return Pulling(self.settings.source, self._requests())

    def _loading(self) -> Loading:
        if self.settings.target is None:
            raise not_declared("target", "the settings")
        return Loading(self.settings.target, self._requests(), self.ports)

    def _description(self) -> bytes:
        declared = self.settings.openapi
        if declared is not None and declared.file is not None:
            folder = Path(self.ports.resource("schemas")).resolve()
            path = (folder / declared.file).resolve()
            if not path.is_relative_to(folder) or not path.is_file():
                raise ConnectorRefused(
                    f"There is no file {declared.file!r} in the schemas folder.",
                    todo="Put the description there.",
                )
            return path.read_bytes()
        return self._open().request("GET", (declared.path if declared else "") or "", effect=False).content

    def _uses(self) -> Iterator[Use]:
        base = urllib.parse.urlsplit(self._open().base).path.rstrip("/")
        source, target = self.settings.source, self.settings.target
        if source is not None:
            paged = first(source.paging).params if source.body is None else {}
            params = frozenset((*source.params, *paged))
            yield Use(method=source.method, path=f"{base}/{source.path.lstrip('/')}", params=params)
        for one in (target, target.find if target is not None else None):
            if one is not None:
                params = frozenset(one.params)
                yield Use(method=one.method, path=f"{base}/{one.path.lstrip('/')}", params=params)
