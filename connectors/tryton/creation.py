"""Creates suppliers and products that an order names and Tryton does not know, where the agreement allows it.

Each is created once, also when several loaders meet the same unknown at the same moment: a record gets the code that the
order names it by, and Tryton's database takes a party's code and an active product's code only once. Whoever comes second
is refused, looks again and finds the first one's.

What the hub created is marked: a party by the category ``Created by Orderhub``, a product by its description.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from connectors.tryton.client import TrytonClient, TrytonRefusal
from connectors.tryton.found import Rejection, Row, Supplier
from connectors.tryton.master_data import MasterData, exact_price
from connectors.tryton.matching import storable
from orderhub.connector import LoadItem
from orderhub.documents import Line, Party, PurchaseOrder

log = logging.getLogger(__name__)

MARK = "Created by Orderhub"
#: What the hub asks for, as LoadItem.creates has it.
SUPPLIER, ITEM = "supplier", "item"

Order = tuple[LoadItem, PurchaseOrder]


def create_missing(client: TrytonClient, master: MasterData, orders: Sequence[Order]) -> None:
    """Create what these orders name and may create. ``master`` has prepared them, and has again afterwards.

    Nothing is created for an order whose supplier or items are found twice, or are named by nothing that can be a code.

    :raises OutcomeUnclear: an answer was lost; the next load finds what was created.
    """
    master.forget_what_failed()
    if _suppliers(client, master, [order for order in orders if SUPPLIER in order[0].creates]):
        master.prepare([order for _, order in orders])
    if _items(client, master, [order for order in orders if ITEM in order[0].creates]):
        master.prepare([order for _, order in orders])


# --- suppliers


def _suppliers(client: TrytonClient, master: MasterData, orders: Sequence[Order]) -> bool:
    wanted: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    for _, order in orders:
        party = order.supplier
        names = {name for name in (party.gln, party.code) if name}
        code = party.code or party.gln
        if code is None or not storable(code) or names & seen or not _unknown_supplier(master, party):
            continue
        seen |= names
        wanted[code] = _party(client, master, party, code)
    if wanted:
        try:
            category = marking_category(client, master)
        except TrytonRefusal as error:
            # without its mark no party is created
            log.info("the category %r is not created: %s", MARK, error.message)
            for code in wanted:
                master.not_created(code, error.message)
            return False
        for code, values in wanted.items():
            values["categories"] = [["add", [category]]]
            _create(client, master, "party.party", code, values)
    return bool(wanted)


def _unknown_supplier(master: MasterData, party: Party) -> bool:
    try:
        master.supplier(party)
    except Rejection as why:
        return why.code == "TRYTON_SUPPLIER_UNKNOWN"
    return False


def _party(client: TrytonClient, master: MasterData, party: Party, code: str) -> dict[str, Any]:
    others = dict.fromkeys(
        name for name in (party.gln, party.tax_number) if name and name != code and storable(name)
    )
    if party.gln == code:
        others = {code: None, **others}
    address: dict[str, Any] = {}
    if party.address is not None:
        lines = (party.address.street, party.address.additional_street)
        address = {
            "street": _text("\n".join(line for line in lines if line)) or None,
            "postal_code": _text(party.address.postal_zone or "") or None,
            "city": _text(party.address.city or "") or None,
        }
        if party.address.country:
            countries = _read(client, master, "country.country", [["code", "=", party.address.country]])
            if countries:
                address["country"] = countries[0]["id"]
    return {
        "name": _text(party.name or code),
        "code": code,
        "identifiers": [["create", [{"type": None, "code": other} for other in others]]] if others else [],
        # a purchase needs an address, if only an empty one
        "addresses": [["create", [address]]],
    }


def marking_category(client: TrytonClient, master: MasterData) -> int:
    """The category that marks parties of the hub; whoever is second to create it finds it.

    :raises TrytonRefusal: it is not there and may not be created.
    """
    named = [["name", "=", MARK], ["parent", "=", None]]
    if found := _read(client, master, "party.category", named):
        return int(found[0]["id"])
    try:
        [made] = client.call("model.party.category.create", [{"name": MARK}], master.context(), effect=True)
    except TrytonRefusal as error:
        log.debug("the category is being created by somebody else, or may not be: %s", error)
        if found := _read(client, master, "party.category", named):
            return int(found[0]["id"])
        raise
    return int(made)


# --- products


def _items(client: TrytonClient, master: MasterData, orders: Sequence[Order]) -> bool:
    wanted: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    for item, order in orders:
        try:
            supplier = master.supplier(order.supplier)
        except Rejection:
            continue  # the order is rejected for that
        for index, line in enumerate(order.lines):
            names = {name for name in (line.item.gtin, line.item.buyer_code) if name}
            code = line.item.buyer_code or line.item.gtin
            if code is None or not storable(code) or names & seen:
                continue
            if not _unknown_item(master, line, index, supplier):
                continue
            values = _product(client, master, order, line, supplier, code)
            if values is not None:
                seen |= names
                values["products"][0][1][0]["description"] = (
                    f"{MARK} for order {_text(order.number)} ({_text(item.identity)})."
                )
                wanted[code] = values
    for code, values in wanted.items():
        _create(client, master, "product.template", code, values)
    return bool(wanted)


def _unknown_item(master: MasterData, line: Line, index: int, supplier: Supplier) -> bool:
    try:
        master.product(line, index, supplier)
    except Rejection as why:
        return why.code == "TRYTON_ITEM_UNKNOWN"
    return False


def _product(
    client: TrytonClient,
    master: MasterData,
    order: PurchaseOrder,
    line: Line,
    supplier: Supplier,
    code: str,
) -> dict[str, Any] | None:
    """The values of a product template with its one product; None when Tryton lacks the unit or the currency."""
    unit = master.unit_of(line.unit)
    if unit is None:
        master.not_created(code, f"Tryton has no unit for {line.unit!r}")
        return None
    try:
        currency = master.currency(order.currency)
    except Rejection as why:
        master.not_created(code, why.reason)
        return None
    price = exact_price(line, master.price_digits())
    product: dict[str, Any] = {"suffix_code": code, "cost_price": price}
    gtin = line.item.gtin
    if gtin and storable(gtin):
        product["identifiers"] = [["create", [{"type": "ean", "code": gtin}]]]
    sold_by: dict[str, Any] = {"party": supplier.party, "currency": currency}
    if line.item.supplier_code and storable(line.item.supplier_code):
        sold_by["code"] = line.item.supplier_code
    category = accounting_category(client, master)
    return {
        "name": _text(line.item.name or code),
        "type": "goods",
        "default_uom": unit.unit,
        "purchase_uom": unit.unit,
        "purchasable": True,
        "list_price": price,
        "product_suppliers": [["create", [sold_by]]],
        "products": [["create", [product]]],
        **({"account_category": category} if category is not None else {}),
    }


def accounting_category(client: TrytonClient, master: MasterData) -> int | None:
    """The accounting category of new products: the only one there is, or the first by name; None where accounts come
    from Tryton's defaults."""
    found = _read(client, master, "product.category", [["accounting", "=", True]], ["name"])
    return int(min(found, key=lambda row: str(row["name"]))["id"]) if found else None


# --- both


def _create(client: TrytonClient, master: MasterData, model: str, code: str, values: dict[str, Any]) -> None:
    try:
        client.call(f"model.{model}.create", [values], master.context(), effect=True)
    except TrytonRefusal as error:
        # somebody was first, and the next look finds it; or Tryton does not want it, and the order is told so
        log.info("%s %r is not created: %s", model, code, error.message)
        master.not_created(code, error.message)
    else:
        log.info("created %s %r", model, code)


def _read(
    client: TrytonClient, master: MasterData, model: str, domain: list[Any], fields: Sequence[str] = ()
) -> list[Row]:
    rows: list[Row] = client.call(
        f"model.{model}.search_read", domain, 0, None, None, ["id", *fields], master.context(), effect=False
    )
    return rows


def _text(text: str) -> str:
    """A text as PostgreSQL takes it, on one line of a name."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8").strip()
