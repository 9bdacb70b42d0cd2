"""Effects in doubt in the inbox: looked up, or settled by hand."""

from __future__ import annotations

from typing import Any

import pytest
from inbox_support import act, file, open_cases
from ledger_support import lease, order, record, rows, states, validate
from sqlalchemy import Engine

from orderhub.connector import OutcomeState
from orderhub.errors import LedgerError
from orderhub.ledger import audit, inbox_actions, inbox_detail
from orderhub.ledger.engine import transaction
from orderhub.ledger.inbox import Case, CaseState, Seen
from orderhub.ledger.inbox_actions import Acted, CaseChanged

pytestmark = pytest.mark.integration


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
