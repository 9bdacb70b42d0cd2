"""Purchases into Tryton: the connector's load against the fewest JSON-RPC calls that do it.

Both bring 200 purchases of five lines into a real Tryton 8.2 (its queue worker at work, as the hub runs it). Bare is one script
that knows every id, asks for nothing and looks nothing up: create, quote, confirm, read the numbers, each call for so many
purchases as is fastest here. The connector finds suppliers and products by their codes, marks its purchases, looks before it
writes and again before it confirms. Wall time, for the work is the server's; the contestants take turns, and between two runs
the worker has done what the last one left it.
"""

from __future__ import annotations

import datetime as dt
import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from benchmarks import Result
from benchmarks.servers import tryton
from connectors.tryton.purchases import ORDERED
from orderhub.connector import Connector, Credentials, LoadItem, OutcomeState
from orderhub.connector_registry import registry
from orderhub.documents import Line, Party, PurchaseOrder
from orderhub.documents.order import LineItem
from orderhub.services.endpoints import Endpoints
from orderhub.services.tryton.rpc import Session
from orderhub.testing import PortsForTests, load_item

BENCH = True

PURCHASES = 200
LIMIT = 0.8
#: Purchases per call that are tried for the bare script.
CHUNKS = (25, 50, 200)
#: The worker needs its time after each run.
MOST_ROUNDS = 3
#: Of the sample master data: products of one supplier, and one of another.
SUPPLIER = "S1001"
PRODUCTS = ("OH-10001", "OH-10002", "OH-10003", "OH-10004", "OH-10013")
PRICE, QUANTITY = Decimal("0.12"), 10
DAY = dt.date(2026, 11, 2)
#: Longest wait for the worker.
PATIENCE = 900.0
_numbers = itertools.count(1)


def orders() -> list[LoadItem]:
    """Orders that were never sent before."""
    return [
        load_item(
            PurchaseOrder(
                number=f"TL-{next(_numbers)}",
                issued_on=DAY,
                currency="EUR",
                buyer=Party(name="ACME Retail GmbH"),
                supplier=Party(code=SUPPLIER),
                lines=[
                    Line(
                        number=number,
                        item=LineItem(buyer_code=code),
                        quantity=Decimal(QUANTITY),
                        unit="C62",
                        price=PRICE,
                    )
                    for number, code in enumerate(PRODUCTS, 1)
                ],
            )
        )
        for _ in range(PURCHASES)
    ]


class Bare:
    """The script: one session, all ids known."""

    def __init__(self, session: Session) -> None:
        self._session = session
        [party] = session.read("party.party", [["code", "=", SUPPLIER]], ["addresses"])
        [currency] = session.find("currency.currency", [["code", "=", "EUR"]])
        products = session.read("product.product", [["code", "in", list(PRODUCTS)]], ["default_uom"])
        self._head = {
            "company": session.context["company"],
            "party": party["id"],
            "invoice_address": party["addresses"][0],
            "currency": currency,
            "purchase_date": DAY,
        }
        self._lines = [
            {"product": row["id"], "unit": row["default_uom"], "quantity": QUANTITY, "unit_price": PRICE}
            for row in products
        ]

    def load(self, items: Sequence[LoadItem], chunk: int) -> list[str]:
        """Create, quote, confirm; the numbers."""
        found: list[str] = []
        for start in range(0, len(items), chunk):
            values = [
                {**self._head, "reference": item.document.number, "lines": [["create", self._lines]]}
                for item in items[start : start + chunk]
            ]
            ids = self._session.create("purchase.purchase", values)
            for button in ("quote", "confirm"):
                self._session.call(f"model.purchase.purchase.{button}", ids)
            rows = self._session.call("model.purchase.purchase.read", ids, ["number"])
            found += [row["number"] for row in rows]
        return found


def rest(session: Session, numbers: Sequence[str]) -> None:
    """Wait until the worker has processed these.

    :raises SystemExit: it has not, or they are not all there once.
    """
    named = [["reference", "in", list(numbers)]]
    there = session.read("purchase.purchase", [*named, ["state", "in", list(ORDERED)]], ["number"])
    if len(there) != len(numbers):
        raise SystemExit(f"{len(there)} of {len(numbers)} purchases are confirmed")
    end = time.monotonic() + PATIENCE
    while session.find("purchase.purchase", [*named, ["state", "=", "confirmed"]], limit=1):
        if time.monotonic() > end:
            raise SystemExit("the worker does not get on")
        time.sleep(0.5)


@contextmanager
def contestants() -> Iterator[tuple[Connector[Any], Bare, Session]]:
    """The connector and the script, each with a session of its own, and one for asking."""
    with tryton() as reach, _session(reach) as asking, _session(reach) as own:
        credentials = Credentials(
            url=reach.erp_url,
            user=reach.erp_user,
            secret=reach.erp_password,
            extra={"database": reach.erp_database},
        )
        ports = PortsForTests(credentials={"erp": credentials})
        connector = registry().create("tryton", {"connection": "erp", "timeout_seconds": 300}, ports)
        try:
            yield connector, Bare(own), asking
        finally:
            connector.close()


def _session(reach: Endpoints) -> Session:
    return Session(reach.erp_url, reach.erp_database, reach.erp_user, reach.erp_password, timeout_seconds=300)


def run(rounds: int) -> list[Result]:
    with contestants() as (connector, bare, asking):

        def load(items: list[LoadItem]) -> None:
            outcomes = connector.load(items)
            if {outcome.state for outcome in outcomes} != {OutcomeState.WRITTEN}:
                raise SystemExit(next(one for one in outcomes if one.state is not OutcomeState.WRITTEN))

        def script(items: list[LoadItem], chunk: int) -> None:
            if len(set(bare.load(items, chunk))) != len(items):
                raise SystemExit("the script has numbers twice")

        def seconds(chunk: int | None) -> float:
            items = orders()
            start = time.perf_counter()
            if chunk is None:
                load(items)
            else:
                script(items, chunk)
            taken = time.perf_counter() - start
            rest(asking, [str(item.document.number) for item in items])
            return taken

        seconds(None)  # Tryton reads its configuration once
        tried = {chunk: seconds(chunk) for chunk in CHUNKS}
        best = min(tried, key=lambda chunk: tried[chunk])
        # each beside the other, and each first in turn: what else the machine does falls on both
        pairs: list[tuple[float, float]] = []
        for number in range(min(rounds, MOST_ROUNDS)):
            turns = (None, best) if number % 2 == 0 else (best, None)
            taken = {chunk: seconds(chunk) for chunk in turns}
            pairs.append((taken[None], taken[best]))
    ours_rate, bare_rate = (PURCHASES / statistics.median(taken) for taken in zip(*pairs, strict=True))
    return [
        Result(
            f"{PURCHASES} purchases of {len(PRODUCTS)} lines into Tryton / bare JSON-RPC, {best} a call (limit {LIMIT})",
            round(ours_rate, 1),
            round(bare_rate, 1),
            round(statistics.median(bare / own for own, bare in pairs), 3),
            "purchases/s",
        )
    ]
