"""Connections over HTTP that break: a JSON API as target and as source, SAP's OData as target."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from faults.connections.account import Account
from faults.connections.work import (
    HTTP,
    Disturbance,
    Place,
    at_work,
    cut,
    deliver,
    drop_orders,
    fetch,
    numbers_by_key,
    records,
    shop_orders,
)
from servers.line import Line
from servers.mock_sap import PASSWORD, USER, V2, V4, MockSap
from servers.rest import RestServer

from orderhub.connector import Credentials
from orderhub.stage import PullStep, Target
from orderhub.transport.payload import mark_of

REST_TARGET = {
    "path": "/orders",
    "mapping": "purchase_order__trial_rest",
    "key": "external_id",
    "reference": "id",
    "find": {"path": "/orders", "params": {"external_id": "{key}"}, "records": "data", "key": "external_id"},
}
REST_SOURCE = {
    "path": "/offset",
    "params": {"since": "{since}"},
    "records": "data.items",
    "paging": {"by": "offset", "size": 2},
    "incremental": {"field": "updated_at", "overlap": 5},
    "records_per_interchange": 3,
}
#: Room for the hub's key in SAP's item text.
MARK = 40


def rest_target(
    seed: int, place: Place, server: RestServer, *, always: Sequence[dict[str, Any]] = ()
) -> Account:
    """Orders into a JSON API.

    :param always: faults that the server has in every round.
    """
    account, chance = Account(), random.Random(seed)
    server.reset(faults=list(always))
    line = Line(server.url)
    settings = {"connection": "api", "target": REST_TARGET, "http": HTTP}

    def broken() -> Disturbance:
        if chance.random() < 0.6:
            return cut(line, account, chance.randrange(10), after=chance.random() < 0.5)
        status = chance.choice([500, 503, 429])
        return _failing(
            server,
            account,
            # who says 429 has not done it
            {"path": "/orders", "status": status, "after": status != 429 and chance.random() < 0.5},
            chance,
            list(always),
        )

    try:
        with at_work(
            place,
            "json_orders",
            {"api": Credentials(url=line.url)},
            target=Target(name="rest", connector="rest", settings=settings),
        ) as at:
            sent = drop_orders(at, chance, shop_orders(chance, seed, 6))
            deliver(at, account, [broken() for _ in range(4)])
    finally:
        line.close()
    account.count(sent, Counter(order["number"] for order in server.state()["orders"]))
    return account


def rest_source(seed: int, place: Place, server: RestServer) -> Account:
    """Records of a JSON API whose tokens end after a few requests, in the middle of paging."""
    account, chance = Account(), random.Random(seed)
    server.reset(token_lives=chance.randint(1, 3))
    line = Line(server.url)
    source = PullStep(
        connector="rest",
        stream="orders",
        settings={"connection": "api", "source": REST_SOURCE, "http": HTTP | {"timeout_seconds": 20}},
    )
    known = Credentials(
        url=line.url, user="client", secret="word", extra={"auth": "oauth2", "token_url": "/token"}
    )
    sent = [f"R{seed}-{number}" for number in range(20)]
    to_come = list(sent)

    def arrive() -> None:
        for _ in range(min(len(to_come), chance.randint(4, 8))):
            server.arrive(to_come.pop(0), b"text")

    def broken() -> Disturbance:
        if chance.random() < 0.6:
            return cut(line, account, chance.randrange(8), after=chance.random() < 0.5)
        return _failing(server, account, {"path": "/offset", "status": 503}, chance)

    try:
        with at_work(place, "json_orders", {"api": known}, source=source) as at:
            fetch(at, account, [broken() for _ in range(5)], arrive=arrive)
            account.count(set(sent) - set(to_come), Counter(str(record["name"]) for record in records(at)))
    finally:
        line.close()
    # every token but the first was asked for because the one before had ended
    account.disturbances += max(0, int(server.state()["tokens_given"]) - 1)
    return account


def odata_target(seed: int, place: Place, sap: MockSap) -> Account:
    """Orders into SAP, one deep insert after the other."""
    return _into_sap(seed, place, sap, batch_size=1)


def odata_batch(seed: int, place: Place, sap: MockSap) -> Account:
    """Orders into SAP, several in one $batch with a change set each."""
    return _into_sap(seed, place, sap, batch_size=3)


def _into_sap(seed: int, place: Place, sap: MockSap, *, batch_size: int) -> Account:
    account, chance = Account(), random.Random(seed)
    sap.reset()
    line = Line(sap.url)
    settings = _sap_settings(chance.choice("24"), batch_size)

    def broken() -> Disturbance:
        if chance.random() < 0.7:
            return cut(line, account, chance.randrange(10), after=chance.random() < 0.5)
        return _refusing(sap, account, chance)

    try:
        with at_work(
            place,
            "json_orders",
            {"sap": Credentials(url=line.url, user=USER, secret=PASSWORD)},
            target=Target(name="odata", connector="odata", settings=settings),
        ) as at:
            sent = drop_orders(at, chance, shop_orders(chance, seed, 6))
            deliver(at, account, [broken() for _ in range(4)])
            marks = {mark_of(key, MARK): number for key, number in numbers_by_key(at).items()}
    finally:
        line.close()
    found = sap.counts(list(marks))
    account.count(sent, {marks[mark]: times for mark, times in found.items()})
    if len(sap.orders()) != sum(found.values()):
        account.wrong.append(
            f"SAP has {len(sap.orders())} orders, of which the hub knows {sum(found.values())}"
        )
    return account


def _sap_settings(version: str, batch_size: int) -> dict[str, Any]:
    prefix = "A_" if version == "2" else ""
    return {
        "connection": "sap",
        "version": version,
        "service": V2 if version == "2" else V4,
        "params": {"sap-client": "100"},
        "target": {
            "set": f"{prefix}PurchaseOrder",
            "mapping": "purchase_order__trial_sap",
            "leave_out_unknown": True,
            "key": {"path": "to_PurchaseOrderItem.0.PurchaseOrderItemText", "length": MARK},
            "find": {
                "set": f"{prefix}PurchaseOrderItem",
                "field": "PurchaseOrderItemText",
                "reference": "PurchaseOrder",
            },
            "reference": "PurchaseOrder",
            "batch_size": batch_size,
        },
        "http": HTTP,
    }


@contextmanager
def _failing(
    server: RestServer,
    account: Account,
    fault: dict[str, Any],
    chance: random.Random,
    always: Sequence[dict[str, Any]] = (),
) -> Iterator[None]:
    """Some requests are answered with an error, before or after the server did what they ask for."""
    method = "GET" if fault["path"] == "/offset" else chance.choice(["GET", "POST"])
    count = chance.randint(1, 3)
    one = {"method": method, "skip": chance.randrange(4), "count": count, **fault}
    server.set(faults=[one, *always])
    yield
    account.disturbances += count - server.state()["faults"][0]["count"]
    server.set(faults=list(always))


@contextmanager
def _refusing(sap: MockSap, account: Account, chance: random.Random) -> Iterator[None]:
    """SAP answers some requests with an error and does nothing."""
    sap.fault(match="PurchaseOrder|batch", status=chance.choice([500, 503]), count=chance.randint(1, 2))
    yield
    account.disturbances += sap.forgive()
