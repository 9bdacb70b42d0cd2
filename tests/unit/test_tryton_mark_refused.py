"""A Tryton in which the hub's user may not create the category that marks its parties."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from connectors.tryton.client import TrytonClient, TrytonRefusal
from connectors.tryton.creation import create_missing
from connectors.tryton.found import Rejection
from connectors.tryton.master_data import MasterData
from orderhub.documents import Party
from orderhub.testing import load_item, sample_order


class Refusing:
    """Reads find nothing; whatever is created is refused."""

    def call(self, method: str, *_: Any, effect: bool) -> list[Any]:
        if effect:
            raise TrytonRefusal("You are not allowed to create a category.")
        return []


class Nothing:
    """Master data that knows no supplier."""

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}

    def context(self) -> dict[str, Any]:
        return {}

    def forget_what_failed(self) -> None:
        self.refused.clear()

    def supplier(self, party: Party) -> None:
        raise Rejection("TRYTON_SUPPLIER_UNKNOWN", "Nobody has this code.", "supplier.code")

    def not_created(self, code: str, why: str) -> None:
        self.refused[code] = why


def test_the_orders_are_told_why_no_supplier_was_created() -> None:
    order = sample_order("N1")
    order.supplier.code, order.supplier.gln = "S-100", None
    item = msgspec.structs.replace(load_item(order), creates=frozenset({"supplier"}))
    master = Nothing()
    create_missing(cast(TrytonClient, Refusing()), cast(MasterData, master), [(item, order)])
    assert master.refused == {"S-100": "You are not allowed to create a category."}
