"""Conversations over the socket: started, found, changed, muted."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server import history
from bridge.server.access import Access
from bridge.server.conversations import ConversationRow, load_conversation
from bridge.server.errors import (
    BAD_ARGUMENT,
    CONVERSATION_FULL,
    CONVERSATION_NOT_FOUND,
    CONVERSATION_READ_ONLY,
    CONVERSATION_UPDATE_FAILED,
    CONVERSATION_UPDATE_REJECTED,
    MEMBERSHIP_REQUIRED,
)
from bridge.server.fields import check_client_id
from bridge.server.history import Entry, Page
from bridge.server.http import Json, JsonObject, Parameters
from bridge.server.objects import Query
from bridge.server.rows import CHATROOM, CONVERSATION, NORMAL, SERVICE, new_object_id
from bridge.server.store import Reach
from bridge.server.targets import MEMBERS_USED
from bridge.server.times import milliseconds
from bridge.server.wire import temporary
from bridge.server.wire.framing import Command
from bridge.server.wire.sessions import Session
from bridge.server.wire.signatures import check_start

DEFAULT_LIMIT = 10
MAX_LIMIT = 1000

COMPACT, LAST_MESSAGE = 1, 2
"""Bits of a query's `flag`."""

_NEWEST_FIRST = "-lm"
_KEPT_BACK = frozenset({"ACL", "c", "lm", "m", "mu", "unique", "uniqueId"})
"""Columns that clients have calls of their own for, or no business with."""


async def start(session: Session, command: Command) -> Command:
    """Makes a conversation of the client and those it names, or gives the unique one of them."""
    fields = Parameters(command.body)
    named = [check_client_id(one) for one in fields.texts("m") or []]
    check_start(session.server.settings, session.client_id, fields, named)
    members = tuple(sorted({*named, session.client_id}))
    if fields.boolean("tempConv"):
        return command.reply(
            "started", await temporary.start(session, members, fields.integer("tempConvTTL"))
        )
    given = fields.json_object("attr") or {}
    columns = {key: value for key, value in given.items() if key not in _KEPT_BACK}
    columns["c"] = session.client_id
    hooks = session.server.hooks
    await hooks.start(session.client_id, members, {key: columns[key] for key in columns if key != "c"})
    row, is_new = await _made(session, fields, members, columns)
    if is_new:
        hooks.started(str(row["objectId"]))
    if is_new and row.get("tr") is not True:
        at, me = milliseconds(str(row["createdAt"])), session.client_id
        await session.server.notices.joined(str(row["objectId"]), me, members, (), at)
    reply: JsonObject = {"cid": row["objectId"], "cdate": row["createdAt"], "udate": row["updatedAt"]}
    return command.reply("started", reply | ({"uniqueId": row["uniqueId"]} if "uniqueId" in row else {}))


async def _made(
    session: Session, fields: Parameters, members: tuple[str, ...], columns: JsonObject
) -> tuple[JsonObject, bool]:
    """The conversation, and whether it was not there before."""
    conversations, engine = session.server.conversations, session.server.engine
    if fields.boolean("transient"):
        async with engine.write() as connection:
            return await conversations.create(connection, CHATROOM, columns), True
    if "sys" in columns or "tr" in columns:
        raise BAD_ARGUMENT("'sys' and 'tr' cannot be given to a conversation")
    if len(members) > MEMBERS_USED:
        raise CONVERSATION_FULL(f"{len(members)} members, at most {MEMBERS_USED} are possible")
    new_id = new_object_id(session.server.clock())
    columns["m"] = [*members]
    if fields.boolean("unique"):
        columns["unique"] = True
    async with engine.write() as connection:
        row = await conversations.create_row(connection, columns, {"objectId": new_id})
    return row, row["objectId"] == new_id


async def query(session: Session, command: Command) -> Command:
    """The conversations that meet `where`, the client's own without one; any client may find any conversation."""
    fields = Parameters(command.body)
    now = session.server.clock()
    if (wanted := fields.texts("tempConvIds")) is not None:
        async with session.server.engine.read() as connection:
            found = await temporary.rows(connection, wanted[:MAX_LIMIT], now)
        return command.reply("results", {"results": [*found]})
    limit, skip, flag = fields.integer("limit"), fields.integer("skip") or 0, fields.integer("flag") or 0
    if limit is None or not 1 <= limit <= MAX_LIMIT:
        limit = DEFAULT_LIMIT
    if skip < 0:
        raise BAD_ARGUMENT("'skip' cannot be negative")
    where = fields.json_object("where") or {"m": session.client_id}
    asked = Query(CONVERSATION, where, fields.text("sort") or _NEWEST_FIRST, limit, skip)
    async with session.server.engine.read() as connection:
        rows = await session.server.objects.find(connection, asked, Access())
        shown: list[Json] = [await _shown(connection, session.client_id, row, flag) for row in rows]
    return command.reply("results", {"results": shown})


async def _shown(connection: AsyncConnection, client_id: str, row: JsonObject, flag: int) -> JsonObject:
    muted = row.get("mu")
    shown: JsonObject = {**row, "muted": isinstance(muted, list) and client_id in muted}
    shown.setdefault("attr", {})
    if flag & COMPACT:
        shown.pop("m", None)
    else:
        shown.setdefault("m", [])
    if flag & LAST_MESSAGE:
        newest = await _newest(connection, client_id, row)
        shown |= _last_message(newest[0]) if newest else {}
    return shown


async def _newest(connection: AsyncConnection, client_id: str, row: JsonObject) -> list[Entry]:
    conv_id = str(row["objectId"])
    if row.get("sys") is True:
        return await history.of_thread(connection, conv_id, client_id, Page(limit=1))
    members = row.get("m")
    if row.get("tr") is not True and not (isinstance(members, list) and client_id in members):
        return []
    reach = Reach.CHATROOM if row.get("tr") is True else Reach.NORMAL
    return await history.of_conversation(connection, conv_id, reach, Page(limit=1))


def _last_message(entry: Entry) -> JsonObject:
    shown: JsonObject = {
        "msg": entry.data,
        "msg_from": entry.sender,
        "msg_mid": entry.msg_id,
        "msg_timestamp": entry.timestamp,
    }
    optional: JsonObject = {
        "bin": entry.bin,
        "patch_timestamp": entry.patched_at,
        "mention_all": entry.mention_all,
        "mention_pids": [*entry.mentions],
    }
    return shown | {key: value for key, value in optional.items() if value}


async def conversation_of(connection: AsyncConnection, conv_id: str, lock: bool = False) -> ConversationRow:
    """The conversation (4303); a temporary one is none that can be changed (4307)."""
    if temporary.is_temporary(conv_id):
        raise CONVERSATION_READ_ONLY("a temporary conversation stays as it is")
    found = await load_conversation(connection, conv_id, lock)
    if found is None:
        raise CONVERSATION_NOT_FOUND(f"no conversation '{conv_id[:64]}'")
    return found


async def update(session: Session, command: Command) -> Command:
    """Changes columns, for a member (4309) or who is in a chatroom; service conversations belong to the app (4307)."""
    fields = Parameters(command.body)
    conv_id, changes = fields.required_text("cid"), fields.json_object("attr") or {}
    for key in changes:
        if key.partition(".")[0] in _KEPT_BACK:
            raise CONVERSATION_UPDATE_FAILED(f"'{key[:64]}' cannot be changed")
    changes = await session.server.hooks.update(session.client_id, conv_id, changes)
    async with session.server.engine.write() as connection:
        conversation = await conversation_of(connection, conv_id, lock=True)
        if conversation.kind == SERVICE:
            raise CONVERSATION_READ_ONLY("a service conversation is changed by the app alone")
        _require_part(session, conversation)
        row = await session.server.conversations.update(connection, conv_id, conversation.kind, changes)
    if conversation.kind == NORMAL:
        await session.server.notices.updated(row, changes, session.client_id, session.id)
    return command.reply("updated", {"cid": conv_id, "udate": row["updatedAt"]})


def _require_part(session: Session, conversation: ConversationRow) -> None:
    me = session.client_id
    joined = conversation.id in session.connection.rooms
    if conversation.kind == NORMAL and me not in conversation.members:
        raise CONVERSATION_UPDATE_REJECTED("only members change a conversation")
    if conversation.kind == CHATROOM and not joined and conversation.row.get("c") != me:
        raise CONVERSATION_UPDATE_REJECTED("join the chatroom first")


async def mute(session: Session, command: Command) -> Command:
    """Keeps offline pushes of a normal conversation from the client."""
    return await _set_muted(session, command, muted=True)


async def unmute(session: Session, command: Command) -> Command:
    """Lets offline pushes reach the client again."""
    return await _set_muted(session, command, muted=False)


async def _set_muted(session: Session, command: Command, *, muted: bool) -> Command:
    conv_id = Parameters(command.body).required_text("cid")
    conversations, me = session.server.conversations, session.client_id
    muted = await session.server.hooks.mute(me, conv_id, muted=muted)
    async with session.server.engine.write() as connection:
        conversation = await conversation_of(connection, conv_id, lock=True)
        if conversation.kind == NORMAL and me not in conversation.members:
            raise MEMBERSHIP_REQUIRED("only members mute a conversation")
        change = conversations.mute if muted else conversations.unmute
        row = await change(connection, conv_id, [me])
    return command.reply("updated", {"cid": conv_id, "udate": row["updatedAt"]})
