"""How history is read on each database: as ranges of an index, with nothing scanned and nothing sorted."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server import history, subscribers
from bridge.server.app import Server
from bridge.server.history import Bound, Entry, Page
from bridge.server.settings import UNLIMITED, ServerSettings
from bridge.server.store import Reach

CONVERSATION, SENDER, ALL = "rt_messages_conversation", "rt_messages_sender", "rt_messages_all"
THREAD = ("rt_recipients_pkey", "PRIMARY KEY")
"""The name of that table's own key, on PostgreSQL and on SQLite."""

READS: dict[str, tuple[Any, list[str | tuple[str, str]]]] = {
    "conversation": (partial(history.of_conversation, conv_id="c1", reach=Reach.NORMAL), [CONVERSATION]),
    "sender": (partial(history.of_sender, client_id="s1"), [SENDER]),
    "app": (history.of_app, [ALL]),
    "service": (partial(history.of_service, conv_id="c1"), [CONVERSATION] * 3),
    "thread": (partial(history.of_thread, conv_id="c1", client_id="a"), [THREAD, CONVERSATION]),
}

PAGES = {
    "between messages": (Bound(6000, "m", inclusive=False), Bound(2000, "m", inclusive=True)),
    "between instants": (Bound(6000, None, inclusive=False), Bound(2000, None, inclusive=True)),
    "from a message on": (Bound(6000, "m", inclusive=False), None),
    "from one end": (None, None),
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with started(f"sqlite:///{tmp_path}/plans.db") as server:
        yield server


@asynccontextmanager
async def started(url: str) -> AsyncIterator[Server]:
    server = await Server.start(ServerSettings("app", "key", "master", url, plan=UNLIMITED))
    try:
        async with server.engine.write() as connection:
            await subscribers.subscribe_row(connection, "c1", "a", 1)
        yield server
    finally:
        await server.close()


def page_of(name: str, oldest_first: bool) -> Page:
    start, stop = PAGES[name]
    return Page(stop, start, oldest_first) if oldest_first else Page(start, stop, oldest_first)


async def statements(
    server: Server, read: Callable[..., Awaitable[list[Entry]]], page: Page
) -> list[tuple[str, Any]]:
    """What a read asks the database about messages."""
    sent: list[tuple[str, Any]] = []

    def remember(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        sent.append((statement, parameters))

    sync = server.engine.sqlalchemy.sync_engine
    async with server.engine.read() as connection:
        event.listen(sync, "before_cursor_execute", remember)
        await read(connection, page=page)
        event.remove(sync, "before_cursor_execute", remember)
    return [one for one in sent if "rt_messages" in one[0]]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("oldest_first", [False, True], ids=["newest first", "oldest first"])
async def test_on_sqlite_every_kind_of_history_is_a_range_of_an_index(
    server: Server, read: str, page: str, oldest_first: bool
) -> None:
    """A plan with a sort or a full scan would be fast in tests, and slow with years of messages."""
    asked = await statements(server, READS[read][0], page_of(page, oldest_first))
    indexes = READS[read][1]
    assert len(asked) == len(indexes)
    async with server.engine.read() as connection:
        for (statement, parameters), index in zip(asked, indexes, strict=True):
            explained = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plan = " ".join(row.detail for row in explained)
            assert (index if isinstance(index, str) else index[1]) in plan
            # An index that is read from its end is a scan only in name: `LIMIT` ends it.
            assert "SCAN" not in plan or (index == ALL and page == "from one end")
            assert "TEMP B-TREE" not in plan


CHEAP_WITH_FEW_ROWS = ("seqscan", "bitmapscan", "sort")
"""What the planner prefers while there is little to read; with these off, it shows whether an index does without."""


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """A plan and everything below it."""
    return [plan, *(node for below in plan.get("Plans", []) for node in nodes(below))]


async def plan_of(connection: AsyncConnection, statement: str, parameters: Sequence[Any]) -> dict[str, Any]:
    explained = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", tuple(parameters))
    found = explained.scalar_one()
    (only,) = json.loads(found) if isinstance(found, str) else found
    return dict(only["Plan"])


async def test_on_postgresql_every_kind_of_history_is_a_range_of_an_index(postgres_url: str) -> None:
    """The same with PostgreSQL's planner; the condition on the time has to be the index's own."""
    async with started(postgres_url) as server:
        bad = [
            case
            for read in READS
            for page in PAGES
            for oldest_first in (False, True)
            async for case in not_ranges(server, read, page, oldest_first)
        ]
    assert not bad, "\n".join(bad)


async def not_ranges(server: Server, read: str, page: str, oldest_first: bool) -> AsyncIterator[str]:
    """What is wrong with the plans of one read."""
    asked = await statements(server, READS[read][0], page_of(page, oldest_first))
    for (statement, parameters), index in zip(asked, READS[read][1], strict=True):
        async with server.engine.read() as connection:
            for way in CHEAP_WITH_FEW_ROWS:
                await connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
            plan = nodes(await plan_of(connection, statement, parameters))
        kinds = {node["Node Type"] for node in plan}
        used = [node for node in plan if node.get("Index Name") == index_of(index)]
        ranged = page == "from one end" or (used and "timestamp" in used[0].get("Index Cond", ""))
        if len(used) != 1 or not ranged or kinds & {"Sort", "Seq Scan", "Bitmap Heap Scan"}:
            yield f"{read}, {page}, {oldest_first=}: {plan}"


def index_of(index: str | tuple[str, str]) -> str:
    return index if isinstance(index, str) else index[0]
