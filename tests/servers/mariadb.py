"""A real MariaDB server of the tests' own: in a temporary folder, on a free port, gone with the test run."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql
import pytest
from servers import lifetime
from servers.certificates import Authority, make_authority
from servers.free_ports import free_port
from short_folders import short_folder

from orderhub.connector import Credentials

_START_SECONDS = 60
#: The embedded server needs neither durability nor memory; what it must have is the default way of transactions.
_OPTIONS = (
    "--no-defaults",
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=OFF",
    "--innodb-buffer-pool-size=128M",
    "--innodb-log-file-size=64M",
    "--performance-schema=OFF",
    "--character-set-server=utf8mb4",
    "--local-infile=ON",
    "--max-allowed-packet=64M",
)
_numbers = itertools.count(1)


@dataclass
class MariaDb:
    """A running server. ``user`` may do everything; databases are made by ``database``."""

    host: str
    port: int
    socket: Path
    user: str
    password: str = field(repr=False)
    #: Of its certificate, where it was started with TLS.
    authority: Authority | None = None
    _shown: Path | None = field(default=None, repr=False)

    def connect(self, database: str | None = None, **more: Any) -> pymysql.Connection:
        """A connection of the test's own, past every connector; autocommit."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=database,
            charset="utf8mb4",
            **{"autocommit": True, **more},
        )

    @contextmanager
    def showing_expired(self) -> Iterator[None]:
        """An expired certificate for new connections."""
        assert self.authority is not None
        self._show(self.authority.expired)
        try:
            yield
        finally:
            self._show(self.authority.server)

    def _show(self, certificate: Path) -> None:
        assert self._shown is not None
        shutil.copyfile(certificate, self._shown)
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("FLUSH SSL")

    def url(self, database: str) -> str:
        """For SQLAlchemy, with the password: only for what a test itself asks."""
        return (
            f"mysql+pymysql://{self.user}:{self.password}@{self.host}:{self.port}/{database}?charset=utf8mb4"
        )

    def credentials(self, database: str, **extra: Any) -> Credentials:
        """The connection as the hub has it."""
        return Credentials(
            url=f"mysql://{self.host}:{self.port}",
            user=self.user,
            secret=self.password,
            extra={"database": database, **extra},
        )

    def odbc_credentials(self, database: str, **extra: Any) -> Credentials:
        """The same over ODBC."""
        return Credentials(
            url=f"odbc://{self.host}:{self.port}",
            user=self.user,
            secret=self.password,
            extra={"driver": "MariaDB Unicode", "database": database, **extra},
        )

    @contextmanager
    def database(self) -> Iterator[str]:
        """Name of an empty database, dropped afterwards."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            yield name
        finally:
            with self.connect() as connection, connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE {name}")


@contextmanager
def mariadb_server(*, tls: bool = False) -> Iterator[MariaDb]:
    """Start a server, and end it by its process id.

    :param tls: it offers TLS, which the driver then uses unasked; slower, so the others do without.
    """
    server, install = _program("mariadbd", "mysqld"), _program("mariadb-install-db", "mysql_install_db")
    if server is None or install is None:
        pytest.skip("mariadb-server is missing: run make test-tools")
    with short_folder("maria") as folder:
        data, socket, port = folder / "data", folder / "s.sock", free_port()
        as_user = ["--user=root"] if os.geteuid() == 0 else []
        password = secrets.token_hex(12)
        subprocess.run(
            [
                install,
                "--no-defaults",
                *as_user,
                f"--datadir={data}",
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
                "--innodb-log-file-size=64M",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        start = folder / "start.sql"
        start.write_text(
            f"CREATE USER tester@'127.0.0.1' IDENTIFIED BY '{password}';\n"
            "GRANT ALL ON *.* TO tester@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        log = folder / "log.txt"
        authority, shown = (make_authority(folder), folder / "shown.pem") if tls else (None, None)
        options = list(_OPTIONS)
        if authority is not None and shown is not None:
            shutil.copyfile(authority.server, shown)
            options += [f"--ssl-ca={authority.ca_file}", f"--ssl-cert={shown}", f"--ssl-key={shown}"]
        command = [server, *options, *as_user, f"--datadir={data}", f"--socket={socket}", f"--port={port}"]
        with log.open("wb") as output:
            process = lifetime.start(
                [*command, f"--pid-file={folder / 'pid'}", f"--init-file={start}"],
                stdout=output,
                stderr=output,
            )
        try:
            running = MariaDb("127.0.0.1", port, socket, "tester", password, authority, shown)
            _wait(running, process, log)
            yield running
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """One server for the session. Import it into the conftest or the module of those who use it."""
    with mariadb_server() as running:
        yield running


@pytest.fixture
def mariadb_database(mariadb: MariaDb) -> Iterator[str]:
    """Name of an empty database of the test's own."""
    with mariadb.database() as name:
        yield name


def _program(*names: str) -> str | None:
    where = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return next(filter(None, (shutil.which(name, path=where) for name in names)), None)


def _wait(server: MariaDb, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            server.connect().close()
            return
        except pymysql.err.OperationalError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"mariadbd did not start:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.1)
