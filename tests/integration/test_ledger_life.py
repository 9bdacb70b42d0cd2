"""What becomes of documents on their way to the targets, told as an operator would."""

from __future__ import annotations

import pytest
from ledger_support import (
    BOTH,
    FLOW,
    STAMP,
    WAREHOUSE,
    arrive,
    execute,
    finding,
    ids,
    lease,
    load,
    order,
    receive,
    record,
    rows,
    states,
    translate,
    validate,
)
from sqlalchemy import Engine

from orderhub.connector import Outcome, OutcomeState
from orderhub.errors import LedgerError
from orderhub.ledger import acknowledgements, documents, leases, outbox, queries, runs, translations
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import AcknowledgementOutcome, Target, TranslationSummary, Verdict
from orderhub.ledger.states import DocumentState, InterchangeState

pytestmark = pytest.mark.integration


def test_a_target_that_the_flow_no_longer_has_is_left_to_a_person(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A"), order("B")])
    validate(engine, targets=BOTH)
    load(engine, "warehouse")
    with transaction(engine) as connection:
        assert outbox.reject_gone(connection, FLOW, ["warehouse", "tryton"]) == []
        assert outbox.reject_gone(connection, FLOW, ["warehouse"]) == ids(engine, "AB")
    assert states(engine) == {"A": ["rejected"], "B": ["rejected"]}
    assert [row[0] for row in rows(engine, "SELECT DISTINCT code FROM ledger.outbox WHERE code <> ''")] == [
        outbox.TARGET_GONE
    ]
    first, second = ids(engine, "AB")
    with transaction(engine) as connection:
        documents.discard(connection, [first], actor="test", reason="not wanted")
        documents.retry(connection, [second], actor="test")
    translate(engine, [order("A"), order("B")])
    validate(engine)
    load(engine)
    assert states(engine) == {"A": ["discarded"], "B": ["superseded", "loaded"]}


def test_effects_nobody_sent_yet_on_a_target_that_is_gone(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A")])
    validate(engine)
    with transaction(engine) as connection:
        outbox.reject_gone(connection, FLOW, [])
    assert states(engine) == {"A": ["rejected"]}


def test_an_order_goes_from_its_file_to_every_target(engine: Engine) -> None:
    receive(engine, "orders.edi")
    interchange = translate(engine, [order("4500017")])
    result = validate(engine, targets=BOTH)
    load(engine, "warehouse")
    assert states(engine) == {"4500017": ["loading"]}
    load(engine, "tryton")
    with transaction(engine) as connection:
        path = queries.document_path(connection, result.accepted[0])
    assert path is not None
    assert path.row.state is DocumentState.LOADED
    assert path.interchange.id == interchange
    assert path.mapping == STAMP
    assert {effect.target for effect in path.effects} == {"warehouse", "tryton"}
    assert path.row.references == {"warehouse": "PO1", "tryton": "PO1"}
    steps = [step.to_state for step in path.timeline if step.subject.startswith("document:")]
    assert steps == ["translated", "accepted", "loading", "loaded"]
    assert path.holder == path.row.id


def test_quarantine_keeps_rule_value_and_place_and_the_rest_goes_on(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A"), order("B")])
    validate(engine, bad=lambda number: number == "B")
    with transaction(engine) as connection:
        page = queries.find_documents(connection, queries.DocumentFilter(states=["quarantined"]))
        path = queries.document_path(connection, page.rows[0].id)
    assert states(engine) == {"A": ["accepted"], "B": ["quarantined"]}
    assert page.rows[0].first_finding == finding()
    assert path is not None
    assert path.findings == [finding()]
    assert path.suite is not None


def test_approval_holds_one_target_and_releases_it(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A")])
    validate(engine, targets=(Target("warehouse"), Target("tryton", wait=True)))
    load(engine, "warehouse")
    assert states(engine) == {"A": ["waiting"]}
    assert lease(engine, "tryton") == []
    with transaction(engine) as connection:
        assert outbox.release(connection, ids(engine, "A"), actor="buyer") == ids(engine, "A")
        assert outbox.release(connection, ids(engine, "A"), actor="buyer") == []
    load(engine, "tryton")
    assert states(engine) == {"A": ["loaded"]}


def test_without_a_target_an_accepted_order_is_loaded(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A")])
    validate(engine, targets=())
    assert states(engine) == {"A": ["loaded"]}


def test_an_unclear_outcome_is_looked_up_not_resent(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A")])
    validate(engine)
    works = lease(engine)
    assert not works[0].unclear
    with transaction(engine) as connection:
        unclear = [Outcome(key=works[0].key, state=OutcomeState.UNCLEAR)]
        outbox.record_outcomes(connection, works, unclear, look_up_after=0)
    (again,) = lease(engine)
    assert again.unclear
    with transaction(engine) as connection:
        outbox.postpone(connection, [again], code="CONNECTOR_UNAVAILABLE", reason="down", delay_seconds=0)
    (third,) = lease(engine)
    assert third.unclear
    assert third.attempts == 3
    record(engine, [third], OutcomeState.UNCHANGED, reference="PO7")
    assert states(engine) == {"A": ["loaded"]}


def test_a_postponed_effect_waits_its_time(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A")])
    validate(engine)
    works = lease(engine)
    with transaction(engine) as connection:
        outbox.postpone(connection, works, code="CONNECTOR_UNAVAILABLE", reason="connection refused")
    (effect,) = rows(
        engine,
        "SELECT state, reason, next_attempt_at > updated_at + interval '1 s' AS later FROM ledger.outbox",
    )
    assert tuple(effect) == ("pending", "connection refused", True)
    # a longer time, so that it does not come while this test looks
    execute(engine, "UPDATE ledger.outbox SET next_attempt_at = next_attempt_at + interval '1 hour'")
    with transaction(engine) as connection:
        assert outbox.due(connection, FLOW, "warehouse") == 0
    assert lease(engine) == []


@pytest.mark.parametrize(
    ("orders", "bad", "outcome"),
    [
        (["A", "B"], "", AcknowledgementOutcome.ACCEPTED),
        (["A", "B"], "B", AcknowledgementOutcome.PARTIALLY_ACCEPTED),
        (["A", "B"], "AB", AcknowledgementOutcome.REJECTED),
    ],
)
def test_the_answer_follows_from_the_validation_once(
    engine: Engine, orders: list[str], bad: str, outcome: AcknowledgementOutcome
) -> None:
    receive(engine, "one.edi")
    interchange = translate(engine, [order(number) for number in orders])
    with transaction(engine) as connection:
        assert acknowledgements.due(connection, FLOW) == []
    validate(engine, bad=lambda number: number in bad)
    with transaction(engine) as connection:
        (due,) = acknowledgements.due(connection, FLOW)
        assert due.outcome is outcome
        assert acknowledgements.record(connection, interchange, due.outcome)
        assert not acknowledgements.record(connection, interchange, AcknowledgementOutcome.REJECTED)
        assert acknowledgements.due(connection, FLOW) == []
        (row,) = acknowledgements.recorded(connection, interchange)
        assert row.outcome is outcome


def test_a_later_repair_does_not_ask_for_another_answer(engine: Engine) -> None:
    receive(engine, "one.edi")
    interchange = translate(engine, [order("A")])
    validate(engine, bad=lambda number: True)
    with transaction(engine) as connection:
        acknowledgements.record(connection, interchange, AcknowledgementOutcome.REJECTED)
        documents.retry(connection, ids(engine, "A"), actor="ann")
    translate(engine, [order("A")])
    validate(engine)
    with transaction(engine) as connection:
        assert acknowledgements.due(connection, FLOW) == []


def test_a_file_sent_twice_gets_the_stored_answer(engine: Engine) -> None:
    first = receive(engine, "one.edi", sha256="same")
    translate(engine, [order("A")])
    validate(engine)
    with transaction(engine) as connection:
        acknowledgements.record(connection, first, AcknowledgementOutcome.ACCEPTED)
        again = arrive(connection, "two.edi", sha256="same")
        assert again.verdict is Verdict.DUPLICATE
        assert again.same_bytes_as == first
        (claim,) = leases.claim_received(connection, FLOW, worker="t")
        assert translations.settled_original(connection, claim) == first
        summary = TranslationSummary(state=InterchangeState.DUPLICATE, duplicate_of=first)
        translations.finish_translation(connection, claim, summary)
        (due,) = acknowledgements.due(connection, FLOW)
    assert due.duplicate_of == first
    assert due.outcome is AcknowledgementOutcome.ACCEPTED


def test_a_run_of_the_scheduler_is_one_run_whoever_asks(engine: Engine) -> None:
    with transaction(engine) as connection:
        first = runs.start(connection, FLOW, trigger="cron", external="scheduled__1")
        assert runs.start(connection, FLOW, trigger="cron", external="scheduled__1") == first
        assert runs.start(connection, FLOW, trigger="command") != first
        runs.finish(connection, first, result={"documents": 3})


def test_a_batch_ends_only_when_every_document_has_a_verdict(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A")])
    with transaction(engine) as connection:
        (batch,) = documents.make_batches(connection, FLOW)
        claim = documents.claim_batch(connection, batch, worker="v")
        assert claim is not None
        assert documents.claim_batch(connection, batch, worker="w") is None
    with pytest.raises(LedgerError, match="no verdict"), transaction(engine) as connection:
        documents.finish_batch(connection, claim)
    with transaction(engine) as connection:
        # open until it is loaded
        assert documents.make_batches(connection, FLOW) == [batch]
        documents.accept(connection, [each.id for each in claim.documents], targets=WAREHOUSE)
        documents.finish_batch(connection, claim)
        assert documents.make_batches(connection, FLOW) == [batch]
    load(engine)
    with transaction(engine) as connection:
        assert documents.make_batches(connection, FLOW) == []


def test_what_was_recorded_before_the_target_went_away_stays(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A"), order("B")])
    validate(engine)
    works = lease(engine)
    record(engine, works[:1])
    with transaction(engine) as connection:
        outbox.postpone(connection, works, code="CONNECTOR_UNAVAILABLE", reason="down", delay_seconds=0)
    assert states(engine) == {"A": ["loaded"], "B": ["loading"]}
    assert [work.number for work in lease(engine)] == ["B"]
