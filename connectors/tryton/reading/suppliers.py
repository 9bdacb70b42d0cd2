"""Suppliers: the parties that a product names as its supplier, or those of a category."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.tryton.found import Row, address_order
from connectors.tryton.reading.changes import Reader, Table
from connectors.tryton.reading.values import gln_of, nested

#: Whatever of these is written, the supplier is another one.
_TABLES = (
    Table(model="party.party"),
    Table(model="party.address", thing="party"),
    Table(model="party.identifier", thing="party"),
    Table(model="party.contact_mechanism", thing="party"),
    Table(model="purchase.product_supplier", thing="party"),
)
_FIELDS = (
    *("code", "name", "active", "phone", "mobile", "email", "supplier_currency.code"),
    *("supplier_payment_term.name", "tax_identifier.code", "identifiers.type", "identifiers.code"),
    *("addresses.active", "addresses.invoice", "addresses.sequence", "addresses.street"),
    *("addresses.postal_code", "addresses.city", "addresses.country.code", "addresses.subdivision.name"),
)


class Suppliers:
    """Suppliers as records.

    :param category: name of the party category whose parties are suppliers; None: those that a product names.
    """

    def __init__(self, reader: Reader, category: str | None) -> None:
        self._reader = reader
        self._category = category

    def changed(self, since: dt.datetime | None) -> Iterator[tuple[int, str]]:
        """Parties with the moments of their changes; not all of them need be suppliers."""
        return self._reader.things(_TABLES, since)

    def records(self, parties: Mapping[int, str]) -> list[dict[str, Any]]:
        """A record for each of these that is a supplier."""
        suppliers = self._suppliers(list(parties))
        rows = self._reader.these("party.party", suppliers, _FIELDS) if suppliers else {}
        return [_record(rows[number], moment) for number, moment in parties.items() if number in rows]

    def _suppliers(self, parties: Sequence[int]) -> set[int]:
        among: list[Any] = ["in", list(parties)]
        if self._category is not None:
            named = [["id", *among], ["categories.name", "=", self._category]]
            return {row["id"] for row in self._reader.rows("party.party", named, [])}
        offers = self._reader.rows("purchase.product_supplier", [["party", *among]], ["party"])
        return {row["party"] for row in offers}


def _record(row: Row, moment: str) -> dict[str, Any]:
    identifiers = row["identifiers."]
    return {
        "id": row["id"],
        "changed_at": moment,
        "code": row["code"],
        "name": row["name"],
        "active": row["active"],
        "gln": gln_of(identifiers),
        "tax_identifier": nested(row, "tax_identifier.code"),
        "currency": nested(row, "supplier_currency.code"),
        "payment_term": nested(row, "supplier_payment_term.name"),
        "phone": row["phone"] or row["mobile"] or None,
        "email": row["email"] or None,
        "address": _address(row["addresses."]),
    }


def _address(addresses: Sequence[Row]) -> dict[str, Any] | None:
    active = sorted((one for one in addresses if one["active"]), key=address_order)
    if not active:
        return None
    chosen = active[0]
    return {
        "street": (chosen["street"] or "").splitlines(),
        "postal_code": chosen["postal_code"],
        "city": chosen["city"],
        "subdivision": nested(chosen, "subdivision.name"),
        "country": nested(chosen, "country.code"),
    }
