"""Where a connection leads and which driver it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from orderhub.connector import Credentials
from orderhub.errors import ConnectorRefused

_SCHEMES = {
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "oracle": "oracle",
    "odbc": "odbc",
    "mssql": "odbc",
    "sqlite": "odbc",
}
_MSSQL_DRIVER = "ODBC Driver 18 for SQL Server"


@dataclass(frozen=True)
class Address:
    """``driver``: ``postgresql``, ``mysql``, ``oracle`` or ``odbc``. ``extra`` is the connection's."""

    driver: str
    host: str
    port: int | None
    database: str
    user: str | None
    secret: str | None = field(repr=False)
    extra: Mapping[str, Any]

    def text(self, name: str) -> str | None:
        value = self.extra.get(name)
        return None if value is None else str(value)

    def __str__(self) -> str:
        """For people."""
        place = f"{self.host}:{self.port}" if self.port else self.host
        return f"The database {self.database or '(default)'}" + (f" at {place}" if place else "")


def address(credentials: Credentials, connection: str) -> Address:
    """:raises ConnectorRefused: the URL names no database that the hub has a driver for."""
    try:
        parts = urlsplit(credentials.url)
        port = parts.port
    except ValueError as error:
        raise ConnectorRefused(
            f"The address of the connection {connection!r} is no URL.", todo="Write scheme://host:port."
        ) from error
    driver = _SCHEMES.get(parts.scheme.partition("+")[0])
    if driver is None:
        raise ConnectorRefused(
            f"The connection {connection!r} has the type {parts.scheme!r}, for which there is no database driver.",
            todo=f"Use one of {', '.join(sorted(_SCHEMES))}.",
        )
    extra = dict(credentials.extra)
    if parts.scheme == "mssql":
        extra.setdefault("driver", _MSSQL_DRIVER)
    if parts.scheme == "sqlite":
        extra.setdefault("driver", "SQLite3")
    path = unquote(parts.path if parts.scheme == "sqlite" else parts.path.lstrip("/"))
    return Address(
        driver=driver,
        host=str(extra.get("host") or parts.hostname or ""),
        port=port,
        database=str(extra.get("database") or path),
        user=credentials.user,
        secret=credentials.secret,
        extra=extra,
    )
