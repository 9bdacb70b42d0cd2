"""Loading a million order lines into the versioned warehouses, beside a bare COPY and a bare LOAD DATA.

Bare means: the same orders and lines, written as the same text, into tables that have their primary key and no other index,
with nothing looked up and no loads noted, in the same batches, pieces and transactions. Wall time: most of the work is the
database's. Both take turns batch by batch, and in who begins, so that whatever else the machine does falls on both.
What making a batch leaves to the garbage collector is collected before either begins.
"""

from __future__ import annotations

import datetime as dt
import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, text

from benchmarks import Result
from benchmarks.order_batches import LINES, items
from benchmarks.servers import mariadb, mariadb_is_there, postgres
from connectors.mariadb_warehouse.connector import MariaDbWarehouse, MariaDbWarehouseSettings
from connectors.mariadb_warehouse.local_data import LocalDataConnection
from connectors.mariadb_warehouse.store import MariaDbStore
from orderhub.connector import LoadItem
from orderhub.ledger.documents import driver_connection
from orderhub.ledger.engine import create_engine, transaction
from orderhub.star import records
from orderhub.star import text as star_text
from orderhub.star.merge import Version, hash_of, name_of
from orderhub.star.tables import ORDER
from orderhub.testing import PortsForTests
from orderhub.warehouse.port import WarehousePort
from orderhub.warehouse.store import PostgresStore, pieces

BENCH = True
#: Bare tables: like which one they are, and their key.
_BARE = (("bare_order", "purchase_order", "id"), ("bare_line", "purchase_order_line", "order_id, position"))
BATCH = 5_000
BATCHES = 20
#: A million lines take a while.
MOST_ROUNDS = 3
#: Of MariaDB, as a server of a warehouse has it: with the little that the tests give it, the disk would be measured.
_BUFFER_POOL = 1 << 30
_LOG = 512 << 20


def _versions(batch: Sequence[LoadItem]) -> list[Version]:
    now = dt.datetime.now(dt.UTC)
    return [Version(item, item.source, name_of(item), 1, now, hash_of(item), item.source) for item in batch]


def _bare_copy(engine: Engine, batch: Sequence[LoadItem]) -> None:
    versions = _versions(batch)
    with transaction(engine) as connection, driver_connection(connection).cursor() as cursor:
        for table, columns, rows in (
            ("bare_order", records.version_columns(ORDER), star_text.versions(versions, records.aware)),
            ("bare_line", records.line_columns(ORDER), star_text.lines(versions, records.aware)),
        ):
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                for piece in pieces(rows):
                    copy.write(piece)


def _bare_load_data(connection: LocalDataConnection, batch: Sequence[LoadItem]) -> None:
    versions = _versions(batch)
    for table, columns, rows in (
        ("bare_order", records.version_columns(ORDER), star_text.versions(versions, records.naive)),
        ("bare_line", records.line_columns(ORDER), star_text.lines(versions, records.naive)),
    ):
        names = ", ".join(f"`{name}`" for name in columns)
        connection.load(
            f"LOAD DATA LOCAL INFILE 'rows' INTO TABLE {table} CHARACTER SET utf8mb4 ({names})", rows
        )
    connection.commit()


class _Clock:
    """Adds up what the bulk path takes, to tell the merge from it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def watching(self, owner: type, method: str) -> Iterator[None]:
        real = getattr(owner, method)

        def timed(*given: Any) -> Any:
            start = time.perf_counter()
            try:
                return real(*given)
            finally:
                self.seconds += time.perf_counter() - start

        setattr(owner, method, timed)
        try:
            yield
        finally:
            setattr(owner, method, real)


def _measured(
    name: str,
    peer: str,
    clock: _Clock,
    rounds: int,
    ours: Callable[[Sequence[LoadItem]], object],
    bare: Callable[[Sequence[LoadItem]], object],
    empty: Callable[[], object],
) -> list[Result]:
    """``empty`` takes away what a round loaded."""
    ours_seconds: list[float] = []
    bare_seconds: list[float] = []
    shares: list[float] = []
    for _ in range(rounds):
        empty()
        times = [0.0, 0.0]
        clock.seconds = 0.0
        for number in range(BATCHES):
            batch = items(number * BATCH, BATCH)
            gc.collect()
            turn = ((0, ours), (1, bare))
            for place, work in turn if number % 2 else reversed(turn):
                start = time.perf_counter()
                work(batch)
                times[place] += time.perf_counter() - start
        ours_seconds.append(times[0])
        bare_seconds.append(times[1])
        shares.append((times[0] - clock.seconds) / times[0])
    lines = BATCH * BATCHES * LINES
    ours_rate, bare_rate = (lines / statistics.median(found) for found in (ours_seconds, bare_seconds))
    what = f"{name}: {lines:,} new order lines in batches of {BATCH:,} orders"
    return [
        Result(
            name=f"{what}, beside {peer}",
            ours=round(ours_rate),
            peer=round(bare_rate),
            ratio=round(ours_rate / bare_rate, 2),
            unit="lines/s",
        ),
        Result(
            name=f"{what}: share of the merge (look-ups, decisions, commit)",
            ours=round(100 * statistics.median(shares), 1),
            peer=None,
            ratio=None,
            unit="% of the time",
        ),
    ]


def _in_postgres(rounds: int) -> list[Result]:
    with postgres() as url:
        engine = create_engine(url)
        with transaction(engine) as connection:
            for table, like, key in _BARE:
                connection.execute(text(f"CREATE TABLE {table} (LIKE warehouse.{like}, PRIMARY KEY ({key}))"))
        port = WarehousePort(engine)

        def empty() -> None:
            with transaction(engine) as connection:
                connection.execute(
                    text(
                        "TRUNCATE bare_order, bare_line, warehouse.load, warehouse.purchase_order, "
                        "warehouse.purchase_order_line"
                    )
                )

        clock = _Clock()
        with clock.watching(PostgresStore, "_copy"):
            found = _measured(
                "warehouse in PostgreSQL",
                "a bare COPY into tables with a primary key",
                clock,
                rounds,
                port.load,
                lambda batch: _bare_copy(engine, batch),
                empty,
            )
        engine.dispose()
    return found


def _in_mariadb(rounds: int) -> list[Result]:
    with mariadb() as server, server.database() as database:
        ports = PortsForTests(credentials={"bench": server.credentials(database)})
        connector = MariaDbWarehouse(MariaDbWarehouseSettings(connection="bench"), ports)
        connector.load(items(0, 1))
        bare = LocalDataConnection(
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            database=database,
            charset="utf8mb4",
            local_infile=True,
        )
        with bare.cursor() as cursor:
            cursor.execute(f"SET GLOBAL innodb_buffer_pool_size = {_BUFFER_POOL:d}")
            cursor.execute(f"SET GLOBAL innodb_log_file_size = {_LOG:d}")
            for table, like, key in _BARE:
                cursor.execute(f"CREATE TABLE {table} AS SELECT * FROM {like} WHERE false")  # noqa: S608 - own names
                cursor.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({key})")
            cursor.execute("ALTER TABLE bare_order MODIFY identity_hash varchar(64), DROP open_identity")

        def empty() -> None:
            with bare.cursor() as cursor:
                for table in (
                    "bare_order",
                    "bare_line",
                    "warehouse_load",
                    "purchase_order",
                    "purchase_order_line",
                ):
                    cursor.execute(f"TRUNCATE {table}")

        clock = _Clock()
        with clock.watching(MariaDbStore, "_bulk"):
            found = _measured(
                "warehouse in MariaDB",
                "a bare LOAD DATA into tables with a primary key",
                clock,
                rounds,
                connector.load,
                lambda batch: _bare_load_data(bare, batch),
                empty,
            )
        connector.close()
        bare.close()
    return found


def run(rounds: int) -> list[Result]:
    rounds = min(rounds, MOST_ROUNDS)
    found = _in_postgres(rounds)
    if mariadb_is_there():
        found += _in_mariadb(rounds)
    return found
