"""What else happens to a hub than killed workers: sessions ended by the database, Valkey gone, full disks, the ERP away."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import redis
from psycopg import sql

from orderhub.services.stack import Stack

#: Tables that the flow fills by COPY, or merges into what it copied.
COPIED = (
    "ledger.document",
    "warehouse.purchase_order",
    "warehouse.purchase_order_line",
)
_MNT_DETACH = 2


class SmallDisk:
    """A file system of its own in memory, which can be filled to the last byte and emptied again.

    Needs the right to mount. ``OSError`` where there is none.
    """

    def __init__(self, folder: Path, *, megabytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._filler = folder / ".filler"
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"size={megabytes}m,mode=0777".encode()
        if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"a file system cannot be mounted: {os.strerror(number)}", str(folder))
        self._libc = libc

    def fill(self) -> None:
        """Leave no byte free."""
        with self._filler.open("ab", buffering=0) as filler:
            size = 1 << 20
            while size:
                try:
                    filler.write(b"\0" * size)
                except OSError:
                    size //= 2

    def relieve(self) -> None:
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        self._libc.umount2(os.fsencode(self.folder), _MNT_DETACH)


def may_mount(folder: Path) -> bool:
    """Whether this process can make small disks."""
    try:
        disk = SmallDisk(folder / "probe", megabytes=1)
    except OSError:
        return False
    disk.close()
    return True


@contextmanager
def small_tablespace(
    superuser_dsn: str, database_url: str, disk: SmallDisk, *, owner: str | None
) -> Iterator[None]:
    """The tables that are filled by COPY lie on the small disk meanwhile.

    :param owner: the system user that PostgreSQL runs as, where that is another one.
    """
    place = disk.folder / "tables"
    place.mkdir()
    if owner is not None:
        subprocess.run(["chown", owner, str(place)], check=True)
    place.chmod(0o700)
    name = f"small_{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE TABLESPACE {} OWNER orderhub LOCATION {}").format(
                sql.Identifier(name), sql.Literal(str(place))
            )
        )
    try:
        _move(database_url, name)
        yield
    finally:
        disk.relieve()
        _move(database_url, "pg_default")
        with psycopg.connect(superuser_dsn, autocommit=True) as connection:
            # the last checkpoint may still know files of it
            connection.execute("CHECKPOINT")
            connection.execute(sql.SQL("DROP TABLESPACE {}").format(sql.Identifier(name)))


def _move(database_url: str, tablespace: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for table in COPIED:
            schema, name = table.split(".")
            connection.execute(
                sql.SQL("ALTER TABLE {} SET TABLESPACE {}").format(
                    sql.Identifier(schema, name), sql.Identifier(tablespace)
                )
            )


def end_sessions(database_url: str, rng: random.Random, most: int) -> int:
    """End up to ``most`` sessions of the database from outside, as an administrator or a failover would; how many."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend' ORDER BY pid"
        ).fetchall()
        chosen = rng.sample(rows, min(most, len(rows)))
        ended = [connection.execute("SELECT pg_terminate_backend(%s)", row).fetchone() for row in chosen]
    return sum(bool(row and row[0]) for row in ended)


def flush_valkey(url: str) -> None:
    """Everything in Valkey vanishes; one that is just away has nothing to lose."""
    with contextlib.suppress(redis.RedisError), redis.Redis.from_url(url) as client:
        client.flushall()


def kill_valkey(stack: Stack) -> None:
    """SIGKILL to Valkey; its supervisor starts it again, empty."""
    state, pid = stack.supervisor.states()["valkey"]
    if state == "RUNNING" and pid:
        os.kill(pid, signal.SIGKILL)


def wait_for_valkey(url: str, patience: float = 120) -> None:
    """Until it answers again.

    :raises redis.RedisError: it did not in good time.
    """
    end = time.monotonic() + patience
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except redis.RedisError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
            else:
                return


def restart_erp(
    stack: Stack, *, away_seconds: float, alive: Callable[[], bool], patience: float = 240
) -> None:
    """The ERP stops, stays away and is started again."""
    stack.supervisor.halt("erp")
    time.sleep(away_seconds)
    stack.supervisor.start("erp")
    end = time.monotonic() + patience
    while not alive():
        if time.monotonic() > end:
            raise TimeoutError(f"the ERP is not back after {patience:.0f} s")
        time.sleep(0.2)
