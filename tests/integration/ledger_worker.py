"""A worker that runs the stages over the ledger until nothing is left; killed and started again by a test.

``python ledger_worker.py DATABASE_URL SEED``
"""

from __future__ import annotations

import random
import sys
import time

from ledger_support import FLOW, STAMP, WAREHOUSE, order
from sqlalchemy import Connection, text

from orderhub.documents import PurchaseOrder
from orderhub.errors import LeaseLost
from orderhub.ledger import documents, leases, outbox, translations
from orderhub.ledger.engine import create_engine, retrying, transaction
from orderhub.ledger.records import ClaimedBatch, TranslatedDocument, TranslationSummary
from orderhub.ledger.states import InterchangeState
from orderhub.warehouse import load as warehouse

LEASE = 1.5
_OPEN = text(
    """
    SELECT EXISTS (SELECT 1 FROM ledger.interchange WHERE state = 'received')
        OR EXISTS (SELECT 1 FROM ledger.document WHERE state IN ('translated', 'accepted', 'loading'))
    """
)


def orders_of(name: str) -> list[PurchaseOrder]:
    """What the file of that name holds: every tenth repeats the one before, every tenth changes one order of it."""
    place = int(name.split(".", maxsplit=1)[0])
    source = place - 1 if place % 10 in (4, 9) else place
    changed = place % 10 == 9
    return [
        order(f"PO-{source * 10 + index}", quantity=7 if changed and index == 3 else 1, lines=2)
        for index in range(10)
    ]


def main(url: str, seed: int) -> None:
    chance, worker = random.Random(seed), f"worker {seed}"
    engine = create_engine(url, pool_size=2)

    def dawdle() -> None:
        time.sleep(chance.uniform(0, 0.06))

    def translate() -> None:
        with transaction(engine) as connection:
            claims = leases.claim_received(connection, FLOW, worker=worker, limit=2, lease_seconds=LEASE)
        for claim in claims:
            dawdle()
            with transaction(engine) as connection:
                made = [
                    TranslatedDocument(ordinal=place, document=each, mapping=STAMP)
                    for place, each in enumerate(orders_of(claim.name), 1)
                ]
                documents.insert_translated(connection, claim, made)
                dawdle()
                translations.finish_translation(
                    connection, claim, TranslationSummary(state=InterchangeState.TRANSLATED)
                )

    def validate() -> None:
        with transaction(engine) as connection:
            batches = documents.make_batches(connection, FLOW, size=7)
        for batch in batches:
            with transaction(engine) as connection:
                claim = documents.claim_batch(connection, batch, worker=worker, lease_seconds=LEASE)
            if claim is None:
                continue
            dawdle()

            def settle(connection: Connection, claim: ClaimedBatch = claim) -> None:
                documents.accept(connection, [each.id for each in claim.documents], targets=WAREHOUSE)
                dawdle()
                documents.finish_batch(connection, claim)

            retrying(engine, settle)

    def send() -> None:
        with transaction(engine) as connection:
            works = outbox.lease(connection, FLOW, "warehouse", worker=worker, limit=5, lease_seconds=LEASE)
        if not works:
            return
        dawdle()
        with transaction(engine) as connection:
            outcomes = warehouse.load_orders(connection, [work.item() for work in works])
        # the effect is there, the ledger does not know yet
        dawdle()
        with transaction(engine) as connection:
            outbox.record_outcomes(connection, works, outcomes)

    while True:
        try:
            translate()
            validate()
            send()
        except LeaseLost:
            continue
        with transaction(engine) as connection:
            if not connection.execute(_OPEN).scalar():
                break
        dawdle()
    engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
