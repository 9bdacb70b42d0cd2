"""The supplier item: what an item costs at a supplier, and how soon it comes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, ClassVar

import msgspec

from orderhub.documents.numbering import joined
from orderhub.documents.order import CurrencyCode, Gtin, UnitCode
from orderhub.documents.party import Text

Days = Annotated[int, msgspec.Meta(ge=0, title="days")]


class SupplierItem(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a supplier offers an item for, as master data.

    ``price`` is net, in ``currency``, for ``price_base_quantity`` units (1 when absent) of ``unit``, and holds from
    ``price_valid_from`` to ``price_valid_to``, both included. ``minimum_quantity``, ``maximum_quantity`` and
    ``order_multiple`` (an order is a multiple of it) are in ``unit``; ``lead_time_days`` are calendar days from the order
    to the receipt. ``offer`` tells several prices for one item apart (a tier, a period, a contract) by the source's own
    name. A record is told from others by supplier, item and offer: these make its number.
    """

    document_name: ClassVar[str] = "supplier_item"
    master_data: ClassVar[bool] = True

    supplier_number: Text
    item_number: Text
    unit: UnitCode
    revision: int = 0
    offer: str | None = None
    supplier_name: str | None = None
    item_name: str | None = None
    supplier_code: str | None = None
    gtin: Gtin | None = None
    price: Decimal | None = None
    currency: CurrencyCode | None = None
    price_base_quantity: Decimal | None = None
    price_valid_from: dt.date | None = None
    price_valid_to: dt.date | None = None
    minimum_quantity: Decimal | None = None
    maximum_quantity: Decimal | None = None
    order_multiple: Decimal | None = None
    lead_time_days: Days | None = None
    active: bool = True
    preferred: bool | None = None
    source_system: str | None = None

    @property
    def number(self) -> str:
        """The record's number: item, supplier and offer, ``AR-5381@LITWARE0001`` or ``AR-5381@LITWARE0001#2027``."""
        return joined(self.item_number, self.supplier_number, self.offer)
