"""The audit log cannot be changed unseen."""

from __future__ import annotations

import pytest
from ledger_support import arrive, execute, finding, ids, order, translate, validate
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from orderhub.ledger import audit, documents, flow_state
from orderhub.ledger.audit import AuditCheck
from orderhub.ledger.engine import transaction

pytestmark = pytest.mark.integration


def fill(engine: Engine, count: int = 5) -> str:
    with transaction(engine) as connection:
        for index in range(count):
            audit.append(
                connection,
                actor="ann",
                action="test",
                subject=f"thing:{index}",
                detail={"n": index, "t": "é\x00"},
            )
        return audit.verify(connection).head


def verify(engine: Engine, head: str | None = None) -> AuditCheck:
    with transaction(engine) as connection:
        return audit.verify(connection, expected_head=head)


def tamper(engine: Engine, statement: str) -> None:
    """As an administrator of the database could."""
    execute(engine, "ALTER TABLE ledger.audit DISABLE TRIGGER USER")
    execute(engine, statement)
    execute(engine, "ALTER TABLE ledger.audit ENABLE TRIGGER USER")


def test_an_untouched_chain_is_whole(engine: Engine) -> None:
    head = fill(engine)
    check = verify(engine, head)
    assert (check.ok, check.rows, check.head) == (True, 5, head)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.audit SET actor = 'bob'",
        "DELETE FROM ledger.audit WHERE seq = 3",
        "TRUNCATE ledger.audit",
    ],
)
def test_rows_cannot_be_changed_by_the_hub(engine: Engine, statement: str) -> None:
    fill(engine)
    with pytest.raises(DBAPIError, match="append only"):
        execute(engine, statement)
    assert verify(engine).ok


@pytest.mark.parametrize(
    ("statement", "row", "problem"),
    [
        ("UPDATE ledger.audit SET actor = 'bob' WHERE seq = 3", 3, "changed"),
        ("UPDATE ledger.audit SET detail = '{}' WHERE seq = 2", 2, "changed"),
        ("UPDATE ledger.audit SET at = at + interval '1 us' WHERE seq = 4", 4, "changed"),
        ("DELETE FROM ledger.audit WHERE seq = 2", 2, "missing"),
        ("DELETE FROM ledger.audit WHERE seq = 1", 1, "missing"),
        ("UPDATE ledger.audit SET prev_hash = repeat('f', 64) WHERE seq = 5", 5, "does not follow"),
        ("DELETE FROM ledger.audit WHERE seq > 3", 4, "cut off"),
    ],
)
def test_tampering_is_found_at_its_row(engine: Engine, statement: str, row: int, problem: str) -> None:
    head = fill(engine)
    tamper(engine, statement)
    check = verify(engine, head)
    assert not check.ok
    assert check.broken_at == row
    assert problem in (check.problem or "")


def test_a_rolled_back_act_leaves_no_row(engine: Engine) -> None:
    fill(engine, 1)
    with pytest.raises(ZeroDivisionError), transaction(engine) as connection:
        audit.append(connection, actor="ann", action="test", subject="x")
        _ = 1 / 0
    fill(engine, 1)
    assert verify(engine).rows == 2


def test_what_people_do_is_audited(engine: Engine) -> None:
    with transaction(engine) as connection:
        arrive(connection, "one.edi")
    translate(engine, [order("A"), order("B")])
    validate(engine, bad=lambda number: bool(finding()))
    a, b = ids(engine, "AB")
    with transaction(engine) as connection:
        documents.retry(connection, [a], actor="ann", reason="fixed")
        documents.discard(connection, [b], actor="bob", reason="test order")
        flow_state.pause(connection, "acme_orders", actor="ann")
        rows = audit.rows(connection)
        mine = audit.rows(connection, subject=f"document:{b}")
    assert [(row.actor, row.action, row.subject) for row in reversed(rows)] == [
        ("ann", "document.retry", f"document:{a}"),
        ("bob", "document.discard", f"document:{b}"),
        ("ann", "flow.pause", "flow:acme_orders"),
    ]
    assert mine[0].detail == {"reason": "test order"}
