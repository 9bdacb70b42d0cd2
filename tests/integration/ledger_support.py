"""Short ways through the ledger for its tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, text

from orderhub.connector import Outcome, OutcomeState
from orderhub.documents import Party, PurchaseOrder
from orderhub.documents.order import Line, LineItem
from orderhub.findings import Finding, Place, Severity
from orderhub.ledger import arrivals, documents, leases, outbox, translations
from orderhub.ledger.engine import retrying, transaction
from orderhub.ledger.records import (
    Accepted,
    Arrival,
    MappingStamp,
    Recorded,
    Suite,
    Target,
    TranslatedDocument,
    TranslationSummary,
    Work,
)
from orderhub.ledger.states import InterchangeState

FLOW = "acme_orders"
STAMP = MappingStamp("edifact_orders", 3, "hash-of-mapping")
SUITE = Suite("core", "hash-of-suite")
WAREHOUSE = (Target("warehouse"),)
BOTH = (Target("warehouse"), Target("tryton"))
T = TypeVar("T")


def order(number: str, *, quantity: int = 1, revision: int = 0, lines: int = 1, **more: Any) -> PurchaseOrder:
    values: dict[str, Any] = {
        "issued_on": dt.date(2026, 3, 1),
        "currency": "EUR",
        "buyer": Party(name="Acme Einkauf GmbH", gln="4012345000009"),
        "supplier": Party(name="华东轴承有限公司", code="S-100"),
        "lines": [
            Line(
                number=index,
                item=LineItem(gtin="4012345000009"),
                quantity=Decimal(quantity),
                unit="PCE",
                price=Decimal("1.50"),
            )
            for index in range(1, lines + 1)
        ],
    }
    return PurchaseOrder(number=number, revision=revision, **(values | more))


def finding(rule: str = "quantity_positive", field: str = "lines[0].quantity") -> Finding:
    return Finding(
        code="RULE",
        severity=Severity.ERROR,
        message="The quantity is negative. Ask the sender.",
        place=Place(segment="QTY", segment_number=7, offset=321),
        rule=rule,
        value="-1",
        field=field,
    )


def arrive(
    connection: Connection, name: str, *, flow: str = FLOW, sha256: str | None = None, **more: Any
) -> Recorded:
    arrival = {
        "company": "acme",
        "flow": flow,
        "agreement": "acme_edi",
        "connector": "folder",
        "stream": "orders",
        "name": name,
        "arrival": name,
        "sha256": sha256 or f"sha of {name}",
    } | more
    return arrivals.record_arrival(connection, Arrival(**arrival))


def receive(engine: Engine, name: str, **more: Any) -> int:
    """An arrival in a transaction of its own; its id."""
    with transaction(engine) as connection:
        return arrive(connection, name, **more).id


def translate(
    engine: Engine,
    found: Sequence[PurchaseOrder | TranslatedDocument],
    *,
    flow: str = FLOW,
    state: InterchangeState = InterchangeState.TRANSLATED,
) -> int:
    """Claim the oldest waiting interchange of the flow and translate it into these; its id."""
    with transaction(engine) as connection:
        (claim,) = leases.claim_received(connection, flow, worker="t", limit=1)
    made = [
        each
        if isinstance(each, TranslatedDocument)
        else TranslatedDocument(ordinal=place, document=each, mapping=STAMP)
        for place, each in enumerate(found, 1)
    ]
    wanted = [each for each in made if claim.ordinals is None or each.ordinal in claim.ordinals]
    with transaction(engine) as connection:
        documents.insert_translated(connection, claim, wanted)
        summary = TranslationSummary(state=state, format="edifact", message="ORDERS", messages=len(made))
        translations.finish_translation(connection, claim, summary)
    return claim.id


def validate(
    engine: Engine,
    *,
    targets: Sequence[Target] = WAREHOUSE,
    bad: Callable[[str], bool] = lambda number: False,
    flow: str = FLOW,
    size: int = 500,
    worker: str = "v",
) -> Accepted:
    """Validate what waits; numbers for which ``bad`` is true go to quarantine. What became of all of it."""
    total = Accepted(accepted=[], duplicates={}, conflicts={})
    with transaction(engine) as connection:
        batches = documents.make_batches(connection, flow, size=size)
    for batch in batches:
        with transaction(engine) as connection:
            claim = documents.claim_batch(connection, batch, worker=worker)
        if claim is None:
            continue

        def settle(connection: Connection, claim: Any = claim) -> Accepted:
            good = [each.id for each in claim.documents if not bad(each.number)]
            documents.quarantine(
                connection,
                {each.id: [finding()] for each in claim.documents if bad(each.number)},
                suite=SUITE,
            )
            result = documents.accept(connection, good, targets=targets, suite=SUITE)
            documents.finish_batch(connection, claim)
            return result

        part = retrying(engine, settle)
        total.accepted.extend(part.accepted)
        total.duplicates.update(part.duplicates)
        total.conflicts.update(part.conflicts)
    return total


def lease(engine: Engine, target: str = "warehouse", **more: Any) -> list[Work]:
    with transaction(engine) as connection:
        return outbox.lease(connection, FLOW, target, **({"worker": "l"} | more))


def record(
    engine: Engine, works: Sequence[Work], state: OutcomeState = OutcomeState.WRITTEN, **more: Any
) -> None:
    with transaction(engine) as connection:
        outbox.record_outcomes(
            connection, works, [Outcome(key=work.key, state=state, **more) for work in works]
        )


def load(engine: Engine, target: str = "warehouse") -> list[Work]:
    works = lease(engine, target)
    record(engine, works, reference="PO1")
    return works


def states(engine: Engine) -> dict[str, list[str]]:
    """Order number → states of its documents, oldest first."""
    found: dict[str, list[str]] = {}
    for row in rows(engine, "SELECT number, state FROM ledger.document ORDER BY id"):
        found.setdefault(row[0], []).append(row[1])
    return found


def rows(engine: Engine, query: str, **values: Any) -> list[Any]:
    with transaction(engine) as connection:
        return list(connection.execute(text(query), values).all())


def execute(engine: Engine, statement: str) -> None:
    with transaction(engine) as connection:
        connection.execute(text(statement))


def together(work: Callable[[int], T], count: int = 4) -> list[T]:
    """Run the work in threads at the same time."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def ids(engine: Engine, numbers: Iterable[str]) -> list[int]:
    return [
        row[0]
        for row in rows(
            engine,
            "SELECT id FROM ledger.document WHERE number = ANY(CAST(:numbers AS text[])) ORDER BY id",
            numbers=list(numbers),
        )
    ]
