"""The database under the server: one async engine for SQLite or PostgreSQL, and its two kinds of transaction."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, create_engine, event, make_url
from sqlalchemy import Engine as SyncEngine
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool
from sqlalchemy.util import greenlet_spawn

from bridge.server import sqlite
from bridge.server.errors import QUERY_TIMEOUT
from bridge.server.http import from_json, to_json
from bridge.server.readers import Readers, Statement

Result = TypeVar("Result")

SQLITE = "sqlite"
POSTGRESQL = "postgresql"

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}


QUERY_SECONDS = 10.0
"""The documented bound of a query."""

IDLE_SECONDS = 5.0
"""A connection that nobody used for longer may be gone without a word: it is asked before it is used again."""


class Engine:
    """Reads and writes, each in a transaction of its own.

    `async with engine.write() as connection` commits at the end and rolls back on an error. On SQLite the writers of
    this process take turns and hold the write lock from the start, so no writer fails half-way because of another.
    Never open a transaction inside a transaction: pass the connection on.
    """

    def __init__(self, database_url: str, query_seconds: float = QUERY_SECONDS) -> None:
        url = driver_url(database_url)
        self.dialect = url.get_backend_name()
        self._query_seconds = query_seconds
        self._turn: asyncio.Lock | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._readers: Readers | None = None
        self.sqlalchemy: AsyncEngine
        self.writer: SyncEngine
        """The engine under `transact`."""
        if self.dialect == POSTGRESQL:
            self.sqlalchemy = _on_postgresql(url, query_seconds)
            self.writer = self.sqlalchemy.sync_engine
        else:
            file = _file(url)
            self.sqlalchemy = _on_sqlite(url, file)
            self.writer = _in_a_thread(file)
            self._turn = asyncio.Lock()
            self._thread = ThreadPoolExecutor(1, "sqlite-writer")
            self._readers = Readers(file, query_seconds)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads: a snapshot on SQLite, read committed on PostgreSQL; 124 when too slow."""
        with self._refused_when_late():
            async with self.sqlalchemy.connect() as connection:
                # Left open: closing the connection ends it, while a commit would have the pool roll back once more.
                await connection.begin()
                async with self._interrupted_when_late(connection):
                    yield connection

    async def fetch(
        self, statement: Statement, texts: Mapping[str, str]
    ) -> Sequence[Row[Any] | SimpleNamespace]:
        """The rows of one statement, in a transaction of its own; 124 when too slow."""
        if self._readers is None:
            async with self.read() as connection:
                rows: Sequence[Row[Any]] = (await connection.execute(statement.select, texts)).all()
                return rows
        with self._refused_when_late():
            return await self._readers.fetch(statement, texts)

    @contextmanager
    def _refused_when_late(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as problem:
            if _is_timeout(problem):
                raise QUERY_TIMEOUT(f"longer than {self._query_seconds:g} s") from problem
            raise

    @asynccontextmanager
    async def _interrupted_when_late(self, connection: AsyncConnection) -> AsyncIterator[None]:
        """Stops SQLite from outside; PostgreSQL watches its own clock."""
        if self.dialect != SQLITE:
            yield
            return
        driver = _driver(connection.sync_connection)
        loop, interrupts = asyncio.get_running_loop(), list[asyncio.Task[None]]()
        timer = loop.call_later(
            self._query_seconds, lambda: interrupts.append(loop.create_task(driver.interrupt()))
        )
        try:
            yield
        finally:
            timer.cancel()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write; durable when the block has ended."""
        async with AsyncExitStack() as stack:
            if self._turn is not None:
                await stack.enter_async_context(self._turn)
            connection = await stack.enter_async_context(self.sqlalchemy.connect())
            await connection.execution_options(writes=True)
            async with connection.begin():
                yield connection

    async def transact(self, work: Callable[[Connection], Result]) -> Result:
        """A whole transaction: durable when this returns, undone when `work` raises.

        It costs a fraction of `write` with the same statements: one greenlet for all of it or, on SQLite, one visit to
        a thread.
        """
        if self._turn is None:
            done: Result = await greenlet_spawn(_transacted, self.writer, work)
            return done
        async with self._turn:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, _transacted, self.writer, work)

    async def close(self) -> None:
        """Closes every connection."""
        if self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self.writer.dispose)
            self._thread.shutdown()
        if self._readers is not None:
            await self._readers.close()
        await self.sqlalchemy.dispose()


def driver_url(database_url: str) -> URL:
    """The URL with its async driver; `sqlite:///path`, `postgresql://...` and `postgres://...` are understood."""
    url = make_url(database_url)
    scheme = url.drivername.partition("+")[0]
    if scheme not in _DRIVERS:
        raise ValueError(f"a database URL begins with sqlite:/// or postgresql://, not {scheme}://")
    return url.set(drivername=_DRIVERS[scheme])


def _is_timeout(problem: DBAPIError) -> bool:
    return getattr(problem.orig, "sqlstate", None) == "57014" or "interrupted" in str(problem.orig)


def _on_postgresql(url: URL, query_seconds: float) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=10,
        max_overflow=10,
        json_serializer=to_json,
        json_deserializer=from_json,
    )
    event.listen(engine.sync_engine, "checkin", _left)
    event.listen(engine.sync_engine, "checkout", partial(_taken, engine.dialect))
    event.listen(engine.sync_engine, "connect", partial(_prepare_postgresql, query_seconds))
    return engine


def _file(url: URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise ValueError("the server keeps its SQLite database in a file: sqlite:///path/to/file")
    return Path(url.database)


def _on_sqlite(url: URL, file: Path) -> AsyncEngine:
    file.parent.mkdir(parents=True, exist_ok=True)
    # All are kept: opening one costs more than most queries.
    engine = create_async_engine(
        url,
        async_creator=partial(sqlite.connect, file),
        pool_size=16,
        max_overflow=0,
        json_serializer=to_json,
    )
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _in_a_thread(file: Path) -> SyncEngine:
    engine = create_engine(
        "sqlite://", creator=partial(sqlite.prepared, file), poolclass=StaticPool, json_serializer=to_json
    )
    event.listen(engine, "begin", _begin_writing)
    return engine


def _transacted(engine: SyncEngine, work: Callable[[Connection], Result]) -> Result:
    with engine.begin() as connection:
        return work(connection)


def _left(_: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    record.info["left_at"] = monotonic()


def _taken(dialect: Dialect, connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
    """Has the pool make another connection where this one is gone; a visit for each use would cost three more."""
    driver = record.driver_connection
    if driver is None or driver.is_closed():
        raise DisconnectionError
    if monotonic() - record.info.get("left_at", monotonic()) > IDLE_SECONDS:
        try:
            dialect.do_ping(connection)
        except (dialect.loaded_dbapi.Error, OSError) as problem:
            raise DisconnectionError from problem


def _prepare_postgresql(query_seconds: float, connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET statement_timeout = {round(query_seconds * 1000)}")
    cursor.close()
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("writes"):
        _begin_writing(connection)
    else:
        # It takes its snapshot with its first statement anyway.
        _driver(connection).opening = "BEGIN"


def _begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _driver(connection: Connection | None) -> sqlite.Connection:
    """SQLite's side of an open connection."""
    driver = connection.connection.driver_connection if connection else None
    assert isinstance(driver, sqlite.Connection)  # noqa: S101 - the only driver for SQLite here
    return driver
