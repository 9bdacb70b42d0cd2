"""The way of documents through the ledger: inserted, accepted, leased and recorded. Wall time: most of the work is
PostgreSQL's."""

from __future__ import annotations

import statistics
import time

from sqlalchemy import Engine

from benchmarks import Result
from benchmarks.order_batches import orders as made_orders
from benchmarks.servers import postgres
from orderhub.connector import Outcome, OutcomeState
from orderhub.documents import PurchaseOrder
from orderhub.ledger import arrivals, documents, leases, outbox, translations
from orderhub.ledger.engine import create_engine, transaction
from orderhub.ledger.records import Arrival, Target, TranslatedDocument, TranslationSummary
from orderhub.ledger.states import InterchangeState

BENCH = True
ORDERS = 5_000


def _through_the_ledger(engine: Engine, name: str, orders: list[PurchaseOrder]) -> None:
    """From translated documents to recorded outcomes of one target."""
    with transaction(engine) as connection:
        arrivals.record_arrival(
            connection,
            Arrival(company="acme", flow="bench", connector="folder", stream="s", name=name, arrival=name),
        )
        (claim,) = leases.claim_received(connection, "bench", worker="bench")
    with transaction(engine) as connection:
        made = (TranslatedDocument(ordinal=place, document=order) for place, order in enumerate(orders, 1))
        documents.insert_translated(connection, claim, made)
        translations.finish_translation(
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


def run(rounds: int) -> list[Result]:
    with postgres() as url:
        engine = create_engine(url)
        times = []
        for turn in range(rounds + 1):
            orders = made_orders(turn * ORDERS, ORDERS)
            start = time.perf_counter()
            _through_the_ledger(engine, f"{turn}", orders)
            if turn:
                times.append(time.perf_counter() - start)
        engine.dispose()
    return [
        Result(
            name="ledger: documents inserted, accepted, leased and recorded",
            ours=round(ORDERS / statistics.median(times)),
            peer=None,
            ratio=None,
            unit="documents/s",
        )
    ]
