"""The Tryton connector keeps the contract, on a real Tryton server behind a line that is cut at every request in turn."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import erp_support
import httpx
import msgspec
import pytest
from servers.line import Line

from orderhub.connector import Connector, Credentials, LoadItem, Settlement
from orderhub.documents import Party
from orderhub.documents.order import LineItem
from orderhub.services.endpoints import Endpoints
from orderhub.services.tryton.rpc import Session
from orderhub.testing import (
    Arrive,
    ConnectorContract,
    Effects,
    FailAt,
    PortsForTests,
    Settings,
    load_item,
    sample_order,
)
from orderhub.testing.contract.base import ContractBase
from orderhub.testing.contract.load import LoadContract

pytestmark = [pytest.mark.integration, pytest.mark.slow]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def asking(erp: Endpoints) -> Iterator[Session]:
    with erp_support.session(erp) as session:
        yield session


class Tryton(ContractBase):
    """A Tryton server behind a line that can be cut."""

    @pytest.fixture
    def line(self, erp: Endpoints) -> Iterator[Line]:
        line = erp_support.line_to(erp)
        yield line
        line.close()

    @pytest.fixture
    def category(self) -> str:
        return f"Contract {os.getpid()}x{next(_numbers)}"

    @pytest.fixture
    def settings(self, category: str) -> Settings:
        return {
            "connection": "erp",
            "timeout_seconds": 120,
            "source": {"category": category, "records_per_interchange": 1},
        }

    @pytest.fixture
    def ports(self, erp: Endpoints, line: Line) -> PortsForTests:
        return erp_support.ports_of(erp, line.url)

    @pytest.fixture
    def peer(self, erp: Endpoints) -> str:
        question = {"id": 1, "method": "common.server.version", "params": []}
        answer = httpx.post(f"{erp.erp_url}/rpc/", json=question, verify=False)  # noqa: S501 - the test's own server
        return f"Tryton {answer.json()['result']}"

    @pytest.fixture
    def effects(self, asking: Session) -> Effects:
        return lambda keys: erp_support.confirmed(asking, keys)

    @pytest.fixture
    def state(self, asking: Session) -> Callable[[], object]:
        def picture() -> object:
            """Without what the server's own worker does to purchases that were confirmed before."""
            ordered = asking.find("purchase.purchase", [["state", "in", erp_support.ORDERED]])
            return ordered, [
                asking.read(model, [], ["write_date"]) for model in ("party.party", "product.product")
            ]

        return picture

    @pytest.fixture
    def items(self) -> list[LoadItem]:
        start = f"CT{os.getpid()}x{next(_numbers)}"
        return [load_item(sample_order(f"{start}-{number}", lines=1)) for number in range(3)]

    @pytest.fixture
    def unacceptable(self, items: list[LoadItem]) -> LoadItem:
        order = sample_order(f"{items[0].document.number}-bad")
        return load_item(msgspec.structs.replace(order, supplier=Party(gln="4000000000006")))

    @pytest.fixture
    def fail_at(self, line: Line) -> FailAt:
        """At every request the line is cut: once before the server has it, once after it has done it."""
        return lambda step: line.cut(step // 2, after=step % 2 == 1)

    @pytest.fixture
    def unreachable(self) -> tuple[Settings, PortsForTests]:
        nowhere = Credentials(url="http://127.0.0.1:1/tryton", user="admin", secret="nothing")
        return {"connection": "erp"}, PortsForTests(credentials={"erp": nowhere})


class TestTryton(Tryton, ConnectorContract):
    """As source: suppliers, those of a category that each test has to itself."""

    connector = "tryton"
    stream = "suppliers"

    @pytest.fixture
    def arrive(self, asking: Session, category: str) -> Arrive:
        def create(name: str, data: bytes) -> None:
            found = asking.find("party.category", [["name", "=", category]])
            [group] = found or asking.create("party.category", [{"name": category}])
            asking.create("party.party", [{"name": data.decode(), "categories": [["add", [group]]]}])

        return create

    @pytest.fixture
    def content(self) -> Callable[[bytes], bytes]:
        return lambda data: str(json.loads(data)[0]["name"]).encode()

    def test_settle_is_repeatable_also_by_another_process(
        self, make: Callable[[], Connector[Any]], arrive: Arrive
    ) -> None:
        """Nothing is taken away from Tryton: after settling, it is the bookmark that leaves it out."""
        arrive("one", b"content 0")
        connector = make()
        [found] = connector.pull(self.stream, None)
        for one in (connector, connector, make()):
            one.settle(found, Settlement.ACCEPTED)
        assert list(make().pull(self.stream, found.bookmark)) == []


class TestTrytonCreating(Tryton, LoadContract):
    """The same with orders whose supplier and items are created on the way, where that makes a difference."""

    connector = "tryton"

    test_find_finds_what_load_wrote_and_nothing_else = None

    @pytest.fixture
    def items(self) -> list[LoadItem]:
        start = f"CC{os.getpid()}x{next(_numbers)}"
        orders = [sample_order(f"{start}-{number}", lines=1) for number in range(3)]
        return [
            msgspec.structs.replace(
                load_item(
                    msgspec.structs.replace(
                        order,
                        supplier=Party(code=f"V{start}", name="New"),
                        lines=[
                            msgspec.structs.replace(
                                order.lines[0], item=LineItem(buyer_code=f"I{order.number}")
                            )
                        ],
                    )
                ),
                creates=frozenset(("supplier", "item")),
            )
            for order in orders
        ]
