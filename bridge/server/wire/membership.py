"""Joining, leaving, inviting, removing: members of a conversation, subscribers of a service, clients in a chatroom."""

from collections.abc import Iterable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server.conversations import ConversationRow
from bridge.server.errors import (
    MEMBERSHIP_REQUIRED,
    NORMAL_CONVERSATION_REQUIRED,
    ServiceError,
)
from bridge.server.fields import client_ids
from bridge.server.http import Json, JsonObject, Parameters
from bridge.server.restrictions import kept_out
from bridge.server.rows import CHATROOM, NORMAL
from bridge.server.subscribers import subscribe, unsubscribe
from bridge.server.times import iso, milliseconds
from bridge.server.wire.conversing import conversation_of
from bridge.server.wire.framing import Command, error_body
from bridge.server.wire.sessions import Session, remember_room
from bridge.server.wire.signatures import check_members


async def add(session: Session, command: Command) -> Command:
    """Lets in the client, or those it invites to a normal conversation; who is kept out is named with the reason."""
    fields = Parameters(command.body)
    conv_id, clients = fields.required_text("cid"), client_ids(fields, "m", None)
    check_members(session.server.settings, session.client_id, fields, clients, "invite")
    await session.server.hooks.add(session.client_id, clients, conv_id)
    async with session.server.engine.write() as connection:
        conversation = await conversation_of(connection, conv_id, lock=True)
        _require_right(session, conversation, clients)
        failed = await kept_out(connection, conv_id, clients, session.client_id)
        allowed = [one for one in clients if one not in failed]
        udate = await _let_in(connection, session, conversation, allowed)
    if conversation.kind == CHATROOM and allowed:
        await _enter(session, conv_id)
    if allowed:
        session.server.hooks.added(session.client_id, allowed, conv_id)
    new = [one for one in allowed if one not in conversation.members]
    if conversation.kind == NORMAL and new:
        notices, members = session.server.notices, conversation.members
        await notices.joined(conv_id, session.client_id, new, members, milliseconds(udate))
    return command.reply("added", outcome(conv_id, allowed, failed) | {"udate": udate})


async def remove(session: Session, command: Command) -> Command:
    """Lets the client go, or those that it removes from a normal conversation."""
    fields = Parameters(command.body)
    conv_id, clients = fields.required_text("cid"), client_ids(fields, "m", None)
    if clients != (session.client_id,):
        check_members(session.server.settings, session.client_id, fields, clients, "kick")
        await session.server.hooks.remove(session.client_id, clients, conv_id)
    async with session.server.engine.write() as connection:
        conversation = await conversation_of(connection, conv_id, lock=True)
        _require_right(session, conversation, clients)
        udate = await _let_go(connection, session, conversation, clients)
    if conversation.kind == CHATROOM:
        session.server.presence.leave(session.connection, conv_id)
        await remember_room(session, None)
    session.server.hooks.removed(session.client_id, clients, conv_id)
    gone = [one for one in clients if one in conversation.members]
    if conversation.kind == NORMAL and gone:
        notices, members = session.server.notices, conversation.members
        await notices.left(conv_id, session.client_id, gone, members, milliseconds(udate))
    return command.reply("removed", outcome(conv_id, clients, {}) | {"udate": udate})


def _require_right(session: Session, conversation: ConversationRow, clients: Sequence[str]) -> None:
    """Everybody may join and leave; only members of a normal conversation invite and remove."""
    if tuple(clients) == (session.client_id,):
        return
    if conversation.kind != NORMAL:
        raise NORMAL_CONVERSATION_REQUIRED("others cannot be invited or removed here")
    if session.client_id not in conversation.members:
        raise MEMBERSHIP_REQUIRED("only members invite and remove")


async def _let_in(
    connection: AsyncConnection, session: Session, conversation: ConversationRow, clients: Sequence[str]
) -> str:
    """Gives the time of the conversation's last change."""
    if conversation.kind == NORMAL and clients:
        row = await session.server.conversations.add_members(connection, conversation.id, clients)
        return str(row["updatedAt"])
    if conversation.kind not in (NORMAL, CHATROOM) and clients:
        now = session.server.clock()
        await subscribe(connection, conversation.id, session.client_id, now)
        return iso(now)
    return str(conversation.row["updatedAt"])


async def _let_go(
    connection: AsyncConnection, session: Session, conversation: ConversationRow, clients: Sequence[str]
) -> str:
    if conversation.kind == NORMAL:
        row = await session.server.conversations.remove_members(connection, conversation.id, clients)
        return str(row["updatedAt"])
    if conversation.kind != CHATROOM:
        await unsubscribe(connection, conversation.id, session.client_id)
    return str(conversation.row["updatedAt"])


async def _enter(session: Session, conv_id: str) -> None:
    """A login is in one chatroom at a time."""
    for other in tuple(session.connection.rooms):
        session.server.presence.leave(session.connection, other)
    session.server.presence.join(session.connection, conv_id)
    await remember_room(session, conv_id)


def outcome(conv_id: str, allowed: Iterable[str], failed: dict[str, ServiceError]) -> JsonObject:
    """Who was let through and who was not, clients with the same reason together."""
    together: dict[int, tuple[ServiceError, list[Json]]] = {}
    for client_id, problem in failed.items():
        together.setdefault(problem.code, (problem, []))[1].append(client_id)
    failures: list[Json] = [{**error_body(problem), "pids": pids} for problem, pids in together.values()]
    return {"cid": conv_id, "allowedPids": [*allowed], "failedPids": failures}
