"""The tables of the Purchasing Documents Open Interface, as far as this connector writes and reads them, and its statements.

Source of names, lengths and meanings: Oracle E-Business Suite eTRM 12.1.1 and 12.2.2 (PO.PO_HEADERS_INTERFACE and its
neighbours) and "Oracle Manufacturing APIs and Open Interfaces Manual", Purchasing Documents Open Interface.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

from connectors.oracle_ebs.settings import OracleEbsSettings

#: PROCESS_CODE: what the hub writes, and what the import leaves. Whatever else stands there is on its way.
PENDING, ACCEPTED, REJECTED = "PENDING", "ACCEPTED", "REJECTED"
STANDARD = "STANDARD"
#: Of an attribute, in bytes.
MARK_LENGTH = 150


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length))


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Numeric())


def _id(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger)


def _made() -> sa.Column[Any]:
    return sa.Column("creation_date", sa.DateTime, default=sa.func.sysdate())


class Interface:
    """Tables and sequences under an owner's name, with the two attributes that carry the hub's marks."""

    def __init__(self, settings: OracleEbsSettings) -> None:
        self._settings = settings
        self.key, self.identity = settings.key_column.lower(), settings.identity_column.lower()
        self.metadata = metadata = sa.MetaData(schema=settings.owner)
        self.header_ids, self.line_ids, self.distribution_ids = (
            sa.Sequence(f"po_{kind}_interface_s", metadata=metadata, schema=settings.owner)
            for kind in ("headers", "lines", "distributions")
        )
        self.headers = sa.Table(
            "po_headers_interface",
            metadata,
            sa.Column("interface_header_id", sa.BigInteger, primary_key=True, autoincrement=False),
            *map(_id, ("batch_id", "org_id", "po_header_id")),
            *(_text(name, 25) for name in ("interface_source_code", "process_code", "action")),
            *(_text(name, 25) for name in ("document_type_code", "approval_status")),
            *(_text("document_num", 20), _text("currency_code", 15), _text("rate_type", 30)),
            sa.Column("rate_date", sa.Date),
            *(_text("vendor_num", 30), _text("vendor_site_code", 15), _text("agent_name", 240)),
            *(_text("ship_to_location", 60), _text("bill_to_location", 60)),
            *(_text("comments", 240), _text("note_to_vendor", 480)),
            *(_text(name, MARK_LENGTH) for name in (self.key, self.identity)),
            _made(),
        )
        self.lines = sa.Table(
            "po_lines_interface",
            metadata,
            sa.Column("interface_line_id", sa.BigInteger, self.line_ids, primary_key=True),
            *map(_id, ("interface_header_id", "line_num", "shipment_num")),
            *(_text("process_code", 25), _text("action", 25), _text("line_type", 25)),
            *(_text("item", 1000), _text("item_description", 240), _text("vendor_product_num", 25)),
            *(_text("uom_code", 3), _number("quantity"), _number("unit_price")),
            sa.Column("need_by_date", sa.Date),
            *(_text("ship_to_location", 60), _text("ship_to_organization_code", 3)),
            _text("note_to_vendor", 480),
            _made(),
        )
        # the import fills it where the lines are all that was given
        self.locations = sa.Table("po_line_locations_interface", metadata, _id("interface_header_id"))
        self.distributions = sa.Table(
            "po_distributions_interface",
            metadata,
            sa.Column("interface_distribution_id", sa.BigInteger, primary_key=True, autoincrement=False),
            *map(_id, ("interface_header_id", "interface_line_id", "distribution_num", "org_id")),
            *(_number("quantity_ordered"), _id("charge_account_id"), _text("destination_type_code", 25)),
            _made(),
        )
        self.errors = sa.Table(
            "po_interface_errors",
            metadata,
            *map(_id, ("interface_transaction_id", "interface_header_id", "interface_line_id")),
            *(_text("table_name", 30), _text("column_name", 30), _text("error_message", 2000)),
        )
        self.orders = sa.Table(
            "po_headers_all",
            metadata,
            sa.Column("po_header_id", sa.BigInteger, primary_key=True, autoincrement=False),
            *(_id("org_id"), _text("segment1", 20), _text("type_lookup_code", 25), _text("cancel_flag", 1)),
            *(_text(name, MARK_LENGTH) for name in (self.key, self.identity)),
        )

    def distribute(self, header_id: int) -> sa.Insert:
        """One distribution with the whole quantity for each line of a header."""
        lines, settings = self.lines, self._settings
        values = {
            "interface_distribution_id": self.distribution_ids.next_value(),
            "interface_header_id": lines.c.interface_header_id,
            "interface_line_id": lines.c.interface_line_id,
            "distribution_num": sa.literal(1),
            "org_id": sa.literal(settings.org_id),
            "quantity_ordered": lines.c.quantity,
            "charge_account_id": sa.literal(settings.charge_account_id, sa.BigInteger),
            "destination_type_code": sa.literal(settings.destination_type, sa.String(25)),
            "creation_date": sa.func.sysdate(),
        }
        chosen = sa.select(*values.values()).where(lines.c.interface_header_id == header_id)
        return self.distributions.insert().from_select(list(values), chosen, include_defaults=False)

    def in_interface(self, keys: Collection[str], identities: Collection[str]) -> sa.Select[Any]:
        """Headers of the hub with one of these marks, each with the order that the import made of it."""
        headers, orders = self.headers, self.orders
        return (
            sa.select(
                *(headers.c[self.key].label("key"), headers.c[self.identity].label("identity")),
                *(headers.c.interface_header_id, headers.c.process_code),
                *(orders.c.segment1.label("number"), orders.c.cancel_flag),
            )
            .select_from(headers.outerjoin(orders, orders.c.po_header_id == headers.c.po_header_id))
            .where(self._ours(), self._marked(headers, keys, identities))
            .order_by(headers.c.interface_header_id)
        )

    def in_orders(self, keys: Collection[str], identities: Collection[str]) -> sa.Select[Any]:
        """Standard purchase orders with one of these marks, the first made first: whoever copies an order copies its marks."""
        orders = self.orders
        return (
            sa.select(
                *(orders.c[self.key].label("key"), orders.c[self.identity].label("identity")),
                *(sa.null().label("interface_header_id"), sa.literal(ACCEPTED).label("process_code")),
                *(orders.c.segment1.label("number"), orders.c.cancel_flag),
            )
            .where(orders.c.org_id == self._settings.org_id, orders.c.type_lookup_code == STANDARD)
            .where(self._marked(orders, keys, identities))
            .order_by(orders.c.po_header_id)
        )

    def waiting(self) -> sa.Select[Any]:
        """How many headers of the hub the import has not settled."""
        settled = sa.func.coalesce(self.headers.c.process_code, PENDING).in_([ACCEPTED, REJECTED])
        return sa.select(sa.func.count()).select_from(self.headers).where(self._ours(), sa.not_(settled))

    def lines_of(self, header_ids: Collection[int]) -> sa.Select[Any]:
        """The lines of headers, in the order in which they were written."""
        lines = self.lines
        chosen = sa.select(lines.c.interface_header_id, lines.c.interface_line_id, lines.c.process_code)
        return chosen.where(lines.c.interface_header_id.in_(header_ids)).order_by(lines.c.interface_line_id)

    def errors_of(self, header_ids: Collection[int]) -> sa.Select[Any]:
        """What the import found wrong with headers and all that belongs to them."""
        errors = self.errors
        chosen = errors.c.interface_header_id.in_(header_ids)
        return sa.select(errors).where(chosen).order_by(errors.c.interface_transaction_id)

    def removals(self, header_id: int) -> list[sa.Delete]:
        """A refused header (last) and what belongs to it."""
        tables = (self.distributions, self.locations, self.lines, self.headers)
        removals = [table.delete().where(table.c.interface_header_id == header_id) for table in tables]
        removals[-1] = removals[-1].where(self.headers.c.process_code == REJECTED)
        return removals

    def _ours(self) -> sa.ColumnElement[bool]:
        headers, settings = self.headers.c, self._settings
        return sa.and_(
            headers.org_id == settings.org_id, headers.interface_source_code == settings.source_code
        )

    def _marked(
        self, table: sa.Table, keys: Collection[str], identities: Collection[str]
    ) -> sa.ColumnElement[bool]:
        by_key = table.c[self.key].in_(keys)
        return sa.or_(by_key, table.c[self.identity].in_(identities)) if identities else by_key


class OrderLock(Executable, ClauseElement):
    """Waits until no other session brings the same order, and holds it until commit or rollback.

    Source: Oracle Database PL/SQL Packages and Types Reference, DBMS_LOCK.REQUEST: ids from 0 to 1073741823; 0 is success, 4
    that it is held already, 1 that the time was up.
    """

    inherit_cache = False

    def __init__(self, number: int, seconds: int) -> None:
        self.number, self.seconds = number, seconds


#: What ``OrderLock`` says when it is not had.
LOCK_NOT_HAD = "orderhub has no lock of the order"


@compiles(OrderLock, "oracle")
def _order_lock(element: OrderLock, compiler: SQLCompiler, **_: Any) -> str:
    number, seconds = (
        compiler.process(sa.bindparam(name, value, sa.Integer()))
        for name, value in (("lock_number", element.number), ("lock_seconds", element.seconds))
    )
    return (
        "DECLARE answer INTEGER; BEGIN "
        f"answer := DBMS_LOCK.REQUEST(id => {number}, lockmode => DBMS_LOCK.X_MODE, timeout => {seconds}, "
        "release_on_commit => TRUE); "
        f"IF answer NOT IN (0, 4) THEN RAISE_APPLICATION_ERROR(-20001, '{LOCK_NOT_HAD}: ' || answer); END IF; "
        "END;"
    )


def pieces(values: Sequence[str], size: int = 500) -> list[Sequence[str]]:
    """Lists for IN, of which Oracle takes at most 1,000 values."""
    return [values[start : start + size] for start in range(0, len(values), size)]
