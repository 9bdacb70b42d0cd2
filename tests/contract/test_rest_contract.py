"""The REST connector keeps the contract, on a JSON API in a process of its own behind a line that is cut at every request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from servers.line import Line
from servers.rest import RestServer, rest_server

from orderhub.connector import Credentials, LoadItem, Settlement
from orderhub.documents import Document, PurchaseOrder
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


@dataclass
class Written:
    """What the hub's port ``write`` gives."""

    tree: dict[str, Any]
    media_type: str = "application/json"

    @property
    def data(self) -> bytes:
        return json.dumps(self.tree).encode()


def write(mapping: str, document: Document, given: Any = None) -> Written:
    assert mapping == "purchase_order__rest"
    assert isinstance(document, PurchaseOrder)
    return Written(
        {"number": document.number, "lines": [{"quantity": float(line.quantity)} for line in document.lines]}
    )


@pytest.fixture(scope="module")
def process() -> Iterator[RestServer]:
    with rest_server() as server:
        yield server


class TestRest(ConnectorContract):
    connector = "rest"
    peer = "a FastAPI server of the tests (uvicorn, own process)"

    @pytest.fixture
    def server(self, process: RestServer) -> RestServer:
        process.reset()
        return process

    @pytest.fixture
    def line(self, server: RestServer) -> Iterator[Line]:
        line = Line(server.url)
        yield line
        line.close()

    @pytest.fixture
    def settings(self) -> Settings:
        return {
            "connection": "api",
            "source": {
                "path": "/offset",
                "params": {"since": "{since}"},
                "records": "data.items",
                "paging": {"by": "offset", "size": 2},
                "incremental": {"field": "updated_at"},
                "records_per_interchange": 1,
                "poll_seconds": 60,
            },
            "target": {
                "path": "/orders",
                "mapping": "purchase_order__rest",
                "key": "external_id",
                "reference": "id",
                "find": {
                    "path": "/orders",
                    "params": {"external_id": "{key}"},
                    "records": "data",
                    "key": "external_id",
                },
            },
            "http": {"retry": {"attempts": 1}, "breaker": {"failures": 1000}, "timeout_seconds": 60},
        }

    @pytest.fixture
    def ports(self, line: Line) -> PortsForTests:
        return PortsForTests(
            credentials={"api": Credentials(url=line.url, secret="word")}, resources={"write": write}
        )

    @pytest.fixture
    def arrive(self, server: RestServer) -> Arrive:
        return server.arrive

    @pytest.fixture
    def content(self) -> Callable[[bytes], bytes]:
        return lambda data: str(json.loads(data)[0]["content"]).encode()

    @pytest.fixture
    def state(self, server: RestServer) -> Callable[[], object]:
        return lambda: {name: value for name, value in server.state().items() if name != "asked"}

    @pytest.fixture
    def effects(self, server: RestServer) -> Effects:
        def count(keys: Any) -> dict[str, int]:
            there = [order["external_id"] for order in server.state()["orders"]]
            return {key: there.count(key) for key in keys if key in there}

        return count

    @pytest.fixture
    def unacceptable(self) -> LoadItem:
        return load_item(sample_order("CT-bad"))

    @pytest.fixture
    def fail_at(self, line: Line) -> FailAt:
        """Once before the server has the request, once after it has done it."""
        return lambda step: line.cut(step // 2, after=step % 2 == 1)

    @pytest.fixture
    def unreachable(self, settings: Settings) -> tuple[Settings, PortsForTests]:
        nowhere = Credentials(url="http://127.0.0.1:1", secret="word")
        return settings, PortsForTests(credentials={"api": nowhere}, resources={"write": write})

    def test_settle_is_repeatable_also_by_another_process(
        self, make: Callable[[], Any], arrive: Arrive
    ) -> None:
        """An API keeps its records, so nothing new after the bookmark stands for nothing at all."""
        arrive("first.txt", b"1")
        arrive("second.txt", b"2")
        connector = make()
        bookmark = None
        for interchange in connector.pull(self.stream, None):
            connector.settle(interchange, Settlement.ACCEPTED)
            connector.settle(interchange, Settlement.REFUSED)
            bookmark = msgspec.json.decode(msgspec.json.encode(interchange.bookmark))
        assert list(make().pull(self.stream, bookmark)) == []
