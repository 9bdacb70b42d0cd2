"""The receipt: what came of what was ordered."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, ClassVar

import msgspec

from orderhub.documents.order import LineItem, UnitCode
from orderhub.documents.party import Party, Text


class ReceiptLine(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """What came of one order line.

    ``quantity_received`` is all that was delivered; ``quantity_rejected`` the part of it that was not taken in. Both are
    in ``unit``. ``order_number`` and ``order_line_number`` name the order line where the source knows it.
    """

    number: int
    item: LineItem
    quantity_received: Decimal
    unit: UnitCode
    quantity_rejected: Decimal | None = None
    order_number: str | None = None
    order_line_number: int | None = None
    batch: str | None = None
    note: str | None = None


class Receipt(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """Goods received against order lines, on one day at one place.

    ``number`` is the receiver's own for the receipt; a correction has a higher ``revision``. ``delivery_number`` is that of
    the supplier's delivery note.
    """

    document_name: ClassVar[str] = "receipt"
    master_data: ClassVar[bool] = False

    number: Text
    received_on: dt.date
    supplier: Party
    lines: Annotated[list[ReceiptLine], msgspec.Meta(min_length=1)]
    revision: Annotated[int, msgspec.Meta(ge=0)] = 0
    buyer: Party | None = None
    order_number: str | None = None
    delivery_number: str | None = None
    location: str | None = None
    note: str | None = None
    source_system: str | None = None
