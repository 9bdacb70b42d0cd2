"""What the hub tells a connector about a file that may still be written."""

from __future__ import annotations

import pytest
from hub_harness import PROJECT

from orderhub.flows.ports import HubPorts
from orderhub.flows.registry import FlowRegistry

CSV = "order_no;quantity\r\n4711;10\r\n"


X12 = b"ISA*00*          *00*          *ZZ*A              *ZZ*B              *261123*0800*U*00401*000000001*0*P*>~"


@pytest.mark.parametrize(
    ("name", "data", "complete"),
    [
        ("orders.csv", CSV.encode(), True),
        ("orders.csv", CSV.encode()[:-2], False),
        ("orders.csv", b"order_no;quan", False),
        ("orders", CSV.encode()[:-4], False),
        ("orders.txt", b"order_n", False),
        ("orders.csv", CSV.encode("utf-16"), True),
        ("orders.csv", CSV.encode("utf-16")[:-4], False),
        ("orders.csv", CSV.encode("utf-16-be"), True),
        ("orders.edi", b"UNB+UNOC:3+A+B+261123:0800+1'UNZ+1+1'", True),
        ("orders.edi", b"UNB+UNOC:3+A+B+261123:0800+1'\n", False),
        ("orders.edi", b"UN", False),
        ("orders.edi", X12 + b"GS*PO~ST*850*1~SE*2*1~GE*1*1~IEA*1*000000001~\r\n", True),
        ("orders.edi", b"\xef\xbb\xbf" + X12 + b"GS*PO~ST*850*1~SE*2*1~", False),
        ("orders.edi", X12 + b"GS*PO~ST*850*1~IEA*1*0000", False),
        ("orders.edi", X12.replace(b"~", b"\n") + b"GS*PO\nIEA*1*000000001\n", True),
        ("orders.edi", X12.replace(b"~", b"\n") + b"GS*PO\nIEA*1*0000", False),
        ("orders.xml", b"<orders></orders>", True),
        ("orders.xml", b"<o:orders xmlns:o='urn:o'><order/></o:orders >\n<!-- end --><?end?>\n", True),
        ("orders.xml", b"<orders><order/>", False),
        ("orders.xml", b"<orders><order></order>", False),
        ("orders.xml", b"<orders><order", False),
        ("orders.xml", b"<orders from='x'/>", True),
        (
            "orders.xml",
            "<?xml version='1.0' encoding='utf-16'?><orders><o/></orders>\n".encode("utf-16"),
            True,
        ),
        ("orders.xml", "<?xml version='1.0' encoding='utf-16'?><orders><o></o>\n".encode("utf-16"), False),
    ],
)
def test_a_file_that_is_cut_does_not_pass_for_whole(name: str, data: bytes, complete: bool) -> None:
    assert HubPorts({}, {}).complete(data, name=name) is complete


def test_csv_is_given_more_time_than_what_has_an_envelope() -> None:
    settings = FlowRegistry(PROJECT / "flows").get("csv_orders").pull.settings
    assert settings["stable_seconds"] >= 2
