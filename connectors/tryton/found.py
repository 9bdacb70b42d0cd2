"""What is known of Tryton's own records: rows as they come, the ids that an order needs, and why there are none."""

from __future__ import annotations

from typing import Any

import msgspec

Row = dict[str, Any]

#: Stands for an id where several records have one code.
AMBIGUOUS = -1


class Rejection(Exception):
    """This document cannot go into Tryton: why, and which canonical field is to blame."""

    def __init__(self, code: str, reason: str, field: str | None = None) -> None:
        self.code = code
        self.reason = reason
        self.field = field
        super().__init__(reason)


class Supplier(msgspec.Struct, frozen=True, kw_only=True):
    """A supplier's ids in Tryton."""

    party: int
    address: int
    payment_term: int | None


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A product's ids in Tryton."""

    product: int
    unit_category: int
    purchasable: bool
    taxes: tuple[int, ...]


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """A unit: its category and how many decimals its quantities have."""

    unit: int
    category: int
    digits: int


def address_order(row: Row) -> tuple[bool, int, int]:
    """How the addresses of a party are preferred: the one for invoices first, then Tryton's own order."""
    sequence = row["sequence"]
    return (not row.get("invoice"), sequence if sequence is not None else 1 << 30, row["id"])
