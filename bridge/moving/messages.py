"""Pulling history: backwards from now, a page at a time, each page durable before the next is asked for."""

from collections.abc import Sequence
from typing import Any

from bridge.moving import bars
from bridge.moving.bars import Advance
from bridge.moving.folder import CONVERSATIONS, MESSAGES, TOGETHER, ExportFolder, State, Table
from bridge.moving.outward import ref_of
from bridge.realtime.client import RealtimeClient
from bridge.realtime.errors import Rejected
from bridge.realtime.history import Everything, HistoryRange, InConversation, Source
from bridge.realtime.models import Message

SETTLING_MS = 600_000
"""What is this new, other messages may still come to stand before: the next round reads it again."""

KEPT_DAYS = 180
_DAY_MS = 86_400_000


async def pull_messages(folder: ExportFolder, client: RealtimeClient) -> None:
    """The whole app's history; where the service refuses that, the history of each conversation."""
    with folder.table(MESSAGES) as table:
        try:
            if "apart" not in table.state:
                await _pull_whole(table, client)
        except Rejected as error:
            folder.cannot("the history of the whole app", f"{error}; read by conversation instead")
            table.restart()
            table.commit(apart=True)
        if "apart" in table.state:
            await _pull_apart(folder, table, client)
        table.finish()


def next_round(state: State | None) -> State | None:
    """What the next round builds upon: the rows that no other can come to stand between."""
    if not state or "settled" not in state:
        return None
    size, rows = state["settled_bytes"], state["settled_rows"]
    return {
        "bytes": size,
        "rows": rows,
        "settled": state["settled"],
        "settled_bytes": size,
        "settled_rows": rows,
    }


async def _pull_whole(table: Table, client: RealtimeClient) -> None:
    """First what has settled since the last round, then what is newer; both backwards."""
    state = table.state
    if "top" not in state:
        newest = await client.history(Everything(), HistoryRange(limit=1))
        low = state.get("settled", 0)
        top = newest[0].timestamp if newest else low
        table.commit(top=top, low=low, edge=max(low, top - SETTLING_MS), newer=False, cursor=None)
    span = max(1, (state["top"] - max(state["low"], state["top"] - KEPT_DAYS * _DAY_MS)) // _DAY_MS)
    with bars.step("messages (days)", span) as advance:
        if not state["newer"]:
            await _pull_window(table, client, (state["low"], state["edge"]), advance)
            settled = {
                "settled": state["edge"],
                "settled_bytes": state["bytes"],
                "settled_rows": state["rows"],
            }
            table.commit(newer=True, cursor=None, **settled)
        await _pull_window(table, client, (state["edge"], None), advance)


async def _pull_window(
    table: Table, client: RealtimeClient, window: tuple[int, int | None], advance: Advance
) -> None:
    """The messages from an instant on (included) up to another (excluded; None is now), newest first."""
    low, high = window
    if high is not None and high <= low:
        return
    while True:
        cursor = table.state["cursor"]
        page = await client.history(Everything(), _span(cursor, low, high))
        fresh = [one for one in page if _is_ahead(one, cursor, high) and one.timestamp >= low]
        table.write(one.raw for one in fresh)
        if not page or page[-1].timestamp < low or [page[-1].timestamp, page[-1].msg_id] == cursor:
            table.commit()
            return
        if cursor:
            advance(cursor[0] // _DAY_MS - page[-1].timestamp // _DAY_MS)
        table.commit(cursor=[page[-1].timestamp, page[-1].msg_id])


def _span(cursor: list[Any] | None, low: int, high: int | None) -> HistoryRange:
    timestamp, msgid = cursor or (high, None)
    # An instant alone is no part of the range, so the one before the first that is wanted ends it.
    return HistoryRange(
        timestamp=timestamp, msgid=msgid, till_timestamp=low - 1 if low else None, limit=TOGETHER
    )


def _is_ahead(message: Message, cursor: list[Any] | None, high: int | None) -> bool:
    if cursor is None:
        return high is None or message.timestamp < high
    same = [message.timestamp, message.msg_id] == cursor
    return message.timestamp <= cursor[0] and not same


async def _pull_apart(folder: ExportFolder, table: Table, client: RealtimeClient) -> None:
    total = folder.tables[CONVERSATIONS]["rows"]
    with bars.step("messages", total) as advance:
        for behind, row in folder.lines(CONVERSATIONS, table.state.get("at", 0)):
            try:
                await _pull_conversation(table, client, InConversation(ref_of(row)))
            except Rejected as error:
                folder.cannot(f"the history of {row['objectId']}", str(error))
            table.commit(at=behind, cursor=None)
            advance(1)


async def _pull_conversation(table: Table, client: RealtimeClient, source: Source) -> None:
    while True:
        cursor = table.state.get("cursor")
        page: Sequence[Message] = await client.history(source, _span(cursor, 0, None))
        table.write(one.raw for one in page if _is_ahead(one, cursor, None))
        if not page or [page[-1].timestamp, page[-1].msg_id] == cursor:
            return
        table.commit(cursor=[page[-1].timestamp, page[-1].msg_id])
