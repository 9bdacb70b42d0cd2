"""Where the parts can be reached: from the settings where a URL is set, else from the running embedded ones.

``run/endpoints.json`` in the data folder holds the ports of the last start; passwords come from the secrets file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from orderhub.errors import ServiceError
from orderhub.services import folder as data_folders
from orderhub.services import secret_store
from orderhub.services.settings import Settings, get_settings

_FILE = "endpoints.json"


@dataclass(frozen=True)
class Ports:
    """Ports of the embedded parts, on loopback; 0 where the part is not ours."""

    postgres: int = 0
    valkey: int = 0
    erp: int = 0
    airflow: int = 0


@dataclass(frozen=True, repr=False)
class Endpoints:
    """Addresses with credentials. ``repr`` shows none of them."""

    database_url: str
    airflow_database_url: str
    erp_database_url: str
    valkey_url: str
    archive_url: str
    archive_key: str
    inbox_folder: Path
    erp_url: str
    erp_database: str
    erp_user: str
    erp_password: str
    airflow_url: str
    airflow_user: str
    airflow_password: str
    outbox_folder: Path | None = None

    def __repr__(self) -> str:
        return f"Endpoints(erp_url={self.erp_url!r}, airflow_url={self.airflow_url!r}, …)"


def write_ports(run_folder: Path, ports: Ports) -> None:
    """Remember the ports of this start."""
    fresh = run_folder / f"{_FILE}.new"
    fresh.write_text(json.dumps(ports.__dict__), encoding="utf-8")
    fresh.replace(run_folder / _FILE)


def read_ports(run_folder: Path) -> Ports | None:
    """The ports of the last start; ``None`` when there was none."""
    try:
        return replace(Ports(), **json.loads((run_folder / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        # a first start, or a file of another version: ports are chosen anew
        return None


def _postgres(user: str, password: str, port: int) -> str:
    return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{port}/{user}"


def database_name(url: str) -> str:
    """The database that a PostgreSQL URL names."""
    return unquote(urlsplit(url).path.lstrip("/"))


def build(
    settings: Settings, chosen: data_folders.DataFolder, held: secret_store.Secrets, ports: Ports
) -> Endpoints:
    """The addresses for these ports."""

    def url(name: str, embedded: str) -> str:
        value = getattr(settings, name)
        return str(value.get_secret_value()) if value is not None else embedded

    host = settings.airflow_host
    erp_database_url = url(
        "erp_database_url", _postgres("tryton", held.tryton_database_password, ports.postgres)
    )
    browsable = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    return Endpoints(
        database_url=url("database_url", _postgres("orderhub", held.orderhub_password, ports.postgres)),
        airflow_database_url=url(
            "airflow_database_url", _postgres("airflow", held.airflow_database_password, ports.postgres)
        ),
        erp_database_url=erp_database_url,
        valkey_url=url("valkey_url", f"redis://:{held.valkey_password}@127.0.0.1:{ports.valkey}/0"),
        archive_url=settings.archive_url or (chosen.path / "archive").as_uri(),
        archive_key=held.archive_key,
        inbox_folder=settings.path("inbox_folder") if settings.inbox_folder else chosen.path / "inbox",
        erp_url=settings.erp_url or f"http://127.0.0.1:{ports.erp}",
        # the hub's own ERP serves the database that the URL names, so that the two cannot disagree
        erp_database=settings.erp_database if settings.erp_url else database_name(erp_database_url),
        erp_user=settings.erp_user,
        erp_password=url("erp_password", held.erp_password),
        airflow_url=settings.airflow_url or f"http://{browsable}:{ports.airflow}",
        airflow_user=settings.airflow_user,
        airflow_password=url("airflow_password", held.airflow_password),
        outbox_folder=settings.path("outbox_folder") if settings.outbox_folder else chosen.path / "outbox",
    )


def load(settings: Settings | None = None) -> Endpoints:
    """The addresses, for a command or a task that talks to parts which run already. Starts nothing, checks nothing.

    :raises ServiceError: an embedded part is wanted and the hub was never started.
    """
    settings = settings or get_settings()
    chosen = data_folders.choose(settings)
    ports = read_ports(chosen.run)
    if ports is None:
        raise ServiceError(
            f"The hub has not been started with the data folder {chosen.path}.", todo="Run `make run`."
        )
    return build(settings, chosen, secret_store.read(chosen.path), ports)
