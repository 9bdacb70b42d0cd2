"""The OData connector keeps the contract: as a target on mock-sap (V2, V2 by $batch, V4) behind a line that is cut at every
request, as a source on a small V4 service of the tests' own that cuts pages and gives delta links.

What mock-sap does not show: it takes any vendor, plant and material and prices nothing, so no refusal of SAP's own rules is
seen here, only those of its $metadata; and it has no field for a reference at the head of an order, so the hub's key stands on
the first item's text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from servers.line import Line
from servers.mock_sap import PASSWORD, USER, V2, V4, MockSap, mock_sap, version
from servers.odata4 import Odata4

from orderhub.connector import Capability, Credentials, LoadItem, Settlement
from orderhub.documents import Document, Party, PurchaseOrder
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
from orderhub.transport.payload import mark_of

LENGTH = 40


def write(mapping: str, document: Document, given: Any = None) -> Any:
    """The hub's port ``write``, as a mapping to API_PURCHASEORDER would fill it."""
    assert mapping == "purchase_order__sap_odata"
    assert isinstance(document, PurchaseOrder)
    items = [
        {
            "PurchaseOrderItem": str(line.number * 10),
            "Material": line.item.gtin,
            "OrderQuantity": line.quantity,
            "PurchaseOrderQuantityUnit": "PC",
            "NetPriceAmount": line.price,
            "NetPriceQuantity": Decimal(1),
        }
        for line in document.lines
    ]
    tree = {
        "PurchaseOrderType": "NB",
        "CompanyCode": "1710",
        "Supplier": (document.supplier.code or "17300001") if document.supplier else "",
        "DocumentCurrency": document.currency,
        "PurchaseOrderDate": document.issued_on.isoformat(),
        "to_PurchaseOrderItem": items,
    }
    return SimpleNamespace(tree=tree, data=b"", media_type="application/json")


def without(*capabilities: Capability) -> Callable[[type], type]:
    """Leaves out the tests of what a server does not have; another class has them."""

    def leave_out(cls: type) -> type:
        for attribute in dir(cls):
            needed = getattr(getattr(cls, attribute), "needs", Capability(0))
            if isinstance(needed, Capability) and any(one in needed for one in capabilities):
                setattr(cls, attribute, None)
        return cls

    return leave_out


@pytest.fixture(scope="module")
def sap_process() -> Iterator[MockSap]:
    with mock_sap() as system:
        yield system


QUICK = {"retry": {"attempts": 1}, "breaker": {"failures": 1000}, "timeout_seconds": 60}


@without(Capability.PULL)
class TestOdataSapV2(ConnectorContract):
    connector = "odata"
    service, set, version, items_set = V2, "A_PurchaseOrder", "2", "A_PurchaseOrderItem"
    batch_size = 1

    @pytest.fixture
    def peer(self) -> str:
        return version()

    @pytest.fixture
    def sap(self, sap_process: MockSap) -> MockSap:
        sap_process.reset()
        return sap_process

    @pytest.fixture
    def line(self, sap: MockSap) -> Iterator[Line]:
        line = Line(sap.url)
        yield line
        line.close()

    @pytest.fixture
    def settings(self) -> Settings:
        return {
            "connection": "sap",
            "service": self.service,
            "version": self.version,
            "params": {"sap-client": "100"},
            "target": {
                "set": self.set,
                "mapping": "purchase_order__sap_odata",
                "key": {"path": "to_PurchaseOrderItem.0.PurchaseOrderItemText", "length": LENGTH},
                "find": {
                    "set": self.items_set,
                    "field": "PurchaseOrderItemText",
                    "reference": "PurchaseOrder",
                },
                "reference": "PurchaseOrder",
                "batch_size": self.batch_size,
            },
            "http": QUICK,
        }

    @pytest.fixture
    def ports(self, line: Line) -> PortsForTests:
        sap = Credentials(url=line.url, user=USER, secret=PASSWORD)
        return PortsForTests(credentials={"sap": sap}, resources={"write": write})

    @pytest.fixture
    def effects(self, sap: MockSap) -> Effects:
        def count(keys: Any) -> dict[str, int]:
            found = sap.counts([mark_of(key, LENGTH) for key in keys])
            return {key: found[mark_of(key, LENGTH)] for key in keys if mark_of(key, LENGTH) in found}

        return count

    @pytest.fixture
    def state(self, sap: MockSap) -> Callable[[], object]:
        return sap.orders

    @pytest.fixture
    def items(self) -> list[LoadItem]:
        """The last one's key fits no field of SAP's and goes there as a digest."""
        made = [load_item(sample_order(f"CT-{number}"), source=number) for number in range(1, 4)]
        long = load_item(
            sample_order("CT-4"), key="acme/purchase_order/a number that is as long as it's odd/0", source=4
        )
        return [*made, long]

    @pytest.fixture
    def unacceptable(self) -> LoadItem:
        """Refused by the length that $metadata gives a vendor's number."""
        order = msgspec.structs.replace(sample_order("CT-bad"), supplier=Party(code="much-too-long-for-SAP"))
        return load_item(order)

    @pytest.fixture
    def fail_at(self, line: Line) -> FailAt:
        return lambda step: line.cut(step // 2, after=step % 2 == 1)

    @pytest.fixture
    def unreachable(self, settings: Settings) -> tuple[Settings, PortsForTests]:
        nowhere = Credentials(url="http://127.0.0.1:1", user=USER, secret=PASSWORD)
        return settings, PortsForTests(credentials={"sap": nowhere}, resources={"write": write})


class TestOdataSapBatch(TestOdataSapV2):
    """By $batch, two orders in each, a change set for every order."""

    test_the_manifest_is_readable_without_the_connector_and_its_driver = None
    test_the_constructor_does_no_io = None
    test_check_says_when_the_other_side_is_not_there = None

    batch_size = 2


class TestOdataSapV4(TestOdataSapV2):
    test_the_manifest_is_readable_without_the_connector_and_its_driver = None
    test_the_constructor_does_no_io = None
    test_check_says_when_the_other_side_is_not_there = None
    service, set, version, items_set = V4, "PurchaseOrder", "4", "PurchaseOrderItem"
    batch_size = 3


@without(Capability.LOAD, Capability.FIND)
class TestOdataSource(ConnectorContract):
    connector = "odata"
    peer = "a V4 service of the tests (pages of 2, delta links)"
    incremental: dict[str, Any] = {"by": "delta"}  # noqa: RUF012 - never changed

    @pytest.fixture
    def service(self) -> Iterator[Odata4]:
        service = Odata4()
        yield service
        service.close()

    @pytest.fixture
    def settings(self) -> Settings:
        return {
            "connection": "api",
            "version": "4",
            "source": {
                "set": "Records",
                "incremental": self.incremental,
                "records_per_interchange": 1,
                "poll_seconds": 60,
            },
            "http": QUICK,
        }

    @pytest.fixture
    def ports(self, service: Odata4) -> PortsForTests:
        return PortsForTests(credentials={"api": Credentials(url=service.url)})

    @pytest.fixture
    def arrive(self, service: Odata4) -> Arrive:
        return service.arrive

    @pytest.fixture
    def content(self) -> Callable[[bytes], bytes]:
        return lambda data: str(json.loads(data)[0]["Content"]).encode()

    @pytest.fixture
    def state(self, service: Odata4) -> Callable[[], object]:
        return lambda: list(service.changes)

    @pytest.fixture
    def unreachable(self, settings: Settings) -> tuple[Settings, PortsForTests]:
        return settings, PortsForTests(credentials={"api": Credentials(url="http://127.0.0.1:1")})

    def test_settle_is_repeatable_also_by_another_process(
        self, make: Callable[[], Any], arrive: Arrive
    ) -> None:
        """A service keeps its entities, so nothing new after the bookmark stands for nothing at all."""
        arrive("first", b"1")
        arrive("second", b"2")
        connector = make()
        bookmark = None
        for interchange in connector.pull(self.stream, None):
            connector.settle(interchange, Settlement.ACCEPTED)
            connector.settle(interchange, Settlement.REFUSED)
            bookmark = msgspec.json.decode(msgspec.json.encode(interchange.bookmark))
        assert list(make().pull(self.stream, bookmark)) == []


class TestOdataSourceByField(TestOdataSource):
    test_the_manifest_is_readable_without_the_connector_and_its_driver = None
    test_the_constructor_does_no_io = None
    test_check_says_when_the_other_side_is_not_there = None
    incremental = {"by": "field", "field": "UpdatedAt"}  # noqa: RUF012 - never changed
