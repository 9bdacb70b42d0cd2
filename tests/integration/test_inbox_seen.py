"""``as_of`` of a page: what was not on it is never acted on as if somebody had seen it."""

from __future__ import annotations

from typing import Any

import pytest
from inbox_support import file, open_cases, unknown_unit, unusable
from sqlalchemy import Engine, event

from orderhub.ledger import inbox, inbox_actions
from orderhub.ledger.engine import transaction
from orderhub.ledger.inbox import CaseFilter
from orderhub.ledger.states import InterchangeState

pytestmark = pytest.mark.integration


def refused(engine: Engine, name: str, number: str) -> None:
    file(engine, name, [unusable(1, number, unknown_unit("KTN"))], state=InterchangeState.REFUSED)


def test_a_case_that_comes_while_the_page_is_read(engine: Engine) -> None:
    refused(engine, "early.edi", "U-1")
    looks = 0

    def come(connection: Any, cursor: Any, statement: str, *rest: object) -> None:
        nonlocal looks
        looks += "FROM ledger.inbox_case AS c" in statement
        if looks == 2:
            looks += 1
            refused(engine, "late.edi", "U-2")

    event.listen(engine, "before_cursor_execute", come)
    try:
        with transaction(engine) as connection:
            page = inbox.cases(connection)
    finally:
        event.remove(engine, "before_cursor_execute", come)
    assert looks > 2
    acted = inbox_actions.for_all(
        engine,
        CaseFilter(seen_at=page.as_of),
        lambda connection, seen: inbox_actions.retry(connection, seen, actor="anna", reason="KTN added"),
    )
    assert len(acted.cases) == 1
    assert [case.number for case in open_cases(engine)] == ["U-2"]
