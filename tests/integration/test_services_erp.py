"""The embedded ERP, as the hub's own set-up leaves it."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.services import ports
from orderhub.services.endpoints import Endpoints
from orderhub.services.tryton.rpc import ErpRefusal, Session
from orderhub.services.tryton.setup import set_up

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MASTER_DATA = Path(__file__).resolve().parents[2] / "samples" / "master_data.yaml"


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(MASTER_DATA.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def session(erp: Endpoints) -> Iterator[Session]:
    with Session(erp.erp_url, erp.erp_database, erp.erp_user, erp.erp_password) as session:
        yield session


def test_every_sample_item_is_found_by_its_gtin(session: Session, data: dict[str, Any]) -> None:
    for item in data["items"].values():
        domain = [["identifiers.code", "=", item["gtin"]]]
        [product] = session.read("product.product", domain, ["code", "purchasable", "default_uom.symbol"])
        assert product["code"] == item["code"]
        assert product["purchasable"]
        assert product["default_uom."]["symbol"] == data["units"][item["unit"]]["erp"]


def test_every_supplier_is_found_by_its_gln_and_code(session: Session, data: dict[str, Any]) -> None:
    for supplier in data["suppliers"].values():
        [party] = session.read("party.party", [["identifiers.code", "=", supplier["gln"]]], ["code", "name"])
        assert (party["code"], party["name"]) == (supplier["code"], supplier["name"])


def test_a_purchase_can_be_quoted_and_confirmed(session: Session) -> None:
    [party] = session.find("party.party", [["code", "=", "S1003"]])
    [product] = session.read("product.product", [["code", "=", "OH-10008"]], ["purchase_uom"])
    [currency] = session.find("currency.currency", [["code", "=", "EUR"]])
    address = session.find("party.address", [["party", "=", party]])[0]
    line = {"product": product["id"], "quantity": 12.125, "unit": product["purchase_uom"]}
    values = {
        "party": party,
        "invoice_address": address,
        "currency": currency,
        "purchase_date": datetime.date(2026, 5, 4),
        "lines": [["create", [line | {"unit_price": Decimal("2.8500")}]]],
    }
    ids = session.create("purchase.purchase", [values])
    session.call("model.purchase.purchase.quote", ids)
    session.call("model.purchase.purchase.confirm", ids)
    fields = ["state", "number", "untaxed_amount"]
    [purchase] = session.read("purchase.purchase", [["id", "in", ids]], fields)
    deadline = time.monotonic() + 60
    while purchase["state"] == "confirmed" and time.monotonic() < deadline:
        time.sleep(0.2)  # the worker takes it up
        [purchase] = session.read("purchase.purchase", [["id", "in", ids]], fields)
    assert purchase["state"] == "processing"
    assert purchase["number"]
    assert purchase["untaxed_amount"] == Decimal("34.56")


def test_setting_up_again_adds_nothing(session: Session, data: dict[str, Any]) -> None:
    def counts() -> dict[str, int]:
        models = ("party.party", "product.template", "product.product", "account.account", "product.uom")
        return {model: len(session.find(model, [])) for model in models}

    before = counts()
    set_up(session, data)
    assert counts() == before


def test_the_erps_refusal_keeps_its_words(session: Session) -> None:
    with pytest.raises(ErpRefusal, match="A value is required"):
        session.create("product.template", [{"name": None}])


def test_a_wrong_password_is_refused_not_retried(erp: Endpoints) -> None:
    with pytest.raises(ConnectorRefused, match="sign-in"):
        Session(erp.erp_url, erp.erp_database, erp.erp_user, "wrong")


def test_nobody_there_is_worth_a_retry() -> None:
    with pytest.raises(ConnectorUnavailable):
        Session(f"http://127.0.0.1:{ports.any_free()}", "tryton", "admin", "x")
