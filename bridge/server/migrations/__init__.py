"""Brings a database's tables up to date when the server starts; the version is kept in `rt_version`."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from bridge.server.engine import POSTGRESQL, Engine

VERSION_TABLE = "rt_version"
_LOCK = 0x72745F76  # "rt_v": any number that nobody else locks


class NewerDatabaseError(Exception):
    """The database was written by a newer version of the server, whose tables this one does not know."""


async def migrate(engine: Engine) -> None:
    """Runs the missing revisions in one transaction, one process at a time; NewerDatabaseError touches nothing."""
    async with engine.write() as connection:
        if engine.dialect == POSTGRESQL:
            await connection.execute(text("SET LOCAL statement_timeout = 0"))
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    scripts = ScriptDirectory(str(Path(__file__).parent))
    known = {script.revision for script in scripts.walk_revisions()}

    def missing(heads: str, _: MigrationContext) -> list[RevisionStep]:
        if unknown := sorted(set(heads) - known):
            raise NewerDatabaseError(
                f"the database is at revision {', '.join(unknown)}, which this version of the server does not know: "
                "run the version that wrote it, or a newer one"
            )
        return scripts._upgrade_revs("head", heads)

    with EnvironmentContext(Config(), scripts, fn=missing) as environment:
        environment.configure(connection=connection, version_table=VERSION_TABLE, transactional_ddl=True)
        environment.run_migrations()
