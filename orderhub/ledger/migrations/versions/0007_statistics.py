"""Indexes for the pages: figures over time, what is open, what a run did, lists by their last change."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None

# The covering index answers every figure over time from the index alone; the partial one holds what is not finished,
# which stays small however big the ledger grows.
_INDEXES = """
CREATE INDEX document_by_time ON ledger.document (created_at) INCLUDE (flow, agreement, state);
CREATE INDEX document_by_update ON ledger.document (updated_at, id);
CREATE INDEX document_open ON ledger.document (state, flow, agreement, id)
    WHERE state NOT IN ('loaded', 'duplicate', 'superseded', 'discarded');
CREATE INDEX interchange_by_time ON ledger.interchange (received_at) INCLUDE (flow, state);
CREATE INDEX interchange_by_agreement ON ledger.interchange (agreement, received_at);
CREATE INDEX transition_by_run ON ledger.transition (run, document_id) INCLUDE (to_state) WHERE run IS NOT NULL;
CREATE INDEX run_by_flow ON ledger.run (flow, id);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(_INDEXES)
