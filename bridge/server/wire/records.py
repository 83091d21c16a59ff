"""What a client reads of a conversation: its history, its members, who is in it, how far others have read."""

import json

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server import history
from bridge.server.conversations import load_conversation
from bridge.server.errors import CONVERSATION_LOG_REJECTED, CONVERSATION_NOT_FOUND, MEMBERSHIP_REQUIRED
from bridge.server.history import Bound, Entry, Page
from bridge.server.http import Json, JsonObject, Parameters
from bridge.server.rows import CHATROOM, NORMAL, SERVICE, TEMPORARY
from bridge.server.store import Reach
from bridge.server.subscribers import among, count_subscribers
from bridge.server.tables import cursors
from bridge.server.targets import load_targets
from bridge.server.wire.framing import Command
from bridge.server.wire.sessions import Session

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
SEARCHED_PAGES = 50
"""How far a query for one type of messages looks, in pages of `MAX_LIMIT`."""

CHATROOM_SAMPLE = 50


async def logs(session: Session, command: Command) -> Command:
    """A page of history, always oldest first; 4312 for a conversation that the client is not in."""
    fields = Parameters(command.body)
    conv_id = fields.required_text("cid")
    page, wanted = _page(fields), fields.integer("lctype")
    async with session.server.engine.read() as connection:
        if wanted is None:
            found = await _read(connection, session, conv_id, page)
        else:
            found = await _of_type(connection, session, conv_id, page, wanted)
    ordered = found if page.oldest_first else [*reversed(found)]
    items: list[Json] = [_item(entry) for entry in ordered]
    return command.reply(None, {"cid": conv_id, "logs": items})


def _page(fields: Parameters) -> Page:
    limit = fields.integer("l") or fields.integer("limit") or DEFAULT_LIMIT
    direction = fields.get("direction")
    return Page(
        start=_bound(fields, "t", "mid", "tIncluded"),
        stop=_bound(fields, "tt", "tmid", "ttIncluded"),
        oldest_first=direction in ("NEW", 2),
        limit=min(limit, MAX_LIMIT) if limit >= 1 else DEFAULT_LIMIT,
    )


def _bound(fields: Parameters, timestamp: str, msg_id: str, inclusive: str) -> Bound | None:
    at = fields.integer(timestamp)
    # SDKs leave an end open by 0 as well as by leaving it out.
    return Bound(at, fields.text(msg_id) or None, fields.boolean(inclusive)) if at else None


async def _read(connection: AsyncConnection, session: Session, conv_id: str, page: Page) -> list[Entry]:
    target = (await connection.run_sync(load_targets, [conv_id])).get(conv_id)
    if target is None:
        raise CONVERSATION_NOT_FOUND(f"no conversation '{conv_id[:64]}'")
    if target.kind == SERVICE:
        return await history.of_thread(connection, conv_id, session.client_id, page)
    if target.kind != CHATROOM and session.client_id not in target.members:
        raise CONVERSATION_LOG_REJECTED("only members read a conversation")
    reach = {NORMAL: Reach.NORMAL, TEMPORARY: Reach.TEMPORARY}.get(target.kind, Reach.CHATROOM)
    return await history.of_conversation(connection, conv_id, reach, page)


async def _of_type(
    connection: AsyncConnection, session: Session, conv_id: str, page: Page, wanted: int
) -> list[Entry]:
    found: list[Entry] = []
    start = page.start
    for _ in range(SEARCHED_PAGES):
        further = Page(start, page.stop, page.oldest_first, MAX_LIMIT)
        entries = await _read(connection, session, conv_id, further)
        found += [entry for entry in entries if _type_of(entry) == wanted]
        if len(entries) < MAX_LIMIT or len(found) >= page.limit:
            break
        start = Bound(entries[-1].timestamp, entries[-1].msg_id, inclusive=False)
    return found[: page.limit]


def _type_of(entry: Entry) -> object:
    if entry.bin or '"_lctype"' not in entry.data:
        return None
    try:
        content = json.loads(entry.data)
    except (ValueError, RecursionError):
        return None
    return content.get("_lctype") if isinstance(content, dict) else None


def _item(entry: Entry) -> JsonObject:
    item: JsonObject = {
        "from": entry.sender,
        "data": entry.data,
        "timestamp": entry.timestamp,
        "msgId": entry.msg_id,
        "convType": Reach(entry.reach).conv_type,
    }
    optional: JsonObject = {
        "ackAt": entry.ack_at,
        "patchTimestamp": entry.patched_at,
        "mentionAll": entry.mention_all,
        "mentionPids": [*entry.mentions],
        "bin": entry.bin and not entry.recalled,
    }
    return item | {key: value for key, value in optional.items() if value}


async def count(session: Session, command: Command) -> Command:
    """Members; of a chatroom those who are online, of a service its subscribers."""
    conv_id = Parameters(command.body).required_text("cid")
    async with session.server.engine.read() as connection:
        target = (await connection.run_sync(load_targets, [conv_id])).get(conv_id)
        if target is None:
            raise CONVERSATION_NOT_FOUND(f"no conversation '{conv_id[:64]}'")
        if target.kind == SERVICE:
            return command.reply("result", {"count": await count_subscribers(connection, conv_id)})
    in_room = session.server.presence.room_count(conv_id)
    return command.reply("result", {"count": in_room if target.kind == CHATROOM else len(target.members)})


async def members(session: Session, command: Command) -> Command:
    """The members; of a chatroom a sample of those who are online."""
    conv_id = Parameters(command.body).required_text("cid")
    async with session.server.engine.read() as connection:
        target = (await connection.run_sync(load_targets, [conv_id])).get(conv_id)
    if target is None:
        raise CONVERSATION_NOT_FOUND(f"no conversation '{conv_id[:64]}'")
    sample = session.server.presence.room_sample(conv_id, CHATROOM_SAMPLE)
    shown: list[Json] = [*(sample if target.kind == CHATROOM else target.members)]
    return command.reply("result", {"m": shown})


async def is_member(session: Session, command: Command) -> Command:
    """In which of these conversations the client is."""
    fields, me = Parameters(command.body), session.client_id
    asked = (fields.texts("cids") or [fields.required_text("cid")])[:MAX_LIMIT]
    async with session.server.engine.read() as connection:
        targets = await connection.run_sync(load_targets, asked)
    found: JsonObject = {}
    for conv_id in asked:
        target = targets.get(conv_id)
        if target is not None and target.kind == SERVICE:
            found[conv_id] = me in await among(session.server.engine, conv_id, [me])
        else:
            joined = conv_id in session.connection.rooms
            found[conv_id] = target is not None and (joined or me in target.members)
    return command.reply("result", {"results": found})


async def max_read(session: Session, command: Command) -> Command:
    """Up to when the other members have received and read; of each of them when all are asked for."""
    fields, me = Parameters(command.body), session.client_id
    conv_id = fields.required_text("cid")
    async with session.server.engine.read() as connection:
        conversation = await load_conversation(connection, conv_id)
        if conversation is None or me not in conversation.members:
            raise MEMBERSHIP_REQUIRED("only members see how far others have read")
        others = [one for one in conversation.members if one != me]
        query = select(cursors).where(cursors.c.conv_id == conv_id, cursors.c.client_id.in_(others))
        rows = (await connection.execute(query)).all()
    if fields.boolean("queryAllMembers"):
        tuples: list[Json] = [
            {"pid": row.client_id, "maxAckTimestamp": row.delivered_at, "maxReadTimestamp": row.read_at}
            for row in rows
        ]
        return command.reply("max_read", {"cid": conv_id, "maxReadTuples": tuples})
    reply: JsonObject = {"cid": conv_id}
    if rows:
        reply["maxAckTimestamp"] = max(row.delivered_at for row in rows)
        reply["maxReadTimestamp"] = max(row.read_at for row in rows)
    return command.reply("max_read", reply)
