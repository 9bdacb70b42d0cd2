"""An item is found by its GTIN too, to compare the price that an order names with its list price."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        "CREATE INDEX item_by_gtin ON warehouse.item (gtin) WHERE gtin IS NOT NULL AND valid_to IS NULL"
    )
