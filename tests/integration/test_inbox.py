"""The inbox: what is kept back is one list of cases, by age, reason and whose they are."""

from __future__ import annotations

import pytest
from inbox_support import act, groups, open_cases, refuse, something_of_everything, unknown_unit, unusable
from ledger_support import STAMP, arrive, execute, order, rows
from sqlalchemy import Engine

from orderhub.findings import Finding, Severity
from orderhub.ledger import documents, inbox, inbox_actions, inbox_senders, leases, translations
from orderhub.ledger.engine import transaction
from orderhub.ledger.inbox import Reason, Seen
from orderhub.ledger.records import TranslatedDocument, TranslationSummary
from orderhub.ledger.states import InterchangeState

pytestmark = pytest.mark.integration


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
