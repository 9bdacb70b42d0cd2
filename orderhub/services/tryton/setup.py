"""Sets the embedded ERP up over its own RPC: company, chart of accounts, units, suppliers, products.

Everything is looked up before it is created, so that it can run again at any time, also over what people changed.
Called as a step of the start: the address and the sign-in come as JSON on standard input, the master data's path as
an argument.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from orderhub.errors import ConfigError
from orderhub.services.tryton.rpc import Session

#: ISO 4217: code to name, symbol and number, for the currencies that a first start may need.
CURRENCIES = {
    "EUR": ("Euro", "€", "978"),
    "USD": ("US Dollar", "$", "840"),
    "GBP": ("Pound Sterling", "£", "826"),
    "CHF": ("Swiss Franc", "CHF", "756"),
    "CNY": ("Yuan Renminbi", "¥", "156"),
}
#: Units that Tryton does not bring: symbol to name, the unit they are counted in, how many of it, decimals.
EXTRA_UNITS = {"pr": ("Pair", "u", 2.0, 0)}
#: Orders are weighed and measured to the gram, the millimetre and the millilitre.
THREE_DECIMALS = ("kg", "m", "l")
_CATEGORY = "Purchased goods"
#: Kind of account, and what Tryton asks of one that serves as default.
_ACCOUNTS: dict[str, list[Any]] = {
    "payable": [["party_required", "=", True]],
    "receivable": [["party_required", "=", True]],
    "expense": [],
    "revenue": [],
}


def set_up(session: Session, data: dict[str, Any]) -> None:
    """Write the master data.

    :param data: the content of samples/master_data.yaml; the keys that are used: company, currencies, units,
        suppliers, items.
    :raises ConnectorError: the ERP cannot be reached or refuses.
    """
    currencies = {c["currency"] for c in (data["company"], *data["suppliers"].values())}
    currencies.update(data.get("currencies", ()))
    currency_ids = {code: _currency(session, code) for code in sorted(currencies)}
    company = _company(session, data["company"], currency_ids[data["company"]["currency"]])
    accounts = _chart_of_accounts(session, company)
    # invoices are expected for what was received, not for what was ordered
    _configure(session, "purchase.configuration", {"purchase_invoice_method": "fulfillment"})
    unit_ids = _units(session)
    country_ids = _countries(session, {s["country"] for s in data["suppliers"].values()})
    supplier_ids = _suppliers(session, data["suppliers"], country_ids, accounts)
    category = _accounting_category(session, accounts)
    units = {code: unit_ids[unit["erp"]] for code, unit in data["units"].items()}
    _products(session, data, units, category, supplier_ids, currency_ids)


def _one(session: Session, model: str, domain: list[Any]) -> int | None:
    found = session.find(model, domain, limit=1)
    return found[0] if found else None


def _currency(session: Session, code: str) -> int:
    found = _one(session, "currency.currency", [["code", "=", code]])
    if found is None:
        if code not in CURRENCIES:
            raise ConfigError(
                f"The master data uses the currency {code}, which the set-up does not know.",
                todo="Create it in the ERP first, or add it to the set-up's table.",
            )
        name, symbol, number = CURRENCIES[code]
        values: dict[str, Any] = {"name": name, "code": code, "symbol": symbol, "numeric_code": number}
        values |= {"rounding": Decimal("0.01"), "digits": 2}
        [found] = session.create("currency.currency", [values])
    return found


def _company(session: Session, data: dict[str, Any], currency: int) -> int:
    company = _one(session, "company.company", [["party.name", "=", data["name"]]])
    if company is None:
        [party] = session.create("party.party", [{"name": data["name"], **_identifiers(data)}])
        [company] = session.create("company.company", [{"party": party, "currency": currency}])
    if session.context.get("company") != company:
        session.write("res.user", [session.user_id], {"companies": [["add", [company]]], "company": company})
        session.reload_context()
    return company


def _identifiers(data: dict[str, Any]) -> dict[str, Any]:
    # Tryton has no identifier type for a GLN: it stands without a type
    return {"identifiers": [["create", [{"type": None, "code": data["gln"]}]]]} if data.get("gln") else {}


def _chart_of_accounts(session: Session, company: int) -> dict[str, int]:
    """Create the chart from Tryton's universal template when there is none, and set the default accounts.

    Returns payable, receivable, expense and revenue.
    """
    owned: list[Any] = ["company", "=", company]
    if not session.find("account.account", [owned], limit=1):
        template = _one(session, "account.account.template", [["parent", "=", None]])
        wizard = "wizard.account.create_chart"
        number, _, _ = session.call(f"{wizard}.create")
        session.call(f"{wizard}.execute", number, {"start": {}}, "account")
        chosen = {"start": {}, "account": {"company": company, "account_template": template}}
        session.call(f"{wizard}.execute", number, chosen, "create_account")
        session.call(f"{wizard}.delete", number)
    found = {}
    for kind, conditions in _ACCOUNTS.items():
        account = _one(session, "account.account", [owned, [f"type.{kind}", "=", True], *conditions])
        if account is None:
            raise ConfigError(
                f"The ERP's chart of accounts has no account for {kind}.",
                todo="Create one in the ERP, then start again.",
            )
        found[kind] = account
    _configure(
        session,
        "account.configuration",
        {
            "default_account_payable": found["payable"],
            "default_account_receivable": found["receivable"],
            "default_category_account_expense": found["expense"],
            "default_category_account_revenue": found["revenue"],
        },
    )
    return found


def _configure(session: Session, model: str, values: dict[str, Any]) -> None:
    """Write to the one record of a configuration model; it need not exist yet."""
    found = _one(session, model, [])
    if found is None:
        session.create(model, [values])
    else:
        session.write(model, [found], values)


def _units(session: Session) -> dict[str, int]:
    """Ids of all units by symbol; the missing ones are created."""
    rows = session.read("product.uom", [], ["symbol", "category", "digits"])
    by_symbol = {row["symbol"]: row for row in rows}
    coarse = [by_symbol[s]["id"] for s in THREE_DECIMALS if s in by_symbol and by_symbol[s]["digits"] < 3]
    if coarse:
        session.write("product.uom", coarse, {"digits": 3, "rounding": 0.001})
    ids = {symbol: row["id"] for symbol, row in by_symbol.items()}
    for symbol, (name, base, factor, digits) in EXTRA_UNITS.items():
        if symbol not in ids:
            values = {"name": name, "symbol": symbol, "category": by_symbol[base]["category"]}
            values |= {"factor": factor, "rate": 1 / factor, "digits": digits, "rounding": 10.0**-digits}
            [ids[symbol]] = session.create("product.uom", [values])
    return ids


def _countries(session: Session, codes: set[str]) -> dict[str, int]:
    """Countries by ISO 3166 code. The names come with Tryton's own import script; the code serves until then."""
    rows = session.read("country.country", [["code", "in", sorted(codes)]], ["code"])
    ids = {row["code"]: row["id"] for row in rows}
    missing = sorted(codes - ids.keys())
    ids |= dict(
        zip(
            missing, session.create("country.country", [{"name": c, "code": c} for c in missing]), strict=True
        )
    )
    return ids


def _missing(session: Session, model: str, codes: Iterable[str]) -> tuple[dict[str, int], set[str]]:
    wanted = set(codes)
    ids = {row["code"]: row["id"] for row in session.read(model, [["code", "in", sorted(wanted)]], ["code"])}
    return ids, wanted - ids.keys()


def _suppliers(
    session: Session, suppliers: dict[str, Any], countries: dict[str, int], accounts: dict[str, int]
) -> dict[str, int]:
    """Suppliers' ids by their key in the master data; the party's code is the supplier's number."""
    ids, missing = _missing(session, "party.party", (s["code"] for s in suppliers.values()))
    new = [s for s in suppliers.values() if s["code"] in missing]
    values = [
        {
            "name": s["name"],
            "code": s["code"],
            **_identifiers(s),
            "account_payable": accounts.get("payable"),
            "account_receivable": accounts.get("receivable"),
            "addresses": [
                [
                    "create",
                    [
                        {
                            "street": s["street"],
                            "postal_code": s["postal_code"],
                            "city": s["city"],
                            "country": countries[s["country"]],
                        }
                    ],
                ]
            ],
        }
        for s in new
    ]
    ids |= dict(zip((s["code"] for s in new), session.create("party.party", values), strict=True))
    return {key: ids[s["code"]] for key, s in suppliers.items()}


def _accounting_category(session: Session, accounts: dict[str, int]) -> int:
    found = _one(session, "product.category", [["name", "=", _CATEGORY], ["accounting", "=", True]])
    if found is None:
        values = {"name": _CATEGORY, "accounting": True}
        values |= {"account_expense": accounts["expense"], "account_revenue": accounts["revenue"]}
        [found] = session.create("product.category", [values])
    return found


def _products(
    session: Session,
    data: dict[str, Any],
    units: dict[str, int],
    category: int,
    suppliers: dict[str, int],
    currencies: dict[str, int],
) -> None:
    """Products by their code (the buyer's number), the GTIN as an EAN identifier, the supplier with number and price."""
    _, missing = _missing(session, "product.product", (i["code"] for i in data["items"].values()))
    values = []
    for item in data["items"].values():
        if item["code"] not in missing:
            continue
        unit = units[item["unit"]]
        price = Decimal(item["price"])
        supplier = {
            "party": suppliers[item["supplier"]],
            "code": item["supplier_code"],
            "currency": currencies[data["suppliers"][item["supplier"]]["currency"]],
            "prices": [["create", [{"quantity": 0, "unit_price": price}]]],
        }
        product = {
            "suffix_code": item["code"],
            "cost_price": price,
            "identifiers": [["create", [{"type": "ean", "code": item["gtin"]}]]],
        }
        values.append(
            {
                "name": item["name"],
                "type": "goods",
                "default_uom": unit,
                "purchase_uom": unit,
                "purchasable": True,
                "list_price": price,
                "account_category": category,
                "product_suppliers": [["create", [supplier]]],
                "products": [["create", [product]]],
            }
        )
    session.create("product.template", values)


def main() -> None:
    """``python -m orderhub.services.tryton.setup [MASTER_DATA] < sign-in.json``."""
    access = json.load(sys.stdin)
    with Session(access["url"], access["database"], access["user"], access["password"]) as session:
        if len(sys.argv) > 1:
            set_up(session, YAML(typ="safe").load(Path(sys.argv[1]).read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
