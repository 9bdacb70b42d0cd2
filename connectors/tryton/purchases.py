"""A purchase order as the values of a Tryton purchase, and what tells one purchase from another.

Where the hub's marks stand on a purchase:

- ``description``: ``Orderhub <identity>``. Tryton makes this field read-only once the purchase is no draft, so nobody
  edits away by hand what keeps an order from being ordered twice.
- ``comment``: the order's note, and as its last line ``Orderhub key: <key>``, by which an unclear outcome is looked up. It
  stays editable; should it get lost, the identity still finds the purchase.
- ``reference``: the order number, which people search for and may replace by the supplier's.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from connectors.tryton.found import Rejection, Row
from connectors.tryton.master_data import MasterData, exact
from orderhub.connector import LoadItem
from orderhub.documents import Line, PurchaseOrder

_IDENTITY = "Orderhub "
_KEY = "Orderhub key: "
FIELDS = [
    *("number", "state", "description", "comment", "party", "currency"),
    *("purchase_date", "delivery_date", "warehouse"),
]
LINE_FIELDS = [
    *("purchase", "product", "quantity", "unit", "unit_price"),
    *("delivery_date_edit", "delivery_date_store"),
]
#: From which state on a purchase is an order.
ORDERED = ("confirmed", "processing", "done")
_RANK = {"draft": 1, "quotation": 2, "cancelled": 3, "confirmed": 4, "processing": 4, "done": 4}


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase that is in Tryton. ``key`` is None when somebody took the mark away."""

    id: int
    number: str | None
    state: str
    identity: str
    key: str | None
    party: int
    currency: int
    purchase_date: dt.date | None
    delivery_date: dt.date | None
    warehouse: int | None

    @property
    def ordered(self) -> bool:
        return self.state in ORDERED

    @property
    def reference(self) -> str:
        """Its name for people."""
        return self.number or f"#{self.id}"


def purchase_of(row: Row) -> Purchase | None:
    """The purchase of a row, or None when it does not carry the hub's mark."""
    description = row["description"] or ""
    if not description.startswith(_IDENTITY):
        return None
    last = (row["comment"] or "").rstrip().rpartition("\n")[2]
    return Purchase(
        id=row["id"],
        number=row["number"],
        state=row["state"],
        identity=description.removeprefix(_IDENTITY),
        key=last.removeprefix(_KEY) if last.startswith(_KEY) else None,
        party=row["party"],
        currency=row["currency"],
        purchase_date=row["purchase_date"],
        delivery_date=row["delivery_date"],
        warehouse=row["warehouse"],
    )


def best(purchases: list[Purchase]) -> Purchase:
    """The one that is kept of several with one identity: the furthest, of those the first made. Every loader comes to the
    same answer, whatever the order in which they look."""
    return min(purchases, key=lambda purchase: (-_RANK.get(purchase.state, 0), purchase.id))


def description_of(identity: str) -> str:
    """What stands in ``description``."""
    return _IDENTITY + one_line(identity)


def key_line(key: str) -> str:
    """The last line of ``comment``."""
    return _KEY + one_line(key)


def one_line(text: str) -> str:
    """A text as a field of one line keeps it."""
    return " ".join(kept_text(text).split())


def kept_text(text: str) -> str:
    """A text as PostgreSQL takes it: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def values_of(item: LoadItem, order: PurchaseOrder, master: MasterData) -> dict[str, Any]:
    """The values that create the draft.

    :raises Rejection: naming the canonical field that Tryton cannot take.
    """
    supplier = master.supplier(order.supplier)
    currency = master.currency(order.currency)
    lines: list[dict[str, Any]] = []
    for index, line in enumerate(order.lines):
        product = master.product(line, index, supplier)
        unit = master.unit(line, index, product)
        values: dict[str, Any] = {
            "sequence": index + 1,
            "product": product.product,
            "unit": unit.unit,
            "quantity": _quantity(line, index, unit.digits),
            "unit_price": _price(line, index, master.price_digits()),
        }
        if product.taxes:
            values["taxes"] = [["add", list(product.taxes)]]
        if line.requested_delivery_on is not None:
            values |= {"delivery_date_edit": True, "delivery_date_store": line.requested_delivery_on}
        if line.note:
            values["note"] = kept_text(line.note)
        lines.append(values)
    note = f"{kept_text(order.note).strip()}\n\n" if order.note else ""
    return {
        "company": master.context()["company"],
        "party": supplier.party,
        "invoice_address": supplier.address,
        "currency": currency,
        "reference": one_line(order.number),
        "description": description_of(item.identity),
        "comment": note + key_line(item.key),
        "purchase_date": order.issued_on,
        "delivery_date": order.requested_delivery_on,
        "lines": [["create", lines]],
        **({"payment_term": supplier.payment_term} if supplier.payment_term is not None else {}),
        **({"warehouse": warehouse} if (warehouse := master.warehouse()) is not None else {}),
    }


def _quantity(line: Line, index: int, digits: int) -> float:
    """Tryton counts in binary floating point, so only a quantity that survives that is taken."""
    field = f"lines[{index}].quantity"
    if line.quantity <= 0:
        # a negative quantity is a return in Tryton, with other stock moves
        raise Rejection("TRYTON_QUANTITY", f"The quantity {line.quantity} is not above zero.", field)
    if _exact(line.quantity, digits) is None:
        raise Rejection(
            "TRYTON_QUANTITY_PRECISION",
            f"The quantity {line.quantity} has more than the {digits} decimals of {line.unit!r} in Tryton.",
            field,
        )
    quantity = float(line.quantity)
    if Decimal(repr(quantity)) != line.quantity:
        raise Rejection("TRYTON_QUANTITY", f"Tryton cannot hold the quantity {line.quantity} exactly.", field)
    return quantity


def _price(line: Line, index: int, digits: int) -> Decimal:
    field = f"lines[{index}].price"
    if line.price is None:
        raise Rejection("TRYTON_PRICE_MISSING", "The line has no price; a purchase needs one.", field)
    base = line.price_base_quantity or Decimal(1)
    price = _exact(line.price / base, digits)
    if price is None or price * base != line.price:
        raise Rejection(
            "TRYTON_PRICE_PRECISION",
            f"The price {line.price} for {base} is no price for one with the {digits} decimals of Tryton.",
            field,
        )
    return price


def _exact(value: Decimal, digits: int) -> Decimal | None:
    try:
        return exact(value, digits)
    except InvalidOperation:
        return None


def differences(purchase: Purchase, lines: list[Row], values: dict[str, Any]) -> list[str]:
    """What the purchase in Tryton has otherwise than these values would make it, as sentences for people."""
    said: list[str] = []
    if purchase.party != values["party"]:
        said.append("another supplier")
    if purchase.currency != values["currency"]:
        said.append("another currency")
    if "warehouse" in values and purchase.warehouse != values["warehouse"]:
        said.append("another warehouse")
    for have_on, field, name in (
        (purchase.purchase_date, "purchase_date", "order date"),
        (purchase.delivery_date, "delivery_date", "delivery date"),
    ):
        if have_on != values[field]:
            said.append(f"{name} {have_on or 'none'} instead of {values[field] or 'none'}")
    wanted = values["lines"][0][1]
    if len(lines) != len(wanted):
        said.append(f"{len(lines)} lines instead of {len(wanted)}")
    for number, (have, want) in enumerate(zip(lines, wanted, strict=False), 1):
        for field, name in (("product", "product"), ("unit", "unit")):
            if have[field] != want[field]:
                said.append(f"line {number}: another {name}")
        for field, name in (("quantity", "quantity"), ("unit_price", "price")):
            if have[field] != want[field]:
                said.append(f"line {number}: {name} {have[field]} instead of {want[field]}")
        # a line without a date of its own goes by the order's
        has_on = have["delivery_date_store"] if have["delivery_date_edit"] else purchase.delivery_date
        wants_on = want.get("delivery_date_store", values["delivery_date"])
        if has_on != wants_on:
            said.append(f"line {number}: delivery date {has_on or 'none'} instead of {wants_on or 'none'}")
    return said
