"""Master data as tables, one row a record, for rules that look at whole columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orderhub.documents import Document, Item, StockLevel, Supplier

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
RECORD_COLUMNS = {"suppliers": SUPPLIER_COLUMNS, "items": ITEM_COLUMNS, "stock": STOCK_COLUMNS}
_NUMBERS = ("price", "quantity")


def record_frames(documents: Sequence[tuple[int, Document]]) -> dict[str, pd.DataFrame]:
    """``suppliers``, ``items`` and ``stock``; ``document`` is the ledger id, numbers are float64, dates datetime64."""
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
            case Item() | StockLevel():
                name = "items" if isinstance(record, Item) else "stock"
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
            elif column == "as_of":
                # years outside pandas' range become empty
                frame[column] = pd.to_datetime(frame[column], errors="coerce")
    return found
