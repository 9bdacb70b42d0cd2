"""The rows of a document: values in the order of the table's columns, without the columns of its version.

NUL, which PostgreSQL does not keep in a text, becomes U+FFFD in every warehouse, so that all of them hold the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from orderhub.documents import (
    Address,
    Contact,
    Demand,
    Document,
    Item,
    Party,
    PurchaseOrder,
    Receipt,
    StockLevel,
    Supplier,
    SupplierItem,
)
from orderhub.documents.order import LineItem
from orderhub.star import tables

Row: TypeAlias = tuple[Any, ...]


def values(document: Document) -> Row:
    """One value per column of the document's table."""
    return tuple(map(_clean, _VALUES[type(document)](document)))


def lines(document: Document) -> Iterator[Row]:
    """One row per line, in the order of ``Lines.columns``; nothing for a document without lines."""
    if isinstance(document, PurchaseOrder):
        found = _order_lines(document)
    elif isinstance(document, Receipt):
        found = _receipt_lines(document)
    else:
        return
    for line in found:
        yield tuple(map(_clean, line))


def _clean(value: Any) -> Any:
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value


def _party(party: Party | None) -> Row:
    return (None, None, None) if party is None else (party.gln, party.code, party.name)


def _named(item: LineItem) -> Row:
    return (item.gtin, item.buyer_code, item.supplier_code, item.manufacturer_code, item.name)


def _order(order: PurchaseOrder) -> Row:
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


def _order_lines(order: PurchaseOrder) -> Iterator[Row]:
    for position, line in enumerate(order.lines, 1):
        yield (
            position,
            line.number,
            *_named(line.item),
            line.quantity,
            line.unit,
            line.price,
            line.price_base_quantity,
            line.amount,
            line.requested_delivery_on,
            line.note,
        )


def _supplier(supplier: Supplier) -> Row:
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


def _receipt(receipt: Receipt) -> Row:
    return (
        receipt.number,
        receipt.revision,
        receipt.received_on,
        *_party(receipt.supplier),
        *_party(receipt.buyer),
        receipt.order_number,
        receipt.delivery_number,
        receipt.location,
        receipt.note,
        receipt.source_system,
        len(receipt.lines),
    )


def _receipt_lines(receipt: Receipt) -> Iterator[Row]:
    for position, line in enumerate(receipt.lines, 1):
        yield (
            position,
            line.number,
            # an order named once for all lines stands in each of them: lines are what people count
            line.order_number if line.order_number is not None else receipt.order_number,
            line.order_line_number,
            *_named(line.item),
            line.quantity_received,
            line.quantity_rejected,
            line.unit,
            line.batch,
            line.note,
        )


def _fields(table: tables.Table) -> Callable[[Any], Row]:
    """The values of a document whose fields are named like the columns."""
    names = [column.name for column in table.columns]
    return lambda document: tuple(getattr(document, name) for name in names)


_VALUES: dict[type[Document], Callable[[Any], Row]] = {
    PurchaseOrder: _order,
    Supplier: _supplier,
    SupplierItem: _fields(tables.SUPPLIER_ITEM),
    Item: _fields(tables.ITEM),
    Receipt: _receipt,
    StockLevel: _fields(tables.STOCK_LEVEL),
    Demand: _fields(tables.DEMAND),
}
