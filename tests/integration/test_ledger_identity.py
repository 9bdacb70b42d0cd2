"""Which documents are the same: duplicates, conflicts, revisions, and what frees a number."""

from __future__ import annotations

import pytest
from ledger_support import finding, ids, lease, load, order, receive, record, states, translate, validate
from sqlalchemy import Engine

from orderhub.connector import OutcomeState
from orderhub.ledger import documents, outbox, queries
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import TranslatedDocument
from orderhub.ledger.states import DocumentState, Environment

pytestmark = pytest.mark.integration


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


def test_test_documents_are_kept_apart(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order("A"), order("A", test=True)])
    validate(engine)
    assert states(engine) == {"A": ["accepted", "accepted"]}
    with transaction(engine) as connection:
        page = queries.find_documents(connection, queries.DocumentFilter(environment="test"))
    assert [row.environment for row in page.rows] == [Environment.TEST]


def test_a_document_without_a_number_is_kept_back(engine: Engine) -> None:
    receive(engine, "one.edi")
    translate(engine, [order(" ")])
    with transaction(engine) as connection:
        (row,) = queries.find_documents(connection).rows
    assert row.state is DocumentState.QUARANTINED
    assert row.first_finding is not None
    assert row.first_finding.code == "LEDGER_IDENTITY_UNUSABLE"
