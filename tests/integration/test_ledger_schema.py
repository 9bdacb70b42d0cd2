"""Migrations, and that database and code agree."""

from __future__ import annotations

import re
from enum import StrEnum

import pytest
from ledger_support import rows, together
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from orderhub.errors import LedgerUnavailable
from orderhub.ledger import migrate
from orderhub.ledger.engine import create_engine, transaction
from orderhub.ledger.states import DocumentState, InterchangeState, OutboxState

pytestmark = pytest.mark.integration


def test_several_processes_may_upgrade_at_once(empty_database: str) -> None:
    assert migrate.current(empty_database) is None
    together(lambda _: migrate.upgrade(empty_database))
    head = migrate.current(empty_database)
    assert head is not None
    migrate.upgrade(empty_database)
    assert migrate.current(empty_database) == head


def test_one_history_makes_both_schemas(engine: Engine) -> None:
    tables = {
        f"{row[0]}.{row[1]}"
        for row in rows(
            engine,
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('ledger', 'warehouse')",
        )
    }
    assert {"ledger.document", "ledger.outbox", "ledger.audit", "warehouse.purchase_order_line"} <= tables


@pytest.mark.parametrize(
    ("table", "states"),
    [("interchange", InterchangeState), ("document", DocumentState), ("outbox", OutboxState)],
)
def test_the_database_allows_exactly_the_states_of_the_code(
    engine: Engine, table: str, states: type[StrEnum]
) -> None:
    (definition,) = (
        row[0]
        for row in rows(
            engine,
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name",
            name=f"{table}_state_check",
        )
    )
    assert set(re.findall(r"'(\w+)'", definition)) == {state.value for state in states}


def test_an_unreachable_database_is_a_typed_error() -> None:
    url = make_url("postgresql://nobody@127.0.0.1:9/none").update_query_dict({"connect_timeout": "2"})
    engine = create_engine(url)
    with pytest.raises(LedgerUnavailable, match="Check that PostgreSQL runs"), transaction(engine):
        pass
    with pytest.raises(LedgerUnavailable):
        migrate.upgrade(url)
