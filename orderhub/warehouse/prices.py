"""List prices of items as the warehouse has them now."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

import msgspec
from sqlalchemy import Connection, text


class ListPrice(msgspec.Struct, frozen=True):
    """A list price, per one ``unit`` (UNECE Rec 20) in ``currency`` (ISO 4217; None where the source names none)."""

    price: Decimal
    unit: str
    currency: str | None


_PRICES = text(
    """
    SELECT number, gtin, price, unit, currency FROM warehouse.item
    WHERE company = :company AND environment = 'production' AND valid_to IS NULL AND price IS NOT NULL
      AND (number = ANY(CAST(:codes AS text[])) OR gtin = ANY(CAST(:gtins AS text[])))
    """
)


def list_prices(
    connection: Connection, company: str, *, codes: Collection[str], gtins: Collection[str]
) -> dict[str, ListPrice]:
    """The present list prices of a company's items, by their number and by their GTIN; items that are not known or have
    no price are left out. A GTIN that several items have with different prices is left out as well."""
    if not codes and not gtins:
        return {}
    found: dict[str, ListPrice] = {}
    ambiguous: set[str] = set()
    values = {"company": company, "codes": sorted(codes), "gtins": sorted(gtins)}
    for row in connection.execute(_PRICES, values):
        price = ListPrice(row.price, row.unit, row.currency)
        if row.number in codes:
            found[row.number] = price
        if row.gtin in gtins and found.setdefault(row.gtin, price) != price:
            ambiguous.add(row.gtin)
    return {key: price for key, price in found.items() if key not in ambiguous}
