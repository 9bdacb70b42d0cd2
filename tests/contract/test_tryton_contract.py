"""The Tryton connector keeps the contract, on a real Tryton server behind a line that is cut at every request in turn."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator

import erp_support
import httpx
import msgspec
import pytest

from orderhub.connector import Credentials, LoadItem
from orderhub.documents import Party
from orderhub.documents.order import LineItem
from orderhub.services.endpoints import Endpoints
from orderhub.services.tryton.rpc import Session
from orderhub.testing import (
    ConnectorContract,
    Effects,
    FailAt,
    PortsForTests,
    Settings,
    load_item,
    sample_order,
)

pytestmark = [pytest.mark.integration, pytest.mark.slow]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def asking(erp: Endpoints) -> Iterator[Session]:
    with erp_support.session(erp) as session:
        yield session


class TestTryton(ConnectorContract):
    connector = "tryton"

    @pytest.fixture
    def line(self, erp: Endpoints) -> Iterator[erp_support.Line]:
        line = erp_support.Line(erp.erp_url)
        yield line
        line.close()

    @pytest.fixture
    def settings(self) -> Settings:
        return {"connection": "erp", "timeout_seconds": 120}

    @pytest.fixture
    def ports(self, erp: Endpoints, line: erp_support.Line) -> PortsForTests:
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
        return lambda: asking.read("purchase.purchase", [], ["state", "write_date"])

    @pytest.fixture
    def items(self) -> list[LoadItem]:
        start = f"CT{os.getpid()}x{next(_numbers)}"
        return [load_item(sample_order(f"{start}-{number}", lines=1)) for number in range(3)]

    @pytest.fixture
    def unacceptable(self, items: list[LoadItem]) -> LoadItem:
        order = sample_order(f"{items[0].document.number}-bad")
        return load_item(msgspec.structs.replace(order, supplier=Party(gln="4000000000006")))

    @pytest.fixture
    def fail_at(self, line: erp_support.Line) -> FailAt:
        """At every request the line is cut: once before the server has it, once after it has done it."""
        return lambda step: line.cut(step // 2, after=step % 2 == 1)

    @pytest.fixture
    def unreachable(self) -> tuple[Settings, PortsForTests]:
        nowhere = Credentials(url="http://127.0.0.1:1/tryton", user="admin", secret="nothing")
        return {"connection": "erp"}, PortsForTests(credentials={"erp": nowhere})


class TestTrytonCreating(TestTryton):
    """The same with orders whose supplier and items are created on the way, where that makes a difference."""

    test_check_reaches_the_other_side_and_leaves_it_alone = None
    test_check_says_when_the_other_side_is_not_there = None
    test_find_finds_what_load_wrote_and_nothing_else = None
    test_an_unreachable_target_is_a_typed_error_that_a_retry_can_help = None

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
