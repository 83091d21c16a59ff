"""Reads of one statement on SQLite: its SQL is written once, and a single visit to a thread runs it."""

import asyncio
import json
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

from sqlalchemy import JSON, Select
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from bridge.server.sqlite import prepared

_AT_ONCE = 16
_STEPS = 10_000
"""Of SQLite's machine between two looks at the clock: well under a millisecond."""


class Statement:
    """A SELECT that is run again and again, each time with other texts for its named parameters."""

    def __init__(self, select: Select[Any]) -> None:
        self.select = select
        self._columns = select.selected_columns.keys()
        self._documents = [
            name for name, column in select.selected_columns.items() if isinstance(column.type, JSON)
        ]

    @cached_property
    def sql(self) -> str:
        """As SQLite reads it."""
        return str(self._compiled)

    def parameters(self, texts: Mapping[str, str]) -> list[object]:
        """What stands for each of its question marks."""
        values = {**self._values, **texts}
        return [values[name] for name in self._compiled.positiontup or ()]

    def rows(self, found: Sequence[Sequence[Any]]) -> list[SimpleNamespace]:
        """What SQLite gave, under the names of the columns and with documents parsed."""
        rows = []
        for each in found:
            row = dict(zip(self._columns, each, strict=True))
            for name in self._documents:
                row[name] = json.loads(row[name])
            rows.append(SimpleNamespace(**row))
        return rows

    @cached_property
    def _compiled(self) -> SQLCompiler:
        compiled = self.select.compile(dialect=dialect(), compile_kwargs={"render_postcompile": True})
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - a SELECT is no DDL
        return compiled

    @cached_property
    def _values(self) -> Mapping[str, object]:
        return dict(self._compiled.params)


class Readers:
    """Threads and connections for reading; a statement that takes longer than `seconds` is interrupted.

    In its thread a statement is run by the bare driver: all that Python does there, the loop has to wait for.
    """

    def __init__(self, file: Path, seconds: float) -> None:
        self._file = file
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(_AT_ONCE, "sqlite-reader")
        self._idle: list[sqlite3.Connection] = []
        self._closing = False

    async def fetch(self, statement: Statement, texts: Mapping[str, str]) -> list[SimpleNamespace]:
        """The rows of a statement, which alone is a transaction; DBAPIError where SQLite refuses or is interrupted."""
        sql, parameters = statement.sql, statement.parameters(texts)
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._threads, self._fetched, sql, parameters)
        except sqlite3.Error as error:
            raise DBAPIError.instance(sql, parameters, error, sqlite3.Error) from error
        return statement.rows(found)

    async def close(self) -> None:
        """Interrupts what is being read, and closes every connection."""
        self._closing = True
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
        while self._idle:
            self._idle.pop().close()

    def _fetched(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = prepared(self._file)
        try:
            late = monotonic() + self._seconds
            connection.set_progress_handler(lambda: self._closing or monotonic() > late, _STEPS)
            return connection.execute(sql, parameters).fetchall()
        finally:
            self._idle.append(connection)
