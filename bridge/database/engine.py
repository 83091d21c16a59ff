"""Opens the database, SQLite or PostgreSQL, and brings its tables up to date."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import URL, Connection, Insert, Table, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bridge.errors import BadConfiguration, Problem

SETTING = "IMBRIDGE_DATABASE_URL"
MIGRATIONS = Path(__file__).with_name("migrations")
# The messaging server may live in the same database with its own version table.
VERSION_TABLE = "imbridge_version"
# Any constant that no other program in the same database takes.
MIGRATION_LOCK = 0x696D6272
BUSY_TIMEOUT_MS = 10_000
WRITES = "imbridge_writes"
DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}


class Database:
    """One engine for reading and writing; on SQLite writers queue here instead of polling the file's lock."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._writing = engine.execution_options(**{WRITES: True})
        self._turn = asyncio.Lock() if engine.dialect.name == "sqlite" else None

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect and migrate. BadConfiguration: no such database, or one from a newer version of the bridge."""
        database = cls(_engine(_address(url)))
        try:
            async with database.write() as connection:
                await connection.run_sync(_migrate)
        except (SQLAlchemyError, OSError) as error:
            await database.close()
            reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
            raise BadConfiguration((Problem(SETTING, f"the database cannot be opened: {reason}"),)) from error
        except BaseException:
            await database.close()
            raise
        return database

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent view."""
        async with self.engine.connect() as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: durable when the block has ended, undone when it raises."""
        if self._turn is None:
            async with self._writing.begin() as connection:
                yield connection
            return
        async with self._turn, self._writing.begin() as connection:
            yield connection

    async def close(self) -> None:
        await self.engine.dispose()


def insert_new(connection: AsyncConnection, table: Table) -> Insert:
    """An INSERT that leaves out the rows whose key is there already."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def _address(url: str) -> URL:
    try:
        address = make_url(url)
        driver = DRIVERS[address.drivername]
    except (ArgumentError, KeyError, ValueError):
        wanted = "sqlite:///path/to/file.db or postgresql://user:password@host/name"
        raise BadConfiguration((Problem(SETTING, f"not an address of a database; write {wanted}"),)) from None
    # libpq's name for it, in every provider's address; asyncpg calls it ssl.
    if "sslmode" in address.query:
        address = address.update_query_dict({"ssl": address.query["sslmode"]})
        address = address.difference_update_query(["sslmode"])
    return address.set(drivername=driver)


def _engine(address: URL) -> AsyncEngine:
    if address.get_backend_name() != "sqlite":
        return create_async_engine(address, pool_pre_ping=True)
    if not address.database or address.database == ":memory:":
        raise BadConfiguration(
            (Problem(SETTING, "the database must be a file: deliveries outlive the process"),)
        )
    try:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadConfiguration((Problem(SETTING, f"its folder cannot be made: {error.strerror}"),)) from error
    engine = create_async_engine(address)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver's own transactions begin late and never for reads; `_begin_sqlite` says when instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer that starts as a reader can find the lock taken halfway and fail at once: take it at the start.
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE}
    ).get_current_revision()
    if current is not None and current not in {each.revision for each in script.walk_revisions()}:
        raise BadConfiguration(
            (
                Problem(
                    SETTING, f"the database is from a newer version ({current}); update imbridge to use it"
                ),
            )
        )
    if current != script.get_current_head():
        command.upgrade(config, "head")
