"""mock-sap from PyPI as a process on a free port: OData V2 and V4, IDoc and RFC in SAP's shapes, gone with the test run.

It is lenient: it takes any vendor, plant and material, prices nothing and releases nothing. It counts documents truly, keeps
change sets whole, wants its token against forged requests, and cuts lengths by its $metadata.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from servers import lifetime

USER, PASSWORD = "HUB", "word"
V2 = "/sap/opu/odata/sap/API_PURCHASEORDER_PROCESS_SRV"
V4 = "/sap/opu/odata4/sap/api_purchaseorder/srvd_a2x/sap/api_purchaseorder/0001"


class MockSap:
    """A running system; everything here goes past the connectors."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, trust_env=False, auth=(USER, PASSWORD), timeout=60)

    def reset(self) -> None:
        """Its first state, without orders; sessions and tokens end."""
        self.http.post("/_mock/reset", json={"orders": 0, "purchaseOrders": 0}).raise_for_status()

    def fault(self, **rule: Any) -> None:
        """Answer so to the requests that fit (``method``, ``match``, ``status`` or ``scenario``, ``count``)."""
        self.http.post("/_mock/faults", json=rule).raise_for_status()

    def forgive(self) -> int:
        """Take all faults away; how many requests they concerned."""
        rules = self.http.get("/_mock/faults").raise_for_status().json()["results"]
        self.http.delete("/_mock/faults").raise_for_status()
        return sum(int(rule["hits"]) for rule in rules)

    def items(self) -> list[dict[str, Any]]:
        """All items of purchase orders."""
        answer = self.http.get(f"{V2}/A_PurchaseOrderItem", params={"$format": "json"})
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["d"]["results"]
        return found

    def orders(self) -> list[dict[str, Any]]:
        """All purchase orders, with their items."""
        params = {"$format": "json", "$expand": "to_PurchaseOrderItem"}
        answer = self.http.get(f"{V2}/A_PurchaseOrder", params=params)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["d"]["results"]
        return found

    def counts(self, marks: Sequence[str]) -> dict[str, int]:
        """In how many orders each text stands on an item."""
        orders: defaultdict[str, set[str]] = defaultdict(set)
        for item in self.items():
            orders[item["PurchaseOrderItemText"]].add(item["PurchaseOrder"])
        return {mark: len(orders[mark]) for mark in marks if mark in orders}

    def asked(self) -> Counter[str]:
        """How often each method and last step of a path was asked for since the reset."""
        answer = self.http.get("/_mock/requests", params={"limit": 1000})
        answer.raise_for_status()
        return Counter(
            f"{row['method']} {row['path'].rpartition('/')[2]}" for row in answer.json()["results"]
        )

    def close(self) -> None:
        self.http.close()


def version() -> str:
    """For the table of connectors."""
    return f"mock-sap {importlib.metadata.version('mock-sap')} (lenient: any vendor, plant, material)"


@contextmanager
def mock_sap(*options: str) -> Iterator[MockSap]:
    """A running system."""
    if importlib.util.find_spec("mocksap") is None:
        pytest.skip("mock-sap is missing: pip install mock-sap")
    command = [sys.executable, "-m", "mocksap", "--port", "0", "-q", "--auth", f"{USER}:{PASSWORD}", *options]
    with lifetime.start(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"http://[\d.]+:\d+", process.stdout.readline())
            if found is None:
                raise RuntimeError("mock-sap did not say where it listens")
            system = MockSap(found[0])
            system.reset()
            yield system
            system.close()
        finally:
            process.kill()
