"""What is translated again: a message that a person retries, a corrected file, a replay."""

from __future__ import annotations

import pytest
from ledger_support import (
    FLOW,
    arrive,
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

from orderhub.connector import OutcomeState
from orderhub.errors import LedgerError
from orderhub.ledger import documents, leases, queries, translations
from orderhub.ledger.engine import transaction
from orderhub.ledger.transitions import TransitionRefused

pytestmark = pytest.mark.integration


def test_a_refused_order_that_is_translated_again_is_not_held_back_by_itself(engine: Engine) -> None:
    receive(engine, "one.edi")
    interchange = translate(engine, [order("A")])
    validate(engine)
    record(engine, lease(engine), OutcomeState.REJECTED, code="NO", reason="no such item")
    with transaction(engine) as connection:
        translations.translate_again(connection, [interchange], actor="test", reason="mapping corrected")
    translate(engine, [order("A", quantity=2)])
    validate(engine)
    load(engine)
    assert states(engine) == {"A": ["superseded", "loaded"]}
    assert [row[0] for row in rows(engine, "SELECT state FROM ledger.outbox ORDER BY id")] == [
        "cancelled",
        "done",
    ]


def test_retry_translates_that_message_again_in_a_new_generation(engine: Engine) -> None:
    receive(engine, "one.edi")
    interchange = translate(engine, [order("A"), order("B", quantity=5)])
    validate(engine, bad=lambda number: number == "B")
    with transaction(engine) as connection:
        documents.retry(connection, ids(engine, "B"), actor="ann", reason="mapping corrected")
    assert translate(engine, [order("A"), order("B", quantity=6)]) == interchange
    assert states(engine) == {"A": ["accepted"], "B": ["superseded", "translated"]}
    validate(engine)
    load(engine)
    assert states(engine) == {"A": ["loaded"], "B": ["superseded", "loaded"]}
    with transaction(engine) as connection:
        assert leases.claim_received(connection, FLOW, worker="t") == []
        path = queries.document_path(connection, ids(engine, "B")[0])
    assert path is not None
    assert [(step.to_state, step.actor, step.reason) for step in path.timeline if step.actor == "ann"] == [
        ("retrying", "ann", "mapping corrected")
    ]


def test_a_message_that_vanishes_on_retry_returns_to_quarantine(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A")])
    validate(engine, bad=lambda number: True)
    with transaction(engine) as connection:
        documents.retry(connection, ids(engine, "A"), actor="ann")
    translate(engine, [])
    assert states(engine) == {"A": ["quarantined"]}
    with transaction(engine) as connection:
        assert leases.claim_received(connection, FLOW, worker="t") == []


def test_only_what_is_in_quarantine_can_be_retried_or_discarded(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A")])
    validate(engine)
    for act in (documents.retry, documents.discard):
        with pytest.raises(TransitionRefused, match="is accepted"), transaction(engine) as connection:
            act(connection, ids(engine, "A"), actor="ann", reason="no")
    with pytest.raises(TransitionRefused, match="no document 999"), transaction(engine) as connection:
        documents.retry(connection, [999], actor="ann")
    with pytest.raises(LedgerError, match="reason"), transaction(engine) as connection:
        documents.discard(connection, ids(engine, "A"), actor="ann", reason=" ")
    assert states(engine) == {"A": ["accepted"]}


def test_a_replay_of_the_same_content_sends_nothing(engine: Engine) -> None:
    interchange = receive(engine, "one.edi")
    translate(engine, [order("A"), order("B")])
    validate(engine)
    load(engine)
    with transaction(engine) as connection:
        assert translations.translate_again(connection, [interchange], actor="ann", reason="replay") == [
            interchange
        ]
        assert translations.translate_again(connection, [interchange], actor="ann", reason="replay") == []
    translate(engine, [order("A"), order("B")])
    validate(engine)
    assert states(engine) == {"A": ["loaded", "duplicate"], "B": ["loaded", "duplicate"]}
    assert lease(engine) == []


def test_a_corrected_rerun_of_the_same_file_is_a_new_version(engine: Engine) -> None:
    interchange = receive(engine, "one.edi")
    translate(engine, [order("A", quantity=1)])
    validate(engine)
    (first,) = load(engine)
    for quantity in (2, 1):
        with transaction(engine) as connection:
            translations.translate_again(connection, [interchange], actor="ann", reason="unit was wrong")
        translate(engine, [order("A", quantity=quantity)])
        validate(engine)
        (again,) = load(engine)
        # also the return to the first content is an effect of its own
        assert again.key != first.key
        assert again.identity == first.identity
    assert states(engine) == {"A": ["loaded", "loaded", "loaded"]}


def test_a_correction_before_sending_replaces_what_was_not_sent(engine: Engine) -> None:
    interchange = receive(engine, "one.edi")
    translate(engine, [order("A", quantity=1)])
    validate(engine)
    with transaction(engine) as connection:
        translations.translate_again(connection, [interchange], actor="ann", reason="unit was wrong")
    translate(engine, [order("A", quantity=2)])
    validate(engine)
    (work,) = lease(engine)
    assert work.item().document.lines[0].quantity == 2
    assert states(engine) == {"A": ["superseded", "loading"]}


def test_a_rejected_order_retried_unchanged_is_sent_again(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A")])
    validate(engine)
    record(engine, lease(engine), OutcomeState.REJECTED, code="X", reason="unknown supplier")
    with transaction(engine) as connection:
        documents.retry(connection, ids(engine, "A"), actor="ann")
    translate(engine, [order("A")])
    validate(engine)
    load(engine)
    assert states(engine) == {"A": ["superseded", "loaded"]}


def test_a_file_sent_again_after_a_quarantine_is_translated_again(engine: Engine) -> None:
    receive(engine, "one.edi", sha256="same")
    translate(engine, [order("A")])
    validate(engine, bad=lambda number: True)
    with transaction(engine) as connection:
        arrive(connection, "two.edi", sha256="same")
        (claim,) = leases.claim_received(connection, FLOW, worker="t")
        assert translations.settled_original(connection, claim) is None


def test_a_retried_order_of_a_repeated_file_is_translated(engine: Engine) -> None:
    receive(engine, "one.edi", sha256="same")
    translate(engine, [order("A")])
    validate(engine, bad=lambda number: True)
    receive(engine, "two.edi", sha256="same")
    translate(engine, [order("A")])
    validate(engine, bad=lambda number: True)
    for place in range(2):
        with transaction(engine) as connection:
            documents.retry(connection, ids(engine, "A")[place : place + 1], actor="ann")
            (claim,) = leases.claim_received(connection, FLOW, worker="t")
            assert translations.settled_original(connection, claim) is None
            leases.give_back(connection, claim)
        translate(engine, [order("A")])
        validate(engine)
    assert states(engine) == {"A": ["superseded", "superseded", "accepted", "duplicate"]}
