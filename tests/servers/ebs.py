"""A stand-in for Oracle Purchasing: the few columns of its interface that the connector uses, in whatever database SQLAlchemy talks
to, and a small import. It is neither Oracle nor E-Business Suite, and shows nothing of what those would say.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import sysdate

from connectors.oracle_ebs.connector import OracleEbs
from connectors.oracle_ebs.interface import ACCEPTED, PENDING, REJECTED, Interface, OrderLock
from connectors.oracle_ebs.settings import OracleEbsSettings
from orderhub.ledger.engine import create_engine
from orderhub.transport.oracle import OracleFailures

SETTINGS: dict[str, Any] = {
    "connection": "ebs",
    "org_id": 204,
    "suppliers": {"4019999010002": {"number": "1001", "site": "MAIN"}},
    "item_from": ["gtin"],
    "units": {"C62": "Ea"},
    "ship_to_location": "M1-Seattle",
    "ship_to_organization": "M1",
    "charge_account_id": 12975,
}


@compiles(sysdate, "postgresql")
def _sysdate(element: sysdate, compiler: SQLCompiler, **_: Any) -> str:
    return "LOCALTIMESTAMP(0)"


@compiles(OrderLock, "postgresql")
def _order_lock(element: OrderLock, compiler: SQLCompiler, **_: Any) -> str:
    return f"SELECT pg_advisory_xact_lock({element.number})"


class StandIn:
    """The tables, and the import; ``suppliers``, ``items`` and ``units`` are what the import knows."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.interface = Interface(OracleEbsSettings(**SETTINGS))
        self.suppliers = {"1001"}
        self.items = {"4019999011016", "4019999011023", "4019999011030", "4019999011047"}
        self.units = {"Ea"}
        self._numbers = itertools.count(4711)

    def create(self) -> None:
        """Make the tables; those that are there already are an error, they may be real."""
        self.interface.metadata.create_all(self.engine, checkfirst=False)

    def drop(self) -> None:
        self.interface.metadata.drop_all(self.engine)

    def import_orders(self) -> None:
        """One run: every pending header is accepted with all its lines, or refused with all its errors."""
        headers = self.interface.headers
        with self.engine.begin() as connection:
            pending = sa.select(headers).where(headers.c.process_code == PENDING).with_for_update()
            for header in connection.execute(pending.order_by(headers.c.interface_header_id)).all():
                self._settle(connection, header)

    @contextmanager
    def importing(self) -> Iterator[None]:
        """While it is entered, the import runs again and again."""
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(0.03):
                self.import_orders()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(10)

    def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        """All rows of a table."""
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(sa.select(table))]

    def change(self, *statements: sa.Executable) -> None:
        """What people or other programs do there."""
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(statement)

    def effects(self, keys: Sequence[str]) -> dict[str, int]:
        """How often each key is an order or may still become one."""
        key = self.interface.key
        made = {header["po_header_id"] for header in self.rows(self.interface.headers)}
        marks = [h[key] for h in self.rows(self.interface.headers) if h["process_code"] != REJECTED]
        marks += [o[key] for o in self.rows(self.interface.orders) if o["po_header_id"] not in made]
        return {one: marks.count(one) for one in keys if one in marks}

    def _settle(self, connection: sa.Connection, header: Any) -> None:
        interface = self.interface
        lines = interface.lines
        mine = lines.c.interface_header_id == header.interface_header_id
        faults: list[tuple[int | None, str, str, str]] = []
        if header.vendor_num not in self.suppliers:
            faults.append(
                (None, interface.headers.name, "VENDOR_NUM", f"{header.vendor_num} is no supplier.")
            )
        for line in connection.execute(sa.select(lines).where(mine).order_by(lines.c.interface_line_id)):
            for column, known in (("item", self.items), ("uom_code", self.units)):
                value = getattr(line, column)
                if value not in known:
                    faults.append(
                        (line.interface_line_id, lines.name, column.upper(), f"{value} is not valid.")
                    )
        found = {"process_code": REJECTED if faults else ACCEPTED, "po_header_id": None}
        if faults:
            connection.execute(
                interface.errors.insert(),
                [
                    {
                        "interface_transaction_id": next(self._numbers),
                        "interface_header_id": header.interface_header_id,
                        "interface_line_id": line_id,
                        "table_name": table.upper(),
                        "column_name": column,
                        "error_message": message,
                    }
                    for line_id, table, column, message in faults
                ],
            )
        else:
            number = found["po_header_id"] = next(self._numbers)
            connection.execute(
                interface.orders.insert(),
                {
                    "po_header_id": number,
                    "org_id": header.org_id,
                    "segment1": str(number),
                    "type_lookup_code": header.document_type_code,
                    **{name: getattr(header, name) for name in (interface.key, interface.identity)},
                },
            )
        this = interface.headers.c.interface_header_id == header.interface_header_id
        connection.execute(interface.headers.update().where(this).values(**found))
        connection.execute(lines.update().where(mine).values(process_code=found["process_code"]))


class PostgresFailures(OracleFailures):
    """What the errors of PostgreSQL mean, told as those of Oracle are."""

    errors = (psycopg.Error,)

    def about_data(self, error: BaseException) -> bool:
        # class 22: data exceptions, 23: integrity
        return str(getattr(getattr(error, "orig", error), "sqlstate", "") or "")[:2] in ("22", "23")


@contextmanager
def on_postgres(statements: Callable[..., None] | None = None) -> Iterator[None]:
    """While it is entered, connections to ``postgresql://`` addresses are made as such; all others stay what they are.

    :param statements: called before each statement that the connector sends there, as SQLAlchemy's ``before_cursor_execute``.
    """
    oracle, failures = OracleEbs.make_engine, OracleEbs.failures

    def make_engine(self: OracleEbs) -> sa.Engine:
        url = self.ports.credentials(self.settings.connection).url
        if not url.startswith("postgresql"):
            return oracle(self)
        engine = create_engine(url)
        if statements is not None:
            sa.event.listen(engine, "before_cursor_execute", statements)
        return engine

    OracleEbs.make_engine = make_engine  # type: ignore[method-assign]  # for these tests alone, and put back
    OracleEbs.failures = PostgresFailures("The stand-in")
    try:
        yield
    finally:
        OracleEbs.make_engine = oracle  # type: ignore[method-assign]
        OracleEbs.failures = failures
