"""What people ask of the ledger: documents by words and pages, and how the flows stand."""

from __future__ import annotations

import pytest
from ledger_support import FLOW, order, receive, translate, validate
from sqlalchemy import Engine

from orderhub.documents import Party
from orderhub.ledger import flow_state, queries
from orderhub.ledger.engine import transaction

pytestmark = pytest.mark.integration


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
