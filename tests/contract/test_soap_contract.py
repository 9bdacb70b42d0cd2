"""The SOAP connector keeps the contract, as source and as target, on a server of the npm package `soap`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from lxml import etree
from servers import soap

from orderhub.connector import LoadItem
from orderhub.documents import Document, Party, PurchaseOrder
from orderhub.services.folder import DataFolder
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

pytestmark = pytest.mark.integration
ORDERS = "{urn:orderhub:test:orders}"


@pytest.fixture(scope="module")
def server(project_data: DataFolder) -> Iterator[soap.Exchange]:
    with soap.running(project_data.path / "cache") as running:
        yield running


@pytest.fixture
def exchange(server: soap.Exchange) -> soap.Exchange:
    server.reset()
    return server


def written(mapping: str, document: Document, given: object = None) -> SimpleNamespace:
    """What a mapping would write."""
    assert isinstance(document, PurchaseOrder)
    lines = [
        {
            "position": line.number,
            "gtin": line.item.gtin,
            "quantity": line.quantity,
            "unit": line.unit,
            "price": line.price,
        }
        for line in document.lines
    ]
    content: dict[str, Any] = {
        "number": document.number,
        "issuedOn": document.issued_on,
        "currency": document.currency,
        "buyer": document.buyer.gln if document.buyer else None,
        "supplier": document.supplier.code or document.supplier.gln if document.supplier else None,
        "line": lines,
    }
    return SimpleNamespace(tree={"order": content}, data=b"", media_type="application/xml")


class TestSoap(ConnectorContract):
    """Fetched with a mark and confirmed; submitted under a key that the service knows again."""

    connector = "soap"
    peer = "npm soap 1.13.0"

    @pytest.fixture
    def settings(self) -> Settings:
        return {
            "connection": "exchange",
            "pull": soap.PULL | {"page_size": 1, "confirm": soap.CONFIRM},
            "load": soap.LOAD,
            "find": soap.FIND,
            "faults": soap.FAULTS,
            "http": soap.HTTP,
        }

    @pytest.fixture
    def ports(self, exchange: soap.Exchange) -> PortsForTests:
        return soap.ports_of(exchange.wsdl(), write=written)

    @pytest.fixture
    def arrive(self, exchange: soap.Exchange) -> Arrive:
        return lambda name, data: exchange.put(soap.order(data.decode()))

    @pytest.fixture
    def content(self) -> Callable[[bytes], bytes]:
        return lambda data: (etree.fromstring(data).findtext(f".//{ORDERS}number") or "").encode()

    @pytest.fixture
    def state(self, exchange: soap.Exchange) -> Callable[[], object]:
        return exchange.picture

    @pytest.fixture
    def effects(self, exchange: soap.Exchange) -> Effects:
        return exchange.effects

    @pytest.fixture
    def unacceptable(self) -> LoadItem:
        return load_item(msgspec.structs.replace(sample_order("CT-bad"), supplier=Party(code="unknown")))

    @pytest.fixture
    def fail_at(self, exchange: soap.Exchange) -> FailAt:
        """The line is cut at every request in turn: once before the server has it, once after it has done it."""
        return lambda step: exchange.cut(step // 2, after=step % 2 == 1)

    @pytest.fixture
    def unreachable(self, settings: Settings) -> tuple[Settings, PortsForTests]:
        return settings, soap.ports_of("http://127.0.0.1:1/open?wsdl", write=written)


class TestSoapLookingFirst(TestSoap):
    """A service that takes the same key any number of times: the hub looks before it sends, and after."""

    @pytest.fixture
    def settings(self) -> Settings:
        return {
            "connection": "exchange",
            "pull": soap.PULL | {"page_size": 1, "confirm": soap.CONFIRM},
            "load": soap.LOAD | {"idempotent": False},
            "find": soap.FIND,
            "faults": soap.FAULTS,
            "http": soap.HTTP,
        }

    @pytest.fixture
    def exchange(self, server: soap.Exchange) -> soap.Exchange:
        server.reset()
        server.does(forgetful=True)
        return server

    @pytest.fixture
    def items(self) -> list[LoadItem]:
        """Each is two requests here."""
        return [load_item(sample_order(f"CT-{number}"), source=number) for number in range(1, 4)]

    @pytest.fixture
    def fail_at(self, exchange: soap.Exchange) -> FailAt:
        def fail(step: int) -> Any:
            return exchange.cut(step // 2, after=step % 2 == 1, forgetful=True)

        return fail
