"""A SOAP service that breaks, as target and as source."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from faults.connections.account import Account
from faults.connections.work import (
    HTTP,
    Disturbance,
    Place,
    archived,
    at_work,
    deliver,
    drop_orders,
    fetch,
    shop_orders,
)
from lxml import etree
from servers import soap

from connectors.soap.documents import KEPT
from orderhub.connector import Credentials
from orderhub.stage import PullStep, Target

BUSY = {"where": "Server", "text": "Too many.", "code": "BUSY"}
LOST = {"where": "Server", "text": "Something broke."}
#: A silent service is given up soon; undisturbed answers take some milliseconds, also on a busy machine no seconds.
QUICK = HTTP | {"timeout_seconds": 5}
NUMBER = "{urn:orderhub:test:orders}number"


def submitted(seed: int, place: Place, exchange: soap.Exchange) -> Account:
    """Orders submitted to a service, which knows the hub's request ids, or takes an order as often as it is sent."""
    account, chance = Account(), random.Random(seed)
    exchange.reset()
    KEPT.clear()
    idempotent = chance.random() < 0.5
    settings = {
        "connection": "exchange",
        "load": soap.LOAD | {"idempotent": idempotent},
        "find": soap.FIND,
        "faults": soap.FAULTS,
        "http": QUICK,
    }
    # a service that knows no keys
    exchange.does(forgetful=not idempotent)
    with at_work(
        place,
        "json_orders",
        {"exchange": Credentials(url=exchange.wsdl())},
        target=Target(name="soap", connector="soap", settings=settings),
    ) as at:
        sent = drop_orders(at, chance, shop_orders(chance, seed, 6))
        modes = [_wrong(chance) for _ in range(5)]
        deliver(
            at, account, [_disturbed(exchange, account, mode, forgetful=not idempotent) for mode in modes]
        )
    account.count(sent, Counter(one["order"]["number"] for one in exchange.told()["submitted"]))
    return account


def fetched(seed: int, place: Place, exchange: soap.Exchange) -> Account:
    """Orders fetched page by page and confirmed."""
    account, chance = Account(), random.Random(seed)
    exchange.reset()
    KEPT.clear()
    settings = {
        "connection": "exchange",
        "pull": soap.PULL | {"page_size": 2, "confirm": soap.CONFIRM},
        "faults": soap.FAULTS,
        "http": QUICK,
    }
    sent: list[str] = []

    def arrive() -> None:
        new = [f"F{seed}-{len(sent) + number}" for number in range(chance.randint(2, 5))]
        exchange.put(*map(soap.order, new))
        sent.extend(new)

    source = PullStep(connector="soap", stream="orders", settings=settings)
    with at_work(place, "json_orders", {"exchange": Credentials(url=exchange.wsdl())}, source=source) as at:
        disturbances: list[Disturbance] = [_disturbed(exchange, account, _wrong(chance)) for _ in range(5)]
        fetch(at, account, disturbances, arrive=arrive)
        pages = [etree.fromstring(data) for data in archived(at)]
        account.count(sent, Counter(str(one.text) for page in pages for one in page.iter(NUMBER)))
    if not all(one["confirmed"] for one in exchange.told()["orders"]):
        account.wrong.append("an order was never confirmed")
    return account


def _wrong(chance: random.Random) -> dict[str, Any]:
    """What goes wrong this time (see server.js)."""
    return chance.choice(
        [
            {"cut": chance.randrange(8), "after": False},
            {"cut": chance.randrange(8), "after": True},
            {"cut": chance.randrange(4), "after": True},
            {"then": "hang"},
            {"then": "cut"},
            {"half": True},
            {"fault": BUSY},
            {"fault": LOST},
            {"raw": {"text": "<html>Bad gateway</html>", "status": 502}},
        ]
    )


@contextmanager
def _disturbed(
    exchange: soap.Exchange, account: Account, mode: dict[str, Any], **stays: Any
) -> Iterator[None]:
    before = _asked(exchange)
    exchange.does(**mode, **stays)
    yield
    told = exchange.told()
    account.disturbances += told["failed"] if "cut" in mode or "half" in mode else _asked(exchange) > before
    exchange.does(**stays)


def _asked(exchange: soap.Exchange) -> int:
    """How many requests there were; documents that describe the service are none."""
    return sum(one["method"] == "POST" for one in exchange.told()["seen"])
