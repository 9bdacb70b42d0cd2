"""Finds suppliers, products, units and currencies in Tryton, for many orders in a few calls.

What was found is kept for five minutes, at most 20,000 of a kind and per connector; what was not found is asked for
again each time, because somebody may just be creating it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from connectors.tryton.client import TrytonClient
from connectors.tryton.found import AMBIGUOUS, Product, Rejection, Row, Supplier, Unit, address_order
from connectors.tryton.matching import ItemKey, Kept, gtin_forms, item_keys, party_keys, storable
from connectors.tryton.settings import TrytonSettings
from connectors.tryton.units import REC20
from orderhub.documents import Line, Party, PurchaseOrder
from orderhub.errors import ConnectorRefused

#: Codes per search; a query has its limits.
_SLICE = 500


class MasterData:
    """What the orders name, as Tryton's ids."""

    def __init__(self, client: TrytonClient, settings: TrytonSettings) -> None:
        self._client = client
        self._settings = settings
        self._parties: Kept[tuple[str, str], int | None] = Kept()
        self._suppliers: Kept[int, Supplier | None] = Kept()
        self._items: Kept[ItemKey, int | None] = Kept()
        self._products: Kept[int, Product] = Kept()
        self._tables: Kept[str, Any] = Kept()
        #: codes for which nothing could be created, and why
        self._not_created: dict[str, str] = {}

    def context(self) -> dict[str, Any]:
        """The context of every call: the user's language and the company.

        :raises ConnectorRefused: when the company of the settings is none of the user's, or there is none.
        """
        kept: dict[str, Any] | None = self._tables.fresh("context")
        if kept is not None:
            return kept
        own = self._client.call("model.res.user.get_preferences", True, {}, effect=False)
        context = {"language": own.get("language") or "en", "company": own.get("company")}
        context["company_filter"] = "one"
        wanted = self._settings.company
        if wanted is not None:
            rows = self._client.call(
                "model.company.company.search_read",
                [["id", "in", own.get("companies") or []], _named("party", wanted)],
                *(0, None, None, ["id"], context),
                effect=False,
            )
            if len(rows) != 1:
                raise ConnectorRefused(
                    f"{len(rows)} companies of the hub's Tryton user are {wanted!r}.",
                    todo="Correct `company`, or give the user access to it in Tryton.",
                )
            context["company"] = rows[0]["id"]
        if context["company"] is None:
            raise ConnectorRefused(
                "The hub's Tryton user has no company.", todo="Give it one in Tryton, or set `company`."
            )
        self._tables.put("context", context)
        return context

    def prepare(self, orders: Sequence[PurchaseOrder]) -> None:
        """Look up at once what these orders name."""
        for kept in (self._parties, self._suppliers, self._items, self._products):
            kept.trim()
        self._prepare_parties([order.supplier for order in orders])
        wanted: set[ItemKey] = set()
        for order in orders:
            party = self._party(order.supplier)
            for line in order.lines:
                wanted.update(item_keys(line, party))
        self._prepare_items({key for key in wanted if not self._orderable(key)})

    def supplier(self, party: Party) -> Supplier:
        """The supplier; ``prepare`` must have seen it.

        :raises Rejection: when Tryton has none or several, or one without an address.
        """
        for kind, code, field in party_keys(party):
            found = self._parties.get((kind, code))
            if found == AMBIGUOUS:
                raise Rejection(
                    "TRYTON_SUPPLIER_AMBIGUOUS",
                    f"Several parties in Tryton have {code!r}; leave it with one of them.",
                    f"supplier.{field}",
                )
            if found is not None:
                supplier = self._suppliers.get(found)
                if supplier is None:
                    raise Rejection(
                        "TRYTON_SUPPLIER_ADDRESS",
                        f"The supplier {code!r} has no address in Tryton; a purchase needs one.",
                        f"supplier.{field}",
                    )
                return supplier
        said = dict.fromkeys(f"{field} {code!r}" for _, code, field in party_keys(party))
        fields = [field for _, _, field in party_keys(party)]
        raise Rejection(
            "TRYTON_SUPPLIER_UNKNOWN",
            f"No party in Tryton has {' or '.join(said) or 'any identification, for the order gives none'}; create the "
            f"supplier in Tryton or correct the order.{self._why_not(party.code, party.gln)}",
            f"supplier.{fields[0]}" if fields else "supplier",
        )

    def product(self, line: Line, index: int, supplier: Supplier) -> Product:
        """The product of a line; ``prepare`` must have seen it.

        :raises Rejection: when Tryton has none or several, or it is not for purchase.
        """
        keys = item_keys(line, supplier.party)
        for key in keys:
            found = self._items.get(key)
            field = f"lines[{index}].item.{key[0]}"
            if found == AMBIGUOUS:
                raise Rejection(
                    "TRYTON_ITEM_AMBIGUOUS", f"Several products in Tryton have {key[1]!r}.", field
                )
            if found is not None:
                product = self._products.get(found)
                if product is None or not product.purchasable:
                    raise Rejection(
                        "TRYTON_ITEM_NOT_PURCHASABLE",
                        f"The product {key[1]!r} is not purchasable in Tryton; tick that on the product.",
                        field,
                    )
                return product
        said = [f"{kind} {code!r}" for kind, code, _ in keys]
        raise Rejection(
            "TRYTON_ITEM_UNKNOWN",
            f"No product in Tryton has {' or '.join(said) or 'any identification, for the line gives none'}; create the "
            f"product in Tryton or correct the order.{self._why_not(line.item.buyer_code, line.item.gtin)}",
            f"lines[{index}].item" + (f".{keys[0][0]}" if keys else ""),
        )

    def unit(self, line: Line, index: int, product: Product) -> Unit:
        """The unit of a line.

        :raises Rejection: when Tryton does not have it or the product is not counted in such units.
        """
        field = f"lines[{index}].unit"
        found = self.unit_of(line.unit)
        if found is None:
            raise Rejection(
                "TRYTON_UNIT_UNKNOWN",
                f"Tryton has no unit for {line.unit!r}; create it there or add it to `units` of the connector.",
                field,
            )
        if found.category != product.unit_category:
            raise Rejection(
                "TRYTON_UNIT_MISMATCH",
                f"The product is not counted in {line.unit!r}: its unit in Tryton is of another category.",
                field,
            )
        return found

    def unit_of(self, code: str) -> Unit | None:
        """The unit of a Rec 20 code, or None when Tryton does not have it."""
        own = self._settings.units.get(code)
        names = (own,) if own is not None else (*REC20.get(code, ()), code)
        return _first(self._units(), names) or _first(self._units(afresh=True), names)

    def forget_what_failed(self) -> None:
        """Begin anew: what could not be created before may be created now."""
        self._not_created.clear()

    def not_created(self, code: str, why: str) -> None:
        """Remember why nothing was created under a code, for the order that is rejected then."""
        self._not_created[code] = why

    def _why_not(self, *codes: str | None) -> str:
        why = next((self._not_created[code] for code in codes if code in self._not_created), None)
        return f" It was to be created, and could not be: {why.rstrip('.')}." if why else ""

    def currency(self, code: str) -> int:
        """:raises Rejection: when Tryton does not have the currency."""
        currencies: dict[str, int] | None = self._tables.fresh("currencies")
        if currencies is None or code not in currencies:
            rows = self._read("currency.currency", [], ["code"])
            currencies = {row["code"]: row["id"] for row in rows}
            self._tables.put("currencies", currencies)
        if code not in currencies:
            raise Rejection(
                "TRYTON_CURRENCY_UNKNOWN", f"Tryton has no currency {code!r}; create it there.", "currency"
            )
        return currencies[code]

    def company_currency(self) -> str:
        """The ISO code of the company's currency."""
        code: str | None = self._tables.fresh("company_currency")
        if code is None:
            [row] = self._client.call(
                "model.company.company.read",
                [self.context()["company"]],
                ["currency.code"],
                self.context(),
                effect=False,
            )
            code = str(row["currency."]["code"])
            self._tables.put("company_currency", code)
        return code

    def price_digits(self) -> int:
        """How many decimals a unit price has."""
        digits: int | None = self._tables.fresh("price_digits")
        if digits is None:
            fields = self._client.call(
                "model.purchase.line.fields_get", ["unit_price"], self.context(), effect=False
            )
            given = fields.get("unit_price", {}).get("digits")
            digits = given[1] if isinstance(given, list) and isinstance(given[1], int) else 4
            self._tables.put("price_digits", digits)
        return digits

    def warehouse(self) -> int | None:
        """The warehouse of the settings; None leaves it to Tryton.

        :raises ConnectorRefused: when there is none of that code or name.
        """
        wanted = self._settings.warehouse
        if wanted is None:
            return None
        found: int | None = self._tables.fresh("warehouse")
        if found is None:
            rows = self._read("stock.location", [["type", "=", "warehouse"], _named("", wanted)], ["id"])
            if len(rows) != 1:
                raise ConnectorRefused(
                    f"{len(rows)} warehouses in Tryton are {wanted!r}.", todo="Correct `warehouse`."
                )
            found = int(rows[0]["id"])
            self._tables.put("warehouse", found)
        return found

    def forget(self) -> None:
        """Ask for everything anew: something that was found may have been changed or taken away."""
        self._parties, self._suppliers = Kept(), Kept()
        self._items, self._products, self._tables = Kept(), Kept(), Kept()

    def _read(self, model: str, domain: list[Any], fields: list[str]) -> list[Row]:
        rows: list[Row] = self._client.call(
            f"model.{model}.search_read", domain, 0, None, None, fields, self.context(), effect=False
        )
        return rows

    def _read_in(self, model: str, field: str, codes: Iterable[str | int], fields: list[str]) -> list[Row]:
        wanted = sorted({code for code in codes if not isinstance(code, str) or storable(code)}, key=str)
        rows: list[Row] = []
        for start in range(0, len(wanted), _SLICE):
            rows += self._read(model, [[field, "in", wanted[start : start + _SLICE]]], fields)
        return rows

    def _orderable(self, key: ItemKey) -> bool:
        """Whether a usable product is kept; anything less is asked for again."""
        found = self._items.fresh(key)
        product = self._products.fresh(found) if found is not None and found != AMBIGUOUS else None
        return product is not None and product.purchasable

    def _party(self, party: Party) -> int | None:
        """The party that is kept as a usable supplier; anything less is asked for again."""
        for kind, code, _ in party_keys(party):
            found = self._parties.fresh((kind, code))
            if found is not None:
                return found if self._suppliers.fresh(found) is not None else None
        return None

    def _prepare_parties(self, parties: Sequence[Party]) -> None:
        wanted: dict[str, set[str]] = {"identifier": set(), "code": set(), "name": set()}
        for party in parties:
            if self._party(party) is None:
                for kind, code, _ in party_keys(party):
                    wanted[kind].add(code)
        found: dict[tuple[str, str], set[int]] = {}
        for row in self._read_in("party.identifier", "code", wanted["identifier"], ["code", "party"]):
            found.setdefault(("identifier", row["code"]), set()).add(row["party"])
        for kind in ("code", "name"):
            for row in self._read_in("party.party", kind, wanted[kind], [kind]):
                found.setdefault((kind, row[kind]), set()).add(row["id"])
        for kind, codes in wanted.items():
            for code in codes:
                self._parties.drop((kind, code))
        for key, ids in found.items():
            self._parties.put(key, ids.pop() if len(ids) == 1 else AMBIGUOUS)
        known = {self._parties.get(key) for key in found} - {None, AMBIGUOUS}
        self._prepare_suppliers([party for party in known if party is not None])

    def _prepare_suppliers(self, parties: Sequence[int]) -> None:
        rows = self._read_in("party.party", "id", parties, ["supplier_payment_term"])
        addresses: dict[int, list[Row]] = {}
        for row in self._read_in("party.address", "party", parties, ["party", "sequence", "invoice"]):
            addresses.setdefault(row["party"], []).append(row)
        for row in rows:
            own = sorted(addresses.get(row["id"], []), key=address_order)
            if own:
                self._suppliers.put(
                    row["id"],
                    Supplier(
                        party=row["id"], address=own[0]["id"], payment_term=row["supplier_payment_term"]
                    ),
                )

    def _prepare_items(self, wanted: set[ItemKey]) -> None:
        if not wanted:
            return
        found: dict[ItemKey, set[int]] = {}
        by_identifier: dict[str, set[int]] = {}
        gtins = {form for kind, code, _ in wanted if kind == "gtin" for form in gtin_forms(code)}
        others = {code for kind, code, _ in wanted if kind == "manufacturer_code"}
        for row in self._read_in("product.identifier", "code", gtins | others, ["code", "product"]):
            by_identifier.setdefault(row["code"], set()).add(row["product"])
        for key in wanted:
            forms = gtin_forms(key[1]) if key[0] == "gtin" else [key[1]]
            if key[0] in ("gtin", "manufacturer_code"):
                found[key] = set().union(*(by_identifier.get(form, set()) for form in forms))
        codes = {code for kind, code, _ in wanted if kind == "buyer_code"}
        for row in self._read_in("product.product", "code", codes, ["code"]):
            found.setdefault(("buyer_code", row["code"], None), set()).add(row["id"])
        self._prepare_supplier_codes({key for key in wanted if key[0] == "supplier_code"}, found)
        for key in wanted:
            self._items.drop(key)
        for key, ids in found.items():
            if ids:
                self._items.put(key, next(iter(ids)) if len(ids) == 1 else AMBIGUOUS)
        products = {next(iter(ids)) for ids in found.values() if len(ids) == 1}
        fields = ["purchasable", "default_uom_category", "account_category.supplier_taxes_used"]
        for row in self._read_in("product.product", "id", products, fields):
            category = row.get("account_category.") or {}
            self._products.put(
                row["id"],
                Product(
                    product=row["id"],
                    unit_category=row["default_uom_category"],
                    purchasable=bool(row["purchasable"]),
                    taxes=tuple(category.get("supplier_taxes_used") or ()),
                ),
            )

    def _prepare_supplier_codes(
        self,
        keys: set[ItemKey],
        found: dict[ItemKey, set[int]],
    ) -> None:
        codes = {code for _, code, party in keys if party is not None}
        fields = ["code", "party", "product", "template.products", "company"]
        company = self.context()["company"]
        for row in self._read_in("purchase.product_supplier", "code", codes, fields):
            if row["company"] not in (None, company):
                continue
            products = (
                [row["product"]] if row["product"] else (row.get("template.") or {}).get("products", [])
            )
            key = ("supplier_code", row["code"], row["party"])
            if key in keys:
                found.setdefault(key, set()).update(products)

    def _units(self, *, afresh: bool = False) -> dict[str, Unit]:
        units: dict[str, Unit] | None = self._tables.fresh("units")
        if units is None or afresh:
            rows = self._read("product.uom", [], ["name", "symbol", "category", "digits"])
            units = {}
            for row in rows:
                unit = Unit(unit=row["id"], category=row["category"], digits=row["digits"])
                units[row["symbol"]] = unit
                units.setdefault(row["name"], unit)
            self._tables.put("units", units)
        return units


def _first(units: dict[str, Unit], names: tuple[str, ...]) -> Unit | None:
    return next((units[name] for name in names if name in units), None)


def _named(path: str, wanted: str) -> list[Any]:
    before = f"{path}." if path else ""
    return ["OR", [[f"{before}code", "=", wanted]], [[f"{before}name", "=", wanted]]]


def exact_price(line: Line, digits: int) -> Decimal:
    """The price of one in Tryton's decimals, rounded; 0 where the line has none."""
    if line.price is None:
        return Decimal(0)
    return (line.price / (line.price_base_quantity or Decimal(1))).quantize(Decimal(1).scaleb(-digits))


def exact(value: Decimal, digits: int) -> Decimal | None:
    """The value with that many decimals, or None when it has more."""
    scaled = value.quantize(Decimal(1).scaleb(-digits))
    return scaled if scaled == value else None
