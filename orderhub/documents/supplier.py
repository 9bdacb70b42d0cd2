"""The supplier master record."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from orderhub.documents.order import CurrencyCode
from orderhub.documents.party import Address, Contact, Gln, Text


class Supplier(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A supplier as master data. ``number`` is the hub's key for it within the company; ``active`` False means that
    no new orders go there."""

    document_name: ClassVar[str] = "supplier"
    master_data: ClassVar[bool] = True

    number: Text
    name: Text
    revision: int = 0
    gln: Gln | None = None
    tax_number: str | None = None
    currency: CurrencyCode | None = None
    payment_terms: str | None = None
    address: Address | None = None
    contact: Contact | None = None
    active: bool = True
    preferred: bool | None = None
    source_system: str | None = None
