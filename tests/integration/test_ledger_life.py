"""What becomes of interchanges and documents, told as an operator would."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

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
    record,
    rows,
    states,
    translate,
    validate,
)
from sqlalchemy import Engine

from orderhub.connector import Outcome, OutcomeState
from orderhub.documents import Party
from orderhub.errors import LedgerError
from orderhub.findings import MAX_FINDINGS, Finding, Place, Severity
from orderhub.ledger import (
    acknowledgements,
    arrivals,
    bookmarks,
    documents,
    flow_state,
    leases,
    outbox,
    queries,
    runs,
    translations,
)
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import (
    AcknowledgementOutcome,
    Arrival,
    Target,
    TranslatedDocument,
    TranslationSummary,
    Verdict,
)
from orderhub.ledger.states import DocumentState, Environment, InterchangeState
from orderhub.ledger.sweep import sweep_archive
from orderhub.ledger.transitions import TransitionRefused
from orderhub.security.keys import KeyRing

pytestmark = pytest.mark.integration


def receive(engine: Engine, name: str, **more: object) -> int:
    with transaction(engine) as connection:
        return arrive(connection, name, **more).id


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


def test_a_file_that_could_not_be_read_and_now_can_is_received_again(engine: Engine) -> None:
    first = receive(engine, "a.edi", sha256=None, size=0, problem="is empty")
    execute(engine, "UPDATE ledger.interchange SET sha256 = NULL, settled_at = now()")
    with transaction(engine) as connection:
        (claim,) = leases.claim_received(connection, FLOW, worker="t")
        summary = TranslationSummary(state=InterchangeState.REFUSED)
        translations.finish_translation(connection, claim, summary)
    with transaction(engine) as connection:
        # still nothing to read: it stays what it is
        assert arrive(connection, "a.edi", problem="is empty").verdict is Verdict.KNOWN
    with transaction(engine) as connection:
        found = arrive(connection, "a.edi", sha256="bytes", size=9, archive_key="ab/cd")
    assert (found.id, found.verdict, found.settled) == (first, Verdict.NEW, False)
    row = "SELECT state, sha256, size, archive_key, problem FROM ledger.interchange"
    assert [tuple(each) for each in rows(engine, row)] == [("received", "bytes", 9, "ab/cd", None)]
    translate(engine, [order("A")])
    with transaction(engine) as connection:
        assert arrive(connection, "a.edi", sha256="bytes", archive_key="ab/cd").verdict is Verdict.KNOWN
    assert states(engine) == {"A": ["translated"]}


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


def test_the_same_order_again_is_a_duplicate_that_names_the_first(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A"), order("B")])
    first = validate(engine)
    receive(engine, "two.edi")
    translate(engine, [order("A"), order("C")])
    second = validate(engine)
    assert second.duplicates == {ids(engine, "A")[1]: first.accepted[0]}
    assert states(engine) == {"A": ["accepted", "duplicate"], "B": ["accepted"], "C": ["accepted"]}
    assert len(lease(engine)) == 3


def test_other_content_under_a_taken_number_is_a_conflict_with_a_finding(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A", quantity=1)])
    validate(engine)
    receive(engine, "two.edi")
    translate(engine, [order("A", quantity=2)])
    result = validate(engine)
    first, second = ids(engine, "A")
    assert result.conflicts == {second: first}
    with transaction(engine) as connection:
        path = queries.document_path(connection, second)
    assert path is not None
    assert path.conflict_with == first
    assert path.findings[0].code == "LEDGER_IDENTITY_CONFLICT"
    assert f"document {first} from one.edi" in path.findings[0].message
    assert [version.id for version in path.versions] == [second, first]
    assert len(lease(engine)) == 1


def test_one_file_with_the_same_order_twice(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A"), order("A"), order("A", quantity=9)])
    validate(engine)
    assert states(engine) == {"A": ["accepted", "duplicate", "conflict"]}


def test_a_revision_is_another_identity_and_waits_for_the_one_before(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A"), order("A", revision=1), order("B")])
    validate(engine)
    works = lease(engine)
    assert [work.number for work in works] == ["A", "B"]
    assert lease(engine) == []
    record(engine, works)
    (change,) = lease(engine)
    assert change.item().document.revision == 1
    assert change.identity == works[0].identity


def test_a_change_does_not_go_while_its_order_is_in_quarantine(engine: Engine) -> None:
    receive(engine, "one.edi")
    broken = TranslatedDocument(ordinal=1, document=order("A"), findings=[finding()])
    translate(engine, [broken, order("A", revision=1), order("B")])
    validate(engine)
    assert [work.number for work in lease(engine)] == ["B"]
    with transaction(engine) as connection:
        documents.discard(connection, ids(engine, "A")[:1], actor="ann", reason="ordered by telephone")
    assert [work.number for work in lease(engine)] == ["A"]


def test_a_rejected_order_blocks_its_own_change_and_nothing_else(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A"), order("A", revision=1), order("B")])
    validate(engine)
    works = lease(engine)
    record(engine, works[:1], OutcomeState.REJECTED, code="UNKNOWN_ITEM", reason="no such item")
    record(engine, works[1:])
    assert lease(engine) == []
    assert states(engine) == {"A": ["rejected", "accepted"], "B": ["loaded"]}
    with transaction(engine) as connection:
        assert outbox.requeue(connection, [works[0].document_id], actor="ann") == [works[0].document_id]
    (again,) = lease(engine)
    assert again.key == works[0].key
    record(engine, [again])
    assert [work.number for work in lease(engine)] == ["A"]


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


def test_a_discarded_order_frees_its_number(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A")])
    validate(engine)
    record(engine, lease(engine), OutcomeState.REJECTED, code="X", reason="unknown supplier")
    with transaction(engine) as connection:
        documents.discard(connection, ids(engine, "A"), actor="ann", reason="sent again by the partner")
    receive(engine, "two.edi")
    translate(engine, [order("A", quantity=3)])
    validate(engine)
    load(engine)
    assert states(engine) == {"A": ["discarded", "loaded"]}


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
        assert outbox.due(connection, FLOW, "warehouse") == 0
    assert lease(engine) == []
    (effect,) = rows(engine, "SELECT state, reason, next_attempt_at > now() AS later FROM ledger.outbox")
    assert tuple(effect) == ("pending", "connection refused", True)


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


def test_a_file_sent_again_after_a_quarantine_is_translated_again(engine: Engine) -> None:
    receive(engine, "one.edi", sha256="same")
    translate(engine, [order("A")])
    validate(engine, bad=lambda number: True)
    with transaction(engine) as connection:
        arrive(connection, "two.edi", sha256="same")
        (claim,) = leases.claim_received(connection, FLOW, worker="t")
        assert translations.settled_original(connection, claim) is None


def test_the_same_arrival_is_known_and_what_is_unsettled_is_remembered(engine: Engine) -> None:
    with transaction(engine) as connection:
        first = arrive(connection, "one.edi", handle={"path": "in/one.edi"})
        again = arrive(connection, "one.edi")
        assert (first.verdict, again.verdict, again.id) == (Verdict.NEW, Verdict.KNOWN, first.id)
        (waiting,) = arrivals.unsettled(connection, FLOW)
        assert waiting.handle == {"path": "in/one.edi"}
        arrivals.mark_settled(connection, [first.id])
        assert arrivals.unsettled(connection, FLOW) == []
        assert arrive(connection, "one.edi").settled


def test_bookmark_and_arrival_come_and_go_together(engine: Engine) -> None:
    arrival = Arrival(company="c", flow=FLOW, connector="folder", stream="orders", name="a", arrival="a")
    with pytest.raises(ZeroDivisionError), transaction(engine) as connection:
        arrivals.record_arrival(connection, arrival, bookmark={"after": "a"})
        _ = 1 / 0
    with transaction(engine) as connection:
        assert bookmarks.get(connection, FLOW, "orders") is None
        arrivals.record_arrival(connection, arrival, bookmark={"after": "a"})
    with transaction(engine) as connection:
        assert bookmarks.get(connection, FLOW, "orders") == {"after": "a"}


def test_hostile_names_and_values_are_kept_readable(engine: Engine) -> None:
    name = "../../etc/\x00pass\udcffwd\n" + "x" * 5000
    with transaction(engine) as connection:
        recorded = arrive(connection, name, sha256="h")
        assert arrive(connection, name, sha256="h").id == recorded.id
        assert arrive(connection, name + "y", sha256="h").id != recorded.id
        (_, claim) = reversed(leases.claim_received(connection, FLOW, worker="t", limit=2))
        bad = Finding(
            code="X",
            severity=Severity.ERROR,
            message="NUL \x00 and \udcff",
            place=Place(excerpt="\x00"),
            value="\x00",
        )
        documents.insert_translated(
            connection,
            claim,
            [
                TranslatedDocument(ordinal=1, type="purchase_order", number="\x00 9", findings=[bad] * 1000),
                TranslatedDocument(ordinal=2, document=order("9" * 5000)),
                TranslatedDocument(ordinal=3, document=order("A\t\\N'; DROP TABLE x; --")),
            ],
        )
        translations.finish_translation(connection, claim, TranslationSummary(state=InterchangeState.PARTIAL))
    found = rows(engine, "SELECT number, state, finding_count, findings FROM ledger.document ORDER BY id")
    assert [row.state for row in found] == ["quarantined", "quarantined", "translated"]
    assert found[0].finding_count == 1000
    assert len(found[0].findings) == MAX_FINDINGS
    assert found[1].findings[0]["code"] == "LEDGER_IDENTITY_UNUSABLE"
    assert found[2].number == "A\t\\N'; DROP TABLE x; --"


def test_test_documents_are_kept_apart(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A"), order("A", test=True)])
    validate(engine)
    assert states(engine) == {"A": ["accepted", "accepted"]}
    with transaction(engine) as connection:
        page = queries.find_documents(connection, queries.DocumentFilter(environment="test"))
    assert [row.environment for row in page.rows] == [Environment.TEST]


@pytest.mark.parametrize(
    "words",
    ["4500-017", "4500017", "450", "einkauf", "Acme 4500", "轴承", "S-100", "4012345000009", "maerz.edi"],
)
def test_a_document_is_found_by_the_words_people_know(engine: Engine, words: str) -> None:
    receive(engine, "maerz.edi")
    translate(
        engine, [order("4500-017"), order("x1", supplier=Party(name="Other"), buyer=Party(name="Other"))]
    )
    with transaction(engine) as connection:
        page = queries.find_documents(connection, queries.DocumentFilter(text=words))
        none = queries.find_documents(connection, queries.DocumentFilter(text="zzz"))
        odd = queries.find_documents(connection, queries.DocumentFilter(text="':* & | ! ("))
    assert "4500-017" in [row.number for row in page.rows]
    assert page.total == len(page.rows)
    assert none.rows == odd.rows == []


def test_pages_of_documents_newest_first(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order(f"N{index:02}") for index in range(25)])
    with transaction(engine) as connection:
        page = queries.find_documents(connection, limit=10, offset=20)
    assert [row.number for row in page.rows] == ["N04", "N03", "N02", "N01", "N00"]
    assert page.total == 25


def test_status_counts_by_flow_and_a_flow_can_be_paused(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A"), order("B")])
    validate(engine, bad=lambda number: number == "B")
    with transaction(engine) as connection:
        flow_state.pause(connection, FLOW, actor="ann", reason="stock-taking")
        flow_state.pause(connection, "other", actor="ann")
        flow_state.resume(connection, "other", actor="ann")
        mine, other = queries.status(connection)
        assert flow_state.paused_flows(connection) == {FLOW}
        assert flow_state.is_paused(connection, FLOW)
    assert (mine.flow, mine.paused, other.paused) == (FLOW, True, False)
    assert mine.documents == {"accepted": 1, "quarantined": 1}
    assert mine.outbox == {"warehouse": {"pending": 1}}


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


def test_originals_without_a_row_are_swept_and_the_others_kept(engine: Engine, tmp_path: Path) -> None:
    archive = Archive(str(tmp_path), KeyRing.from_text(KeyRing.generate()))
    kept, orphan = archive.store(b"recorded"), archive.store(b"crashed before its row")
    receive(engine, "one.edi", sha256=kept.sha256, archive_key=kept.key)
    assert sweep_archive(engine, archive) == []
    assert sweep_archive(engine, archive, older_than=dt.timedelta(seconds=-5)) == [orphan.key]
    assert archive.read(kept.key) == b"recorded"


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


def test_a_document_without_a_number_is_kept_back(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order(" ")])
    with transaction(engine) as connection:
        (row,) = queries.find_documents(connection).rows
    assert row.state is DocumentState.QUARANTINED
    assert row.first_finding is not None
    assert row.first_finding.code == "LEDGER_IDENTITY_UNUSABLE"
