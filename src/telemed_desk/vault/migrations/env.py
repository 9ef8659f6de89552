"""Run by Alembic: uses the connection it is handed, inside that connection's transaction."""

from alembic import context

connection = context.config.attributes["connection"]
# SQLite can roll DDL back; Alembic assumes it cannot unless told.
context.configure(connection=connection, transactional_ddl=True)
context.run_migrations()
