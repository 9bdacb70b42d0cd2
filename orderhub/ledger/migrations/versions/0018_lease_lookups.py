"""What an effect has to wait for is looked up in indexes over all effects.

Indexes over open effects only look empty to the planner whenever it last looked between two large files. Then each of
them seems as good as any other, and it may walk through all open effects once for each of them: the square of a file's
documents. The effects of one document are found by the constraint ``outbox_target_once``.
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql("CREATE INDEX outbox_by_identity ON ledger.outbox (identity, target, id)")
    connection.exec_driver_sql("DROP INDEX ledger.outbox_open_by_identity")
    connection.exec_driver_sql("DROP INDEX ledger.outbox_open_by_document")
