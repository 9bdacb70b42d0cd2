"""The stock level: how much of an item lies at a location."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import ClassVar

import msgspec

from orderhub.documents.order import Gtin, UnitCode
from orderhub.documents.party import Text


class StockLevel(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How much of an item lies at a location, as of a day.

    ``item_number`` is the number of the item's master record; ``location`` the code of the place that is counted by
    itself; ``shelf`` and ``bin`` say where in it the goods are. ``quantity`` is on hand, in ``unit``. A record is told
    from others by item, location and ``batch`` (lot): these make its number.
    """

    document_name: ClassVar[str] = "stock_level"
    master_data: ClassVar[bool] = True

    item_number: Text
    location: Text
    quantity: Decimal
    unit: UnitCode
    as_of: dt.date
    revision: int = 0
    gtin: Gtin | None = None
    item_name: str | None = None
    location_name: str | None = None
    batch: str | None = None
    shelf: str | None = None
    bin: str | None = None
    source_system: str | None = None

    @property
    def number(self) -> str:
        """The record's number: item, location and batch, ``AR-5381@1`` or ``AR-5381@1#L77``."""
        place = f"{self.item_number}@{self.location}"
        return f"{place}#{self.batch}" if self.batch else place
