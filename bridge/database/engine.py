"""Opens the database, SQLite or PostgreSQL, and brings its tables up to date."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self, TypeVar

import stamina
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Insert,
    Table,
    Update,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bridge.errors import BadConfiguration, Problem

Result = TypeVar("Result")

SETTING = "IMBRIDGE_DATABASE_URL"
MIGRATIONS = Path(__file__).with_name("migrations")
# The messaging server may live in the same database with its own version table.
VERSION_TABLE = "imbridge_version"
# Any constant that no other program in the same database takes.
MIGRATION_LOCK = 0x696D6272
BUSY_TIMEOUT_MS = 10_000
DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}


class Database:
    """One engine for reading and writing.

    On SQLite writers queue here instead of polling the file's lock, and each transaction runs as a whole in one
    thread: aiosqlite's hop there and back for each statement costs more than the statement.
    """

    def __init__(self, engine: AsyncEngine, writer: Engine | None) -> None:
        self.engine = engine
        self.writer = writer or engine.sync_engine
        """The engine that commits."""
        self._thread = ThreadPoolExecutor(1, "imbridge-writer") if writer is not None else None

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect and migrate. BadConfiguration: no such database, or one from a newer version of the bridge."""
        database = cls(*_engines(address_of(url)))
        try:
            await database.write(_migrate)
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

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """One transaction: durable when this returns, undone when `work` raises."""
        if self._thread is None:
            async with self.engine.begin() as connection:
                return await connection.run_sync(work)
        return await asyncio.get_running_loop().run_in_executor(self._thread, _transact, self.writer, work)

    async def close(self) -> None:
        """Let go of every connection."""
        if self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self.writer.dispose)
            self._thread.shutdown()
        await self.engine.dispose()


def _transact(writer: Engine, work: Callable[[Connection], Result]) -> Result:
    with writer.begin() as connection:
        return work(connection)


class ForMany:
    """One statement for many rows, compiled once for each kind of database.

    SQLAlchemy would look at every value of every row; these statements take none but texts, numbers and None.
    """

    def __init__(self, statement: Insert | Update, columns: Sequence[str]) -> None:
        self._statement = statement
        self._columns = list(columns)
        self._compiled: dict[str, tuple[str, Sequence[str]]] = {}

    def __call__(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> None:
        """Carry it out for each row; every row has all the columns."""
        name = connection.dialect.name
        if name not in self._compiled:
            compiled = self._statement.compile(dialect=connection.dialect, column_keys=self._columns)
            self._compiled[name] = str(compiled), list(compiled.positiontup or ())
        statement, order = self._compiled[name]
        connection.exec_driver_sql(statement, [tuple(row[column] for column in order) for row in rows])


def insert_new(connection: Connection, table: Table) -> Insert:
    """An INSERT that leaves out the rows whose key is there already."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def address_of(url: str) -> URL:
    """A database's address as SQLAlchemy takes it. BadConfiguration: it is none."""
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


def _engines(address: URL) -> tuple[AsyncEngine, Engine | None]:
    """The engine, and on SQLite another one for writing. Errors quote no values: they hold what people wrote."""
    if address.get_backend_name() != "sqlite":
        return create_async_engine(address, pool_pre_ping=True, hide_parameters=True), None
    if not address.database or address.database == ":memory:":
        raise BadConfiguration(
            (Problem(SETTING, "the database must be a file: deliveries outlive the process"),)
        )
    try:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadConfiguration((Problem(SETTING, f"its folder cannot be made: {error.strerror}"),)) from error
    engine = create_async_engine(address, hide_parameters=True)
    writer = create_engine(address.set(drivername="sqlite"), hide_parameters=True)
    event.listen(engine.sync_engine, "begin", _begin)
    event.listen(writer, "begin", _begin_writing)
    for each in (engine.sync_engine, writer):
        event.listen(each, "connect", _prepare_sqlite)
    return engine, writer


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver's own transactions begin late and never for reads; `_begin` says when instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    # Two that make a new file WAL at once would wait for each other: SQLite fails one without any waiting.
    for attempt in stamina.retry_context(
        _is_busy, attempts=None, timeout=BUSY_TIMEOUT_MS / 1000, wait_initial=0.01
    ):
        with attempt:
            for pragma in (
                f"busy_timeout = {BUSY_TIMEOUT_MS}",
                "journal_mode = WAL",
                "synchronous = FULL",
                "foreign_keys = ON",
            ):
                cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _is_busy(error: Exception) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: Connection) -> None:
    # A writer that starts as a reader can find the lock taken halfway and fail at once: take it at the start.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


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
