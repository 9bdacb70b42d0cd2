"""What Orderhub tells Airflow of itself as a provider: its types of connections and their forms.

Declared in pyproject.toml as the entry point ``apache_airflow_provider``. Airflow's pages read the forms from here and
import nothing else; a field's name is the key in the connection's extra.
"""

from __future__ import annotations

from typing import Any

Field = dict[str, Any]


def _text(
    label: str, description: str = "", *, choices: tuple[str, ...] = (), default: str | None = None
) -> Field:
    schema: dict[str, Any] = {"type": ["string", "null"]}
    if choices:
        schema["enum"] = [*choices, None]
    if default is not None:
        schema["default"] = default
    return {"label": label, "description": description, "schema": schema}


def _secret(label: str, description: str = "") -> Field:
    return {
        "label": label,
        "description": description,
        "schema": {"type": ["string", "null"], "format": "password"},
    }


def _flag(label: str, description: str = "", *, default: bool = False) -> Field:
    return {
        "label": label,
        "description": description,
        "schema": {"type": ["boolean", "null"], "default": default},
    }


#: orderhub.transport.tls
_TLS: dict[str, Field] = {
    "ca_file": _text("Authorities", "PEM file of the authorities to trust instead of the system's."),
    "client_certificate": _text("Client certificate", "PEM file, for mutual TLS."),
    "client_key": _text("Client key", "PEM file of the certificate's key, where it is not in the same file."),
    "client_key_password": _secret("Password of the client key"),
}
#: orderhub.transport.auth and .addresses
_HTTP: dict[str, Field] = {
    "auth": _text(
        "Signs in by",
        "Empty: basic with login and password, bearer with a password alone, OAuth 2 where a token address is given.",
        choices=("none", "basic", "bearer", "api_key", "oauth2"),
    ),
    "api_key_header": _text("Header of the API key", "X-API-Key when empty."),
    "token_url": _text(
        "Token address", "OAuth 2, client credentials: login and password are client id and secret."
    ),
    "scope": _text("Scope", "OAuth 2."),
    **_TLS,
    "allowed_hosts": _text(
        "Other hosts",
        "Names with commas (*.example.com: all below) that links, redirects and the WSDL's imports may lead to, "
        "beside the address itself. They are reached at public addresses only.",
    ),
    "private_hosts": _text(
        "Internal hosts",
        "Names with commas of hosts in your own network that this connection may reach: an ERP that has a name there "
        "needs to stand here. Any other name that leads to an internal address is refused, so that nothing a partner "
        "sends (a link, a redirect, a name server's answer) opens your network. localhost and an address in digits "
        "need not.",
    ),
    "scheme": _text("Scheme", "https when empty.", choices=("https", "http")),
}


def _kind(
    name: str,
    label: str,
    fields: dict[str, Field],
    *,
    hidden: tuple[str, ...] = (),
    labels: dict[str, str] | None = None,
    placeholders: dict[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "connection-type": f"orderhub_{name}",
        "hook-class-name": f"orderhub.airflow.hooks.{name.title()}Hook",
        "hook-name": f"Orderhub {label}",
        "ui-field-behaviour": {
            "hidden-fields": list(hidden),
            "relabeling": labels or {},
            "placeholders": placeholders or {},
        },
        "conn-fields": fields,
    }


_URL = {"host": "Address"}
_API = {"host": "https://api.example.com/v1"}

CONNECTION_TYPES: list[dict[str, Any]] = [
    _kind("rest", "REST", _HTTP, hidden=("schema",), labels=_URL, placeholders=_API),
    _kind(
        "odata",
        "OData",
        _HTTP,
        hidden=("schema",),
        labels=_URL,
        placeholders={"host": "https://sap.example.com/sap/opu/odata/sap/API_PURCHASEORDER_PROCESS_SRV"},
    ),
    _kind(
        "soap",
        "SOAP",
        {
            **_HTTP,
            "endpoint": _text("Requests go to", "Instead of where the WSDL sends them."),
            "signing_key": _text("Signing key", "PEM file, for WS-Security signatures."),
            "signing_certificate": _text("Signing certificate", "PEM file."),
            "service_certificate": _text("The service's certificate", "PEM file, to verify its answers."),
            "signing_key_password": _secret("Password of the signing key"),
        },
        hidden=("schema",),
        labels={"host": "WSDL"},
        placeholders={"host": "https://partner.example.com/orders?wsdl"},
    ),
    _kind(
        "erp",
        "ERP",
        {**_HTTP, "database": _text("Database", "Where the ERP has several.")},
        hidden=("schema",),
        labels=_URL,
        placeholders={"host": "https://erp.example.com"},
    ),
    _kind(
        "sftp",
        "SFTP",
        {
            "fingerprint": _text(
                "Fingerprint of the host key",
                "SHA256:…, as `ssh-keygen -lf` shows it; this or one of the next two.",
            ),
            "host_key": _text("Host key", "The server's public key: its type, a space, and the key."),
            "known_hosts": _text("Known hosts", "Lines of a known_hosts file, or the path of one."),
            "private_key": _secret(
                "Private key", "PEM text of the key to sign in with, instead of the password."
            ),
            "key_file": _text("File of the private key", "Where it is a file that the hub can read."),
            "passphrase": _secret("Passphrase of the private key"),
        },
        hidden=("schema",),
        placeholders={"host": "sftp.example.com", "port": "22"},
    ),
    _kind(
        "ftp",
        "FTP and FTPS",
        {
            "tls": _flag(
                "Encrypted (FTPS)", "AUTH TLS on the control and the data connection.", default=True
            ),
            **_TLS,
        },
        hidden=("schema",),
        placeholders={"host": "ftp.example.com", "port": "21"},
    ),
    _kind(
        "sql",
        "SQL",
        {
            "scheme": _text(
                "Database system",
                "What it is, and so what talks to it.",
                choices=("postgresql", "mysql", "mariadb", "oracle", "mssql", "odbc"),
                default="postgresql",
            ),
            "driver": _text("ODBC driver", "Its name in odbcinst.ini; for odbc."),
            "dsn": _text("ODBC data source", "Its name in odbc.ini, instead of a driver."),
            "dialect": _text(
                "Dialect of an ODBC source", "Where its driver does not say what SQL it understands."
            ),
            "service_name": _text("Service name", "Oracle; the database when empty."),
            **_TLS,
        },
        labels={"schema": "Database"},
        placeholders={"host": "db.example.com"},
    ),
    _kind(
        "queue",
        "queue",
        {
            "scheme": _text(
                "Broker",
                "RabbitMQ: amqps or amqp. Redis and Valkey: rediss or redis.",
                choices=("amqps", "amqp", "rediss", "redis"),
                default="amqps",
            ),
            **_TLS,
        },
        labels={"schema": "Virtual host or database"},
    ),
    _kind(
        "mail",
        "e-mail",
        {
            "scheme": _text(
                "Protocol",
                "imaps to receive, smtps to send; the others begin unencrypted.",
                choices=("imaps", "smtps", "imap", "smtp"),
                default="imaps",
            ),
            **_TLS,
        },
        hidden=("schema",),
        placeholders={"host": "mail.example.com"},
    ),
    _kind(
        "store",
        "object store",
        {
            "storage_options": {
                "label": "Options of the store",
                "description": "What fsspec's file system of this scheme is given, as JSON.",
                "schema": {"type": ["object", "null"]},
            }
        },
        hidden=("schema", "port", "login", "password"),
        labels=_URL,
        placeholders={"host": "s3://bucket/folder"},
    ),
]


def get_provider_info() -> dict[str, Any]:
    """For Airflow's provider manager."""
    return {
        "package-name": "orderhub",
        "name": "Orderhub",
        "description": "Purchase orders and supplier data between companies and their systems.",
        "connection-types": CONNECTION_TYPES,
    }
