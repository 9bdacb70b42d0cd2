"""``orderhub connection``: what a connection's name stands for, and whether somebody listens there."""

from __future__ import annotations

import socket
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from orderhub.cli import hub
from orderhub.cli.output import Json, print_json, print_table

app = typer.Typer(help="Connections: addresses and credentials, by name.", no_args_is_help=True)

#: Ports of addresses that name none.
_PORTS = {
    "http": 80,
    "https": 443,
    "sftp": 22,
    "ftp": 21,
    "ftps": 21,
    "imap": 143,
    "imaps": 993,
    "smtp": 25,
    "smtps": 465,
    "postgresql": 5432,
    "mysql": 3306,
    "mariadb": 3306,
    "oracle": 1521,
    "mssql": 1433,
    "redis": 6379,
    "rediss": 6379,
    "amqp": 5672,
    "amqps": 5671,
}
_SECONDS = 5.0


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(help="The connection's name, as flows write it.")],
    json_output: Json = False,
) -> None:
    """Say where a connection comes from, what is in it but its secrets, which flows use it, and whether somebody listens at
    its address. Exit code 1 when nobody does, 2 when there is no such connection."""
    from orderhub.flows.health import uses_of
    from orderhub.services import airflow_connections
    from orderhub.services.settings import get_settings

    lookup = airflow_connections.lookup(get_settings())
    in_airflow = lookup(name) if lookup is not None else None
    with hub.context() as ctx:
        found = in_airflow or ctx.ports.credentials(name)
    uses = [use for flow in hub.flows().flows() for use in uses_of(flow) if use.connection == name]
    ok, sentence = reach(found.url)
    row: dict[str, Any] = {
        "connection": name,
        "from": "Airflow" if in_airflow is not None else "the hub's settings",
        "address": found.url,
        "user": found.user,
        "secret": "set" if found.secret else "none",
        "extra": sorted(found.extra),
        "used_by": [f"{use.flow} ({use.use})" for use in uses],
        "result": "ok" if ok else "failed",
        "sentence": sentence,
    }
    if json_output:
        print_json(row)
    else:
        print_table("Connection", ("what", "value"), _as_rows(row))
    if not ok:
        raise typer.Exit(1)


def _as_rows(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"what": key.replace("_", " "), "value": ", ".join(value) if isinstance(value, list) else value}
        for key, value in row.items()
        if value not in (None, [])
    ]


def reach(url: str) -> tuple[bool, str]:
    """Whether something accepts a TCP connection at an address; signing in is the connector's to check."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return False, f"{url!r} is no address."
    if not host or port is None:
        return True, "The address names no server to reach; the connector's own check knows more."
    try:
        with socket.create_connection((host, port), timeout=_SECONDS):
            return True, f"{host} accepts connections at port {port}."
    except socket.gaierror:
        return False, f"The name {host!r} is not known."
    except TimeoutError:
        return False, f"{host} does not answer at port {port} within {_SECONDS:.0f} s."
    except OSError as error:
        return False, f"{host} cannot be reached at port {port}: {error.strerror or type(error).__name__}."
