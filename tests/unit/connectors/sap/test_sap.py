"""SAP: what RETURN says, whatever the status; what becomes of answers that are lost; texts that stay texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from servers.line import Line
from servers.mock_sap import PASSWORD, USER, MockSap, mock_sap

from connectors.sap.connector import SapConnector
from connectors.sap.looking import condition
from connectors.sap.rfc import parse_xml, rows_of, value_of
from connectors.sap.settings import SapSettings
from orderhub.connector import Credentials, OutcomeState
from orderhub.errors import ConnectorProtocolError, ConnectorRefused
from orderhub.testing import PortsForTests, load_item, sample_order

SOAP = "/sap/bc/srt/rfc/sap/orders/100/orders/binding"
Make = Callable[..., SapConnector]


@pytest.fixture(scope="module")
def sap_process() -> Iterator[MockSap]:
    with mock_sap() as system:
        yield system


@pytest.fixture
def sap(sap_process: MockSap) -> MockSap:
    sap_process.reset()
    return sap_process


@pytest.fixture
def vendor(sap: MockSap) -> str:
    path = "/sap/opu/odata/sap/API_BUSINESS_PARTNER_SRV/A_BusinessPartner"
    rows = sap.http.get(path, params={"$format": "json", "$top": "1"}).json()["d"]["results"]
    return str(rows[0]["BusinessPartner"])


@pytest.fixture
def make(sap: MockSap, vendor: str) -> Iterator[Make]:
    made: list[SapConnector] = []

    def write(mapping: str, document: Any, given: Any = None) -> Any:
        tree = {
            "POHEADER": {"VENDOR": vendor},
            "POITEM": [{"QUANTITY": document.lines[0].quantity, "MATERIAL": "<&>\x01"}],
        }
        return SimpleNamespace(tree=tree)

    def build(url: str | None = None, **send: Any) -> SapConnector:
        settings = SapSettings.model_validate(
            {
                "connection": "sap",
                "token_path": "/sap/bc/rfc",
                "send": {
                    "by": "bapi", "path": SOAP, "mapping": "m", "key": "POITEM.0.SHORT_TEXT", "key_length": 40, **send,
                },
                "find": {
                    "by": "table", "path": SOAP, "table": "A_PurchaseOrderItem", "field": "PurchaseOrderItemText",
                    "reference": "PurchaseOrder",
                },
                "http": {"retry": {"attempts": 1}, "breaker": {"failures": 1000}},
            }
        )  # fmt: skip
        credentials = Credentials(url=url or sap.url, user=USER, secret=PASSWORD)
        made.append(
            SapConnector(
                settings, PortsForTests(credentials={"sap": credentials}, resources={"write": write})
            )
        )
        return made[-1]

    yield build
    for connector in made:
        connector.close()


def says(sap: MockSap, function: str, kind: str, message: str, count: int = 1) -> None:
    rule = {
        "function": function,
        "type": kind,
        "message": message,
        "id": "06",
        "number": "083",
        "count": count,
    }
    sap.http.post("/_mock/bapi-behaviour", json=rule).raise_for_status()


def calls(sap: MockSap) -> list[str]:
    rows = sap.http.get("/_mock/rfc-log", params={"limit": 100}).json()["results"]
    return [row["function_name"] for row in reversed(rows)]


@pytest.mark.parametrize("kind", ["E", "A"])
def test_status_200_with_an_error_in_return_is_an_error(sap: MockSap, make: Make, kind: str) -> None:
    says(sap, "BAPI_PO_CREATE1", kind, "Release group is missing")
    [outcome] = make().load([load_item(sample_order("S-1"))])
    assert (outcome.state, outcome.code) == (OutcomeState.REJECTED, "SAP_REJECTED")
    assert outcome.reason == "Release group is missing (06/083)"
    assert sap.orders() == []
    assert calls(sap)[-2:] == ["BAPI_PO_CREATE1", "BAPI_TRANSACTION_ROLLBACK"]


def test_a_warning_is_none(sap: MockSap, make: Make) -> None:
    says(sap, "BAPI_PO_CREATE1", "W", "Delivery date is a Sunday")
    [outcome] = make().load([load_item(sample_order("S-1"))])
    assert outcome.state is OutcomeState.WRITTEN
    [order] = sap.orders()
    assert outcome.reference == order["PurchaseOrder"]
    assert calls(sap)[-2:] == ["BAPI_PO_CREATE1", "BAPI_TRANSACTION_COMMIT"]


def test_a_commit_that_fails_is_looked_up(sap: MockSap, make: Make) -> None:
    """mock-sap has committed by then, so the look-up finds the order; a real SAP would have forgotten it."""
    says(sap, "BAPI_TRANSACTION_COMMIT", "E", "Update was terminated")
    [outcome] = make().load([load_item(sample_order("S-1"))])
    assert outcome.state is OutcomeState.WRITTEN
    assert calls(sap)[-1] == "RFC_READ_TABLE"
    assert len(sap.orders()) == 1


def test_a_lost_answer_is_looked_up_and_not_sent_again(sap: MockSap, make: Make) -> None:
    line = Line(sap.url, lambda request: b"BAPI_PO_CREATE1" in request)
    items = [load_item(sample_order(f"S-{number}")) for number in range(3)]
    try:
        with line.cut(1, after=True):
            outcomes = make(line.url).load(items)
    finally:
        line.close()
    assert [outcome.state for outcome in outcomes] == [OutcomeState.WRITTEN] * 3
    assert len(sap.orders()) == 3


def test_an_error_before_sap_is_unclear_and_a_fault_of_sap_is_a_sentence(sap: MockSap, make: Make) -> None:
    sap.http.post("/_mock/faults", json={"match": "srt", "method": "POST", "status": 502}).raise_for_status()
    health = make().check()
    assert not health.ok
    sap.http.delete("/_mock/faults")
    with pytest.raises(ConnectorRefused, match="Z_NOT_THERE does not exist"):
        make(function="Z_NOT_THERE").load([load_item(sample_order("S-1"))])


def test_an_answer_to_a_call_that_nobody_can_read_is_looked_up(sap: MockSap, make: Make) -> None:
    """The function module may have done its work."""
    sap.fault(match="/rfc/sap/calls/", method="POST", status=200, message="good, and no SOAP")
    connector = make(path="/sap/bc/srt/rfc/sap/calls/100/calls/binding")
    [outcome] = connector.load([load_item(sample_order("S-1"))])
    assert outcome.state is OutcomeState.UNCLEAR
    assert sap.forgive() == 1
    assert connector.load([load_item(sample_order("S-1"))])[0].state is OutcomeState.WRITTEN


def test_texts_stay_texts() -> None:
    assert condition("BEDNR", "a' OR '1' = '1") == ["BEDNR EQ 'a'' OR ''1'' = ''1'"]
    assert all(len(line) <= 72 for line in condition("FIELD", "x" * 70))
    assert value_of(parse_xml(b"<a><T><item><B>1</B></item><item><B/></item></T><C>x</C></a>", "x")) == {
        "T": [{"B": "1"}, {"B": ""}],
        "C": "x",
    }
    assert rows_of({"RETURN": {"TYPE": "E"}}, "RETURN") == [{"TYPE": "E"}]
    assert rows_of({"RETURN": ""}, "RETURN") == []
    with pytest.raises(ConnectorProtocolError, match="DOCTYPE"):
        parse_xml(b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "x")


@pytest.mark.parametrize(
    "change",
    [
        {"find": {"by": "list"}},
        {"token_path": "http://evil.example/"},
        {"send": {"by": "idoc", "path": "//evil.example/x"}},
        {"find": {"by": "table", "table": "T' OR '1", "field": "A", "reference": "B"}},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(change: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "connection": "sap",
        "send": {"by": "bapi", "mapping": "m", "key": "POITEM.0.TRACKINGNO"},
        "find": {"by": "table", "table": "EKPO", "field": "BEDNR", "reference": "EBELN"},
    }
    SapSettings.model_validate(good)
    with pytest.raises(ValueError, match="validation error"):
        SapSettings.model_validate({**good, **change})
