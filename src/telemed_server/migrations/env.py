"""Run by Alembic on the connection that :mod:`telemed_server.storage` hands in."""

from alembic import context

from telemed_server.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
# The caller has begun the transaction: a migration that fails half-way leaves nothing behind.
context.run_migrations()
