"""Airflow's four parts: their commands, their environment, and whether they are healthy. Imports nothing of Airflow."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from orderhub.services.endpoints import Endpoints, Ports
from orderhub.services.folder import DataFolder
from orderhub.services.secret_store import Secrets
from orderhub.services.settings import Settings

#: Name of the part, and what ``airflow`` is called with.
PARTS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server", "--workers", "1"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
    "scheduler": ("scheduler", "--skip-serve-logs"),
}
#: Names in the health answer, without the one that gives it.
HEALTH_NAMES = ("metadatabase", "scheduler", "dag_processor", "triggerer")


def command(*arguments: str) -> tuple[str, ...]:
    """A call of the ``airflow`` command of this environment."""
    return (sys.executable, "-m", "airflow", *arguments)


def part_command(name: str, settings: Settings, ports: Ports) -> tuple[str, ...]:
    """The command line of one part."""
    extra: tuple[str, ...] = ()
    if name == "api-server":
        extra = ("--host", settings.airflow_host, "--port", str(ports.airflow))
    return command(*PARTS[name], *extra)


def environment(
    settings: Settings, chosen: DataFolder, held: Secrets, ports: Ports, endpoints: Endpoints
) -> dict[str, str]:
    """What airflow.cfg does not say: paths, addresses and secrets of this installation."""
    return {
        "AIRFLOW_HOME": str(chosen.path / "airflow"),
        "AIRFLOW_CONFIG": str(settings.project_folder / "airflow.cfg"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.path("dags_folder")),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(settings.path("plugins_folder")),
        "AIRFLOW__CORE__FERNET_KEY": held.fernet_key,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{ports.airflow}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{settings.airflow_user}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file(chosen)),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _driver(endpoints.airflow_database_url, "psycopg2"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": _driver(endpoints.airflow_database_url, "asyncpg"),
        "AIRFLOW__API__BASE_URL": endpoints.airflow_url,
        "AIRFLOW__API__SECRET_KEY": held.api_secret_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": held.jwt_secret,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(chosen.logs / "airflow"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": settings.log_level,
        "AIRFLOW__DAG_PROCESSOR__CHILD_PROCESS_LOG_DIRECTORY": str(chosen.logs / "airflow" / "dag_processor"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(
            chosen.logs / "airflow" / "dag_processor"
        ),
        "GX_ANALYTICS_ENABLED": "false",
    }


def _driver(url: str, driver: str) -> str:
    return url.replace("postgresql://", f"postgresql+{driver}://", 1)


def passwords_file(chosen: DataFolder) -> Path:
    """Airflow's simple sign-in reads the password from a file of its own."""
    return chosen.run / "airflow-passwords.json"


def write_passwords(chosen: DataFolder, endpoints: Endpoints) -> None:
    """Write that file, mode 0600."""
    path = passwords_file(chosen)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({endpoints.airflow_user: endpoints.airflow_password}, file)


def unhealthy(url: str) -> list[str]:
    """The parts that are not healthy (yet), by name; all of them while nothing answers."""
    try:
        answer = httpx.get(f"{url}/api/v2/monitor/health", timeout=5, trust_env=False)
    except httpx.TransportError:
        return ["api-server", *HEALTH_NAMES]
    if answer.status_code != httpx.codes.OK:
        return ["api-server", *HEALTH_NAMES]
    states = answer.json()
    return [name for name in HEALTH_NAMES if (states.get(name) or {}).get("status") != "healthy"]


def access_token(endpoints: Endpoints) -> str:
    """A token for Airflow's public API, as the hub's own user.

    :raises httpx.HTTPError: Airflow does not answer or refuses.
    """
    answer = httpx.post(
        f"{endpoints.airflow_url}/auth/token",
        json={"username": endpoints.airflow_user, "password": endpoints.airflow_password},
        timeout=10,
        trust_env=False,
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])
