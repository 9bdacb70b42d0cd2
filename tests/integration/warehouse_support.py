"""Orders as a warehouse gets them, for its tests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from orderhub.connector import Connector, LoadItem, OutcomeState
from orderhub.testing import load_item, sample_order


def item(key: str, number: str = "A", *, quantity: int = 1, revision: int = 0, **more: Any) -> LoadItem:
    order = msgspec.structs.replace(sample_order(number, quantity=Decimal(quantity)), revision=revision)
    if "note" in more:
        order = msgspec.structs.replace(order, note=more.pop("note"))
    return msgspec.structs.replace(load_item(order, key=key), **more)


def states(connector: Connector[Any], *items: LoadItem) -> list[tuple[OutcomeState, int | None]]:
    return [(outcome.state, outcome.version) for outcome in connector.load(list(items))]
