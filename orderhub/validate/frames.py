"""Canonical documents as tables, one row per order and one per line, for rules that look at whole columns."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from orderhub.documents import Document, Party, PurchaseOrder
from orderhub.documents.order import Line, LineItem
from orderhub.validate.record_frames import record_frames

if TYPE_CHECKING:
    import pandas as pd

ORDER_COLUMNS = (
    "document",
    "number",
    "currency",
    "issued_on",
    "requested_delivery_on",
    "buyer",
    "supplier",
    "total_amount",
    "total_difference",
)
LINE_COLUMNS = (
    "document",
    "index",
    "number",
    "item",
    "quantity",
    "unit",
    "price",
    "price_base_quantity",
    "amount",
    "amount_difference",
    "issued_on",
    "requested_delivery_on",
)
_DATES = ("issued_on", "requested_delivery_on")
_NUMBERS = (
    "total_amount",
    "total_difference",
    "quantity",
    "price",
    "price_base_quantity",
    "amount",
    "amount_difference",
)


def frames(documents: Sequence[tuple[int, Document]]) -> dict[str, pd.DataFrame]:
    """``orders`` and ``lines`` of the purchase orders among the documents; the tables of
    :mod:`orderhub.validate.record_frames` for the others.

    ``document`` is the ledger id, ``index`` counts lines from 0. Differences are worked out exactly, then all numbers
    are float64, which is enough to compare with a bound. ``total_difference`` is empty where the order states no
    total or a line has neither amount nor price.
    """
    import pandas as pd

    orders: list[tuple[object, ...]] = []
    lines: list[tuple[object, ...]] = []
    for ledger_id, document in documents:
        if not isinstance(document, PurchaseOrder):
            continue
        amounts: list[Decimal | None] = []
        for index, line in enumerate(document.lines):
            computed = _computed(line)
            amounts.append(line.amount if line.amount is not None else computed)
            lines.append(
                (
                    ledger_id,
                    index,
                    line.number,
                    _item_name(line.item),
                    line.quantity,
                    line.unit,
                    line.price,
                    line.price_base_quantity,
                    line.amount,
                    None if line.amount is None or computed is None else abs(line.amount - computed),
                    document.issued_on,
                    line.requested_delivery_on,
                )
            )
        orders.append(
            (
                ledger_id,
                document.number,
                document.currency,
                document.issued_on,
                document.requested_delivery_on,
                _party_name(document.buyer),
                _party_name(document.supplier),
                document.total_amount,
                _difference(
                    document.total_amount, amounts, sum(line.amount is not None for line in document.lines)
                ),
            )
        )
    found = {
        "orders": pd.DataFrame(orders, columns=list(ORDER_COLUMNS)),
        "lines": pd.DataFrame(lines, columns=list(LINE_COLUMNS)),
    }
    for frame in found.values():
        for column in frame.columns:
            if column in _DATES:
                # years outside pandas' range (1677 to 2262) become empty; the mapping's date check sees them first
                frame[column] = pd.to_datetime(frame[column], errors="coerce")
            elif column in _NUMBERS:
                frame[column] = frame[column].astype("float64")
    return {**found, **record_frames(documents)}


def _computed(line: Line) -> Decimal | None:
    if line.price is None:
        return None
    base = line.price_base_quantity
    if base is None:
        return line.quantity * line.price
    return line.quantity * line.price / base if base else None


def _difference(total: Decimal | None, amounts: Sequence[Decimal | None], stated: int) -> Decimal | None:
    """How far the total is from the sum of the lines, beyond what rounding may explain: half of a hundredth for each
    amount that the order does not state."""
    if total is None or any(amount is None for amount in amounts):
        return None
    apart = abs(total - sum((amount for amount in amounts if amount is not None), Decimal(0)))
    return max(Decimal(0), apart - Decimal("0.005") * (len(amounts) - stated))


def _party_name(party: Party) -> str | None:
    return party.gln or party.code or party.name


def _item_name(item: LineItem) -> str | None:
    return item.gtin or item.buyer_code or item.supplier_code or item.manufacturer_code
