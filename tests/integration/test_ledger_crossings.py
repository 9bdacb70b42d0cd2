"""Where features meet: what people decide, backfills, answers and files that come twice leave each other's work whole."""

from __future__ import annotations

import datetime as dt

import pytest
from ledger_support import FLOW, arrive, execute, ids, order, states, translate, validate
from sqlalchemy import Engine

from orderhub.findings import Finding, Severity
from orderhub.ledger import acknowledgements, backlog, documents, inbox, inbox_actions, leases, translations
from orderhub.ledger.engine import transaction
from orderhub.ledger.inbox import CaseFilter, Seen
from orderhub.ledger.records import AcknowledgementOutcome, TranslatedDocument, TranslationSummary
from orderhub.ledger.states import InterchangeState

pytestmark = pytest.mark.integration

FIRST, LAST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


def backfill(engine: Engine) -> list[int]:
    with transaction(engine) as connection:
        found = translations.received_within(connection, FLOW, FIRST, LAST)
        return translations.translate_again(connection, found, actor="backfill", reason="a backfill")


def refuse(engine: Engine, code: str = "SOURCE_UNUSABLE") -> int:
    finding = Finding(code=code, severity=Severity.ERROR, message="It is broken. Ask the sender.")
    with transaction(engine) as connection:
        [claim] = leases.claim_received(connection, FLOW, worker="t")
    with transaction(engine) as connection:
        summary = TranslationSummary(
            state=InterchangeState.REFUSED, format="edifact", findings=[finding], finding_count=1
        )
        translations.finish_translation(connection, claim, summary)
    return claim.id


def test_the_sender_of_what_can_be_read_only_later_is_answered(engine: Engine) -> None:
    with transaction(engine) as connection:
        first = arrive(connection, "a.edi", problem="may not be read")
    refuse(engine, "PULL_UNUSABLE")
    with transaction(engine) as connection:
        [due] = acknowledgements.due(connection, FLOW)
        assert acknowledgements.record(connection, due.interchange_id, due.outcome)
    with transaction(engine) as connection:
        again = arrive(connection, "a.edi", archive_key="raw/a", size=10)
    assert again.id == first.id
    translate(engine, [order("A")])
    validate(engine)
    with transaction(engine) as connection:
        [due] = acknowledgements.due(connection, FLOW)
        assert due.outcome is AcknowledgementOutcome.ACCEPTED
        assert acknowledgements.record(connection, due.interchange_id, due.outcome)
        [row] = acknowledgements.recorded(connection, first.id)
        assert row.outcome is AcknowledgementOutcome.ACCEPTED


def test_a_file_that_has_messages_of_its_own_is_not_made_a_duplicate(engine: Engine) -> None:
    with transaction(engine) as connection:
        arrive(connection, "a.edi", sha256="same")
        arrive(connection, "b.edi", sha256="same")
    first = translate(engine, [order("A"), order("B")])
    second = translate(engine, [order("A"), order("B")])
    validate(engine, bad=lambda number: number == "B")
    with transaction(engine) as connection:
        documents.retry(connection, ids(engine, ["B"])[:1], actor="anna")
    assert translate(engine, [order("A"), order("B")]) == first
    validate(engine)
    with transaction(engine) as connection:
        inbox_actions.retry_file(connection, second, actor="anna")
    with transaction(engine) as connection:
        [claim] = leases.claim_received(connection, FLOW, worker="t")
        # else its own B would stay in quarantine, whatever the person does
        assert translations.settled_original(connection, claim) is None


def test_what_is_discarded_while_it_is_translated_again_stays_discarded(engine: Engine) -> None:
    with transaction(engine) as connection:
        arrive(connection, "a.edi")
    translate(engine, [order("A"), order("B")])
    validate(engine, bad=lambda number: True)
    backfill(engine)
    with transaction(engine) as connection:
        [claim] = leases.claim_received(connection, FLOW, worker="t")
    with transaction(engine) as connection:
        documents.discard(connection, ids(engine, ["A"]), actor="anna", reason="ordered by telephone")
    with transaction(engine) as connection:
        made = [
            TranslatedDocument(ordinal=1, document=order("A")),
            TranslatedDocument(ordinal=2, document=order("B")),
        ]
        documents.insert_translated(connection, claim, made)
        summary = TranslationSummary(state=InterchangeState.TRANSLATED, format="edifact", messages=2)
        translations.finish_translation(connection, claim, summary)
    validate(engine)
    assert states(engine) == {"A": ["discarded", "discarded"], "B": ["superseded", "accepted"]}
    with transaction(engine) as connection:
        [case] = inbox.cases(connection, CaseFilter(discarded=True)).cases
        inbox_actions.restore(connection, [Seen(case.id)], actor="bo")
        inbox_actions.retry(connection, [Seen(case.id)], actor="bo")
    translate(engine, [order("A"), order("B")])
    validate(engine)
    assert states(engine)["A"][-1] == "accepted", "what was brought back goes on"


def test_a_file_that_was_given_up_does_not_come_back_with_a_backfill(engine: Engine) -> None:
    with transaction(engine) as connection:
        arrive(connection, "a.edi")
    number = refuse(engine, "SOURCE_UNUSABLE")
    with transaction(engine) as connection:
        [case] = inbox.cases(connection).cases
        inbox_actions.discard(connection, [Seen(case.id)], actor="anna", reason="sent by mistake")
    assert backfill(engine) == []
    with transaction(engine) as connection:
        inbox_actions.restore(connection, [Seen(case.id)], actor="bo")
        assert [each.number for each in inbox.cases(connection).cases] == ["a.edi"]
    assert backfill(engine) == [number]


def test_an_outcome_that_no_run_recorded_is_a_reason_for_one(engine: Engine) -> None:
    with transaction(engine) as connection:
        arrive(connection, "a.edi")
    translate(engine, [order("A")])
    validate(engine, targets=[])
    with transaction(engine) as connection:
        assert backlog.flows_with_work(connection) == frozenset(), "its run may still be at work"
    execute(engine, "UPDATE ledger.interchange SET translated_at = now() - interval '1 hour'")
    with transaction(engine) as connection:
        assert backlog.flows_with_work(connection) == frozenset({FLOW})
        [due] = acknowledgements.due(connection, FLOW)
        acknowledgements.record(connection, due.interchange_id, due.outcome)
        assert backlog.flows_with_work(connection) == frozenset()
