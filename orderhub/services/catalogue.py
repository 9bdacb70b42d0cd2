"""The list of the hub's programs, made from settings and addresses. A new program is one entry here."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from pydantic import SecretStr

from orderhub.errors import ServiceError
from orderhub.services import airflow_parts, launch, leftovers, postgres, secret_store, valkey
from orderhub.services import folder as data_folders
from orderhub.services.endpoints import Endpoints, Ports, read_ports
from orderhub.services.endpoints import load as load_endpoints
from orderhub.services.folder import DataFolder
from orderhub.services.programs import Program
from orderhub.services.secret_store import Secrets
from orderhub.services.settings import PREFIX, Settings
from orderhub.services.tryton import install as erp

#: What a foreign server gets of the surroundings: nothing that could be a credential.
_PLAIN = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


def settings_environment(settings: Settings, chosen: DataFolder) -> dict[str, str]:
    """The settings as environment, so that every program of the hub reads the same ones."""
    values: dict[str, str] = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        values[f"{PREFIX}{name.upper()}"] = "" if plain is None else str(plain)
    values[f"{PREFIX}PROJECT_FOLDER"] = str(settings.project_folder)
    values[f"{PREFIX}DATA_FOLDER"] = str(chosen.path)
    return values


def airflow_environment(settings: Settings) -> dict[str, str]:
    """What a call of ``airflow`` needs to work on the hub's Airflow.

    :raises ServiceError: the hub was never started with this data folder, or its Airflow is somebody else's.
    """
    if settings.airflow_url:
        raise ServiceError(
            f"The hub uses the Airflow at {settings.airflow_url}, which it does not run.",
            todo="Run the airflow command where that Airflow runs.",
        )
    chosen = data_folders.choose(settings)
    endpoints = load_endpoints(settings)
    ports = read_ports(chosen.run) or Ports()
    held = secret_store.read(chosen.path)
    return settings_environment(settings, chosen) | airflow_parts.environment(
        settings, chosen, held, ports, endpoints
    )


def build(
    settings: Settings, chosen: DataFolder, held: Secrets, ports: Ports, endpoints: Endpoints
) -> list[Program]:
    """All programs that these settings leave to the hub."""
    here = leftovers.working_folder(chosen.path)
    mark = {leftovers.MARK: str(chosen.path.resolve())}
    plain = {name: os.environ[name] for name in _PLAIN if name in os.environ} | mark
    own = {k: v for k, v in os.environ.items() if not launch.is_internal(k)}
    own |= settings_environment(settings, chosen) | mark
    programs: list[Program] = []

    if ports.postgres:
        user = postgres.system_user()
        cluster = postgres.prepare_cluster_folder(chosen.path)
        binaries = postgres.programs_folder(chosen.path)
        programs += [
            Program(
                name="postgres-init",
                layer="steps",
                command=postgres.initdb_command(binaries, cluster),
                env=plain,
                folder=here,
                user=user,
                stdin=held.postgres_password + "\n",
                keep=False,
            ),
            Program(
                name="postgres",
                layer="stores",
                command=postgres.server_command(binaries, cluster, ports.postgres),
                env=plain,
                folder=here,
                user=user,
                # fast shutdown: open connections are ended, work that was committed stays
                stop_signal="INT",
                stop_seconds=20,
            ),
        ]
    if ports.valkey:
        programs.append(
            Program(
                name="valkey",
                layer="stores",
                command=valkey.server_command(),
                env=plain,
                folder=here,
                stdin=valkey.configuration(ports.valkey, held.valkey_password),
            )
        )
    if ports.erp:
        programs += _erp(settings, chosen, ports, endpoints, plain, own, here)
    if not settings.airflow_url:
        surroundings = own | airflow_parts.environment(settings, chosen, held, ports, endpoints)
        programs.append(
            Program(
                name="airflow-migrate",
                layer="steps",
                command=airflow_parts.command("db", "migrate"),
                env=surroundings,
                folder=here,
                keep=False,
            )
        )
    if ports.airflow:
        for name in airflow_parts.PARTS:
            programs.append(
                Program(
                    name=name,
                    layer="airflow",
                    command=airflow_parts.part_command(name, settings, ports),
                    env=surroundings,
                    folder=here,
                    # the triggerer waits for nothing that would be lost
                    stop_seconds=4 if name == "triggerer" else 12,
                )
            )
    programs += [
        Program(
            name="ledger-migrate",
            layer="steps",
            command=(sys.executable, "-m", "orderhub.services.ledger_step"),
            env=own,
            folder=here,
            keep=False,
        ),
        Program(
            name="intake",
            layer="hub",
            command=(sys.executable, "-m", "orderhub.cli.main", "intake"),
            env=own,
            folder=here,
        ),
    ]
    return programs


def _erp(
    settings: Settings,
    chosen: DataFolder,
    ports: Ports,
    endpoints: Endpoints,
    plain: dict[str, str],
    own: dict[str, str],
    here: Path,
) -> list[Program]:
    environment = erp.environment_folder(settings, chosen)
    server = plain | erp.server_environment(endpoints, ports.erp)
    master_data = settings.path("erp_master_data") if settings.erp_master_data else None
    return [
        Program(
            name="erp-install",
            layer="steps",
            command=(sys.executable, "-m", "orderhub.services.tryton.install", str(environment)),
            env=own,
            folder=here,
            keep=False,
        ),
        Program(
            name="erp-init",
            layer="steps",
            command=erp.init_command(environment, endpoints),
            env=server | {"TRYTONPASSFILE": "/dev/stdin"},
            folder=here,
            stdin=endpoints.erp_password + "\n",
            keep=False,
        ),
        Program(
            name="erp",
            layer="erp",
            command=erp.server_command(environment, endpoints),
            env=server,
            folder=here,
        ),
        Program(
            name="erp-worker",
            layer="erp",
            command=erp.worker_command(environment, endpoints),
            env=server,
            folder=here,
            # its pool's processes outlive it otherwise
            stop_group=True,
        ),
        Program(
            name="erp-setup",
            layer="steps",
            command=(
                sys.executable,
                "-m",
                "orderhub.services.tryton.setup",
                *filter(None, [str(master_data or "")]),
            ),
            env=own,
            folder=here,
            stdin=json.dumps(
                {
                    "url": endpoints.erp_url,
                    "database": endpoints.erp_database,
                    "user": endpoints.erp_user,
                    "password": endpoints.erp_password,
                }
            ),
            keep=False,
        ),
    ]
