"""The purchase order."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, ClassVar

import msgspec

from orderhub.documents.party import Party, Text

#: ISO 4217.
CurrencyCode = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", title="ISO 4217 currency")]
#: UNECE Recommendation 20 common code.
UnitCode = Annotated[str, msgspec.Meta(pattern="^[A-Z0-9]{2,3}$", title="UNECE Rec 20 unit")]
#: GS1: GTIN-8, -12, -13 or -14.
Gtin = Annotated[str, msgspec.Meta(pattern="^([0-9]{8}|[0-9]{12,14})$", title="GS1 global trade item number")]


class LineItem(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """What is ordered on a line: named by at least one of GTIN, buyer's, supplier's or manufacturer's code."""

    gtin: Gtin | None = None
    buyer_code: str | None = None
    supplier_code: str | None = None
    manufacturer_code: str | None = None
    name: str | None = None


class Line(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """One order line.

    ``price`` is net, in the order's currency, for ``price_base_quantity`` units (1 when absent). ``amount`` is the net
    line amount where the source states one; it is never computed by a mapping.
    """

    number: int
    item: LineItem
    quantity: Decimal
    unit: UnitCode
    price: Decimal | None = None
    price_base_quantity: Decimal | None = None
    amount: Decimal | None = None
    requested_delivery_on: dt.date | None = None
    note: str | None = None


class PurchaseOrder(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A purchase order as the hub keeps it.

    Identity is company, agreement, type, ``number`` and ``revision`` (the source's, else 0). ``currency`` is the one
    of every amount in it. ``function`` is ``original``, ``change``, ``cancellation`` or ``duplicate`` (UN/EDIFACT 1225
    9, 4, 1 and 7).
    """

    document_name: ClassVar[str] = "purchase_order"
    #: Whether the newest record counts, see ``orderhub.documents.registry.MASTER_DATA``.
    master_data: ClassVar[bool] = False

    number: Text
    issued_on: dt.date
    currency: CurrencyCode
    buyer: Party
    supplier: Party
    lines: Annotated[list[Line], msgspec.Meta(min_length=1)]
    revision: Annotated[int, msgspec.Meta(ge=0)] = 0
    function: str = "original"
    source_system: str | None = None
    ship_to: Party | None = None
    invoice_to: Party | None = None
    requested_delivery_on: dt.date | None = None
    contract_number: str | None = None
    payment_terms: str | None = None
    delivery_terms: str | None = None
    note: str | None = None
    total_amount: Decimal | None = None
    test: bool = False
