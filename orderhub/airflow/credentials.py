"""How a connection of Airflow becomes credentials: the same for tasks, the command line, the intake and the pages.

========================= =========================================================================================
type of the connection    address
========================= =========================================================================================
``http``, ``https``       ``http://`` or ``https://``, as ``schema`` (``https``) or extra ``scheme`` says; where nobody says
                          so, the type's own
``orderhub_…``            what the form asks for: ``scheme`` of its kind, see ``connection_types``
``sftp``, ``ssh``         ``sftp://``
``ftp``                   ``ftp://``; ``ftps://`` by extra ``tls``
``imap``, ``smtp``        ``imaps://``, ``smtps://`` unless extra ``use_ssl`` is false or ``disable_ssl`` is true
``redis``                 ``redis://``, ``rediss://`` by extra ``ssl``; the number of the database as path
``amqp``, ``rabbitmq``    ``amqp://``, ``amqps://`` by extra ``ssl``; the virtual host as path
``postgres``, ``mysql``,  ``postgresql://``, ``mysql://``, …; ``schema`` is the database, as path and as extra ``database``
``mssql``, ``oracle`` …
``generic`` and others    the type as scheme, as it is
========================= =========================================================================================

A host may hold a path and a query (``api.example.com/v1?tenant=7``), be an IPv6 address, or be a whole address, which is
taken as it is; a user and password in it are taken out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from orderhub.connector import Credentials

_SCHEMES = {
    "postgres": "postgresql",
    "ssh": "sftp",
    "rabbitmq": "amqp",
    "orderhub_rest": "https",
    "orderhub_odata": "https",
    "orderhub_soap": "https",
    "orderhub_erp": "https",
    "orderhub_sftp": "sftp",
    "orderhub_ftp": "ftp",
    "orderhub_sql": "postgresql",
    "orderhub_queue": "amqp",
    "orderhub_mail": "imap",
    "orderhub_store": "file",
}
#: Schemes whose ``schema`` is a database (or virtual host) that belongs into the address.
_WITH_DATABASE = frozenset(
    {"postgresql", "mysql", "mariadb", "mssql", "oracle", "redis", "rediss", "amqp", "amqps"}
)
#: Scheme, its encrypted form, the extras that ask for it, and whether it is the default.
_ENCRYPTED: dict[str, tuple[str, tuple[str, ...], bool]] = {
    "ftp": ("ftps", ("tls", "ssl", "use_ssl"), False),
    "redis": ("rediss", ("ssl", "tls"), False),
    "amqp": ("amqps", ("ssl", "tls"), False),
    "imap": ("imaps", ("use_ssl", "tls"), True),
    "smtp": ("smtps", ("use_ssl", "tls"), True),
    "http": ("https", ("https", "use_ssl"), False),
}
_HTTP = ("http", "https")


class AirflowConnection(Protocol):
    """What is read of a connection, whichever of Airflow's classes it is."""

    conn_type: Any
    host: Any
    login: Any
    password: Any
    schema: Any
    port: Any

    @property
    def extra_dejson(self) -> dict[str, Any]: ...


def credentials_of(connection: AirflowConnection) -> Credentials:
    """Address, user, secret and the rest. The secret is never in the address."""
    extra = {key: value for key, value in dict(connection.extra_dejson).items() if value not in (None, "")}
    schema = str(connection.schema or "")
    host = str(connection.host or "")
    if "://" in host:
        url, user, secret = _without_user(host)
    else:
        user = secret = None
        url = _url(
            _scheme(str(connection.conn_type or ""), schema, extra), host, connection.port, schema, extra
        )
    if schema and not (schema.lower() in _HTTP and url.startswith("http")):
        extra.setdefault("database", schema)
    return Credentials(
        url=url, user=connection.login or user, secret=connection.password or secret, extra=extra
    )


def _scheme(kind: str, schema: str, extra: Mapping[str, Any]) -> str:
    given = str(extra.get("scheme") or "").lower()
    if given:
        return given
    scheme = _SCHEMES.get(kind, kind) or "http"
    if scheme in _HTTP and schema.lower() in _HTTP:
        return schema.lower()
    if scheme in _ENCRYPTED:
        encrypted, names, default = _ENCRYPTED[scheme]
        wanted = next((_true(extra[name]) for name in names if name in extra), default)
        if _true(extra.get("disable_ssl", False)):
            wanted = False
        return encrypted if wanted else scheme
    return scheme


def _url(scheme: str, host: str, port: object, schema: str, extra: Mapping[str, Any]) -> str:
    name, mark, rest = _split(host)
    if ":" in name and not name.startswith("["):
        # an IPv6 address as people write it; a port after a name stays what it is
        name = f"[{name}]" if name.count(":") > 1 else name
    where = name + (f":{port}" if port and not _has_port(name) else "")
    path = mark + rest
    if not path and scheme in _WITH_DATABASE:
        database = str(extra.get("db", "")) if scheme.startswith("redis") and not schema else schema
        path = f"/{quote(database, safe='')}" if database else ""
    return f"{scheme}://{where}{path}"


def _split(host: str) -> tuple[str, str, str]:
    """The name, and the path or query behind it with the character that begins it."""
    at = min((position for position in (host.find("/"), host.find("?")) if position >= 0), default=len(host))
    return host[:at], host[at : at + 1], host[at + 1 :]


def _has_port(name: str) -> bool:
    return name.rpartition("]")[2].rpartition(":")[2].isdigit() and ":" in name.rpartition("]")[2]


def _without_user(url: str) -> tuple[str, str | None, str | None]:
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, None, None
    user, _, where = parts.netloc.rpartition("@")
    name, _, secret = user.partition(":")
    plain = urlunsplit((parts.scheme, where, parts.path, parts.query, parts.fragment))
    return plain, unquote(name) or None, unquote(secret) or None


def _true(value: object) -> bool:
    return str(value).strip().lower() in ("true", "1", "yes", "on")
