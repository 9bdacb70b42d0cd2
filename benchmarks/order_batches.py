"""Invented orders with ten lines each, and as the hub hands them to a target."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from orderhub.connector import LoadItem
from orderhub.documents import Party, PurchaseOrder
from orderhub.documents.order import Line, LineItem

LINES = 10


def orders(first: int, count: int) -> list[PurchaseOrder]:
    """Orders with numbers from ``first`` on."""
    return [
        PurchaseOrder(
            number=f"PO-{number}",
            issued_on=dt.date(2026, 3, 1),
            currency="EUR",
            buyer=Party(name="Acme Einkauf GmbH", gln="4012345000009"),
            supplier=Party(name="Nordlager AG", code="S-100"),
            lines=[
                Line(
                    number=line,
                    item=LineItem(gtin="4012345000009", buyer_code=f"A-{line}"),
                    quantity=Decimal(line),
                    unit="PCE",
                    price=Decimal("12.50"),
                )
                for line in range(1, LINES + 1)
            ],
        )
        for number in range(first, first + count)
    ]


def items(first: int, count: int) -> list[LoadItem]:
    """The same for ``load``; the content hash comes from the ledger, as in a flow."""
    return [
        LoadItem(
            key=f"key {order.number}",
            identity=f"acme:production:bench:purchase_order:{order.number}",
            document=order,
            company="acme",
            source=place,
            load=place,
            content_hash=f"{place:064}",
        )
        for place, order in enumerate(orders(first, count), first)
    ]
