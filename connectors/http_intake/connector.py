"""The HTTP intake's connector. See README.md in this folder.

What is posted is in archive and ledger before its sender is answered, so there is nothing left to fetch: a pull gives what no run
has seen yet, which the ledger knows, and settling notes that a run has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.http_intake.settings import HttpIntakeSettings
from orderhub.connector import Bookmark, Capability, Connector, Health, Interchange, Settlement
from orderhub.errors import ConnectorUnavailable, HubError


class HttpIntakeConnector(Connector[HttpIntakeSettings]):
    """Reads the posts of one endpoint through the hub's resource ``posts``."""

    name = "http_intake"
    capabilities = Capability.PULL
    settings_type = HttpIntakeSettings

    def check(self) -> Health:
        """Whether the ledger answers, which holds what was posted."""
        try:
            self._posts().reached()
        except HubError as error:
            return Health(ok=False, sentence=error.what)
        return Health(ok=True, sentence=f"Documents are taken at /api/v1/intake/{self.settings.endpoint}.")

    def pull(self, stream: str, since: Bookmark) -> Iterator[Interchange]:
        yield from self._posts().unsettled(self.settings.endpoint)

    def waiting(self, stream: str, since: Bookmark) -> bool:
        try:
            return bool(self._posts().waiting(self.settings.endpoint))
        except HubError as error:
            if not error.retryable:
                raise
            raise ConnectorUnavailable(error.what, todo=error.todo) from error

    def settle(self, interchange: Interchange, settlement: Settlement) -> None:
        self._posts().settle(self.settings.endpoint, interchange.arrival)

    def close(self) -> None:
        """There is nothing to give back."""

    def _posts(self) -> Any:
        return self.ports.resource("posts")
