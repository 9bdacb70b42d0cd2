"""The warehouse connector: the hub's own warehouse, which comes through a port. See README.md in this folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from orderhub.connector import Capability, Connector, ConnectorSettings, Health, LoadItem, Outcome
from orderhub.errors import ConnectorError


class WarehouseSettings(ConnectorSettings):
    """The warehouse is the hub's own, so there is nothing to set."""


class Warehouse(Protocol):
    """What the port ``warehouse`` gives. ``load``: one outcome per item, in order, each batch in transactions of its own;
    ``find``: what is there under these keys."""

    def check(self) -> Health: ...

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]: ...

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]: ...


class WarehouseConnector(Connector[WarehouseSettings]):
    """Passes batches to the warehouse. A new revision is a new version; the one before ends, and stays."""

    name = "warehouse"
    capabilities = Capability.LOAD | Capability.UPSERT | Capability.FIND
    settings_type = WarehouseSettings

    def _warehouse(self) -> Warehouse:
        return cast(Warehouse, self.ports.resource("warehouse"))

    def check(self) -> Health:
        """Whether the warehouse's tables can be reached."""
        try:
            return self._warehouse().check()
        except ConnectorError as error:
            return Health(ok=False, sentence=f"{error.what} {error.todo}")

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """Load a batch.

        :raises ConnectorUnavailable: the database cannot be reached and nothing was written.
        """
        return self._warehouse().load(items) if items else []

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """What the warehouse has under these keys."""
        return self._warehouse().find(keys) if keys else {}
