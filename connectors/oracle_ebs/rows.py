"""A purchase order as rows of the interface tables.

One order line is one line with one shipment, which the import makes of the line's own columns, and one distribution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any

import sqlalchemy as sa

from connectors.oracle_ebs.interface import MARK_LENGTH, PENDING, STANDARD, Interface
from connectors.oracle_ebs.settings import OracleEbsSettings, Supplier
from orderhub.connector import LoadItem
from orderhub.documents import Line, Party, PurchaseOrder
from orderhub.transport.payload import mark_of

Row = dict[str, Any]

#: Digits that a NUMBER keeps whatever their places are (Oracle Database SQL Language Reference, NUMBER).
_DIGITS = 38
#: Columns, as this connector writes them and as the import names them in its errors, to the canonical field.
_HEADER_FIELDS = {
    **dict.fromkeys(
        ("vendor_num", "vendor_id", "vendor_name", "vendor_site_code", "vendor_site_id"), "supplier"
    ),
    **dict.fromkeys(("currency_code", "rate_type", "rate_type_code", "rate"), "currency"),
    **dict.fromkeys(("ship_to_location", "ship_to_location_id"), "ship_to"),
    **dict.fromkeys(("document_num", "comments"), "number"),
    "rate_date": "issued_on",
    "note_to_vendor": "note",
}
_LINE_FIELDS = {
    **dict.fromkeys(("item", "item_id"), "item"),
    "item_description": "item.name",
    "vendor_product_num": "item.supplier_code",
    **dict.fromkeys(("uom_code", "unit_of_measure"), "unit"),
    **dict.fromkeys(("quantity", "quantity_ordered"), "quantity"),
    **dict.fromkeys(("unit_price", "list_price_per_unit"), "price"),
    **dict.fromkeys(("need_by_date", "promised_date"), "requested_delivery_on"),
    "line_num": "number",
    "note_to_vendor": "note",
}


class Unwritable(Exception):
    """The order cannot stand in the interface tables: a stable code, why, and the canonical field."""

    def __init__(self, code: str, reason: str, field: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.field = code, reason, field


def field_of(column: str | None, line: int | None) -> str | None:
    """The canonical field of a column; ``line`` is the place of the line from 0, None for the header."""
    name = (column or "").lower()
    if line is None:
        return _HEADER_FIELDS.get(name)
    field = _LINE_FIELDS.get(name)
    return f"lines[{line}].{field}" if field else f"lines[{line}]"


def mark(text: str) -> str:
    """A key or an identity as an attribute keeps it: itself, or its digest."""
    return mark_of(text, MARK_LENGTH)


def header_of(item: LoadItem, order: PurchaseOrder, interface: Interface, settings: OracleEbsSettings) -> Row:
    """The header without its id.

    :raises Unwritable: naming the canonical field.
    """
    supplier = _supplier(order.supplier, settings)
    foreign = settings.rate_types.get(order.currency)
    row: Row = {
        "batch_id": settings.batch_id,
        "org_id": settings.org_id,
        "interface_source_code": settings.source_code,
        "process_code": PENDING,
        "action": "ORIGINAL",
        "document_type_code": STANDARD,
        "approval_status": settings.approval,
        "document_num": order.number if settings.numbering == "order_number" else None,
        "currency_code": order.currency,
        "rate_type": foreign,
        "rate_date": order.issued_on if foreign else None,
        "vendor_num": supplier.number,
        "vendor_site_code": supplier.site or settings.supplier_site,
        "agent_name": settings.buyer,
        "ship_to_location": _location(order.ship_to, settings),
        "bill_to_location": settings.bill_to_location,
        "comments": f"Order {order.number}",
        "note_to_vendor": order.note,
        interface.key: mark(item.key),
        interface.identity: mark(item.identity),
    }
    _fits(interface.headers, row, None)
    return row


def lines_of(
    order: PurchaseOrder, interface: Interface, settings: OracleEbsSettings, header_id: int
) -> list[Row]:
    """The lines without their ids, in the order's order.

    :raises Unwritable: naming the canonical field.
    """
    rows = []
    for place, line in enumerate(order.lines):
        row: Row = {
            "interface_header_id": header_id,
            "line_num": line.number,
            "shipment_num": 1,
            "process_code": PENDING,
            "action": "ORIGINAL",
            "line_type": settings.line_type,
            "item": _item(line, place, settings.item_from),
            "item_description": line.item.name,
            "vendor_product_num": line.item.supplier_code,
            "uom_code": settings.units.get(line.unit, line.unit),
            "quantity": _number(line.quantity, f"lines[{place}].quantity"),
            "unit_price": _price(line, f"lines[{place}].price"),
            "need_by_date": line.requested_delivery_on or order.requested_delivery_on,
            "ship_to_location": _location(order.ship_to, settings),
            "ship_to_organization_code": settings.ship_to_organization,
            "note_to_vendor": line.note,
        }
        _fits(interface.lines, row, place)
        rows.append(row)
    return rows


def _named(party: Party | None, table: Mapping[str, Any]) -> Any:
    """What a table of the settings has for a party's GLN or code."""
    names = (party.gln, party.code) if party is not None else ()
    return next((table[name] for name in names if name is not None and name in table), None)


def _supplier(party: Party, settings: OracleEbsSettings) -> Supplier:
    found = _named(party, settings.suppliers)
    if isinstance(found, Supplier):
        return found
    if party.code:
        return Supplier(number=party.code)
    raise Unwritable(
        "EBS_SUPPLIER_UNKNOWN",
        "The supplier has no code, and the settings (suppliers) name no supplier number for its GLN.",
        "supplier",
    )


def _location(party: Party | None, settings: OracleEbsSettings) -> str | None:
    found = _named(party, settings.locations)
    if found is None and party is not None:
        raise Unwritable(
            "EBS_LOCATION_UNKNOWN",
            "The order names a place to ship to that the settings (locations) have no location for.",
            "ship_to",
        )
    return found or settings.ship_to_location


def _item(line: Line, place: int, fields: Sequence[str]) -> str:
    found = next((str(value) for field in fields if (value := getattr(line.item, field))), None)
    if found is None:
        raise Unwritable(
            "EBS_ITEM_MISSING",
            f"The line names its item by none of {', '.join(fields)}.",
            f"lines[{place}].item",
        )
    return found


def _price(line: Line, field: str) -> Decimal | None:
    """For one unit. Without one the import takes the price that Purchasing knows."""
    if line.price is None:
        return None
    base = line.price_base_quantity or Decimal(1)
    with localcontext(prec=_DIGITS):
        price = line.price / base
    with localcontext(prec=4 * _DIGITS):
        exact = price * base == line.price
    if not exact:
        reason = f"The price {line.price} for {base} is no price for one that could be written down exactly."
        raise Unwritable("EBS_PRICE_INEXACT", reason, field)
    return _number(price, field)


def _number(value: Decimal, field: str) -> Decimal:
    """Oracle rounds what a NUMBER does not hold, so such a number is refused here."""
    digits, exponent = value.as_tuple().digits, value.as_tuple().exponent
    if not isinstance(exponent, int) or len(digits) > _DIGITS or abs(value.adjusted()) > _DIGITS:
        raise Unwritable("EBS_NUMBER", f"{value} has more digits than a number of Oracle keeps.", field)
    return value


def _fits(table: sa.Table, row: Row, line: int | None) -> None:
    """Texts are measured in bytes of UTF-8, as the columns of E-Business Suite are."""
    for name, value in row.items():
        if not isinstance(value, str):
            continue
        kept = table.c[name].type
        most = kept.length if isinstance(kept, sa.String) else None
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            size = None
        if size is None or "\0" in value or (most is not None and size > most):
            said = (
                f"takes at most {most} bytes"
                if size is not None and "\0" not in value
                else "takes text alone"
            )
            field = field_of(name, line) or "number"
            raise Unwritable("EBS_TEXT", f"{name.upper()} {said}: {value[:60]!a}.", field)
