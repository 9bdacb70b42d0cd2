"""What a lease costs does not grow with the square of what is under way, whatever the planner believes.

Between two large files nothing is open, and that is what the planner knows of when the next one comes.
"""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, text

from orderhub.ledger import outbox
from orderhub.ledger.backlog import flows_with_work
from orderhub.ledger.engine import transaction

pytestmark = pytest.mark.integration

DOCUMENTS = 1_000
#: Rows that may be read for each document that is open: far above what is needed, far below all the others.
READ_EACH = 20

_FILE = text(
    """
    WITH file AS (
        INSERT INTO ledger.interchange (company, environment, flow, agreement, connector, stream, name, arrival, state)
        VALUES ('acme', 'production', :flow, 'p', 'folder', 's', :flow, :flow, 'translated') RETURNING id
    ), made AS (
        INSERT INTO ledger.document (interchange_id, ordinal, generation, company, environment, flow, agreement, type,
            number, canonical, content_hash, state)
        SELECT file.id, n, 1, 'acme', 'production', :flow, 'p', 'purchase_order', :flow || n, '\\x00', n::text,
            CASE WHEN n <= :accepted THEN 'accepted' ELSE 'translated' END
        FROM file, generate_series(1, :documents) AS n
        RETURNING id, interchange_id, state
    )
    INSERT INTO ledger.outbox (document_id, interchange_id, flow, target, idempotency_key, identity, state)
    SELECT id, interchange_id, :flow, 'warehouse', 'key' || id, 'identity' || id, 'pending' FROM made
    WHERE state = 'accepted'
    """
)
_READ = text(
    "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_all_tables WHERE schemaname = 'ledger'"
)


@pytest.fixture
def under_way(engine: Engine) -> Engine:
    """One file is finished, and the planner has seen it; of the next one half is to be sent, half to be validated."""
    with transaction(engine) as connection:
        connection.execute(_FILE, {"flow": "a", "documents": DOCUMENTS, "accepted": DOCUMENTS})
        connection.execute(text("UPDATE ledger.outbox SET state = 'done'"))
        connection.execute(text("UPDATE ledger.document SET state = 'loaded'"))
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(
            text("VACUUM (ANALYZE) ledger.outbox")
        )
        connection.execute(text("VACUUM (ANALYZE) ledger.document"))
    with transaction(engine) as connection:
        connection.execute(_FILE, {"flow": "b", "documents": 2 * DOCUMENTS, "accepted": DOCUMENTS})
    return engine


def read(connection: Connection) -> int:
    """Rows that this session has read; those of what it did before may be in it, and are told soon."""
    return int(connection.execute(_READ).scalar_one())


def test_a_lease_asks_about_a_page_of_effects_and_not_about_all(under_way: Engine) -> None:
    with transaction(under_way) as connection:
        before = read(connection)
        works = outbox.lease(connection, "b", "warehouse", worker="w", limit=100)
        assert [work.number for work in works] == [f"b{n}" for n in range(1, 101)]
        assert read(connection) - before < READ_EACH * DOCUMENTS


def test_which_flows_have_work_is_known_at_the_first_effect_of_each(under_way: Engine) -> None:
    with transaction(under_way) as connection:
        before = read(connection)
        assert flows_with_work(connection) == {"b"}
        assert read(connection) - before < READ_EACH * DOCUMENTS


def test_a_lease_goes_past_what_cannot_be_sent_yet(under_way: Engine) -> None:
    """More than a page of effects stands behind others that a person has to see to; what comes after them is free."""
    with transaction(under_way) as connection:
        connection.execute(
            text("UPDATE ledger.outbox SET next_attempt_at = now() + interval '1 hour' WHERE flow = 'b'")
        )
        connection.execute(
            text(
                "WITH last AS (SELECT id FROM ledger.outbox WHERE flow = 'b' ORDER BY id DESC LIMIT 400) "
                "UPDATE ledger.outbox SET next_attempt_at = now(), identity = 'held' WHERE id IN (SELECT id FROM last)"
            )
        )
        connection.execute(
            text(
                "WITH last AS (SELECT id FROM ledger.outbox WHERE flow = 'b' ORDER BY id DESC LIMIT 2) "
                "UPDATE ledger.outbox SET identity = 'free' || id WHERE id IN (SELECT id FROM last)"
            )
        )
        works = outbox.lease(connection, "b", "warehouse", worker="w", limit=10)
        # the first of those that wait for one another, and the two that wait for nobody
        assert [work.number for work in works] == ["b601", "b999", "b1000"]
