"""Orders for a real Tryton, and drafts of them in it."""

from __future__ import annotations

import itertools
import os
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from orderhub.connector import LoadItem
from orderhub.documents import PurchaseOrder
from orderhub.services.tryton.rpc import Session
from orderhub.testing import load_item, sample_order

replace = msgspec.structs.replace
_numbers = itertools.count(1)


@pytest.fixture
def order() -> PurchaseOrder:
    return sample_order(f"TT{os.getpid()}x{next(_numbers)}")


def numbered(order: PurchaseOrder, suffix: str, **changes: Any) -> LoadItem:
    return load_item(replace(order, number=f"{order.number}{suffix}", **changes))


def changed_line(order: PurchaseOrder, **changes: Any) -> PurchaseOrder:
    return replace(order, lines=[replace(order.lines[0], **changes), *order.lines[1:]])


def create_draft(people: Session, item: LoadItem, template: dict[str, Any], **marks: Any) -> int:
    """A draft as a loader that died would have left it."""
    line = people.read("purchase.line", [["id", "in", template["lines"]]], ["product", "unit"])[0]
    values = {
        "party": template["party"],
        "currency": template["currency"],
        "invoice_address": people.read("party.party", [["id", "=", template["party"]]], ["addresses"])[0][
            "addresses"
        ][0],
        "reference": item.document.number,
        "description": f"Orderhub {item.identity}",
        "comment": f"Orderhub key: {item.key}",
        "lines": [
            [
                "create",
                [
                    {
                        "product": line["product"],
                        "unit": line["unit"],
                        "quantity": 10.0,
                        "unit_price": Decimal("0.12"),
                    }
                ],
            ]
        ],
        **marks,
    }
    [draft] = people.create("purchase.purchase", [values])
    return draft
