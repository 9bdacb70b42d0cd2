"""Alembic's entry: runs on the connection that ``orderhub.ledger.migrate`` hands in."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=None,
    version_table_schema="ledger",
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
