"""The inbox: what is kept back is one list of cases, and what people do with them."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import pytest
from ledger_support import (
    BOTH,
    STAMP,
    arrive,
    execute,
    ids,
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
from orderhub.findings import Finding, Place, Severity
from orderhub.ledger import (
    audit,
    documents,
    inbox,
    inbox_actions,
    inbox_alerts,
    inbox_detail,
    inbox_senders,
    leases,
    translations,
)
from orderhub.ledger.engine import retrying, transaction
from orderhub.ledger.inbox import Case, CaseFilter, CaseState, Reason, Seen
from orderhub.ledger.inbox_actions import Acted, CaseChanged
from orderhub.ledger.records import Target, TranslatedDocument, TranslationSummary
from orderhub.ledger.states import InterchangeState

pytestmark = pytest.mark.integration

OWNERS = {"acme_orders": "procurement"}


def unknown_unit(unit: str, line: int = 0) -> Finding:
    return Finding(
        code="VALUE_LOOKUP",
        severity=Severity.ERROR,
        message=f"{unit!r} is not in the lookup table unit_of_measure. Add it to lookups/unit_of_measure.csv.",
        place=Place(segment="QTY", segment_number=9, offset=120),
        value=unit,
        field=f"lines[{line}].unit",
    )


def unusable(ordinal: int, number: str, *findings: Finding) -> TranslatedDocument:
    return TranslatedDocument(
        ordinal=ordinal, type="purchase_order", number=number, findings=findings, mapping=STAMP
    )


def open_cases(engine: Engine, **where: Any) -> list[Case]:
    with transaction(engine) as connection:
        return inbox.cases(connection, CaseFilter(**where), owners=OWNERS).cases


def groups(engine: Engine, **where: Any) -> dict[str, int]:
    with transaction(engine) as connection:
        return {str(one.reason): one.count for one in inbox.groups(connection, CaseFilter(**where))}


def act(engine: Engine, what: Any, *cases: Case, **more: Any) -> Acted:
    with transaction(engine) as connection:
        return what(connection, [Seen(case.id, case.version) for case in cases], **({"actor": "anna"} | more))  # type: ignore[no-any-return]


def file(engine: Engine, name: str, found: Any, **more: Any) -> int:
    with transaction(engine) as connection:
        arrive(connection, name)
    return translate(engine, found, **more)


def refuse(engine: Engine, name: str, findings: list[Finding], state: InterchangeState) -> int:
    with transaction(engine) as connection:
        arrive(connection, name)
        [claim] = leases.claim_received(connection, "acme_orders", worker="t")
    with transaction(engine) as connection:
        summary = TranslationSummary(
            state=state, format="edifact", findings=findings, finding_count=len(findings), sender="42"
        )
        translations.finish_translation(connection, claim, summary)
    return claim.id


def something_of_everything(engine: Engine) -> None:
    """Quarantined by mapping and by suite, a conflict, a rejected, a waiting, an effect in doubt, three kinds of files."""
    file(
        engine,
        "units.edi",
        [
            unusable(1, "U-1", unknown_unit("KTN")),
            unusable(2, "U-2", unknown_unit("KTN", 3)),
            unusable(3, "U-3", unknown_unit("CRT")),
        ],
        state=InterchangeState.REFUSED,
    )
    file(engine, "rules.edi", [order("R-1")])
    validate(engine, bad=lambda number: number == "R-1")
    file(engine, "first.edi", [order("C-1")])
    validate(engine)
    load(engine)
    file(engine, "second.edi", [order("C-1", quantity=9)])
    validate(engine)
    file(engine, "refused_by_target.edi", [order("T-1")])
    validate(engine)
    record(engine, lease(engine), OutcomeState.REJECTED, code="STALE_REVISION", reason="too late")
    file(engine, "approval.edi", [order("W-1")])
    validate(engine, targets=(Target("warehouse", wait=True),))
    file(engine, "doubt.edi", [order("D-1")])
    validate(engine)
    record(engine, lease(engine), OutcomeState.UNCLEAR, reason="no answer in 30 s")
    refuse(
        engine,
        "stranger.edi",
        [
            Finding(
                code="UNKNOWN_SENDER",
                severity=Severity.ERROR,
                message="No agreement has the sender 4299999009999.",
                rule="identifiers/edifact/14",
                value="4299999009999",
            )
        ],
        InterchangeState.REFUSED,
    )
    refuse(
        engine,
        "broken.edi",
        [Finding(code="EDIFACT_UNT_COUNT", severity=Severity.ERROR, message="UNT says 9.")],
        InterchangeState.REFUSED,
    )
    refuse(
        engine,
        "invoice.edi",
        [Finding(code="NO_MAPPING", severity=Severity.WARNING, message="No mapping fits INVOIC.")],
        InterchangeState.READ,
    )


def test_everything_that_is_kept_back_is_one_list_by_age(engine: Engine) -> None:
    something_of_everything(engine)
    found = open_cases(engine)
    assert [(case.number, case.state.value, case.code) for case in found] == [
        ("U-1", "quarantined", "VALUE_LOOKUP"),
        ("U-2", "quarantined", "VALUE_LOOKUP"),
        ("U-3", "quarantined", "VALUE_LOOKUP"),
        ("R-1", "quarantined", "RULE"),
        ("C-1", "conflict", "LEDGER_IDENTITY_CONFLICT"),
        ("T-1", "rejected", "TARGET_REJECTED"),
        ("W-1", "waiting", "WAITING_APPROVAL"),
        ("D-1", "in_doubt", "EFFECT_IN_DOUBT"),
        ("stranger.edi", "unknown_sender", "UNKNOWN_SENDER"),
        ("broken.edi", "refused", "EDIFACT_UNT_COUNT"),
        ("invoice.edi", "read", "NO_MAPPING"),
    ]
    assert found == sorted(found, key=lambda case: (case.since, case.id))
    assert {case.default_owner for case in found} == {"procurement"}
    assert found[0].file == "units.edi"
    assert found[1].field == "lines[].unit"


def test_a_file_in_part_is_a_case_only_when_something_of_the_file_itself_is_wrong(engine: Engine) -> None:
    none = Finding(code="NO_MAPPING", severity=Severity.WARNING, message="No mapping fits INVOIC.")

    def part(name: str, *findings: Finding) -> None:
        with transaction(engine) as connection:
            arrive(connection, name)
            [claim] = leases.claim_received(connection, "acme_orders", worker="t")
        with transaction(engine) as connection:
            made = [
                TranslatedDocument(ordinal=1, document=order(f"{name}-1"), mapping=STAMP),
                unusable(2, f"{name}-2", unknown_unit("KTN")),
            ]
            documents.insert_translated(connection, claim, made)
            summary = TranslationSummary(
                state=InterchangeState.PARTIAL, format="edifact", messages=2, findings=findings
            )
            translations.finish_translation(connection, claim, summary)

    part("orders")
    part("mixed", none)
    assert [(case.number, case.state.value) for case in open_cases(engine)] == [
        ("orders-2", "quarantined"),
        ("mixed-2", "quarantined"),
        ("mixed", "partial"),
    ]


def test_one_repair_serves_a_reason(engine: Engine) -> None:
    something_of_everything(engine)
    counted = groups(engine)
    assert counted["quarantined~VALUE_LOOKUP~lines[].unit~KTN"] == 2
    assert counted["quarantined~VALUE_LOOKUP~lines[].unit~CRT"] == 1
    assert sum(counted.values()) == 11
    reason = Reason.parse("quarantined~VALUE_LOOKUP~lines[].unit~KTN")
    assert [case.number for case in open_cases(engine, reason=reason)] == ["U-1", "U-2"]
    assert groups(engine, reason=reason) == {str(reason): 2}
    strange = Reason("quarantined", "A~B%", "", "7%E~")
    assert Reason.parse(str(strange)) == strange


def test_filters(engine: Engine) -> None:
    something_of_everything(engine)
    one, two, *_ = open_cases(engine)
    act(engine, inbox_actions.take, one)
    assert [case.id for case in open_cases(engine, owners=["anna"])] == [one.id]
    assert len(open_cases(engine, owners=["procurement"])) == 10
    assert len(open_cases(engine, unowned=True)) == 10
    assert open_cases(engine, owners=["nobody"]) == []
    assert [case.number for case in open_cases(engine, states=["conflict", "waiting"])] == ["C-1", "W-1"]
    assert len(open_cases(engine, flows=["acme_orders"], agreements=["acme_edi"])) == 11
    assert open_cases(engine, flows=["other"]) == []
    assert [case.number for case in open_cases(engine, text="u-2")] == ["U-2"]
    assert open_cases(engine, older_than_hours=1) == []
    execute(engine, "UPDATE ledger.inbox_case SET since = now() - interval '3 hours' WHERE number = 'U-2'")
    assert [case.id for case in open_cases(engine, older_than_hours=1)] == [two.id]


def test_pages_of_cases(engine: Engine) -> None:
    something_of_everything(engine)
    numbers, after = [], None
    with transaction(engine) as connection:
        while True:
            page = inbox.cases(connection, limit=4, after=after)
            assert page.total == 11
            numbers += [case.number for case in page.cases]
            after = page.after
            if after is None:
                break
    assert numbers == [case.number for case in open_cases(engine)]


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


def test_unknown_senders(engine: Engine) -> None:
    def stranger(name: str, sender: str, qualifier: str) -> None:
        found = Finding(
            code="UNKNOWN_SENDER",
            severity=Severity.ERROR,
            message="No agreement has the sender.",
            rule=f"identifiers/edifact/{qualifier}",
            value=sender,
        )
        refuse(engine, name, [found], InterchangeState.REFUSED)

    stranger("one.edi", "4299999009999", "14")
    stranger("two.edi", "4299999009999", "14")
    stranger("three.edi", 'ODD"NAME: x', "")
    with transaction(engine) as connection:
        first, second = inbox_senders.senders(connection)
        [same] = inbox_senders.senders(connection, identifier="4299999009999")
    assert same == first
    assert (first.identifier, first.qualifier, first.format, first.files) == (
        "4299999009999",
        "14",
        "edifact",
        2,
    )
    assert first.example == "one.edi"
    assert inbox_senders.suggestion(first) == (
        'identifiers:\n  - {format: edifact, id: "4299999009999", qualifier: "14"}\nglns: ["4299999009999"]'
    )
    assert inbox_senders.suggestion(second) == ('identifiers:\n  - {format: edifact, id: "ODD\\"NAME: x"}')
    with transaction(engine) as connection:
        acted = inbox_actions.retry(connection, [Seen(case) for case in first.cases], actor="anna")
        assert len(inbox_senders.senders(connection)) == 1
    assert len(acted.cases) == 2
    assert {row[0] for row in rows(engine, "SELECT state FROM ledger.interchange")} == {"received", "refused"}


def test_an_effect_in_doubt_stays_while_it_is_looked_up_and_goes_when_it_is_found(engine: Engine) -> None:
    file(engine, "doubt.edi", [order("D-1")])
    validate(engine)
    record(engine, lease(engine), OutcomeState.UNCLEAR, reason="no answer in 30 s")
    [case] = open_cases(engine)
    assert (case.state, case.target, case.message) == (CaseState.IN_DOUBT, "warehouse", "no answer in 30 s")
    with transaction(engine) as connection:
        detail = inbox_detail.detail(connection, case.id)
    assert detail is not None and detail.effect is not None
    assert (detail.effect.state.value, detail.effect.attempts) == ("in_doubt", 1)
    assert lease(engine) == []  # its time has not come
    act(engine, inbox_actions.retry, case, reason="the target is back")
    [work] = lease(engine)
    assert work.unclear
    assert [one.id for one in open_cases(engine)] == [case.id]
    record(engine, [work], OutcomeState.UNCHANGED, reference="PO7")
    assert open_cases(engine) == []
    assert states(engine)["D-1"] == ["loaded"]


def doubtful(engine: Engine) -> Case:
    file(engine, "doubt.edi", [order("D-1")])
    validate(engine)
    record(engine, lease(engine), OutcomeState.UNCLEAR, reason="no answer in 30 s")
    [case] = open_cases(engine)
    return case


def resolve(engine: Engine, case: Case, **how: Any) -> Acted:
    with transaction(engine) as connection:
        return inbox_actions.resolve(
            connection, Seen(case.id, case.version), **({"actor": "anna", "reason": "I called them"} | how)
        )


def test_in_doubt_by_hand_it_is_there(engine: Engine) -> None:
    case = doubtful(engine)
    with pytest.raises(LedgerError, match="only with a reason"):
        resolve(engine, case, there=True, reference="PO7", reason=" ")
    with pytest.raises(LedgerError, match="has a reference"):
        resolve(engine, case, there=True)
    resolve(engine, case, there=True, reference="PO7")
    assert open_cases(engine) == []
    assert states(engine)["D-1"] == ["loaded"]
    [effect] = rows(engine, "SELECT state, reference, unclear FROM ledger.outbox")
    assert tuple(effect) == ("done", "PO7", False)
    with transaction(engine) as connection:
        [row] = [row for row in audit.rows(connection) if row.action == "effect.is_there"]
    assert (row.actor, row.detail["reference"], row.detail["reason"]) == ("anna", "PO7", "I called them")
    with pytest.raises(CaseChanged):
        resolve(engine, case, there=False).required()


def test_in_doubt_by_hand_it_is_not_there(engine: Engine) -> None:
    case = doubtful(engine)
    resolve(engine, case, there=False)
    [work] = lease(engine)
    assert not work.unclear
    record(engine, [work], reference="PO8")
    assert states(engine)["D-1"] == ["loaded"]


def test_what_a_worker_looks_up_in_this_moment_is_left_to_it(engine: Engine) -> None:
    case = doubtful(engine)
    act(engine, inbox_actions.retry, case)
    [work] = lease(engine)
    with pytest.raises(LedgerError, match="being looked up"):
        resolve(engine, case, there=False)
    record(engine, [work], OutcomeState.UNCHANGED, reference="PO7")
    assert states(engine)["D-1"] == ["loaded"]


def test_a_case_that_is_too_old_is_reported_once(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    something_of_everything(engine)
    hours = {CaseState.QUARANTINED: 24.0, CaseState.IN_DOUBT: 1.0, CaseState.WAITING: 0.0}
    caplog.set_level(logging.WARNING)
    assert inbox_alerts.tell(engine, hours) == []
    execute(engine, "UPDATE ledger.inbox_case SET since = now() - interval '25 hours'")
    raised = inbox_alerts.tell(engine, hours)
    assert {str(one.reason): len(one.cases) for one in raised} == {
        "quarantined~VALUE_LOOKUP~lines[].unit~KTN": 2,
        "quarantined~VALUE_LOOKUP~lines[].unit~CRT": 1,
        "quarantined~RULE~lines[].quantity": 1,
        "in_doubt~EFFECT_IN_DOUBT~~warehouse": 1,
    }
    one, two = ids(engine, ["U-1", "U-2"])
    assert (
        f"INBOX_OVERDUE 2 quarantined for more than 24 h in flow acme_orders: VALUE_LOOKUP lines[].unit KTN: "
        f"document {one}, document {two}" in caplog.text
    )
    caplog.clear()
    assert inbox_alerts.tell(engine, hours) == []
    assert caplog.text == ""
    with transaction(engine) as connection:
        banner = inbox.alerts(connection)
    assert (banner.count, banner.states, banner.unowned) == (5, {"quarantined": 4, "in_doubt": 1}, 5)
    assert banner.oldest is not None and banner.oldest < dt.datetime.now(dt.UTC) - dt.timedelta(hours=24)
    assert len(open_cases(engine, overdue=True)) == 5
    # another threshold reports once more; what goes on is reported no longer
    assert len(inbox_alerts.tell(engine, {CaseState.QUARANTINED: 12.0})) == 3
    act(engine, inbox_actions.retry, *open_cases(engine, states=["quarantined"]))
    with transaction(engine) as connection:
        assert inbox.alerts(connection).states == {"in_doubt": 1}


def test_every_state_has_its_hours_in_the_settings() -> None:
    from orderhub.intake.process import alert_hours
    from orderhub.services.settings import Settings

    hours = alert_hours(Settings(alert_hours_in_doubt=0.5))
    assert set(hours) == set(CaseState)
    assert hours[CaseState.IN_DOUBT] == 0.5


def test_the_intake_reports_what_became_too_old(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    import time

    from orderhub.intake.housekeeping import AgeAlerts

    file(engine, "units.edi", [unusable(1, "U-1", unknown_unit("KTN"))], state=InterchangeState.REFUSED)
    execute(engine, "UPDATE ledger.inbox_case SET since = now() - interval '2 days'")
    caplog.set_level(logging.WARNING)
    chore = AgeAlerts(
        lambda: inbox_alerts.tell(engine, {CaseState.QUARANTINED: 24}), first_seconds=0.01, pause_seconds=0.02
    )
    chore.start()
    end = time.monotonic() + 15
    while "INBOX_OVERDUE" not in caplog.text and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.2)
    chore.stop()
    assert caplog.text.count("INBOX_OVERDUE") == 1


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
