"""SQLite's driver with fewer visits to its thread: each costs more than the statement that it carries."""

import sqlite3
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Self

import aiosqlite
import stamina

from bridge.server.functions import FUNCTIONS

_ITERATION_ROWS = 64
_BUSY_SECONDS = 10.0
_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")


class Connection(aiosqlite.Connection):
    """A connection whose next statement can bring the beginning of its transaction along, in `opening`."""

    opening: str | None = None

    def cursor(self) -> "Cursor":  # type: ignore[override] # the driver's own makes it in the thread
        """A cursor, made at once."""
        return Cursor(self, self._conn.cursor())

    async def rollback(self) -> None:
        """Undo the transaction; one that has not begun is forgotten."""
        if self.opening is not None:
            self.opening = None
            return
        await super().rollback()

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        opening, self.opening = self.opening, None
        if opening is None:
            return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        begin = partial(self._conn.execute, opening)
        return await super()._execute(_both, begin, partial(fn, *args, **kwargs))  # type: ignore[no-untyped-call]


class Cursor(aiosqlite.Cursor):
    """A cursor that has all its rows once its statement has been executed, and then holds nothing open."""

    _rows: Iterable[Any] = ()

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> Self:
        """Execute one statement and fetch what it gives, in one visit."""
        visit = self._execute(_fetched, self._cursor, sql, parameters or ())  # type: ignore[no-untyped-call]
        self._rows = await visit
        return self

    async def fetchall(self) -> Iterable[Any]:
        """What the statement gave."""
        return self._rows

    async def close(self) -> None:
        """A statement that has given all its rows has ended; there is nothing to visit the thread for."""


async def connect(path: Path) -> Connection:
    """A connection in a thread of its own, which does not keep the process from ending."""
    connection = Connection(partial(prepared, path), _ITERATION_ROWS)
    connection._thread.daemon = True
    await connection
    return connection


def prepared(path: Path) -> sqlite3.Connection:
    """A plain connection, made in whichever thread this is called; each of its statements commits by itself."""
    # Whoever uses it makes sure that no two threads use it at once. Its own BEGIN comes too late for a consistent read,
    # and never as IMMEDIATE: ours is sent instead.
    connection = sqlite3.connect(path, _BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # Two that make a new file WAL at once would wait for each other: SQLite fails one without any waiting.
        for attempt in stamina.retry_context(
            _is_busy, attempts=None, timeout=_BUSY_SECONDS, wait_initial=0.01
        ):
            with attempt:
                for pragma in _PRAGMAS:
                    connection.execute(f"PRAGMA {pragma}")
        for name, function in FUNCTIONS.items():
            connection.create_function(name, -1, function, deterministic=True)
    except BaseException:
        connection.close()
        raise
    return connection


def _is_busy(error: Exception) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY


def _both(first: Callable[[], object], second: Callable[[], Any]) -> Any:
    first()
    return second()


def _fetched(cursor: sqlite3.Cursor, sql: str, parameters: Iterable[Any]) -> list[Any]:
    return cursor.execute(sql, parameters).fetchall()  # type: ignore[arg-type] # the driver above asks for no more
