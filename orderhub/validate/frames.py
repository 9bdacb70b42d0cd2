"""Canonical documents as tables, one row per order and one per line, for rules that look at whole columns."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from orderhub.documents import Document, Party, PurchaseOrder
from orderhub.documents.order import Line, LineItem
from orderhub.validate.record_frames import record_frames
from orderhub.validate.reference import Reference
from orderhub.warehouse.prices import ListPrice

if TYPE_CHECKING:
    import pandas as pd

#: Nothing is compared with anything outside of the documents.
NOTHING = Reference()

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
    "days_ahead",
    "delivery_days",
    "content",
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
    "list_price_deviation",
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
    "days_ahead",
    "delivery_days",
    "list_price_deviation",
)


def frames(
    documents: Sequence[tuple[int, Document]], reference: Reference = NOTHING
) -> dict[str, pd.DataFrame]:
    """``orders`` and ``lines`` of the purchase orders among the documents; the tables of
    :mod:`orderhub.validate.record_frames` for the others.

    ``days_ahead`` is how many days after the day of the validation an order is dated, ``delivery_days`` how many days after
    its date it is wanted, ``content`` the same for two orders that differ in nothing but their number;
    ``list_price_deviation`` is how far a price is from the item's list price, as a share of it.
    ``document`` is the ledger id, ``index`` counts lines from 0. Differences are worked out exactly, then all numbers
    are float64, which is enough to compare with a bound. ``total_difference`` is empty where the order states no
    total or a line has neither amount nor price.
    """
    import pandas as pd

    orders: list[tuple[object, ...]] = []
    lines: list[tuple[object, ...]] = []
    seen: set[tuple[str, str]] = set()
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
                    _deviation(document, line, reference.prices),
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
                None if reference.today is None else (document.issued_on - reference.today).days,
                None
                if document.requested_delivery_on is None
                else (document.requested_delivery_on - document.issued_on).days,
                _content(document, seen),
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


def _deviation(order: PurchaseOrder, line: Line, prices: Mapping[str, ListPrice]) -> Decimal | None:
    """How far the price is from the item's list price, as a share of it; None where the two cannot be compared."""
    if line.price is None or not prices:
        return None
    listed = prices.get(line.item.buyer_code or "") or prices.get(line.item.gtin or "")
    base = Decimal(1) if line.price_base_quantity is None else line.price_base_quantity
    if listed is None or not listed.price or not base or listed.unit != line.unit:
        return None
    if listed.currency is not None and listed.currency != order.currency:
        return None
    return abs(line.price / base / listed.price - 1)


def _content(order: PurchaseOrder, seen: set[tuple[str, str]]) -> str | None:
    """The same for two orders that differ in nothing but their number: who orders what from whom, when. None for an order
    that is there already under its own number: whether that is a duplicate the ledger decides."""
    lines = sorted(
        (_item_name(line.item) or "", str(line.quantity.normalize()), line.unit) for line in order.lines
    )
    told = (
        _party_name(order.buyer),
        _party_name(order.supplier),
        order.issued_on.isoformat(),
        None if order.requested_delivery_on is None else order.requested_delivery_on.isoformat(),
        order.function,
        lines,
    )
    content = hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    if (order.number, content) in seen:
        return None
    seen.add((order.number, content))
    return content


def _party_name(party: Party) -> str | None:
    return party.gln or party.code or party.name


def _item_name(item: LineItem) -> str | None:
    return item.gtin or item.buyer_code or item.supplier_code or item.manufacturer_code
