"""Millions of messages put straight into the server's table, and how its database reads a page of them."""

import asyncio
import sqlite3
from collections.abc import Sequence

import asyncpg
from sqlalchemy import event, make_url

from bridge.server import history
from bridge.server.engine import SQLITE, Engine
from bridge.server.store import Reach

START_MS = 1_600_000_000_000
STEP_MS = 1000
BYTES = 200

_COLUMNS = "msg_id, conv_id, reach, timestamp, sender, data, bin, recalled, mention_all"
_SQLITE = f"""
    WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?)
    INSERT INTO rt_messages ({_COLUMNS})
    SELECT printf('M%021d', numbers.n), given.id, 1, {START_MS} + {STEP_MS} * numbers.n, 'tom',
           substr(numbers.n || ?, 1, {BYTES}), 0, 0, 0
    FROM numbers JOIN given ON given.n = numbers.n % ?
"""  # noqa: S608 - of this file's own constants
_POSTGRESQL = f"""
    INSERT INTO rt_messages ({_COLUMNS})
    SELECT 'M' || lpad(numbers.n::text, 21, '0'), given.id, 1, {START_MS} + {STEP_MS} * numbers.n, 'tom',
           substr(numbers.n || $2::text, 1, {BYTES}), false, false, false
    FROM generate_series(0, $1::bigint - 1) AS numbers(n) JOIN given ON given.n = numbers.n % $3::bigint
"""  # noqa: S608 - of this file's own constants
_PADDING = "m" * BYTES


async def fill(database_url: str, conv_ids: Sequence[str], count: int) -> None:
    """Puts in `count` messages, one a second, in the conversations in turn; indexes are made anew afterwards."""
    if make_url(database_url).get_backend_name() == SQLITE:
        await asyncio.to_thread(_fill_sqlite, database_url, conv_ids, count)
    else:
        await _fill_postgresql(database_url, conv_ids, count)


def _fill_sqlite(database_url: str, conv_ids: Sequence[str], count: int) -> None:
    connection = sqlite3.connect(make_url(database_url).database or "", isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF"):  # whoever opens it next puts both right
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TEMP TABLE given (n INTEGER PRIMARY KEY, id TEXT)")
    connection.executemany("INSERT INTO given VALUES (?, ?)", list(enumerate(conv_ids)))
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'rt_messages' AND type = 'index' AND sql NOT NULL"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    connection.execute(_SQLITE, (count, _PADDING, len(conv_ids)))
    for _, sql in indexes:
        connection.execute(sql)
    connection.close()


async def _fill_postgresql(database_url: str, conv_ids: Sequence[str], count: int) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("CREATE TEMP TABLE given (n bigint PRIMARY KEY, id text)")
    await connection.executemany("INSERT INTO given VALUES ($1, $2)", list(enumerate(conv_ids)))
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'rt_messages' AND indexname NOT LIKE '%_pkey'"
    )
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['indexname']}")
    await connection.execute(_POSTGRESQL, count, _PADDING, len(conv_ids))
    for index in indexes:
        await connection.execute(index["indexdef"])
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def plan(database_url: str, conv_id: str, page: history.Page) -> str:
    """How the database finds a page: its own words for the very statement that the server asks."""
    engine, asked = Engine(database_url), list[tuple[str, tuple[object, ...]]]()

    def note(_: object, __: object, statement: str, parameters: tuple[object, ...], *___: object) -> None:
        asked.append((statement, parameters))

    event.listen(engine.sqlalchemy.sync_engine, "before_cursor_execute", note)
    async with engine.read() as connection:
        await history.of_conversation(connection, conv_id, Reach.NORMAL, page)
        statement, parameters = asked[-1]
        explain = "EXPLAIN QUERY PLAN" if engine.dialect == SQLITE else "EXPLAIN (COSTS OFF)"
        rows = (await connection.exec_driver_sql(f"{explain} {statement}", parameters)).all()
    await engine.close()
    return " / ".join(str(row[-1]).strip() for row in rows)
