"""Builds the context that the stages work in."""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from orderhub.connector import Connector, Credentials
from orderhub.connector_registry import ConnectorRegistry
from orderhub.flows.cache import NoCache, ValkeyCache
from orderhub.flows.lookups import CachedLookups
from orderhub.flows.payloads import PayloadWriter
from orderhub.flows.ports import HubPorts
from orderhub.formats.bundle import pack
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import create_engine
from orderhub.ledger.posts import Posts
from orderhub.mapping.registry import MappingRegistry
from orderhub.partners.registry import PartnerRegistry
from orderhub.security.keys import KeyRing
from orderhub.stage import HubContext
from orderhub.warehouse.port import WarehousePort

__all__ = ["Folders", "HubContext", "Reachable", "open_context"]


class Folders(Protocol):
    """Where the project's files are: ``orderhub.services.settings.Settings`` is one."""

    def path(self, name: str) -> Path:
        """``mappings_folder``, ``partners_folder``, ``schemas_folder``, ``connectors_folder``, ``flows_folder``."""


class Reachable(Protocol):
    """How the parts are reached: ``orderhub.services.endpoints.Endpoints`` is one."""

    @property
    def database_url(self) -> str: ...
    @property
    def valkey_url(self) -> str: ...
    @property
    def archive_url(self) -> str: ...
    @property
    def archive_key(self) -> str: ...
    @property
    def inbox_folder(self) -> Path: ...
    @property
    def outbox_folder(self) -> Path | None: ...
    @property
    def erp_url(self) -> str: ...
    @property
    def erp_database(self) -> str: ...
    @property
    def erp_user(self) -> str: ...
    @property
    def erp_password(self) -> str: ...


def open_context(
    settings: Folders,
    endpoints: Reachable,
    *,
    worker: str | None = None,
    lease_seconds: float = 120,
    connections: Callable[[str], Credentials | None] | None = None,
) -> HubContext:
    """A context on these services: ``open_context(get_settings(), endpoints.load())``. Close it when done.

    Connects to nothing before it is used: the first query says what is unreachable.

    :param worker: names this process in leases and logs; host, process id and a random part when absent.
    :param connections: asked first for a connection's name (the scheduler's connections); None answers go to the settings.
    :raises ConfigError: an archive key or URL that cannot be used.
    """
    engine = create_engine(endpoints.database_url)
    cache = ValkeyCache(endpoints.valkey_url) if endpoints.valkey_url else NoCache()
    mappings = settings.path("mappings_folder")
    mapping_registry = MappingRegistry(mappings, lookups=CachedLookups(mappings / "lookups", cache))
    archive = Archive(endpoints.archive_url, KeyRing.from_text(endpoints.archive_key))
    payloads = PayloadWriter(mapping_registry, engine)
    built: dict[str, Connector[Any]] = {}
    ports = HubPorts(
        credentials={
            "erp": Credentials(
                url=endpoints.erp_url,
                user=endpoints.erp_user,
                secret=endpoints.erp_password,
                extra={"database": endpoints.erp_database},
            )
        },
        resources={
            "warehouse": lambda: WarehousePort(engine),
            "data": lambda: endpoints.inbox_folder,
            "bundle": lambda: pack,
            "write": lambda: payloads,
            "posts": lambda: Posts(engine, archive),
            "valkey_url": lambda: endpoints.valkey_url,
            "schemas": lambda: settings.path("schemas_folder"),
            "outbox": lambda: endpoints.outbox_folder or endpoints.inbox_folder.parent / "outbox",
        },
        connections=connections,
    )
    registry = ConnectorRegistry(settings.path("connectors_folder"))

    def connector(name: str, given: Mapping[str, Any]) -> Connector[Any]:
        key = f"{name}:{json.dumps(given, sort_keys=True, default=str)}"
        if key not in built:
            built[key] = registry.create(name, given, ports)
        return built[key]

    def close() -> None:
        for one in built.values():
            one.close()
        built.clear()
        if isinstance(cache, ValkeyCache):
            cache.close()
        engine.dispose()

    return HubContext(
        ledger=engine,
        warehouse=engine,
        archive=archive,
        mappings=mapping_registry,
        partners=PartnerRegistry(settings.path("partners_folder")),
        suites=settings.path("schemas_folder") / "expectations",
        ports=ports,
        connectors=connector,
        cache=cache,
        clock=lambda: dt.datetime.now(dt.UTC),
        worker=worker or f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}",
        lease_seconds=lease_seconds,
        closers=[close],
    )
