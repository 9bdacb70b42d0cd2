"""The OData connector. See README.md in this folder."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.odata.metadata import EntityType, Metadata
from connectors.odata.service import Service
from connectors.odata.settings import ByField, OdataSettings
from connectors.odata.source import Pulling
from connectors.odata.target import Loading
from orderhub.connector import Health, Ports
from orderhub.errors import ConnectorError
from orderhub.transport.addresses import shown
from orderhub.transport.both_ways import BothWays, not_declared


class OdataConnector(BothWays[OdataSettings]):
    """Entities from an OData service, documents into one."""

    name = "odata"
    settings_type = OdataSettings

    def __init__(self, settings: OdataSettings, ports: Ports) -> None:
        super().__init__(settings, ports)
        self._service: Service | None = None

    def check(self) -> Health:
        """Reads $metadata and holds the settings against it, asks for the first page, looks up a key that is not there."""
        done: list[str] = []
        try:
            service = self._open()
            wrong = list(_problems(self.settings, service.metadata))
            if wrong:
                return Health(ok=False, sentence=" ".join(wrong))
            if self.settings.source is not None:
                count = Pulling(self.settings.source, service).look()
                done.append(f"the first page of {self.settings.source.set} has {count} entities")
            if self.settings.target is not None:
                Loading(self.settings.target, service, self.ports).find(["orderhub-check"])
                done.append(f"{self.settings.target.set} can be looked up")
            place = shown(service.base)
        except ConnectorError as error:
            return Health(ok=False, sentence=f"{error.what} {error.todo}")
        return Health(ok=True, sentence=f"{place} answers: {', '.join(done)}.")

    def close(self) -> None:
        """Give the client's connections back, and read $metadata anew the next time."""
        super().close()
        self._service = None

    def _open(self) -> Service:
        if self._service is None:
            settings = self.settings
            client = self._http(settings.connection, settings.http)
            self._service = Service(client, settings.service, settings.version, settings.params)
        return self._service

    def _pulling(self) -> Pulling:
        if self.settings.source is None:
            raise not_declared("source", "pull.settings")
        return Pulling(self.settings.source, self._open())

    def _loading(self) -> Loading:
        if self.settings.target is None:
            raise not_declared("target", "the settings")
        return Loading(self.settings.target, self._open(), self.ports)


def _problems(settings: OdataSettings, metadata: Metadata) -> Iterator[str]:
    """What $metadata does not know, a sentence each."""
    source, target = settings.source, settings.target
    if source is not None:
        entity = metadata.of_set(source.set)
        if entity is None:
            yield _no_set(source.set, metadata)
        else:
            fields = [source.incremental.field] if isinstance(source.incremental, ByField) else []
            for path in (*source.select, *source.expand, *fields):
                yield from _no_path(path, entity, source.set, metadata)
    if target is not None:
        entity = metadata.of_set(target.set)
        if entity is None:
            yield _no_set(target.set, metadata)
        else:
            yield from _no_path(target.reference, entity, target.set, metadata)
            if target.key.path is not None:
                names = [
                    name for name in target.key.path.split(".") if not name.isdigit() and name != "results"
                ]
                yield from _no_path("/".join(names), entity, target.set, metadata, target.key.length)
        found = metadata.of_set(target.find.set)
        if found is None:
            yield _no_set(target.find.set, metadata)
        else:
            for name in (target.find.field, target.find.reference):
                yield from _no_path(name, found, target.find.set, metadata)


def _no_set(name: str, metadata: Metadata) -> str:
    return f"The service has no set {name}; it has {', '.join(sorted(metadata.sets)[:20])}."


def _no_path(
    path: str, entity: EntityType, name: str, metadata: Metadata, length: int | None = None
) -> Iterator[str]:
    at: EntityType | None = entity
    *above, last = path.split("/")
    for step in above:
        at = metadata.next_type(at, step)
    known = at.properties.get(last) if at is not None else None
    if at is None or (known is None and last not in at.leads_to):
        yield f"{name} has no {path}."
    elif (
        known is not None
        and length is not None
        and known.max_length is not None
        and known.max_length < length
    ):
        yield f"{path} of {name} has room for {known.max_length} letters; set key.length to at most that."
