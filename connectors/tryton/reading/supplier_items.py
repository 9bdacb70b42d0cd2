"""Supplier items: what a product's suppliers offer it for, a record for each product and price."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.tryton.found import Row
from connectors.tryton.reading.changes import Reader, Table
from connectors.tryton.reading.values import days, exact, gtin_of, nested

_OFFER = "purchase.product_supplier"
_PRICE = "purchase.product_supplier.price"
_FIELDS = (
    *("code", "active", "sequence", "lead_time_used", "product", "party.code", "party.name"),
    *("currency.code", "unit", "template.products"),
)
_PRODUCT = (
    *("code", "name", "active", "template.active", "purchasable"),
    *("identifiers.type", "identifiers.code"),
)
_PRICES = ("product_supplier", "sequence", "quantity", "unit_price")


class SupplierItems:
    """Product suppliers of the company as records."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._own = [["company", "=", reader.master.context()["company"]]]

    def changed(self, since: dt.datetime | None) -> Iterator[tuple[int, str]]:
        """Product suppliers with the moments of their changes."""
        tables = (
            Table(model=_OFFER, domain=self._own),
            Table(model=_PRICE, thing="product_supplier"),
            Table(model="product.template", thing="product_suppliers"),
        )
        return self._reader.things(tables, since)

    def records(self, offers: Mapping[int, str]) -> list[dict[str, Any]]:
        """The records of these: for each product that is meant (all variants, where none is named) one for every price."""
        company = self._reader.master.context()["company"]
        rows = {
            number: row
            for number, row in self._reader.these(_OFFER, offers, [*_FIELDS, "company"]).items()
            if row["company"] == company
        }
        variants = {number: _variants(row) for number, row in rows.items()}
        wanted = {product for products in variants.values() for product in products}
        products = self._reader.these("product.product", wanted, _PRODUCT) if wanted else {}
        prices = self._prices(list(rows))
        found: list[dict[str, Any]] = []
        for number, moment in offers.items():
            if number in rows:
                named = [
                    products[one] for one in variants[number] if one in products and products[one]["code"]
                ]
                unit = self._reader.symbol(rows[number]["unit"])
                parts = list(_parts(rows[number], unit, named, prices.get(number, [None])))
                for part, record in enumerate(parts, 1):
                    marks = {"id": number, "changed_at": moment, "part": part, "parts": len(parts)}
                    found.append({**marks, **record})
        return found

    def _prices(self, offers: list[int]) -> dict[int, list[Row | None]]:
        """The prices of each by quantity. Of several for one quantity the last one counts, as in Tryton."""
        rows = sorted(
            self._reader.rows(_PRICE, [["product_supplier", "in", offers]], _PRICES),
            key=lambda row: (row["sequence"] is not None, row["sequence"] or 0, row["id"]),
        )
        by_quantity: dict[int, dict[float, Row]] = {}
        for row in rows:
            by_quantity.setdefault(row["product_supplier"], {})[row["quantity"]] = row
        return {
            number: [found[quantity] for quantity in sorted(found)] for number, found in by_quantity.items()
        }


def _offered(offer: Row, product: Row) -> bool:
    """Whether it may be ordered: a product that is put aside takes its variants and offers with it, which keep a mark of
    their own."""
    active = offer["active"] and product["active"] and nested(product, "template.active")
    return bool(active and product["purchasable"])


def _variants(row: Row) -> list[int]:
    return [row["product"]] if row["product"] else sorted(nested(row, "template.products") or [])


def _parts(
    offer: Row, unit: str | None, products: list[Row], prices: list[Row | None]
) -> Iterator[dict[str, Any]]:
    for product in products:
        for price in prices:
            yield {
                "supplier": {"code": nested(offer, "party.code"), "name": nested(offer, "party.name")},
                "product": {
                    "code": product["code"],
                    "name": product["name"],
                    "gtin": gtin_of(product["identifiers."]),
                },
                "code": offer["code"],
                "unit": unit,
                "currency": nested(offer, "currency.code"),
                "from_quantity": exact(price["quantity"]) if price and price["quantity"] else None,
                "unit_price": price["unit_price"] if price else None,
                "lead_time_days": days(offer["lead_time_used"]),
                "active": _offered(offer, product),
            }
