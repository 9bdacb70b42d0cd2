"""What a flow received in an interval, for backfills."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        "CREATE INDEX interchange_by_receipt ON ledger.interchange (flow, received_at)"
    )
