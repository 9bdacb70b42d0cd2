"""The URL of Valkey in the forms that libraries want."""

from __future__ import annotations

from orderhub.connector import Ports
from orderhub.errors import ConnectorRefused


def storage_url(url: str) -> str:
    """A URL as ``limits`` takes it: a Unix socket has another scheme there than in the client library."""
    return url.replace("unix://", "redis+unix://", 1) if url.startswith("unix://") else url


def shared_url(ports: Ports) -> str:
    """Valkey's URL from the ports, empty where there is none: then each process counts for itself."""
    try:
        return str(ports.resource("valkey_url") or "")
    except ConnectorRefused:
        return ""
