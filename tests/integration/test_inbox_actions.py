"""What people do in the inbox: retry, discard, take; and what becomes of the documents."""

from __future__ import annotations

from typing import Any

import pytest
from inbox_support import act, file, open_cases, something_of_everything, unknown_unit, unusable
from ledger_support import (
    BOTH,
    execute,
    lease,
    load,
    order,
    record,
    rows,
    states,
    together,
    translate,
    validate,
)
from sqlalchemy import Engine

from orderhub.connector import OutcomeState
from orderhub.errors import LedgerError
from orderhub.ledger import audit, documents, inbox, inbox_actions, inbox_detail, leases, translations
from orderhub.ledger.engine import retrying, transaction
from orderhub.ledger.inbox import CaseFilter, Reason, Seen
from orderhub.ledger.inbox_actions import Acted, CaseChanged
from orderhub.ledger.records import TranslatedDocument, TranslationSummary
from orderhub.ledger.states import InterchangeState

pytestmark = pytest.mark.integration


def test_what_goes_on_leaves_the_inbox_and_a_message_keeps_its_case(engine: Engine) -> None:
    file(engine, "units.edi", [unusable(1, "U-1", unknown_unit("KTN"))], state=InterchangeState.REFUSED)
    [case] = open_cases(engine)
    act(engine, inbox_actions.take, case)
    with transaction(engine) as connection:
        inbox_actions.note(connection, case.id, actor="anna", text="asked Borealis what KTN is")
    [case] = open_cases(engine)
    assert act(engine, inbox_actions.retry, case, reason="KTN added").flows == ["acme_orders"]
    assert open_cases(engine) == []
    # the next translation fails at another unit: the same case, with its owner, its note and its age
    translate(engine, [unusable(1, "U-1", unknown_unit("CRT"))])
    [again] = open_cases(engine)
    assert (again.id, again.owner, again.since, again.notes) == (case.id, "anna", case.since, 1)
    assert again.value == "CRT"
    assert again.document_id != case.document_id
    act(engine, inbox_actions.retry, again)
    translate(engine, [order("U-1")])
    validate(engine)
    load(engine)
    assert open_cases(engine) == []
    assert states(engine) == {"U-1": ["superseded", "superseded", "loaded"]}


def test_the_versions_before_and_after_a_retry_are_kept(engine: Engine) -> None:
    from orderhub.ledger.records import MappingStamp

    file(engine, "units.edi", [unusable(1, "U-1", unknown_unit("KTN"))], state=InterchangeState.REFUSED)
    [case] = open_cases(engine)
    act(engine, inbox_actions.retry, case, reason="KTN added")
    newer = MappingStamp("edifact_orders", 4, "other-hash")
    translate(engine, [TranslatedDocument(ordinal=1, document=order("U-1"), mapping=newer)])
    validate(engine)
    with transaction(engine) as connection:
        detail = inbox_detail.detail(connection, case.id)
        [row] = audit.rows(connection, subject=f"document:{case.document_id}")
    assert detail is not None
    tried = [(one.mapping and one.mapping.version, one.suite and one.suite.name) for one in detail.tries]
    assert tried == [(3, None), (4, "core")]
    assert [one.state for one in detail.tries] == ["superseded", "accepted"]
    assert row.detail == {"reason": "KTN added", "mapping": "edifact_orders v3"}
    reasons = [step.reason for step in detail.timeline]
    assert "translated again with edifact_orders v4, before with edifact_orders v3" in reasons


def test_a_second_user_is_told_and_overwrites_nothing(engine: Engine) -> None:
    something_of_everything(engine)
    case, other, *_ = open_cases(engine)
    act(engine, inbox_actions.take, case)
    acted = act(engine, inbox_actions.discard, case, other, actor="bo", reason="not needed")
    assert acted.cases == [other.id]
    [passed] = acted.passed_over
    assert passed.case == case.id
    assert "inbox.take by anna" in passed.why
    with pytest.raises(CaseChanged, match="discard by bo"):
        act(engine, inbox_actions.retry, other, actor="anna").required()
    assert states(engine)["U-1"] == ["quarantined"]


def test_of_many_users_at_the_same_moment_one_acts(engine: Engine) -> None:
    file(engine, "units.edi", [unusable(1, "U-1", unknown_unit("KTN"))], state=InterchangeState.REFUSED)
    [case] = open_cases(engine)

    def one(number: int) -> Acted:
        what = inbox_actions.retry if number % 2 else inbox_actions.discard
        return act(engine, what, case, actor=f"user{number}", reason="at once")

    done = together(one, 6)
    assert sum(len(acted.cases) for acted in done) == 1
    assert sum(len(acted.passed_over) for acted in done) == 5


def test_discard_wants_a_reason_and_can_be_taken_back(engine: Engine) -> None:
    something_of_everything(engine)
    found = {case.number: case for case in open_cases(engine)}
    chosen = [found[name] for name in ("U-1", "C-1", "T-1", "broken.edi")]
    with pytest.raises(LedgerError, match="only with a reason"):
        act(engine, inbox_actions.discard, *chosen, reason="  ")
    acted = act(engine, inbox_actions.discard, *chosen, found["W-1"], found["D-1"], reason="sent twice")
    assert len(acted.cases) == 4
    assert [one.case for one in acted.passed_over] == [found["W-1"].id, found["D-1"].id]
    gone = open_cases(engine, discarded=True)
    assert {case.number for case in gone} == {"U-1", "C-1", "T-1", "broken.edi"}
    assert len(open_cases(engine)) == 7
    act(engine, inbox_actions.restore, *gone, actor="bo", reason="a mistake")
    back = {case.number: case.state.value for case in open_cases(engine)}
    assert back["U-1"] == "quarantined"
    assert back["C-1"] == "conflict"
    assert back["T-1"] == "quarantined"  # its effects are cancelled: it has to be translated again
    assert back["broken.edi"] == "refused"
    with transaction(engine) as connection:
        actions = [row.action for row in audit.rows(connection, actor="bo")]
        assert audit.verify(connection).ok
    assert sorted(actions) == ["document.restore"] * 3 + ["interchange.restore"]


def test_what_was_translated_again_since_is_not_brought_back(engine: Engine) -> None:
    file(engine, "a.edi", [unusable(1, "U-1", unknown_unit("KTN"))], state=InterchangeState.REFUSED)
    [case] = open_cases(engine)
    assert case.document_id is not None
    act(engine, inbox_actions.discard, case, reason="no")
    execute(engine, "UPDATE ledger.document SET generation = 7")
    with transaction(engine) as connection:
        assert documents.restore(connection, [case.document_id], actor="anna", reason="") == [
            case.document_id
        ]
    with pytest.raises(LedgerError), transaction(engine) as connection:
        documents.restore(connection, [case.document_id], actor="anna", reason="")


def test_all_of_a_reason_at_once_but_nothing_that_came_after_the_look(engine: Engine) -> None:
    something_of_everything(engine)
    reason = Reason("quarantined", "VALUE_LOOKUP", "lines[].unit", "KTN")
    with transaction(engine) as connection:
        seen_at = inbox.cases(connection).as_of
    file(engine, "late.edi", [unusable(1, "U-9", unknown_unit("KTN"))], state=InterchangeState.REFUSED)
    acted = inbox_actions.for_all(
        engine,
        CaseFilter(reason=reason, seen_at=seen_at),
        lambda connection, seen: inbox_actions.retry(connection, seen, actor="anna", reason="KTN added"),
    )
    assert len(acted.cases) == 2
    assert [case.number for case in open_cases(engine, reason=reason)] == ["U-9"]
    assert states(engine)["U-1"] == ["retrying"]
    execute(engine, "UPDATE ledger.inbox_case SET flow = 'acme_orders'")
    acted = inbox_actions.for_all(
        engine,
        CaseFilter(flows=["acme_orders"]),
        lambda connection, seen: inbox_actions.retry(connection, seen, actor="anna"),
        at_once=3,
    )
    assert acted.more
    assert len(acted.cases) == 3


def test_a_refused_file_that_was_repaired_message_by_message_is_translated(engine: Engine) -> None:
    bad = [unusable(1, "U-1", unknown_unit("KTN")), unusable(2, "U-2", unknown_unit("CRT"))]
    number = file(engine, "units.edi", bad, state=InterchangeState.REFUSED)

    def state() -> str:
        return str(rows(engine, "SELECT state FROM ledger.interchange WHERE id = :id", id=number)[0][0])

    one, two = open_cases(engine)
    act(engine, inbox_actions.retry, one)
    translate(engine, [order("U-1"), order("U-2")])
    assert state() == "partial"
    [two] = open_cases(engine)
    assert two.number == "U-2"
    act(engine, inbox_actions.retry, two)
    translate(engine, [order("U-1"), order("U-2")])
    assert state() == "translated"
    assert open_cases(engine) == []
    # and the other way round: what was translated and is not any more
    validate(engine, bad=lambda number: number == "U-2")
    assert state() == "translated"
    act(engine, inbox_actions.retry, *open_cases(engine))
    translate(engine, [order("U-1"), unusable(2, "U-2", unknown_unit("CRT"))])
    assert state() == "partial"


def test_a_number_held_by_a_superseded_document_that_no_target_has_is_free(engine: Engine) -> None:
    file(engine, "a.edi", [order("N-1")])
    validate(engine)
    record(engine, lease(engine), OutcomeState.REJECTED, code="X", reason="unknown supplier")
    [case] = open_cases(engine)
    act(engine, inbox_actions.retry, case)
    # its correction goes to quarantine; the partner sends the order once more
    translate(engine, [unusable(1, "N-1", unknown_unit("KTN"))])
    file(engine, "b.edi", [order("N-1")])
    accepted = validate(engine)
    assert len(accepted.accepted) == 1
    load(engine)
    assert states(engine)["N-1"] == ["superseded", "quarantined", "loaded"]
    # the late correction is told that the number is taken
    act(engine, inbox_actions.retry, *open_cases(engine))
    translate(engine, [order("N-1", quantity=7)])
    assert len(validate(engine).conflicts) == 1


def test_a_number_whose_order_reached_a_target_stays_taken(engine: Engine) -> None:
    file(engine, "a.edi", [order("N-2")])
    validate(engine, targets=BOTH)
    load(engine)
    record(engine, lease(engine, "tryton"), OutcomeState.REJECTED, code="X", reason="unknown supplier")
    [case] = open_cases(engine)
    act(engine, inbox_actions.retry, case)
    translate(engine, [unusable(1, "N-2", unknown_unit("KTN"))])
    file(engine, "b.edi", [order("N-2", quantity=5)])
    assert len(validate(engine).conflicts) == 1


def test_people_and_translations_at_the_same_moment_wait_for_each_other(engine: Engine) -> None:
    """Retry, take and release beside translations of the same files: nobody is thrown out by a deadlock."""
    for number in range(6):
        bad = [unusable(at, f"F{number}-{at}", unknown_unit("KTN")) for at in range(1, 21)]
        file(engine, f"file{number}.edi", bad, state=InterchangeState.REFUSED)

    def person(name: int) -> int:
        done = 0
        for turn in range(6):
            cases = open_cases(engine)
            chosen = cases[name::3] if turn % 2 else cases[::-1][name::2]
            what = (inbox_actions.take, inbox_actions.retry, inbox_actions.release)[(name + turn) % 3]
            seen = [Seen(case.id, case.version) for case in chosen]

            def work(connection: Any, what: Any = what, seen: list[Seen] = seen) -> Acted:
                return what(connection, seen, actor=f"user{name}")  # type: ignore[no-any-return]

            done += len(retrying(engine, work).cases)
        return done

    def translator(_: int) -> int:
        for _turn in range(12):
            with transaction(engine) as connection:
                claims = leases.claim_received(connection, "acme_orders", worker="t")
            for claim in claims:
                wanted = sorted(claim.ordinals or ())
                again = [
                    unusable(at, f"F{claim.id - 1}-{at}", unknown_unit("KTN")) for at in reversed(wanted)
                ]
                with transaction(engine) as connection:  # without a second try, as the stage does it
                    documents.insert_translated(connection, claim, again)
                    summary = TranslationSummary(state=InterchangeState.REFUSED, messages=20)
                    translations.finish_translation(connection, claim, summary)
        return 0

    done = together(lambda number: person(number) if number < 3 else translator(number), 5)
    assert sum(done) > 0
    assert {case.state.value for case in open_cases(engine)} <= {"quarantined"}
