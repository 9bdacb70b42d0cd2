"""Databases that end sessions in the middle: sources that are read, and warehouses that are loaded."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pymysql
import sqlalchemy as sa
from faults.connections.account import Account
from faults.connections.work import Disturbance, Place, at_work, deliver, fetch, records
from faults.disturbances import end_sessions
from faults.orders import Consignment, consignment
from hub_harness import Hub
from servers.mariadb import MariaDb
from servers.sql_tables import (
    DOCUMENT,
    LINES,
    ORDERS,
    OUTBOX,
    MariaDbTables,
    OutboxTable,
    PostgresTables,
    Tables,
    WatermarkTable,
)

from orderhub.stage import PullStep, Target

#: Ends up to so many sessions of a database; says how many it ended.
End = Callable[[random.Random, int], int]


def read_postgresql(seed: int, place: Place, url: str) -> Account:
    """Orders with their lines out of PostgreSQL."""
    return _read(seed, place, PostgresTables(url), lambda chance, most: end_sessions(url, chance, most))


def read_mariadb(seed: int, place: Place, at: tuple[MariaDb, str]) -> Account:
    """The same out of MariaDB."""
    server, database = at
    return _read(seed, place, MariaDbTables(server, database), mariadb_sessions(server, database))


def load_postgresql(seed: int, place: Place, _: object) -> Account:
    """Orders into the hub's own warehouse. What is ended are sessions of the ledger too: it is the same database."""
    account, chance = Account(), random.Random(seed)

    def end(own: random.Random, most: int) -> int:
        return end_sessions(place.database, own, most)

    with at_work(place, "edifact_orders", {}) as at:
        made = _send(at, seed)
        deliver(at, account, [ending_sessions(end, chance, account) for _ in range(3)])
        _count(account, made, [tuple(row.values()) for row in at.rows(_LOADED.format("warehouse."))])
    return account


def load_mariadb(seed: int, place: Place, server: MariaDb) -> Account:
    """Orders into a warehouse in MariaDB."""
    account, chance = Account(), random.Random(seed)
    with server.database() as database:
        end = mariadb_sessions(server, database)
        target = Target(name="mariadb", connector="mariadb_warehouse", settings={"connection": "reporting"})
        known = {"reporting": server.credentials(database)}
        with at_work(place, "edifact_orders", known, target=target) as at:
            made = _send(at, seed)
            deliver(at, account, [ending_sessions(end, chance, account) for _ in range(3)])
        with server.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(_LOADED.format(""))
            _count(account, made, list(cursor.fetchall()))
    return account


@contextmanager
def ending_sessions(end: End, chance: random.Random, account: Account, *, most: int = 2) -> Iterator[None]:
    """While it is entered, sessions are ended one by one, ``most`` in all, with seeded pauses between them."""
    own, over = random.Random(chance.random()), threading.Event()

    def work() -> None:
        left = most
        while left and not over.wait(own.uniform(0.0, 0.12)):
            until = time.monotonic() + 0.5
            # where nobody is connected it waits for the next one, so that quick work is met as well
            while not (ended := end(own, 1)) and not over.is_set() and time.monotonic() < until:
                time.sleep(0.001)
            left -= ended
            account.disturbances += ended

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)


def mariadb_sessions(server: MariaDb, database: str) -> End:
    """Ends sessions of one database of a MariaDB server, as an administrator or a failover would."""

    def end(chance: random.Random, most: int) -> int:
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", (database,))
            found = sorted(row[0] for row in cursor.fetchall())
            chosen = chance.sample(found, min(most, len(found)))
            # one that ended by itself meanwhile is none
            return sum(_kill(cursor, session) for session in chosen)

    return end


def _kill(cursor: Any, session: int) -> bool:
    try:
        cursor.execute(f"KILL CONNECTION {session:d}")
    except pymysql.err.OperationalError:
        return False
    return True


def _read(seed: int, place: Place, tables: Tables, end: End) -> Account:
    """Read by watermark or by outbox, natively or over ODBC, as the seed says."""
    account, chance = Account(), random.Random(seed)
    outbox = chance.random() < 0.5
    settings = {
        **DOCUMENT,
        "read": (OutboxTable if outbox else WatermarkTable).by,
        "documents_per_interchange": chance.randint(1, 4),
    }
    credentials = tables.credentials(odbc=chance.random() < 0.3)
    sent: dict[str, int] = {}

    def arrive() -> None:
        for _ in range(chance.randint(3, 9)):
            name = f"D{seed}-{len(sent)}"
            sent[name] = chance.randint(0, 3)
            _insert(tables, name, sent[name], announced=outbox)
        # its own sessions are not those to be ended
        tables.engine.dispose()

    source = PullStep(connector="sql", stream="orders", settings=settings)
    try:
        with at_work(place, "json_orders", {"source": credentials}, source=source) as at:
            disturbances: list[Disturbance] = [ending_sessions(end, chance, account) for _ in range(3)]
            fetch(at, account, disturbances, arrive=arrive)
            found = records(at)
            account.count(sent, Counter(str(record["name"]) for record in found))
            account.wrong += [
                f"{record['name']} came with {len(record['lines'])} lines"
                for record in found
                if len(record["lines"]) != sent.get(record["name"])
            ]
            if outbox and any(row["taken"] is None for row in tables.rows(OUTBOX)):
                account.wrong.append("a row of the outbox was never marked")
    finally:
        tables.close()
    return account


def _insert(tables: Tables, name: str, lines: int, *, announced: bool) -> None:
    """An order with its lines, committed as one."""
    with tables.engine.begin() as connection:
        number = connection.execute(
            ORDERS.insert().values(name=name, body="text", changed=sa.func.now(), state="new")
        ).inserted_primary_key[0]
        for line in range(1, lines + 1):
            connection.execute(
                LINES.insert().values(order_id=number, number=line, item="bolt", quantity=line)
            )
        if announced:
            connection.execute(OUTBOX.insert().values(order_id=number))


def _send(at: Hub, seed: int) -> Consignment:
    made = consignment(60, seed=seed, prefix=f"W{seed}", conflicts=0)
    for name, data in made.files:
        at.drop(data, name)
    return made


_LOADED = """
    SELECT o.number, o.id, l.gtin, l.quantity FROM {0}purchase_order o
    JOIN {0}purchase_order_line l ON l.order_id = o.id ORDER BY o.number, o.id, l.position
"""


def _count(account: Account, made: Consignment, rows: list[tuple[Any, ...]]) -> None:
    """Every version counts: an order that is there in two versions was loaded twice. Their lines must be those sent."""
    contents: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for number, version, gtin, quantity in rows:
        contents.setdefault((number, version), []).append((gtin, int(quantity)))
    account.count(made.versions, Counter(number for number, _ in contents))
    account.wrong += [
        f"{number} has lines that nobody sent"
        for (number, _), lines in contents.items()
        if tuple(lines) not in made.versions.get(number, set())
    ]
