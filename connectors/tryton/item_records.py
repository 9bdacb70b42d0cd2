"""Items as documents into Tryton: the product with its name, list price, GTIN and the supplier's number for it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.tryton.creation import MARK, accounting_category
from connectors.tryton.found import Rejection, Row
from connectors.tryton.master_data import MasterData, exact
from connectors.tryton.matching import gtin_forms, storable
from connectors.tryton.purchases import one_line
from connectors.tryton.reading.changes import Reader
from connectors.tryton.record_loading import Difference
from orderhub.documents import Item

_FIELDS = (
    *("code", "name", "active", "default_uom", "list_price_used", "template", "template.active"),
    *("template.products", "identifiers.type", "identifiers.code"),
)
_OFFER = "purchase.product_supplier"


class ItemRecords:
    """Items, found by their number as the product's code, else by the GTIN among its identifiers."""

    name = "item"
    unknown = "TRYTON_ITEM_UNKNOWN"
    differs = "TRYTON_ITEM_DIFFERS"

    def __init__(self, reader: Reader, master: MasterData) -> None:
        self._reader = reader
        self._master = master
        self._products: dict[int, Row] = {}
        self._by_code: dict[str, set[int]] = {}
        self._by_gtin: dict[str, set[int]] = {}
        self._suppliers: dict[str, int] = {}
        self._offers: dict[tuple[int, int], Row] = {}

    def look(self, documents: Sequence[Item]) -> None:
        """Read the products, the suppliers that are named, and what these offer them as."""
        codes = [one.number for one in documents if storable(one.number)]
        gtins = [form for one in documents if one.gtin for form in gtin_forms(one.gtin)]
        self._by_code, self._by_gtin = {}, {}
        for row in self._reader.rows("product.product", [["code", "in", codes]], ["code"]):
            self._by_code.setdefault(row["code"], set()).add(row["id"])
        for row in self._reader.rows("product.identifier", [["code", "in", gtins]], ["code", "product"]):
            self._by_gtin.setdefault(row["code"], set()).add(row["product"])
        found = set().union(*self._by_code.values(), *self._by_gtin.values())
        self._products = self._reader.these("product.product", found, _FIELDS) if found else {}
        named = [one.supplier_number for one in documents if one.supplier_number]
        parties = self._reader.rows("party.party", [["code", "in", list(filter(storable, named))]], ["code"])
        self._suppliers = {row["code"]: row["id"] for row in parties}
        templates = [row["template"] for row in self._products.values()]
        company = self._master.context()["company"]
        offers = self._reader.rows(
            _OFFER, [["template", "in", templates], ["company", "=", company]], ["template", "party", "code"]
        )
        self._offers = {(row["template"], row["party"]): row for row in offers}

    def found(self, document: Item) -> int | None:
        """The product's id; of several with one code the one that is in use."""
        by_gtin = set().union(*(self._by_gtin.get(form, set()) for form in gtin_forms(document.gtin or "")))
        for field, products in (("number", self._by_code.get(document.number, set())), ("gtin", by_gtin)):
            active = {one for one in products if one in self._products and self._products[one]["active"]}
            usable = active or products
            if len(usable) > 1:
                raise Rejection(
                    "TRYTON_ITEM_AMBIGUOUS",
                    f"Several products in Tryton have {getattr(document, field)!r}.",
                    field,
                )
            if usable:
                return next(iter(usable))
        return None

    def difference(self, document: Item, number: int) -> Difference:
        """What the document says and the product has otherwise. What it leaves out stays as it is in Tryton."""
        row = self._products[number]
        template: dict[str, Any] = {}
        product: dict[str, Any] = {}
        said: list[str] = []
        unit = self._unit(document)
        if unit != row["default_uom"]:
            # stock and prices are counted in it
            raise Rejection(
                "TRYTON_UNIT_MISMATCH",
                f"The product {row['code']!r} is counted in another unit in Tryton than {document.unit!r}; a unit is not "
                "changed from outside.",
                "unit",
            )
        if row["name"] != one_line(document.name):
            if len(row["template."]["products"]) > 1:
                raise Rejection(
                    "TRYTON_ITEM_VARIANT",
                    f"The product {row['code']!r} is one of several variants, which have one name; rename it in Tryton.",
                    "name",
                )
            template["name"] = one_line(document.name)
            said.append("name")
        price = self._price(document)
        if price is not None and price != row["list_price_used"]:
            product["list_price"] = price
            said.append("price")
        if document.active != (row["active"] and row["template."]["active"]):
            product["active"] = document.active
            if document.active and not row["template."]["active"]:
                template["active"] = True
            said.append("active")
        if document.gtin and not {one["code"] for one in row["identifiers."]} & set(
            gtin_forms(document.gtin)
        ):
            product["identifiers"] = [["create", [{"type": "ean", "code": document.gtin}]]]
            said.append("GTIN")
        if offers := self._offer(document, row["template"]):
            template["product_suppliers"] = offers
            said.append("supplier's number")
        if product:
            template["products"] = [["write", [number], product]]
        return Difference(values=template, said=said)

    def create(self, document: Item) -> None:
        """A purchasable product with the item's number as its code."""
        if not storable(document.number):
            raise Rejection(
                "TRYTON_ITEM_NUMBER", "The number has characters that no code can have.", "number"
            )
        unit, price = self._unit(document), self._price(document)
        product: dict[str, Any] = {
            "suffix_code": document.number,
            "active": document.active,
            "cost_price": price or Decimal(0),
            "description": f"{MARK}.",
        }
        if document.gtin:
            product["identifiers"] = [["create", [{"type": "ean", "code": document.gtin}]]]
        category = accounting_category(self._reader.client, self._master)
        values = {
            "name": one_line(document.name),
            "type": "goods",
            "default_uom": unit,
            "purchase_uom": unit,
            "purchasable": True,
            "list_price": price,
            "product_suppliers": self._offer(document, None),
            "products": [["create", [product]]],
            **({"account_category": category} if category is not None else {}),
        }
        self._reader.client.call(
            "model.product.template.create", [values], self._master.context(), effect=True
        )

    def write(self, document: Item, number: int, values: dict[str, Any]) -> None:
        """Write the template and the product."""
        template = self._products[number]["template"]
        self._reader.client.call(
            "model.product.template.write", [template], values, self._reader.context(), effect=True
        )

    def _unit(self, document: Item) -> int:
        unit = self._master.unit_of(document.unit)
        if unit is None:
            raise Rejection(
                "TRYTON_UNIT_UNKNOWN",
                f"Tryton has no unit for {document.unit!r}; create it there or add it to `units` of the connector.",
                "unit",
            )
        return unit.unit

    def _price(self, document: Item) -> Decimal | None:
        if document.price is None:
            return None
        own = self._master.company_currency()
        if document.currency not in (None, own):
            raise Rejection(
                "TRYTON_CURRENCY_OTHER",
                f"List prices in Tryton are in the company's currency {own}, not in {document.currency}.",
                "currency",
            )
        digits = self._master.price_digits()
        try:
            price = exact(document.price, digits)
        except InvalidOperation:
            price = None
        if price is None:
            raise Rejection(
                "TRYTON_PRICE_PRECISION",
                f"The price {document.price} has more than the {digits} decimals of Tryton.",
                "price",
            )
        return price

    def _offer(self, document: Item, template: int | None) -> list[list[Any]]:
        """The supplier's number for it, where the document names a supplier."""
        if document.supplier_number is None:
            return []
        party = self._suppliers.get(document.supplier_number)
        if party is None:
            raise Rejection(
                "TRYTON_SUPPLIER_UNKNOWN",
                f"No party in Tryton has the code {document.supplier_number!r}; load the supplier first.",
                "supplier_number",
            )
        code = one_line(document.supplier_code) if document.supplier_code else None
        have = self._offers.get((template, party)) if template is not None else None
        if have is None:
            currency = self._master.currency(document.currency or self._master.company_currency())
            return [["create", [{"party": party, "currency": currency, "code": code}]]]
        return [["write", [have["id"]], {"code": code}]] if code and have["code"] != code else []
