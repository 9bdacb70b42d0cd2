"""Documents other than orders as tables, one row a record or a line, for rules that look at whole columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orderhub.documents import Demand, Document, Item, Receipt, StockLevel, Supplier, SupplierItem

if TYPE_CHECKING:
    import pandas as pd

SUPPLIER_COLUMNS = (
    "document",
    "number",
    "name",
    "gln",
    "tax_number",
    "currency",
    "country",
    "active",
    "preferred",
)
ITEM_COLUMNS = (
    "document",
    "number",
    "name",
    "unit",
    "gtin",
    "supplier_number",
    "price",
    "currency",
    "category",
    "active",
)
STOCK_COLUMNS = (
    "document",
    "number",
    "item_number",
    "location",
    "batch",
    "quantity",
    "unit",
    "as_of",
)
OFFER_COLUMNS = (
    "document",
    "number",
    "supplier_number",
    "item_number",
    "unit",
    "price",
    "currency",
    "price_base_quantity",
    "price_valid_from",
    "price_valid_to",
    "minimum_quantity",
    "maximum_quantity",
    "order_multiple",
    "lead_time_days",
    "active",
)
DEMAND_COLUMNS = (
    "document",
    "number",
    "item_number",
    "location",
    "kind",
    "period_from",
    "period_to",
    "quantity",
    "unit",
)
RECEIPT_COLUMNS = ("document", "number", "received_on", "supplier")
RECEIPT_LINE_COLUMNS = (
    "document",
    "index",
    "number",
    "order_number",
    "quantity_received",
    "quantity_rejected",
    "unit",
)
RECORD_COLUMNS = {
    "suppliers": SUPPLIER_COLUMNS,
    "supplier_items": OFFER_COLUMNS,
    "items": ITEM_COLUMNS,
    "stock": STOCK_COLUMNS,
    "demand": DEMAND_COLUMNS,
    "receipts": RECEIPT_COLUMNS,
    "receipt_lines": RECEIPT_LINE_COLUMNS,
}
_FRAMES: dict[type[Document], str] = {
    SupplierItem: "supplier_items",
    Item: "items",
    StockLevel: "stock",
    Demand: "demand",
}
_NUMBERS = (
    "price",
    "quantity",
    "price_base_quantity",
    "minimum_quantity",
    "maximum_quantity",
    "order_multiple",
    "lead_time_days",
    "quantity_received",
    "quantity_rejected",
)
_DATES = ("as_of", "price_valid_from", "price_valid_to", "period_from", "period_to", "received_on")


def record_frames(documents: Sequence[tuple[int, Document]]) -> dict[str, pd.DataFrame]:
    """The tables of ``RECORD_COLUMNS``; ``document`` is the ledger id, ``index`` counts lines from 0, numbers are float64,
    dates datetime64."""
    import pandas as pd

    rows: dict[str, list[tuple[object, ...]]] = {name: [] for name in RECORD_COLUMNS}
    for ledger_id, record in documents:
        match record:
            case Supplier():
                country = record.address.country if record.address else None
                rows["suppliers"].append(
                    (
                        ledger_id,
                        record.number,
                        record.name,
                        record.gln,
                        record.tax_number,
                        record.currency,
                        country,
                        record.active,
                        record.preferred,
                    )
                )
            case Receipt():
                supplier = record.supplier.gln or record.supplier.code or record.supplier.name
                rows["receipts"].append((ledger_id, record.number, record.received_on, supplier))
                rows["receipt_lines"] += [
                    (ledger_id, index, *(getattr(line, column) for column in RECEIPT_LINE_COLUMNS[2:]))
                    for index, line in enumerate(record.lines)
                ]
            case SupplierItem() | Item() | StockLevel() | Demand():
                name = _FRAMES[type(record)]
                rows[name].append(
                    (ledger_id, *(getattr(record, column) for column in RECORD_COLUMNS[name][1:]))
                )
            case _:
                continue
    found = {name: pd.DataFrame(values, columns=list(RECORD_COLUMNS[name])) for name, values in rows.items()}
    for frame in found.values():
        for column in frame.columns:
            if column in _NUMBERS:
                frame[column] = frame[column].astype("float64")
            elif column in _DATES:
                # years outside pandas' range become empty
                frame[column] = pd.to_datetime(frame[column], errors="coerce")
    return found
