"""Workers that die, hang or work at the same time."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ledger_support import (
    BOTH,
    FLOW,
    arrive,
    execute,
    ids,
    lease,
    order,
    record,
    rows,
    states,
    together,
    translate,
    validate,
)
from ledger_worker import orders_of
from sqlalchemy import Engine, text

from orderhub.connector import Outcome, OutcomeState
from orderhub.errors import LeaseLost, LedgerError
from orderhub.ledger import documents, effects, leases, outbox, translations
from orderhub.ledger.backlog import flows_with_work
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import Target, TranslatedDocument, TranslationSummary
from orderhub.ledger.states import InterchangeState

pytestmark = pytest.mark.integration

WORKER = Path(__file__).with_name("ledger_worker.py")


def expire(engine: Engine, table: str) -> None:
    """As if the lease time were over."""
    over = "SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL"
    execute(engine, f"UPDATE ledger.{table} {over}")


def test_two_workers_never_claim_the_same_file(engine: Engine) -> None:
    with transaction(engine) as connection:
        for index in range(40):
            arrive(connection, f"{index}.edi")

    def claim(place: int) -> list[int]:
        found: list[int] = []
        while True:
            with transaction(engine) as connection:
                claims = leases.claim_received(connection, FLOW, worker=f"w{place}", limit=3)
            if not claims:
                return found
            found += [each.id for each in claims]

    claimed = [each for found in together(claim) for each in found]
    assert sorted(claimed) == sorted(set(claimed))
    assert len(claimed) == 40


def test_a_worker_that_lost_its_file_writes_nothing(engine: Engine) -> None:
    with transaction(engine) as connection:
        arrive(connection, "one.edi")
        (old,) = leases.claim_received(connection, FLOW, worker="old")
    expire(engine, "interchange")
    with transaction(engine) as connection:
        (new,) = leases.claim_received(connection, FLOW, worker="new")
    assert (new.id, new.fence, new.attempts) == (old.id, old.fence + 1, 2)
    for act in (leases.renew, leases.hold):
        with pytest.raises(LeaseLost), transaction(engine) as connection:
            act(connection, old)
    with pytest.raises(LeaseLost), transaction(engine) as connection:
        documents.insert_translated(connection, old, [TranslatedDocument(ordinal=1, document=order("A"))])
    with transaction(engine) as connection:
        documents.insert_translated(connection, new, [TranslatedDocument(ordinal=1, document=order("A"))])
        translations.finish_translation(
            connection, new, TranslationSummary(state=InterchangeState.TRANSLATED)
        )
    with pytest.raises(LeaseLost), transaction(engine) as connection:
        translations.finish_translation(connection, old, TranslationSummary(state=InterchangeState.REFUSED))
    assert states(engine) == {"A": ["translated"]}


def test_a_worker_that_lost_its_batch_cannot_end_it(engine: Engine) -> None:
    with transaction(engine) as connection:
        arrive(connection, "one.edi")
    translate(engine, [order("A")])
    with transaction(engine) as connection:
        (batch,) = documents.make_batches(connection, FLOW)
        old = documents.claim_batch(connection, batch, worker="old")
    expire(engine, "batch")
    validate(engine, worker="new")
    assert old is not None
    with pytest.raises(LeaseLost), transaction(engine) as connection:
        documents.finish_batch(connection, old)
    with transaction(engine) as connection:
        # a verdict that comes too late changes nothing
        assert documents.quarantine(connection, {old.documents[0].id: []}) == []
    assert states(engine) == {"A": ["accepted"]}


def test_a_sender_that_lost_its_lease_is_refused_and_the_effect_is_unclear(engine: Engine) -> None:
    with transaction(engine) as connection:
        arrive(connection, "one.edi")
    translate(engine, [order("A"), order("B")])
    validate(engine)
    old = lease(engine, worker="old")
    expire(engine, "outbox")
    (new,) = lease(engine, worker="new", limit=1)
    assert new.unclear
    assert new.fence == old[0].fence + 1
    # not even the row that it still holds is written
    with pytest.raises(LeaseLost):
        record(engine, old, OutcomeState.REJECTED)
    with pytest.raises(LeaseLost), transaction(engine) as connection:
        outbox.renew(connection, old)
    record(engine, [new])
    record(engine, [new])  # the same again is no mistake
    assert states(engine) == {"A": ["loaded"], "B": ["loading"]}


@pytest.mark.parametrize("why", ["rejected", "waiting", "quarantined"])
def test_what_stands_behind_something_that_waits_for_a_person_opens_nothing(engine: Engine, why: str) -> None:
    with transaction(engine) as connection:
        arrive(connection, "one.edi")
        arrive(connection, "two.edi")
    translate(engine, [order("A")])
    if why == "quarantined":
        validate(engine, bad=lambda _: True)
    else:
        validate(engine, targets=[Target(target.name, wait=why == "waiting") for target in BOTH])
    if why == "rejected":
        record(engine, lease(engine), OutcomeState.REJECTED, code="NO", reason="no")
    translate(engine, [order("A", revision=1)])
    validate(engine, targets=BOTH)
    with transaction(engine) as connection:
        assert documents.make_batches(connection, FLOW) == []
        assert flows_with_work(connection) == frozenset()
    # the person acts: both come again
    with transaction(engine) as connection:
        (first, _) = ids(engine, "A")
        if why == "waiting":
            outbox.release(connection, [first], actor="test")
        else:
            documents.discard(connection, [first], actor="test", reason="not wanted")
    with transaction(engine) as connection:
        assert documents.make_batches(connection, FLOW) != []
        assert flows_with_work(connection) == frozenset({FLOW})


def test_a_person_and_a_worker_lock_in_the_same_order(engine: Engine) -> None:
    with transaction(engine) as connection:
        arrive(connection, "one.edi")
    translate(engine, [order("A")])
    validate(engine)
    record(engine, lease(engine), OutcomeState.REJECTED, code="NO", reason="no")
    found = ids(engine, "A")

    def discard() -> None:
        with transaction(engine) as connection:
            documents.discard(connection, found, actor="test", reason="not wanted")

    with ThreadPoolExecutor(1) as pool:
        with transaction(engine) as connection:
            effects.lock(connection, found)
            person = pool.submit(discard)
            waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            deadline = time.monotonic() + 20
            while not rows(engine, waits) and time.monotonic() < deadline:
                time.sleep(0.02)
            # the worker goes on to the documents: the person, who waits for the effects, must not have them already
            connection.execute(
                text("SELECT 1 FROM ledger.document WHERE id = ANY(:ids) FOR UPDATE NOWAIT"), {"ids": found}
            )
        person.result(20)
    assert states(engine) == {"A": ["discarded"]}


def test_leases_are_renewed_after_a_part_of_them_was_recorded(engine: Engine) -> None:
    with transaction(engine) as connection:
        arrive(connection, "one.edi")
    translate(engine, [order("A"), order("B")])
    validate(engine)
    first, second = works = lease(engine)
    record(engine, [first])
    expire(engine, "outbox")
    with transaction(engine) as connection:
        outbox.renew(connection, works)
    assert lease(engine, worker="other") == []
    record(engine, [second])
    assert states(engine) == {"A": ["loaded"], "B": ["loaded"]}


def test_two_targets_at_work_at_the_same_time_load_the_document(engine: Engine) -> None:
    with transaction(engine) as connection:
        arrive(connection, "one.edi")
    translate(engine, [order(f"N{index}") for index in range(60)])
    validate(engine, targets=BOTH)

    def send(place: int) -> None:
        # the second target gets a document when the first has it, so it catches up again and again
        done = 0
        deadline = time.monotonic() + 60
        while done < 60 and time.monotonic() < deadline:
            works = lease(engine, BOTH[place].name, limit=3)
            record(engine, works)
            done += len(works)

    together(send, 2)
    assert {state for (state,) in states(engine).values()} == {"loaded"}


def test_outcomes_must_cover_every_work(engine: Engine) -> None:
    with transaction(engine) as connection:
        arrive(connection, "one.edi")
    translate(engine, [order("A")])
    validate(engine)
    works = lease(engine)
    with pytest.raises(LedgerError, match="no outcome"), transaction(engine) as connection:
        outbox.record_outcomes(connection, works, [Outcome(key="other", state=OutcomeState.WRITTEN)])


def _start(url: str, seed: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(WORKER), url, str(seed)], start_new_session=True)


@pytest.mark.slow
def test_workers_killed_at_random_moments_converge(own_engine: Engine, database: str) -> None:
    """Two workers, killed and replaced twelve times; every order ends once in the warehouse, every conflict is told."""
    chance = random.Random(20261123)
    expected: dict[str, int] = {}
    with transaction(own_engine) as connection:
        for index in range(60):
            arrive(connection, f"{index}.edi")
    # file n holds orders 10n .. 10n+9 of ledger_worker.orders_of; every tenth file repeats the one before
    for index in range(60):
        for each in orders_of(f"{index}.edi"):
            expected.setdefault(each.number, 0)
            expected[each.number] += 1
    workers = [_start(database, seed) for seed in range(2)]
    try:
        for kill in range(12):
            time.sleep(chance.uniform(0.2, 1.6))
            victim = workers.pop(0)
            os.kill(victim.pid, signal.SIGKILL)
            victim.wait()
            workers.append(_start(database, 100 + kill))
        for worker in workers:
            assert worker.wait(timeout=240) == 0
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
    found = states(own_engine)
    assert set(found) == set(expected)
    for number, seen in found.items():
        assert len(seen) == expected[number], number
        assert seen.count("loaded") == 1, (number, seen)
        assert set(seen) <= {"loaded", "duplicate", "conflict"}, (number, seen)
    twice = rows(
        own_engine, "SELECT identity, count(*) FROM warehouse.purchase_order GROUP BY 1 HAVING count(*) > 1"
    )
    assert twice == []
    assert rows(own_engine, "SELECT count(*) FROM warehouse.purchase_order")[0][0] == len(expected)
    assert rows(own_engine, "SELECT DISTINCT state FROM ledger.outbox") == [("done",)]
    conflicts = rows(
        own_engine, "SELECT conflict_with, findings FROM ledger.document WHERE state = 'conflict'"
    )
    assert conflicts
    assert all(row.conflict_with and row.findings for row in conflicts)


def test_what_one_target_refuses_goes_to_no_later_one(engine: Engine) -> None:
    with transaction(engine) as connection:
        arrive(connection, "one.edi")
    translate(engine, [order("N1")])
    validate(engine, targets=BOTH)
    first, second = (target.name for target in BOTH)
    assert lease(engine, second) == []
    works = lease(engine, first)
    record(engine, works, OutcomeState.REJECTED)
    assert lease(engine, second) == []
    with transaction(engine) as connection:
        assert flows_with_work(connection) == frozenset()
        outbox.requeue(
            connection, [work.document_id for work in works], actor="anna", reason="supplier added"
        )
        assert flows_with_work(connection) == frozenset({works[0].flow})
    record(engine, lease(engine, first))
    record(engine, lease(engine, second))
    assert {state for (state,) in states(engine).values()} == {"loaded"}
