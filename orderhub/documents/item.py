"""The item master record."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import msgspec

from orderhub.documents.order import CurrencyCode, Gtin, UnitCode
from orderhub.documents.party import Text


class Item(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An item as master data. ``price`` is the list price per ``unit`` in ``currency``."""

    document_name: ClassVar[str] = "item"
    master_data: ClassVar[bool] = True

    number: Text
    name: Text
    unit: UnitCode
    revision: int = 0
    gtin: Gtin | None = None
    supplier_number: str | None = None
    supplier_code: str | None = None
    price: Decimal | None = None
    currency: CurrencyCode | None = None
    category: str | None = None
    active: bool = True
    source_system: str | None = None
