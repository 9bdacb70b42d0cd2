"""Items: the products that have a code."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.tryton.reading.changes import Reader, Table
from connectors.tryton.reading.values import gtin_of, nested

_TABLES = (
    Table(model="product.product"),
    Table(model="product.template", thing="products"),
    Table(model="product.identifier", thing="product"),
)
_FIELDS = (
    *("code", "name", "active", "type", "purchasable", "default_uom", "list_price_used"),
    *("template.active", "account_category.name", "identifiers.type", "identifiers.code"),
)


class Items:
    """Products as records."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def changed(self, since: dt.datetime | None) -> Iterator[tuple[int, str]]:
        """Products with the moments of their changes."""
        return self._reader.things(_TABLES, since)

    def records(self, products: Mapping[int, str]) -> list[dict[str, Any]]:
        """A record for each of these that has a code."""
        rows = self._reader.these("product.product", products, _FIELDS)
        currency = self._reader.master.company_currency()
        return [
            {
                "id": row["id"],
                "changed_at": moment,
                "code": row["code"],
                "name": row["name"],
                "type": row["type"],
                "active": row["active"] and nested(row, "template.active"),
                "purchasable": row["purchasable"],
                "unit": self._reader.symbol(row["default_uom"]),
                "gtin": gtin_of(row["identifiers."]),
                "list_price": row["list_price_used"],
                "currency": currency,
                "category": nested(row, "account_category.name"),
            }
            for number, moment in products.items()
            if (row := rows.get(number)) and row["code"]
        ]
