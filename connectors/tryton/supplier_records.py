"""Suppliers as documents into Tryton: the party with its identifiers, first address, telephone, e-mail and currency."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from connectors.tryton.creation import marking_category
from connectors.tryton.found import Rejection, Row, address_order
from connectors.tryton.master_data import MasterData
from connectors.tryton.matching import storable
from connectors.tryton.purchases import kept_text, one_line
from connectors.tryton.reading.changes import Reader
from connectors.tryton.reading.values import gln_of
from connectors.tryton.record_loading import Difference
from orderhub.documents import Supplier

_FIELDS = (
    *("code", "name", "active", "supplier_currency", "tax_identifier", "tax_identifier.code"),
    *("identifiers.type", "identifiers.code", "contact_mechanisms.type", "contact_mechanisms.value"),
    *("addresses.active", "addresses.invoice", "addresses.sequence", "addresses.street"),
    *("addresses.postal_code", "addresses.city", "addresses.country"),
)
_TELEPHONE = ("phone", "mobile")
_EMAIL = ("email",)


class SupplierRecords:
    """Suppliers, found by their number as the party's code, else by GLN or tax number among its identifiers."""

    name = "supplier"
    unknown = "TRYTON_SUPPLIER_UNKNOWN"
    differs = "TRYTON_SUPPLIER_DIFFERS"

    def __init__(self, reader: Reader, master: MasterData) -> None:
        self._reader = reader
        self._master = master
        self._parties: dict[int, Row] = {}
        self._by_code: dict[str, int] = {}
        self._by_identifier: dict[str, set[int]] = {}
        self._countries: dict[str, int] = {}

    def look(self, documents: Sequence[Supplier]) -> None:
        """Read the parties, and the countries that are named."""
        codes = [one.number for one in documents if storable(one.number)]
        identifiers = [
            code for one in documents for code in (one.gln, one.tax_number) if code and storable(code)
        ]
        self._by_code = {
            row["code"]: row["id"]
            for row in self._reader.rows("party.party", [["code", "in", codes]], ["code"])
        }
        self._by_identifier = {}
        named = self._reader.rows("party.identifier", [["code", "in", identifiers]], ["code", "party"])
        for row in named:
            self._by_identifier.setdefault(row["code"], set()).add(row["party"])
        found = {*self._by_code.values(), *(party for many in self._by_identifier.values() for party in many)}
        self._parties = self._reader.these("party.party", found, _FIELDS) if found else {}
        countries = {one.address.country for one in documents if one.address and one.address.country}
        rows = self._reader.rows("country.country", [["code", "in", sorted(countries)]], ["code"])
        self._countries = {row["code"]: row["id"] for row in rows}

    def found(self, document: Supplier) -> int | None:
        """The party's id."""
        if document.number in self._by_code:
            return self._by_code[document.number]
        for field, code in (("gln", document.gln), ("tax_number", document.tax_number)):
            parties = self._by_identifier.get(code or "", set())
            if len(parties) > 1:
                raise Rejection(
                    "TRYTON_SUPPLIER_AMBIGUOUS",
                    f"Several parties in Tryton have {code!r}; leave it with one of them.",
                    field,
                )
            if parties:
                return next(iter(parties))
        return None

    def difference(self, document: Supplier, number: int) -> Difference:
        """What the document says and the party has otherwise. What it leaves out stays as it is in Tryton."""
        row = self._parties[number]
        values: dict[str, Any] = {}
        said: list[str] = []

        def differs(what: str, **more: Any) -> None:
            said.append(what)
            values.update(more)

        if row["name"] != one_line(document.name):
            differs("name", name=one_line(document.name))
        if row["active"] != document.active:
            differs("active", active=document.active)
        if document.currency and self._master.currency(document.currency) != row["supplier_currency"]:
            differs("currency", supplier_currency=self._master.currency(document.currency))
        if identifiers := self._identifiers(document, row):
            differs("identifier", identifiers=identifiers)
        if addresses := self._address(document, row["addresses."]):
            differs("address", addresses=addresses)
        if mechanisms := _mechanisms(document, row["contact_mechanisms."]):
            differs("contact", contact_mechanisms=mechanisms)
        return Difference(values=values, said=said)

    def create(self, document: Supplier) -> None:
        """A party with the supplier's number as its code, marked as the hub's."""
        if not storable(document.number):
            raise Rejection(
                "TRYTON_SUPPLIER_NUMBER", "The number has characters that no code can have.", "number"
            )
        nothing: Row = {"identifiers.": [], "tax_identifier.": None, "tax_identifier": None}
        values = {
            "name": one_line(document.name),
            "code": document.number,
            "active": document.active,
            "identifiers": self._identifiers(document, nothing),
            # a purchase needs an address, if only an empty one
            "addresses": self._address(document, []) or [["create", [{}]]],
            "contact_mechanisms": _mechanisms(document, []),
            "categories": [["add", [marking_category(self._reader.client, self._master)]]],
        }
        if document.currency:
            values["supplier_currency"] = self._master.currency(document.currency)
        self._reader.client.call("model.party.party.create", [values], self._master.context(), effect=True)

    def write(self, document: Supplier, number: int, values: dict[str, Any]) -> None:
        """Write the party and what belongs to it."""
        self._reader.client.call(
            "model.party.party.write", [number], values, self._reader.context(), effect=True
        )

    def _identifiers(self, document: Supplier, row: Row) -> list[list[Any]]:
        """A GLN or tax number that is another one replaces it; one that is missing is added."""
        have = {one["code"]: one["id"] for one in row["identifiers."]}
        commands: list[list[Any]] = []
        places = (
            (document.gln, have.get(gln_of(row["identifiers."]) or "")),
            (document.tax_number, row["tax_identifier"]),
        )
        for code, place in places:
            if not code or not storable(code) or code in have:
                continue
            have[code] = 0
            commands.append(
                ["write", [place], {"code": code}] if place else ["create", [{"type": None, "code": code}]]
            )
        return commands

    def _address(self, document: Supplier, addresses: Sequence[Row]) -> list[list[Any]]:
        given = document.address
        if given is None:
            return []
        lines = [line for line in (given.street, given.additional_street) if line]
        wanted: dict[str, Any] = {
            "street": "\n".join(map(one_line, lines)) or None,
            "postal_code": given.postal_zone,
            "city": given.city,
            "country": self._countries.get(given.country or ""),
        }
        wanted = {field: _kept(value) for field, value in wanted.items() if value}
        active = sorted((one for one in addresses if one["active"]), key=address_order)
        if not active:
            return [["create", [wanted]]] if wanted else []
        changed = {field: value for field, value in wanted.items() if active[0][field] != value}
        return [["write", [active[0]["id"]], changed]] if changed else []


def _mechanisms(document: Supplier, mechanisms: Sequence[Row]) -> list[list[Any]]:
    contact = document.contact
    if contact is None:
        return []
    commands: list[list[Any]] = []
    for given, kinds, bare in (
        (contact.telephone, _TELEPHONE, _digits),
        (contact.email, _EMAIL, str.casefold),
    ):
        have = [one for one in mechanisms if one["type"] in kinds]
        if not given or any(bare(one["value"]) == bare(given) for one in have):
            continue
        commands.append(
            ["write", [have[0]["id"]], {"value": one_line(given)}]
            if have
            else ["create", [{"type": kinds[0], "value": one_line(given)}]]
        )
    return commands


def _digits(telephone: str) -> str:
    """The number alone: Tryton writes it in a form of its own."""
    return re.sub(r"\D", "", telephone).lstrip("0")


def _kept(value: Any) -> Any:
    return kept_text(value) if isinstance(value, str) else value
