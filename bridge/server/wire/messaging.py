"""Messages over the socket: sent, modified, recalled, acknowledged and read."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server import unread
from bridge.server.errors import (
    BAD_ARGUMENT,
    BLOCKED_BY_CONVERSATION,
    INVALID_MESSAGING_TARGET,
    MESSAGE_TOO_LONG,
    SILENCED,
    SILENCED_FOR_A_TIME,
)
from bridge.server.fields import MESSAGE_BYTES
from bridge.server.http import Json, JsonObject, Parameters, to_json
from bridge.server.ids import MessageIds
from bridge.server.messages import Change
from bridge.server.presence import Clients, Read, Receipt
from bridge.server.restrictions import Restriction, restricted
from bridge.server.rows import CHATROOM, NORMAL, SERVICE, TEMPORARY
from bridge.server.store import Draft, Key, Reach
from bridge.server.targets import Target, load_targets
from bridge.server.wire import temporary
from bridge.server.wire.framing import Command
from bridge.server.wire.sessions import Session

PRIORITIES = {1: "high", 2: "normal", 3: "low"}
_REACHES = {NORMAL: Reach.NORMAL, CHATROOM: Reach.CHATROOM, TEMPORARY: Reach.TEMPORARY}

_ids = MessageIds()


async def send(session: Session, command: Command) -> Command:
    """Sends a message: to a conversation's members, into a chatroom, or up to a service; a will is kept for later."""
    draft = _draft(session, command)
    target = await _admitted(session, draft)
    if target.kind == SERVICE:
        msg_id, timestamp = await session.server.upstream.keep(draft, target)
        return _sent(command, msg_id, timestamp)
    draft = replace(
        draft, reach=_REACHES[target.kind], receipt=draft.receipt and _has_receipts(draft, target)
    )
    if Parameters(command.body).boolean("will"):
        session.will = replace(draft, origin="")
        now = session.server.clock()
        return _sent(command, _ids.new(now), now)
    stored = await session.server.messages.send(draft)
    return _sent(command, stored.msg_id, stored.timestamp)


def _sent(command: Command, msg_id: str, timestamp: int) -> Command:
    # No `code`, not even 0: SDKs take its presence for a failure.
    return Command(cmd="ack", i=command.i, body={"uid": msg_id, "t": timestamp})


def _has_receipts(draft: Draft, target: Target) -> bool:
    return len(target.members) <= 2 and target.kind != CHATROOM and not draft.transient


def _draft(session: Session, command: Command) -> Draft:
    fields = Parameters(command.body)
    text, binary = fields.text("msg"), fields.text("binaryMsg")
    data = text if binary is None else binary
    if data is None:
        raise BAD_ARGUMENT("'msg' or 'binaryMsg' is required")
    pushed = fields.json_object("pushData")
    push = to_json({**pushed}) if pushed else None
    if len(data.encode()) + len((push or "").encode()) > MESSAGE_BYTES:
        raise MESSAGE_TOO_LONG("message and push data have at most 5 KB together")
    return Draft(
        reach=Reach.NORMAL,
        conv_id=fields.required_text("cid"),
        sender=session.client_id,
        data=data,
        bin=binary is not None,
        transient=fields.boolean("transient"),
        priority=PRIORITIES.get(command.priority or 2, "normal"),
        mention_all=fields.boolean("mentionAll"),
        mentions=tuple(fields.texts("mentionPids") or ()),
        push=push,
        from_ip=session.from_ip,
        metered=False,
        receipt=fields.boolean("r"),
        origin=session.id,
    )


async def _admitted(session: Session, draft: Draft) -> Target:
    """The conversation, if the client may send there: 4401, 4315, 4563, 4548, 4323."""
    conv_id, me = draft.conv_id, session.client_id
    async with session.server.engine.read() as connection:
        target = (await connection.run_sync(load_targets, [conv_id])).get(conv_id)
        if target is None:
            raise INVALID_MESSAGING_TARGET("no such conversation")
        if target.kind in (NORMAL, TEMPORARY) and me not in target.members:
            raise INVALID_MESSAGING_TARGET("the sender is not in the conversation")
        if target.kind == TEMPORARY:
            await temporary.require_alive(connection, conv_id, session.server.clock())
        else:
            await _require_voice(session, connection, conv_id)
    return target


async def _require_voice(session: Session, connection: AsyncConnection, conv_id: str) -> None:
    me, now = [session.client_id], session.server.clock()
    for restriction, refusal in (
        (Restriction.SILENCED_FOR_A_TIME, SILENCED_FOR_A_TIME),
        (Restriction.SILENCED, SILENCED),
        (Restriction.BLOCKED, BLOCKED_BY_CONVERSATION),
    ):
        if await restricted(connection, conv_id, restriction, me, now):
            raise refusal("the client may not speak in this conversation")


async def patch(session: Session, command: Command) -> Command:
    """Modifies or recalls messages of the client's own (4404, 4403)."""
    newest = session.server.clock()
    for item in _objects(command, "patches"):
        fields = Parameters(item)
        text, binary = fields.text("data"), fields.text("binaryMsg")
        data = text if binary is None else binary
        recall = fields.boolean("recall")
        if data is None and not recall:
            raise BAD_ARGUMENT("'data' or 'recall' is required")
        if len((data or "").encode()) > MESSAGE_BYTES:
            raise MESSAGE_TOO_LONG("a message has at most 5 KB")
        key = Key(fields.required_text("cid"), fields.required_text("mid"), fields.integer("timestamp") or 0)
        await session.server.messages.change(
            Change(key, session.client_id, None if recall else data, metered=False, origin=session.id)
        )
        newest = session.server.clock()
    return command.reply("modified", {"lastPatchTime": newest})


def _objects(command: Command, name: str) -> list[JsonObject]:
    given: Json = command.body.get(name)
    if not isinstance(given, list):
        return []
    return [one for one in given if isinstance(one, dict)]


async def acknowledge(session: Session, command: Command) -> None:
    """Notes that messages arrived: those between two instants, or one; nobody waits for an answer."""
    fields = Parameters(command.body)
    conv_id = fields.text("cid")
    if not conv_id:
        return
    since, till, msg_id = fields.integer("fromts"), fields.integer("tots"), fields.text("mid")
    acknowledgements = session.server.sockets.acknowledgements
    if since is not None and till is not None:
        acknowledgements.note(session.client_id, conv_id, since, till)
    elif msg_id:
        await acknowledgements.note_one(session.client_id, conv_id, msg_id)


async def read(session: Session, command: Command) -> None:
    """Notes up to where the client has read, and tells its other sessions and, of two, the other."""
    now = session.server.clock()
    marks = {}
    for item in _objects(command, "convs"):
        fields = Parameters(item)
        if conv_id := fields.text("cid"):
            marks[conv_id] = min(fields.integer("timestamp") or now, now)
    whole = Parameters(command.body)
    for conv_id in (*(whole.texts("cids") or ()), *(whole.texts("cid") or ())):
        marks.setdefault(conv_id, now)
    for conv_id, till in sorted(marks.items()):
        await _mark(session, conv_id, till)


async def _mark(session: Session, conv_id: str, till: int) -> None:
    me, server = session.client_id, session.server
    async with server.engine.write() as connection:
        target = (await connection.run_sync(load_targets, [conv_id])).get(conv_id)
        if target is None or (target.kind != SERVICE and me not in target.members):
            return
        await unread.mark_read(connection, me, conv_id, till)
        left = await unread.count_unread(connection, me, conv_id)
    await server.presence.publish(Read(conv_id, server.clock(), left, session.id), Clients((me,)))
    if len(target.members) == 2:
        peers = tuple(one for one in target.members if one != me)
        await server.presence.publish(Receipt(conv_id, me, till), Clients(peers))
