"""SOAP with everything going wrong by chance, again and again: nothing lost, nothing twice.

``SOAP_SEEDS`` says how many seeds each has (default 4).
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from lxml import etree
from servers import soap

from connectors.soap.documents import KEPT
from orderhub.connector import Connector, Interchange, OutcomeState, Settlement
from orderhub.connector_registry import registry
from orderhub.errors import ConnectorError
from orderhub.services.folder import DataFolder
from orderhub.testing import load_item, sample_order

pytestmark = pytest.mark.integration
SEEDS = range(int(os.environ.get("SOAP_SEEDS", "4")))
DONE = (OutcomeState.WRITTEN, OutcomeState.UNCHANGED)
HTTP = soap.HTTP | {"timeout_seconds": 0.3, "retry": {"attempts": 1}}
BUSY = {"where": "Server", "text": "Too many.", "code": "BUSY"}
LOST = {"where": "Server", "text": "Something broke."}


@pytest.fixture(scope="module")
def server(project_data: DataFolder) -> Iterator[soap.Exchange]:
    with soap.running(project_data.path / "cache") as running:
        yield running


def disturbed(chance: random.Random) -> dict[str, Any]:
    """What goes wrong this time."""
    return chance.choice(
        [
            {},
            {"cut": chance.randrange(8), "after": False},
            {"cut": chance.randrange(8), "after": True},
            {"then": "hang"},
            {"then": "cut"},
            {"half": True},
            {"fault": BUSY},
            {"fault": LOST},
            {"raw": {"text": "<html>Bad gateway</html>", "status": 502}},
        ]
    )


def made(exchange: soap.Exchange, *, idempotent: bool) -> Connector[Any]:
    settings = {
        "connection": "exchange",
        "pull": soap.PULL | {"page_size": 2, "confirm": soap.CONFIRM},
        "load": soap.LOAD | {"mapping": None, "parameters": soap.PARAMETERS, "idempotent": idempotent},
        "find": soap.FIND,
        "faults": soap.FAULTS,
        "http": HTTP,
    }
    return registry().create("soap", settings, soap.ports_of(exchange.wsdl()))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_submitted_is_there_once(server: soap.Exchange, seed: int) -> None:
    """As the hub does it: an unclear outcome is looked up before anything is sent again."""
    chance = random.Random(seed)
    idempotent = seed % 2 == 0
    server.reset()
    KEPT.clear()
    items = [load_item(sample_order(f"{seed}-{number}")) for number in range(5)]
    waiting = {item.key: item for item in items}
    unclear: set[str] = set()
    for attempt in range(9):
        mode = disturbed(chance) if attempt < 6 else {}
        # a service that knows no keys takes an order as often as it is sent
        server.does(**mode, forgetful=not idempotent)
        connector = made(server, idempotent=idempotent)
        try:
            for key in connector.find(sorted(unclear)):
                waiting.pop(key, None)
            unclear.clear()
            for outcome in connector.load(list(waiting.values())):
                if outcome.state in DONE:
                    waiting.pop(outcome.key, None)
                else:
                    assert outcome.state is OutcomeState.UNCLEAR, outcome
                    unclear.add(outcome.key)
        except ConnectorError as error:
            assert error.retryable, error
        finally:
            connector.close()
        if not waiting:
            break
    assert not waiting
    assert server.effects([item.key for item in items]) == {item.key: 1 for item in items}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_fetched_comes_once(server: soap.Exchange, seed: int) -> None:
    """The ledger knows arrivals and the last bookmark; the hub may die before it confirms."""
    chance = random.Random(seed)
    server.reset()
    KEPT.clear()
    numbers = [f"{seed}-{number}" for number in range(7)]
    arrivals: dict[str, list[str]] = {}
    bookmark: dict[str, Any] | None = None
    left: list[Interchange] = []
    to_come = [soap.order(number) for number in numbers]
    for attempt in range(9):
        server.put(*[to_come.pop() for _ in range(min(len(to_come), 3))])
        server.does(**(disturbed(chance) if attempt < 6 else {}))
        connector = made(server, idempotent=True)
        try:
            while left:
                connector.settle(left[-1], Settlement.ACCEPTED)
                left.pop()
            for page in connector.pull("orders", bookmark):
                if page.arrival not in arrivals:
                    tree = etree.fromstring(page.data or b"")
                    found = tree.iter("{urn:orderhub:test:orders}number")
                    arrivals[page.arrival] = [str(one.text) for one in found]
                bookmark = page.bookmark
                left.append(page)
                if chance.random() < 0.2:
                    break  # killed here
                connector.settle(page, Settlement.ACCEPTED)
                left.pop()
        except ConnectorError as error:
            assert error.retryable, error
        finally:
            connector.close()
    fetched = [number for page in arrivals.values() for number in page]
    assert sorted(fetched) == sorted(numbers)
    assert all(one["confirmed"] for one in server.told()["orders"])
