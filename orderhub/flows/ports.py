"""What the hub hands to connectors: credentials, its own resources, and whether a file is complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orderhub.connector import Credentials
from orderhub.errors import ConnectorRefused


class HubPorts:
    """Credentials and resources by name; a resource is built when first asked for.

    ``data`` is the folder that relative paths of connector settings start from (the inbox folder of the settings);
    ``warehouse`` is the warehouse's engine. ``connections`` is asked before ``credentials``; its None means unknown there.
    """

    def __init__(
        self,
        credentials: Mapping[str, Credentials],
        resources: Mapping[str, Callable[[], Any]],
        connections: Callable[[str], Credentials | None] | None = None,
    ) -> None:
        self._connections = connections
        self._credentials = dict(credentials)
        self._resources = dict(resources)

    def credentials(self, connection: str) -> Credentials:
        """:raises ConnectorRefused: when there is no connection of that name."""
        found = self._connections(connection) if self._connections is not None else None
        if found is not None:
            return found
        try:
            return self._credentials[connection]
        except KeyError:
            known = ", ".join(sorted(self._credentials)) or "none"
            raise ConnectorRefused(
                f"There is no connection {connection!r}.", todo=f"Known connections: {known}."
            ) from None

    def complete(self, data: bytes, *, name: str) -> bool:
        """Whether the bytes end as their format says they must. What no reader knows is taken as it is."""
        return ends_complete(data)

    def resource(self, kind: str) -> Any:
        """:raises ConnectorRefused: for an unknown kind."""
        try:
            return self._resources[kind]()
        except KeyError:
            known = ", ".join(sorted(self._resources))
            raise ConnectorRefused(f"The hub has no resource {kind!r}.", todo=f"It has: {known}.") from None


def ends_complete(data: bytes) -> bool:
    """False for an EDIFACT file whose last segment is not UNZ: the sender may still be writing. Everything else has no
    end that could be checked."""
    head = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:3] not in (b"UNA", b"UNB"):
        return True
    terminator = head[8:9] if head[:3] == b"UNA" else b"'"
    tail = data[-512:].rstrip()
    if not tail.endswith(terminator):
        return False
    last = tail[: -len(terminator)].rpartition(terminator)[2].lstrip()
    return last.startswith(b"UNZ")
