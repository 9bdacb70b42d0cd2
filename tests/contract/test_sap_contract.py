"""The SAP connector keeps the contract on mock-sap: by a BAPI over SOAP and as JSON, and by IDocs made by the project's own
mapping, behind a line that is cut at every request.

What mock-sap does not show: it commits every call by itself, so a forgotten commit would not be seen; it files an ORDERS05
without posting it, so no refusal of an application is seen but the ones that a test orders; it has none of SAP's own tables, so
the look-up goes to its names for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from lxml import etree
from servers.line import Line
from servers.mock_sap import PASSWORD, USER, MockSap, mock_sap, version

from orderhub.connector import Credentials, LoadItem
from orderhub.documents import Document, Party, PurchaseOrder
from orderhub.flows.cache import NoCache
from orderhub.flows.lookups import CachedLookups
from orderhub.mapping.registry import MappingRegistry
from orderhub.testing import (
    ConnectorContract,
    Effects,
    FailAt,
    PortsForTests,
    Settings,
    load_item,
    sample_order,
)
from orderhub.transport.payload import mark_of

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"
SOAP = "/sap/bc/srt/rfc/sap/orders/100/orders/binding"
VENDOR_MISSING = "9999999"


@pytest.fixture(scope="module")
def sap_process() -> Iterator[MockSap]:
    with mock_sap() as system:
        yield system


@pytest.fixture(scope="module")
def vendor(sap_process: MockSap) -> str:
    answer = sap_process.http.get(
        "/sap/opu/odata/sap/API_BUSINESS_PARTNER_SRV/A_BusinessPartner",
        params={"$format": "json", "$top": "1"},
    )
    number: str = answer.json()["d"]["results"][0]["BusinessPartner"]
    return number


def bapi_parameters(mapping: str, document: Document, given: Any = None) -> Any:
    """The hub's port ``write``, as a mapping to BAPI_PO_CREATE1 would fill it."""
    assert mapping == "purchase_order__bapi_po_create1"
    assert isinstance(document, PurchaseOrder)
    assert document.supplier is not None
    header = {
        "COMP_CODE": "1710",
        "DOC_TYPE": "NB",
        "VENDOR": document.supplier.code,
        "CURRENCY": document.currency,
    }
    items = [
        {
            "PO_ITEM": f"{line.number * 10:05d}",
            "QUANTITY": line.quantity,
            "NET_PRICE": line.price or Decimal(0),
            "PO_UNIT": "PC",
        }
        for line in document.lines
    ]
    return SimpleNamespace(
        tree={"POHEADER": header, "POITEM": items}, data=b"", media_type="application/json"
    )


class TestSapBapi(ConnectorContract):
    connector = "sap"
    form, path, length = "soap", SOAP, 40

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
            "params": {"sap-client": "100"},
            "token_path": "/sap/bc/rfc",
            "send": {
                "by": "bapi",
                "form": self.form,
                "path": self.path,
                "mapping": "purchase_order__bapi_po_create1",
                "key": "POITEM.0.SHORT_TEXT",
                "key_length": self.length,
            },
            "find": {
                "by": "table",
                "form": self.form,
                "path": self.path,
                "table": "A_PurchaseOrderItem",
                "field": "PurchaseOrderItemText",
                "reference": "PurchaseOrder",
            },
            "http": {"retry": {"attempts": 1}, "breaker": {"failures": 1000}, "timeout_seconds": 60},
        }

    @pytest.fixture
    def write(self) -> Callable[..., Any]:
        return bapi_parameters

    @pytest.fixture
    def ports(self, line: Line, write: Callable[..., Any]) -> PortsForTests:
        sap = Credentials(url=line.url, user=USER, secret=PASSWORD)
        return PortsForTests(credentials={"sap": sap}, resources={"write": write})

    @pytest.fixture
    def effects(self, sap: MockSap) -> Effects:
        def count(keys: Sequence[str]) -> dict[str, int]:
            found = sap.counts([mark_of(key, self.length) for key in keys])
            return {
                key: found[mark_of(key, self.length)] for key in keys if mark_of(key, self.length) in found
            }

        return count

    @pytest.fixture
    def state(self, sap: MockSap) -> Callable[[], object]:
        return sap.orders

    @pytest.fixture
    def items(self, vendor: str) -> list[LoadItem]:
        def order(number: str) -> PurchaseOrder:
            return msgspec.structs.replace(sample_order(number), supplier=Party(code=vendor, name="V"))

        made = [load_item(order(f"CT-{number}"), source=number) for number in range(1, 3)]
        return [
            *made,
            load_item(order("CT-3"), key="acme/purchase_order/longer than it's room there/0", source=3),
        ]

    @pytest.fixture
    def unacceptable(self) -> LoadItem | None:
        """Answered with status 200 and a RETURN of type E."""
        return load_item(msgspec.structs.replace(sample_order("CT-bad"), supplier=Party(code=VENDOR_MISSING)))

    @pytest.fixture
    def fail_at(self, line: Line) -> FailAt:
        return lambda step: line.cut(step // 2, after=step % 2 == 1)

    @pytest.fixture
    def unreachable(self, settings: Settings, write: Callable[..., Any]) -> tuple[Settings, PortsForTests]:
        nowhere = Credentials(url="http://127.0.0.1:1", user=USER, secret=PASSWORD)
        return settings, PortsForTests(credentials={"sap": nowhere}, resources={"write": write})


class TestSapBapiAsJson(TestSapBapi):
    """mock-sap's own way of calling; a real SAP has it where somebody wrote a wrapper."""

    form, path = "json", "/sap/bc/rfc"
    test_the_manifest_is_readable_without_the_connector_and_its_driver = None
    test_the_constructor_does_no_io = None
    test_check_says_when_the_other_side_is_not_there = None


class TestSapIdoc(TestSapBapi):
    """ORDERS05 in XML, made by the project's mapping."""

    length = 70

    @pytest.fixture
    def line(self, sap: MockSap) -> Iterator[Line]:
        """Only what is posted counts as a step: the look-up reads every IDoc, and every step leaves some more."""
        line = Line(sap.url, lambda request: request.startswith(b"POST"))
        yield line
        line.close()

    test_the_manifest_is_readable_without_the_connector_and_its_driver = None
    test_check_says_when_the_other_side_is_not_there = None

    @pytest.fixture
    def settings(self) -> Settings:
        return {
            "connection": "sap",
            "params": {"sap-client": "100"},
            "token_path": "/sap/bc/idoc",
            "send": {
                "by": "idoc",
                "path": "/sap/bc/idoc",
                "given": {"key": "{key}", "client": "100", "sender": "ORDERHUB", "receiver": "MCKCLNT100"},
            },
            "find": {"by": "list"},
            "http": {"retry": {"attempts": 1}, "breaker": {"failures": 1000}, "timeout_seconds": 60},
        }

    @pytest.fixture
    def write(self) -> Callable[..., Any]:
        registry = MappingRegistry(MAPPINGS, lookups=CachedLookups(MAPPINGS / "lookups", NoCache()))
        return lambda mapping, document, given=None: registry.writing(mapping).write(document, given)

    @pytest.fixture
    def items(self) -> list[LoadItem]:
        long = load_item(
            sample_order("CT-3"), key=f"acme/purchase_order/{'longer than its room' * 4}/0", source=3
        )
        return [load_item(sample_order("CT-1")), long]

    @pytest.fixture
    def unacceptable(self) -> LoadItem | None:
        """A change of an order is another message, which the mapping refuses."""
        return load_item(msgspec.structs.replace(sample_order("CT-bad"), function="change"))

    @pytest.fixture
    def state(self, sap: MockSap) -> Callable[[], object]:
        return lambda: idocs(sap)

    @pytest.fixture
    def effects(self, sap: MockSap) -> Effects:
        def count(keys: Sequence[str]) -> dict[str, int]:
            there = idocs(sap)
            return {key: there[mark_of(key, 70)] for key in keys if there[mark_of(key, 70)]}

        return count

    def test_an_idoc_that_its_application_refuses_is_a_rejected_order_and_may_come_again(
        self, sap: MockSap, make: Callable[[], Any], items: list[LoadItem]
    ) -> None:
        rule = {
            "mestyp": "ORDERS",
            "status": "51",
            "message": "Sold-to party 17300001 is not defined",
            "count": 1,
        }
        sap.http.post("/_mock/idoc-posting", json=rule).raise_for_status()
        connector = make()
        [outcome] = connector.load(items[:1])
        assert (outcome.state, outcome.code) == ("rejected", "SAP_REJECTED")
        assert "Sold-to party 17300001 is not defined" in outcome.reason
        assert outcome.reference
        assert connector.find([items[0].key]) == {}
        assert connector.load(items[:1])[0].state == "written"


class TestSapFile(TestSapIdoc):
    """IDocs as files, which SAP takes away."""

    peer = "a folder"
    test_an_idoc_that_its_application_refuses_is_a_rejected_order_and_may_come_again = None
    test_a_failure_in_the_middle_leaves_what_a_retry_completes = (
        None  # test_sap_file.py kills it at every step
    )
    test_an_unreachable_target_is_a_typed_error_that_a_retry_can_help = None

    @pytest.fixture
    def settings(self) -> Settings:
        given = {"key": "{key}", "client": "100", "sender": "ORDERHUB", "receiver": "MCKCLNT100"}
        return {"send": {"by": "file", "folder": "sap/in", "given": given}}

    @pytest.fixture
    def ports(self, tmp_path: Path, write: Callable[..., Any]) -> PortsForTests:
        (tmp_path / "sap" / "in").mkdir(parents=True)
        return PortsForTests(resources={"write": write, "outbox": tmp_path})

    @pytest.fixture
    def state(self, tmp_path: Path) -> Callable[[], object]:
        return lambda: sorted(path.name for path in tmp_path.rglob("*"))

    @pytest.fixture
    def effects(self, tmp_path: Path) -> Effects:
        def count(keys: Sequence[str]) -> dict[str, int]:
            files = (tmp_path / "sap" / "in").glob("*.xml")
            found = Counter(node.text for file in files for node in etree.parse(file).iter("ARCKEY"))
            return {key: found[mark_of(key, 70)] for key in keys if found[mark_of(key, 70)]}

        return count


def idocs(sap: MockSap) -> Counter[str]:
    """The keys of the IDocs that are there, by ARCKEY."""
    rows = sap.http.get("/sap/bc/idoc", params={"limit": 1000}).json()["results"]
    found: Counter[str] = Counter()
    for row in rows:
        text = sap.http.get(f"/sap/bc/idoc/{row['docnum']}", params={"format": "xml"}).content
        found.update(node.text for node in etree.fromstring(text).iter("ARCKEY"))
    return found
