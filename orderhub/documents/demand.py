"""The demand: how much of an item a period asks for."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, ClassVar

import msgspec

from orderhub.documents.numbering import joined
from orderhub.documents.order import Gtin, UnitCode
from orderhub.documents.party import Text

#: ``actual`` was used up or sold; ``forecast`` is expected; ``planned`` was decided.
DemandKind = Annotated[str, msgspec.Meta(pattern="^(actual|forecast|planned)$", title="kind of demand")]


class Demand(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How much of an item a period asks for, at a location or (without one) altogether.

    ``quantity`` is in ``unit``; the period goes from ``period_from`` to ``period_to``, both included. A record is told
    from others by item, location, kind and period: these make its number.
    """

    document_name: ClassVar[str] = "demand"
    master_data: ClassVar[bool] = True

    item_number: Text
    period_from: dt.date
    period_to: dt.date
    quantity: Decimal
    unit: UnitCode
    kind: DemandKind = "actual"
    revision: int = 0
    location: str | None = None
    item_name: str | None = None
    gtin: Gtin | None = None
    source_system: str | None = None

    @property
    def number(self) -> str:
        """The record's number: item, location, kind and period, ``AR-5381@1#actual 2026-11-01/2026-11-30``."""
        return joined(
            self.item_number, self.location or "", f"{self.kind} {self.period_from}/{self.period_to}"
        )
