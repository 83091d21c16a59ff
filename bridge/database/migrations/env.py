"""Runs the versions on the connection, and inside the transaction, of `bridge.database.engine`."""

from alembic import context

from bridge.database.engine import VERSION_TABLE
from bridge.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
