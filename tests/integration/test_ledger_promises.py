"""The ledger's promises under concurrency, and for each the proof that the check can see: with the constraint dropped in
the test's own database, the same check finds what must not be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from ledger_support import (
    BOTH,
    FLOW,
    arrive,
    execute,
    order,
    rows,
    together,
    translate,
    validate,
)
from sqlalchemy import Engine

from orderhub.errors import LedgerError
from orderhub.ledger import acceptance, acknowledgements, artifacts, audit, documents, leases
from orderhub.ledger.artifacts import ArtifactChanged
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import AcknowledgementOutcome, Suite, Target, TranslatedDocument

pytestmark = pytest.mark.integration

Check = Callable[[Engine], int]


@contextmanager
def without(engine: Engine, table: str, *constraints: str) -> Iterator[None]:
    """The negative control: the constraint is gone."""
    for constraint in constraints:
        index = rows(
            engine, "SELECT 1 FROM pg_constraint WHERE conname = :name", name=constraint
        ) == [] and rows(engine, "SELECT 1 FROM pg_class WHERE relname = :name", name=constraint)
        if index:
            execute(engine, f"DROP INDEX ledger.{constraint}")
        else:
            execute(engine, f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    yield


def race_of_arrivals(engine: Engine) -> int:
    barrier = threading.Barrier(4)

    def arrive_now(_: int) -> None:
        with transaction(engine) as connection:
            barrier.wait(60)
            arrive(connection, "same.edi")

    together(arrive_now)
    return rows(engine, "SELECT count(*) - 1 FROM ledger.interchange")[0][0]


def test_an_arrival_is_recorded_once_however_many_see_it(own_engine: Engine) -> None:
    assert race_of_arrivals(own_engine) == 0
    with without(own_engine, "ledger.interchange", "interchange_arrival_once"):
        assert race_of_arrivals(own_engine) > 0


def accepted_twice(engine: Engine) -> int:
    """Effects beyond one per identity and target."""
    return rows(
        engine,
        """
        SELECT coalesce(sum(n - 1), 0) FROM (
            SELECT count(*) AS n FROM ledger.outbox AS o JOIN ledger.document AS d ON d.id = o.document_id
            WHERE o.state <> 'cancelled' GROUP BY o.identity, d.revision, o.target) AS effects
        """,
    )[0][0]


def race_of_acceptance(engine: Engine, tag: str) -> None:
    """Four files with the same fifty orders, some with other content, validated by four workers at the same moment."""
    for copy in range(4):
        with transaction(engine) as connection:
            arrive(connection, f"{tag}{copy}.edi", flow=f"flow{copy}")
        numbers = range(50) if copy % 2 else reversed(range(50))
        found = [order(f"{tag}{number}", quantity=2 if number % 10 == copy else 1) for number in numbers]
        translate(engine, found, flow=f"flow{copy}")
    together(lambda copy: validate(engine, flow=f"flow{copy}", targets=BOTH, size=20))


def test_an_identity_is_accepted_once_whoever_is_first(own_engine: Engine) -> None:
    race_of_acceptance(own_engine, "A")
    assert accepted_twice(own_engine) == 0
    counts = dict(
        tuple(row) for row in rows(own_engine, "SELECT state, count(*) FROM ledger.document GROUP BY 1")
    )
    assert counts["accepted"] == 50
    assert counts["duplicate"] + counts["conflict"] == 150
    # 20 numbers come with other content in one of the four files: either that one or the other three are in conflict
    assert 20 <= counts["conflict"] <= 60
    assert rows(own_engine, "SELECT count(*) FROM ledger.outbox")[0][0] == 100
    with without(own_engine, "ledger.identity", "identity_once"):
        race_of_acceptance(own_engine, "B")
        assert accepted_twice(own_engine) > 0


def enqueue_again(engine: Engine) -> int:
    found = [row[0] for row in rows(engine, "SELECT id FROM ledger.document WHERE state = 'accepted'")]
    with transaction(engine) as connection:
        acceptance.enqueue(connection, found, [Target("warehouse")], "validate", None)
    return rows(engine, "SELECT count(*) FROM ledger.outbox")[0][0] - len(found)


def test_an_effect_is_enqueued_once(own_engine: Engine) -> None:
    with transaction(own_engine) as connection:
        arrive(connection, "one.edi")
    translate(own_engine, [order("A"), order("B")])
    validate(own_engine)
    assert enqueue_again(own_engine) == 0
    with without(own_engine, "ledger.outbox", "outbox_key_once", "outbox_target_once"):
        assert enqueue_again(own_engine) > 0


def test_a_generation_of_a_message_is_kept_once(own_engine: Engine) -> None:
    with transaction(own_engine) as connection:
        arrive(connection, "one.edi")
        (claim,) = leases.claim_received(connection, FLOW, worker="t")
        documents.insert_translated(connection, claim, [TranslatedDocument(ordinal=1, document=order("A"))])

    def again() -> int:
        with transaction(own_engine) as connection:
            documents.insert_translated(
                connection, claim, [TranslatedDocument(ordinal=1, document=order("A"))]
            )
        return rows(own_engine, "SELECT count(*) FROM ledger.document")[0][0]

    with pytest.raises(LedgerError, match="already there in generation 1"):
        again()
    with without(own_engine, "ledger.document", "document_generation_once"):
        assert again() == 2


def race_of_answers(engine: Engine, interchange: int) -> int:
    barrier = threading.Barrier(4)

    def answer(place: int) -> bool:
        outcome = list(AcknowledgementOutcome)[place % 3]
        with transaction(engine) as connection:
            barrier.wait(60)
            return acknowledgements.record(connection, interchange, outcome)

    return sum(together(answer))


def test_an_answer_is_recorded_once(own_engine: Engine) -> None:
    with transaction(own_engine) as connection:
        one, two = arrive(connection, "one.edi").id, arrive(connection, "two.edi").id
    assert race_of_answers(own_engine, one) == 1
    with without(own_engine, "ledger.acknowledgement", "acknowledgement_once"):
        assert race_of_answers(own_engine, two) == 4


def test_a_used_version_keeps_its_content(engine: Engine) -> None:
    def register(content: bytes, version: int | None = 3) -> str:
        with transaction(engine) as connection:
            return artifacts.register(connection, kind="mapping", name="m", version=version, content=content)

    digest = register(b"one")
    assert register(b"one") == digest
    with pytest.raises(ArtifactChanged, match="m version 3 was used with other content"):
        register(b"two")
    register(b"two", 4)
    register(b"unversioned", None)
    with transaction(engine) as connection:
        assert artifacts.content(connection, digest) == b"one"
        assert [version for version, _ in artifacts.versions(connection, "mapping", "m")][:2] == ["3", "4"]


def test_of_two_contents_for_a_version_at_the_same_moment_one_is_refused(engine: Engine) -> None:
    barrier = threading.Barrier(4)

    def register(place: int) -> bool:
        try:
            with transaction(engine) as connection:
                barrier.wait(60)
                artifacts.register(connection, kind="suite", name="s", version=1, content=b"%d" % (place % 2))
        except ArtifactChanged:
            return False
        return True

    assert sum(together(register)) == 2


def test_the_audit_chain_does_not_fork(own_engine: Engine) -> None:
    def append(place: int) -> None:
        for index in range(10):
            with transaction(own_engine) as connection:
                audit.append(connection, actor=f"user {place}", action="test", subject=f"thing:{index}")

    together(append)
    with transaction(own_engine) as connection:
        check = audit.verify(connection)
    assert (check.ok, check.rows) == (True, 40)


def test_an_accepted_document_has_its_effects_or_is_not_accepted(engine: Engine) -> None:
    """A crash in the middle of validation leaves nothing behind: verdict, identity and outbox are one transaction."""
    with transaction(engine) as connection:
        arrive(connection, "one.edi")
    translate(engine, [order("A")])
    with transaction(engine) as connection:
        (batch,) = documents.make_batches(connection, FLOW)
        claim = documents.claim_batch(connection, batch, worker="v", lease_seconds=0)
    assert claim is not None
    with pytest.raises(ZeroDivisionError), transaction(engine) as connection:
        documents.accept(connection, [claim.documents[0].id], targets=BOTH, suite=Suite("s", "h"))
        _ = 1 / 0
    assert rows(engine, "SELECT 1 FROM ledger.identity UNION ALL SELECT 1 FROM ledger.outbox") == []
    assert len(validate(engine, targets=BOTH).accepted) == 1
