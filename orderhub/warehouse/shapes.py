"""How each document type lies in its warehouse table: columns, and the values of a document in that order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.documents import Address, Contact, Document, Item, Party, PurchaseOrder, StockLevel, Supplier

#: How COPY's text format writes what would end a field or a row; NUL, which PostgreSQL does not keep, is replaced.
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\x00": "\ufffd"})
NULL = "\\N"


_BOOLEANS = {True: "t", False: "f"}


def row(*values: str | int | bool | Decimal | dt.date | None) -> str:
    """One row in COPY's text format, with its end."""
    return (
        "\t".join(
            [
                NULL
                if value is None
                else value.translate(_ESCAPES)
                if isinstance(value, str)
                else _BOOLEANS[value]
                if isinstance(value, bool)
                else str(value)
                for value in values
            ]
        )
        + "\n"
    )


class Shape(msgspec.Struct, frozen=True):
    """``table`` in schema warehouse; ``columns`` with their types; ``values`` gives one per column."""

    table: str
    columns: dict[str, str]
    values: Callable[[Any], tuple[Any, ...]]


def _columns(text: str) -> dict[str, str]:
    """``name type`` pairs, text where no type is given."""
    pairs = (part.split() for part in text.split(","))
    return {pair[0]: pair[1] if len(pair) > 1 else "text" for pair in pairs}


def _party(party: Party | None) -> tuple[str | None, str | None, str | None]:
    return (None, None, None) if party is None else (party.gln, party.code, party.name)


def _order(order: PurchaseOrder) -> tuple[Any, ...]:
    return (
        order.number,
        order.revision,
        order.function,
        order.issued_on,
        order.currency,
        *_party(order.buyer),
        *_party(order.supplier),
        *_party(order.ship_to),
        *_party(order.invoice_to),
        order.requested_delivery_on,
        order.contract_number,
        order.payment_terms,
        order.delivery_terms,
        order.note,
        order.total_amount,
        order.source_system,
        len(order.lines),
    )


def _supplier(supplier: Supplier) -> tuple[Any, ...]:
    address, contact = supplier.address or Address(), supplier.contact or Contact()
    return (
        supplier.number,
        supplier.revision,
        supplier.name,
        supplier.gln,
        supplier.tax_number,
        supplier.currency,
        supplier.payment_terms,
        address.street,
        address.additional_street,
        address.city,
        address.postal_zone,
        address.subdivision,
        address.country,
        contact.name,
        contact.telephone,
        contact.email,
        supplier.active,
        supplier.preferred,
        supplier.source_system,
    )


def _item(item: Item) -> tuple[Any, ...]:
    return (
        item.number,
        item.revision,
        item.name,
        item.unit,
        item.gtin,
        item.supplier_number,
        item.supplier_code,
        item.price,
        item.currency,
        item.category,
        item.active,
        item.source_system,
    )


def _stock_level(level: StockLevel) -> tuple[Any, ...]:
    return (
        level.number,
        level.revision,
        level.item_number,
        level.item_name,
        level.gtin,
        level.location,
        level.location_name,
        level.batch,
        level.shelf,
        level.bin,
        level.quantity,
        level.unit,
        level.as_of,
        level.source_system,
    )


ORDER = Shape(
    "purchase_order",
    _columns(
        "number, revision bigint, function, issued_on date, currency, buyer_gln, buyer_code, buyer_name, supplier_gln, "
        "supplier_code, supplier_name, ship_to_gln, ship_to_code, ship_to_name, invoice_to_gln, invoice_to_code, "
        "invoice_to_name, requested_delivery_on date, contract_number, payment_terms, delivery_terms, note, "
        "total_amount numeric, source_system, line_count integer"
    ),
    _order,
)
SUPPLIER = Shape(
    "supplier",
    _columns(
        "number, revision bigint, name, gln, tax_number, currency, payment_terms, street, additional_street, city, "
        "postal_zone, subdivision, country, contact_name, contact_telephone, contact_email, active boolean, "
        "preferred boolean, source_system"
    ),
    _supplier,
)
ITEM = Shape(
    "item",
    _columns(
        "number, revision bigint, name, unit, gtin, supplier_number, supplier_code, price numeric, currency, category, "
        "active boolean, source_system"
    ),
    _item,
)
STOCK_LEVEL = Shape(
    "stock_level",
    _columns(
        "number, revision bigint, item_number, item_name, gtin, location, location_name, batch, shelf, bin, "
        "quantity numeric, unit, as_of date, source_system"
    ),
    _stock_level,
)
SHAPES: dict[type[Document], Shape] = {
    PurchaseOrder: ORDER,
    Supplier: SUPPLIER,
    Item: ITEM,
    StockLevel: STOCK_LEVEL,
}

LINE_COLUMNS = _columns(
    "position integer, number bigint, gtin, buyer_code, supplier_code, manufacturer_code, name, quantity numeric, unit, "
    "price numeric, price_base_quantity numeric, amount numeric, requested_delivery_on date, note"
)


def line_rows(place: int, order: PurchaseOrder) -> Iterator[str]:
    """The lines of an order in COPY's text format: the order's place in the stage, then ``LINE_COLUMNS``.

    Written out, because lines are nine tenths of what is loaded.
    """
    escapes, null = _ESCAPES, NULL
    for position, line in enumerate(order.lines, 1):
        item, price, base, amount = line.item, line.price, line.price_base_quantity, line.amount
        gtin, buyer, supplier, maker, name = (
            null if value is None else value.translate(escapes)
            for value in (item.gtin, item.buyer_code, item.supplier_code, item.manufacturer_code, item.name)
        )
        yield (
            f"{place}\t{position}\t{line.number}\t{gtin}\t{buyer}\t{supplier}\t{maker}\t{name}\t{line.quantity}\t"
            f"{line.unit.translate(escapes)}\t{null if price is None else price}\t{null if base is None else base}\t"
            f"{null if amount is None else amount}\t"
            f"{null if line.requested_delivery_on is None else line.requested_delivery_on}\t"
            f"{null if line.note is None else line.note.translate(escapes)}\n"
        )
