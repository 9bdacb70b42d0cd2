"""A key of the HTTP intake may end by itself."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql("ALTER TABLE ledger.intake_key ADD COLUMN expires_at timestamptz")
