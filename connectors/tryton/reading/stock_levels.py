"""Stock levels: how much of a product lies in a warehouse or at a location, for those where goods were moved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from connectors.tryton.found import Row
from connectors.tryton.reading.changes import Reader, Table
from connectors.tryton.reading.values import exact, gtin_of

_MOVE = ("product", "from_location", "to_location")
_PRODUCT = ("code", "name", "default_uom", "identifiers.type", "identifiers.code")


class StockLevels:
    """Quantities on hand as records.

    :param per: what is counted by itself: a ``warehouse`` with all its locations, or every storage ``location``.
    """

    def __init__(self, reader: Reader, per: Literal["warehouse", "location"]) -> None:
        self._reader = reader
        self._per = per
        self._places = _Places(reader, per)
        #: Products, and the counted places where they were moved.
        self._moved: dict[int, set[int]] = {}

    def changed(self, since: dt.datetime | None) -> Iterator[tuple[int, str]]:
        """Products that were moved into, out of or between counted places, with the moments of these moves."""
        company = self._reader.master.context()["company"]
        table = Table(model="stock.move", domain=[["company", "=", company], ["state", "=", "done"]])
        for moment, row in self._reader.changed(table, since, _MOVE):
            places = {self._places.of(row[end]) for end in ("from_location", "to_location")}
            # what only moves within a place leaves its quantity as it is
            if len(places) == 2:
                number = row["product"]
                self._moved.setdefault(number, set()).update(place for place in places if place)
                yield number, moment

    def records(self, products: Mapping[int, str]) -> list[dict[str, Any]]:
        """A record for each place where these were moved. ``changed`` must have found them."""
        rows = self._reader.these("product.product", products, _PRODUCT)
        on_hand: dict[tuple[int, int], float] = {}
        for place in sorted({place for number in rows for place in self._moved[number]}):
            here = [number for number in rows if place in self._moved[number]]
            counted = self._reader.these(
                *("product.product", here, ["quantity"]),
                locations=[place],
                with_childs=self._per == "warehouse",
            )
            on_hand |= {(number, place): row["quantity"] for number, row in counted.items()}
        found: list[dict[str, Any]] = []
        for number, moment in products.items():
            row = rows.get(number)
            if row is None or not row["code"]:
                continue
            places = sorted(place for place in self._moved[number] if (number, place) in on_hand)
            for part, place in enumerate(places, 1):
                marks = {"id": number, "changed_at": moment, "part": part, "parts": len(places)}
                unit = self._reader.symbol(row["default_uom"])
                level = _record(row, unit, self._places.row(place), on_hand[number, place], moment)
                found.append({**marks, **level})
        return found


class _Places:
    """Which location is counted as what. Locations are few, and read once a pull."""

    def __init__(self, reader: Reader, per: Literal["warehouse", "location"]) -> None:
        self._per = per
        self._rows = {
            row["id"]: row
            for row in reader.rows("stock.location", [], ["code", "name", "type", "parent", "active"])
        }
        self._only = reader.master.warehouse()

    def of(self, location: int) -> int | None:
        """What the goods at a location are counted as; None outside of what is counted (suppliers, customers …)."""
        warehouse = self._warehouse(location)
        if self._only is not None and warehouse != self._only:
            return None
        if self._per == "warehouse":
            return warehouse
        return location if self._rows[location]["type"] == "storage" else None

    def row(self, place: int) -> Row:
        """A counted place."""
        return self._rows[place]

    def _warehouse(self, location: int) -> int | None:
        above: int | None = location
        while above is not None and above in self._rows:
            if self._rows[above]["type"] == "warehouse":
                return above
            above = self._rows[above]["parent"]
        return None


def _record(product: Row, unit: str | None, place: Row, quantity: float, moment: str) -> dict[str, Any]:
    return {
        "product": {
            "code": product["code"],
            "name": product["name"],
            "gtin": gtin_of(product["identifiers."]),
        },
        "location": {"code": place["code"], "name": place["name"]},
        "unit": unit,
        "quantity": exact(quantity),
        "as_of": moment[:10],
    }
