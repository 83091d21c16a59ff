"""One round of moving out: each step pulls one kind of what the service holds, and goes on where it was cut off."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from bridge.moving import bars
from bridge.moving.folder import (
    BLACKLISTS,
    BROADCASTS,
    CLASSES,
    CONVERSATIONS,
    MESSAGES,
    SILENCES,
    SUBSCRIPTIONS,
    THREADS,
    TOGETHER,
    ExportFolder,
    Table,
)
from bridge.realtime.client import RealtimeClient
from bridge.realtime.errors import Rejected
from bridge.realtime.history import HistoryRange, InThread
from bridge.realtime.models import Kind, Page, Ref

T = TypeVar("T")

AT_ONCE = 8
"""Conversations, or threads, that are asked about at a time; their answers are in memory together."""

_LIST_PAGE = 100
_THREAD_PAGE = TOGETHER // AT_ONCE
"""So that the pages of all threads that are asked about at a time take no more memory than one of the history."""

_IM_CODES = range(4101, 5000)
_FEATURE_OFF = frozenset({4324, 4325, 4544})
_GONE = frozenset({4303, 4401})


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All results in order; the first failure ends the rest, and none of it goes on behind one's back."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def ref_of(row: Mapping[str, Any]) -> Ref:
    """What a call needs to know of a row of `_Conversation`."""
    kind = Kind.SYSTEM if row.get("sys") is True else Kind.TRANSIENT if row.get("tr") is True else Kind.NORMAL
    return Ref(str(row["objectId"]), kind)


async def pull_class(folder: ExportFolder, client: RealtimeClient, name: str) -> None:
    """Every row of a class; a scan that was cut off begins anew, its cursor lives for ten minutes only."""
    with folder.table(name) as table, bars.step(name, 1) as advance:
        table.restart()
        try:
            await _scan(table, client, name)
        except Rejected as error:
            table.restart()
            if name == CONVERSATIONS:
                folder.cannot("scan of _Conversation", f"{error}; read in pages by skip instead")
                await _page_through(table, client)
            elif error.code != 101:  # a class that was never written to does not exist
                folder.cannot(name, str(error))
        advance(1)
        table.finish()


async def _scan(table: Table, client: RealtimeClient, name: str) -> None:
    cursor: str | None = None
    while True:
        page = await client.scan(name, cursor=cursor, limit=TOGETHER)
        table.write(page.items)
        table.commit()
        if page.next is None or page.next == cursor:
            return
        cursor = page.next


async def _page_through(table: Table, client: RealtimeClient) -> None:
    skip, before = 0, set[str]()
    while page := await client.find_conversations(skip=skip, limit=TOGETHER):
        table.write(row.raw for row in page if row.id not in before)
        table.commit()
        skip, before = skip + len(page), {row.id for row in page}


async def pull_list(
    folder: ExportFolder,
    name: str,
    kinds: tuple[Kind, ...],
    page_of: Callable[[Ref, str | None], Awaitable[Page[str]]],
) -> None:
    """A list of clients that every conversation of these kinds may have: who is silenced, who is blocked."""

    async def rows_of(conversation: Ref) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        cursor: str | None = None
        while True:
            try:
                page = await page_of(conversation, cursor)
            except Rejected as error:
                if error.code in _GONE:
                    return found
                folder.cannot(name if _is_unserved(error) else f"{name} of {conversation.id}", str(error))
                if _is_unserved(error):
                    raise
                return found
            found += [{"conv_id": conversation.id, "client_id": client_id} for client_id in page.items]
            if page.next is None or page.next == cursor:
                return found
            cursor = page.next

    total = folder.tables[CONVERSATIONS]["rows"]
    with folder.table(name) as table, bars.step(name, total) as advance:
        for at, rows in _in_groups(folder.lines(CONVERSATIONS, table.state.get("at", 0))):
            chosen = [ref for row in rows if (ref := ref_of(row)).kind in kinds]
            try:
                found = await together(map(rows_of, chosen))
            except Rejected:
                break  # there is no such call: the other conversations need not be asked
            for some in found:
                table.write(some)
            table.commit(at=at)
            advance(len(rows))
        table.finish()


def _is_unserved(error: Rejected) -> bool:
    return error.code not in _IM_CODES or error.code in _FEATURE_OFF


async def pull_silences(folder: ExportFolder, client: RealtimeClient) -> None:
    """Who is silenced for good."""

    async def page_of(conversation: Ref, cursor: str | None) -> Page[str]:
        return await client.silenced(conversation, limit=_LIST_PAGE, cursor=cursor)

    await pull_list(folder, SILENCES, (Kind.NORMAL, Kind.TRANSIENT), page_of)


async def pull_blacklists(folder: ExportFolder, client: RealtimeClient) -> None:
    """Who is kept out."""

    async def page_of(conversation: Ref, cursor: str | None) -> Page[str]:
        return await client.blocked(conversation, limit=_LIST_PAGE, cursor=cursor)

    await pull_list(folder, BLACKLISTS, tuple(Kind), page_of)


def _services(folder: ExportFolder, start: int) -> Iterator[tuple[int, Ref]]:
    for behind, row in folder.lines(CONVERSATIONS, start):
        ref = ref_of(row)
        if ref.kind is Kind.SYSTEM:
            yield behind, ref


async def pull_broadcasts(folder: ExportFolder, client: RealtimeClient) -> None:
    """The broadcasts that devices may still get."""
    with folder.table(BROADCASTS) as table, bars.step(BROADCASTS, 1) as advance:
        table.restart()
        for _, service in _services(folder, 0):
            async for page in _pages_of_broadcasts(folder, client, service):
                table.write(page)
                table.commit()
        advance(1)
        table.finish()


async def _pages_of_broadcasts(
    folder: ExportFolder, client: RealtimeClient, service: Ref
) -> AsyncIterator[list[Mapping[str, object]]]:
    skip, before = 0, ""
    while True:
        try:
            page = await client.broadcasts(service, limit=100, skip=skip)
        except Rejected as error:
            if error.code not in _GONE:
                folder.cannot(f"{BROADCASTS} of {service.id}", str(error))
            return
        # A service that ignores `skip` would give the same page for ever.
        if not page or page[0].message.msg_id == before:
            return
        yield [one.raw for one in page]
        skip, before = skip + len(page), page[0].message.msg_id


async def pull_subscriptions(folder: ExportFolder, client: RealtimeClient) -> None:
    """The subscribers of every service conversation."""
    with folder.table(SUBSCRIPTIONS) as table, bars.step(SUBSCRIPTIONS, 1) as advance:
        for behind, service in _services(folder, table.state.get("at", 0)):
            after: str | None = table.state.get("after")
            try:
                while page := await client.subscribers(service, after=after):
                    fresh = [row for row in page if row.subscriber != after]
                    if not fresh:
                        break
                    after = fresh[-1].subscriber
                    table.write(row.raw for row in fresh)
                    table.commit(after=after)
            except Rejected as error:
                if error.code not in _GONE:
                    folder.cannot(f"{SUBSCRIPTIONS} of {service.id}", str(error))
            table.commit(at=behind, after=None)
        advance(1)
        table.finish()


async def pull_threads(folder: ExportFolder, client: RealtimeClient) -> None:
    """What every subscriber got from its service conversation: rows of history, with `subscriber` beside."""

    async def pull(table: Table, row: Mapping[str, Any]) -> None:
        service, client_id = Ref(row["conv_id"], Kind.SYSTEM), row["subscriber"]
        span = HistoryRange(limit=_THREAD_PAGE)
        try:
            async for message in client.iterate_history(InThread(service, client_id), span):
                table.write([{**message.raw, "subscriber": client_id}])
        except Rejected as error:
            if error.code not in _GONE:
                folder.cannot(f"{THREADS} of {service.id}", str(error))

    total = folder.tables[SUBSCRIPTIONS]["rows"]
    with folder.table(THREADS) as table, bars.step(THREADS, total) as advance:
        if "since" not in table.state:
            table.commit(since=folder.tables[MESSAGES].get("top", 0))
        for at, rows in _in_groups(folder.lines(SUBSCRIPTIONS, table.state.get("at", 0))):
            await together(pull(table, row) for row in rows)
            table.commit(at=at)
            advance(len(rows))
        table.finish()


def _in_groups(lines: Iterator[tuple[int, T]]) -> Iterator[tuple[int, list[T]]]:
    """Rows a few at a time, each few with the offset behind it."""
    while some := list(islice(lines, AT_ONCE)):
        yield some[-1][0], [row for _, row in some]


async def pull_classes(folder: ExportFolder, client: RealtimeClient) -> None:
    """The classes that messaging is made of, as the console exports them."""
    for name in CLASSES:
        if not folder.is_done(name):
            await pull_class(folder, client, name)
