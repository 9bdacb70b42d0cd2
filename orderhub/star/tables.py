"""The tables of the star schema: one of versions per document type, one of lines where it has some, and the loads."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from orderhub.documents import (
    Demand,
    Document,
    Item,
    PurchaseOrder,
    Receipt,
    StockLevel,
    Supplier,
    SupplierItem,
)

#: Digits of a decimal in all, and behind the point, where a warehouse has a bound. More is refused, never rounded.
DIGITS, SCALE = 38, 10


class Kind(StrEnum):
    """The type of a column. ``long_text`` has no bound that matters; ``text`` is what people search for. ``decimal`` is
    exact; ``moment`` is a point in time, in microseconds."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    BOOLEAN = "boolean"
    MOMENT = "moment"


class Column(msgspec.Struct, frozen=True):
    """A column; ``required`` ones are never empty."""

    name: str
    kind: Kind
    required: bool = False


class Lines(msgspec.Struct, frozen=True):
    """The lines of a document: their table, the column that names the version they belong to, and their own columns, the
    first of which is ``position`` (from 1)."""

    name: str
    parent: str
    columns: tuple[Column, ...]


class Table(msgspec.Struct, frozen=True):
    """The versions of one document type: the columns that ``rows.values`` gives, beside ``VERSION``."""

    name: str
    columns: tuple[Column, ...]
    lines: Lines | None = None


def columns(text: str) -> tuple[Column, ...]:
    """``name kind`` parts, text where no kind is given; a ``!`` behind the name marks a required one."""
    found = []
    for part in text.split(","):
        name, _, kind = part.strip().partition(" ")
        found.append(Column(name.removesuffix("!"), Kind(kind or "text"), name.endswith("!")))
    return tuple(found)


#: What every table of versions has before its own columns.
VERSION = columns(
    "id! integer, identity!, version! integer, company!, environment!, valid_from! moment, valid_to moment, content_hash!, "
    "source_document_id! integer, load_id! integer"
)
#: What every table of lines has behind its own columns.
LINE_VERSION = columns(
    "environment!, valid_from! moment, valid_to moment, source_document_id! integer, load_id! integer"
)
#: One row per key that was taken in, also when it made no new version.
LOAD = columns(
    "id! integer, key!, kind!, identity!, company!, environment!, source_document_id! integer, attempt! integer, outcome!, "
    "version_id! integer, version! integer, reference!"
)

ORDER = Table(
    "purchase_order",
    columns(
        "number!, revision! integer, function!, issued_on! date, currency!, buyer_gln, buyer_code, buyer_name, "
        "supplier_gln, supplier_code, supplier_name, ship_to_gln, ship_to_code, ship_to_name, invoice_to_gln, "
        "invoice_to_code, invoice_to_name, requested_delivery_on date, contract_number, payment_terms long_text, "
        "delivery_terms long_text, note long_text, total_amount decimal, source_system, line_count! integer"
    ),
    Lines(
        "purchase_order_line",
        "order_id",
        columns(
            "position! integer, number! integer, gtin, buyer_code, supplier_code, manufacturer_code, name, "
            "quantity! decimal, unit!, price decimal, price_base_quantity decimal, amount decimal, "
            "requested_delivery_on date, note long_text"
        ),
    ),
)
SUPPLIER = Table(
    "supplier",
    columns(
        "number!, revision! integer, name!, gln, tax_number, currency, payment_terms long_text, street, additional_street, "
        "city, postal_zone, subdivision, country, contact_name, contact_telephone, contact_email, active! boolean, "
        "preferred boolean, source_system"
    ),
)
SUPPLIER_ITEM = Table(
    "supplier_item",
    columns(
        "number!, revision! integer, supplier_number!, item_number!, offer, supplier_name, item_name, supplier_code, gtin, "
        "unit!, price decimal, currency, price_base_quantity decimal, price_valid_from date, price_valid_to date, "
        "minimum_quantity decimal, maximum_quantity decimal, order_multiple decimal, lead_time_days integer, "
        "active! boolean, preferred boolean, source_system"
    ),
)
ITEM = Table(
    "item",
    columns(
        "number!, revision! integer, name!, unit!, gtin, supplier_number, supplier_code, price decimal, currency, category, "
        "active! boolean, source_system"
    ),
)
RECEIPT = Table(
    "receipt",
    columns(
        "number!, revision! integer, received_on! date, supplier_gln, supplier_code, supplier_name, buyer_gln, buyer_code, "
        "buyer_name, order_number, delivery_number, location, note long_text, source_system, line_count! integer"
    ),
    Lines(
        "receipt_line",
        "receipt_id",
        columns(
            "position! integer, number! integer, order_number, order_line_number integer, gtin, buyer_code, supplier_code, "
            "manufacturer_code, name, quantity_received! decimal, quantity_rejected decimal, unit!, batch, note long_text"
        ),
    ),
)
STOCK_LEVEL = Table(
    "stock_level",
    columns(
        "number!, revision! integer, item_number!, item_name, gtin, location!, location_name, batch, shelf, bin, "
        "quantity! decimal, unit!, as_of! date, source_system"
    ),
)
DEMAND = Table(
    "demand",
    columns(
        "number!, revision! integer, item_number!, item_name, gtin, location, kind!, period_from! date, period_to! date, "
        "quantity! decimal, unit!, source_system"
    ),
)

TABLES: dict[type[Document], Table] = {
    PurchaseOrder: ORDER,
    Supplier: SUPPLIER,
    SupplierItem: SUPPLIER_ITEM,
    Item: ITEM,
    Receipt: RECEIPT,
    StockLevel: STOCK_LEVEL,
    Demand: DEMAND,
}


def names() -> list[str]:
    """All tables' names, the loads first."""
    found = ["load"]
    for table in TABLES.values():
        found.append(table.name)
        if table.lines is not None:
            found.append(table.lines.name)
    return found
