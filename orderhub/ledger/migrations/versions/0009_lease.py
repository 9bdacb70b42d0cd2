"""Indexes by which the lease of effects stays quick without statistics.

A table that has just been filled has none, and the planner then reads the whole index of open effects once per row to
find the few of one document; and it prefers an index that gives the rows of a target out of order, so that every lease
looked at all of them instead of the first hundred.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql(
        "CREATE INDEX outbox_open_by_document ON ledger.outbox (document_id, id) "
        "WHERE state IN ('pending', 'leased', 'in_doubt', 'waiting', 'rejected')"
    )
    connection.exec_driver_sql("DROP INDEX ledger.outbox_by_flow_state")
    connection.exec_driver_sql("CREATE INDEX outbox_by_flow_state ON ledger.outbox (flow, state, target)")
