"""Who may speak, who is kept out, and who has which role: for the creator of a conversation and its managers."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server import restrictions
from bridge.server.access import MASTER
from bridge.server.conversations import ConversationRow
from bridge.server.errors import (
    NORMAL_CONVERSATION_REQUIRED,
    OPERATION_UNAUTHORIZED,
    UNKNOWN_CONVERSATION_ROLE,
)
from bridge.server.fields import client_ids
from bridge.server.http import Json, JsonObject, Parameters, to_json
from bridge.server.objects import Query
from bridge.server.presence import Clients, Notice
from bridge.server.restriction_routes import MEMBER_INFO, ROLES
from bridge.server.restrictions import Restriction, list_limit
from bridge.server.rows import CHATROOM, NORMAL, SERVICE, Ref
from bridge.server.wire import refusals
from bridge.server.wire.conversing import conversation_of
from bridge.server.wire.framing import Command
from bridge.server.wire.membership import outcome
from bridge.server.wire.sessions import Session
from bridge.server.wire.signatures import check_conversation_blacklist

_MANAGING = ("Owner", "Manager")


async def silence(session: Session, command: Command) -> Command:
    """Keeps members from speaking."""
    fields = Parameters(command.body)
    conv_id, clients = fields.required_text("cid"), client_ids(fields, "m", None)
    conversation = await _restrict(session, conv_id, Restriction.SILENCED, clients)
    await _tell(session, conversation, clients, "shutuped")
    return command.reply("shutup_added", outcome(conv_id, clients, {}))


async def unsilence(session: Session, command: Command) -> Command:
    """Lets them speak again."""
    fields = Parameters(command.body)
    conv_id, clients = fields.required_text("cid"), client_ids(fields, "m", None)
    conversation = await _release(session, conv_id, Restriction.SILENCED, clients)
    await _tell(session, conversation, clients, "unshutuped")
    return command.reply("shutup_removed", outcome(conv_id, clients, {}))


async def silenced(session: Session, command: Command) -> Command:
    """A page of those who may not speak."""
    fields = Parameters(command.body)
    page = await _page(session, fields.required_text("cid"), Restriction.SILENCED, fields)
    body: JsonObject = {"m": page["client_ids"]}
    return command.reply("shutup_result", body | ({"next": page["next"]} if "next" in page else {}))


async def is_silenced(session: Session, command: Command) -> Command:
    """Those of some clients who may not speak."""
    fields = Parameters(command.body)
    conv_id, clients = fields.required_text("cid"), client_ids(fields, "m")
    found = await _listed(session, conv_id, Restriction.SILENCED, clients)
    return command.reply("shutup_result", {"cid": conv_id, "m": found})


async def block(session: Session, command: Command) -> Command:
    """Removes clients from a conversation and keeps them out; without one, the client itself refuses conversations."""
    fields = Parameters(command.body)
    if refusals.are_meant(fields):
        return command.reply("blocked", await refusals.refuse(session, fields))
    conv_id, clients = fields.required_text("srcCid"), client_ids(fields, "toPids", None)
    settings, me = session.server.settings, session.client_id
    check_conversation_blacklist(settings, me, fields, clients, "conversation-block-clients")
    conversation = await _restrict(session, conv_id, Restriction.BLOCKED, clients)
    gone = [one for one in clients if one in conversation.members]
    if conversation.kind == CHATROOM:
        session.server.presence.expel(conv_id, clients)
    elif gone:
        now, members = session.server.clock(), conversation.members
        await session.server.notices.left(conv_id, session.client_id, gone, members, now)
    await _tell(session, conversation, clients, "blocked")
    return command.reply("blocked", _blacklist(conv_id, clients))


async def unblock(session: Session, command: Command) -> Command:
    """Lets them come back; without a conversation, the client itself refuses some no more."""
    fields = Parameters(command.body)
    if refusals.are_meant(fields):
        return command.reply("unblocked", await refusals.accept(session, fields))
    conv_id, clients = fields.required_text("srcCid"), client_ids(fields, "toPids", None)
    settings, me = session.server.settings, session.client_id
    check_conversation_blacklist(settings, me, fields, clients, "conversation-unblock-clients")
    conversation = await _release(session, conv_id, Restriction.BLOCKED, clients)
    await _tell(session, conversation, clients, "unblocked")
    return command.reply("unblocked", _blacklist(conv_id, clients))


async def blocked(session: Session, command: Command) -> Command:
    """A page of those who are kept out; without a conversation, of those that the client itself refuses."""
    fields = Parameters(command.body)
    if refusals.are_meant(fields):
        return command.reply("query_result", await refusals.listed(session, fields))
    page = await _page(session, fields.required_text("srcCid"), Restriction.BLOCKED, fields)
    body: JsonObject = {"blockedPids": page["client_ids"]}
    return command.reply("query_result", body | ({"next": page["next"]} if "next" in page else {}))


async def is_blocked(session: Session, command: Command) -> Command:
    """Those of some clients who are kept out; without a conversation, those of some that the client itself refuses."""
    fields = Parameters(command.body)
    if refusals.are_meant(fields):
        return command.reply("check_result", await refusals.among(session, fields))
    conv_id, clients = fields.required_text("srcCid"), client_ids(fields, "toPids")
    found = await _listed(session, conv_id, Restriction.BLOCKED, clients)
    return command.reply("check_result", {"srcCid": conv_id, "blockedPids": found})


async def _listed(
    session: Session, conv_id: str, restriction: Restriction, clients: Sequence[str]
) -> list[Json]:
    """Those of the clients who are on a list; anybody may ask about itself, managers about everybody."""
    async with session.server.engine.read() as connection:
        if tuple(clients) == (session.client_id,):
            await conversation_of(connection, conv_id)
        else:
            await _managed(connection, session, conv_id)
        found = await restrictions.restricted(connection, conv_id, restriction, clients)
    return [one for one in clients if one in found]


def _blacklist(conv_id: str, clients: Sequence[str]) -> JsonObject:
    return {"srcCid": conv_id, "allowedPids": [*clients], "failedPids": []}


async def _restrict(
    session: Session, conv_id: str, restriction: Restriction, clients: Sequence[str]
) -> ConversationRow:
    server = session.server
    async with server.engine.write() as connection:
        conversation = await _managed(connection, session, conv_id)
        most = list_limit(restriction, conversation.kind)
        await restrictions.restrict(connection, conv_id, restriction, clients, most)
        if restriction is Restriction.BLOCKED and conversation.kind == NORMAL:
            await server.conversations.remove_members(connection, conv_id, clients)
    return conversation


async def _release(
    session: Session, conv_id: str, restriction: Restriction, clients: Sequence[str]
) -> ConversationRow:
    async with session.server.engine.write() as connection:
        conversation = await _managed(connection, session, conv_id)
        await restrictions.release(connection, conv_id, restriction, clients)
    return conversation


async def _page(session: Session, conv_id: str, restriction: Restriction, fields: Parameters) -> JsonObject:
    async with session.server.engine.read() as connection:
        await _managed(connection, session, conv_id)
        return await restrictions.page_of(connection, conv_id, restriction, fields)


async def _managed(connection: AsyncConnection, session: Session, conv_id: str) -> ConversationRow:
    """The conversation, which the client has made or manages (4320); services are the app's own (4314)."""
    conversation = await conversation_of(connection, conv_id)
    if conversation.kind == SERVICE:
        raise NORMAL_CONVERSATION_REQUIRED("a service conversation is managed by the app alone")
    if conversation.row.get("c") == session.client_id:
        return conversation
    info = await _info(connection, session, conv_id, session.client_id)
    if info is None or info.get("role") not in _MANAGING:
        raise OPERATION_UNAUTHORIZED("only the creator, owners and managers may do this")
    return conversation


async def _info(
    connection: AsyncConnection, session: Session, conv_id: str, client_id: str
) -> JsonObject | None:
    query = Query(MEMBER_INFO, where={"cid": conv_id, "clientId": client_id}, limit=1)
    found = await session.server.objects.find(connection, query, MASTER)
    return found[0] if found else None


async def _tell(session: Session, conversation: ConversationRow, clients: Sequence[str], op: str) -> None:
    """Notices are for normal conversations alone."""
    if conversation.kind == NORMAL:
        notices, me = session.server.notices, session.client_id
        await notices.restricted(op, conversation.id, me, clients, conversation.members)


async def update_role(session: Session, command: Command) -> Command:
    """Gives a member another role (4321 for one that does not exist)."""
    fields = Parameters(command.body)
    conv_id, info = fields.required_text("cid"), Parameters(fields.json_object("info") or {})
    client_id = fields.text("targetClientId") or info.required_text("pid")
    role = info.required_text("role")
    if role not in ROLES:
        raise UNKNOWN_CONVERSATION_ROLE(f"'role' is one of {', '.join(ROLES)}")
    objects = session.server.objects
    async with session.server.engine.write() as connection:
        conversation = await _managed(connection, session, conv_id)
        found = await _info(connection, session, conv_id, client_id)
        if found is None:
            columns: JsonObject = {"cid": conv_id, "clientId": client_id, "role": role}
            row = await objects.create(connection, MEMBER_INFO, columns)
        else:
            ref = Ref(MEMBER_INFO, str(found["objectId"]))
            row = await objects.update(connection, ref, {"role": role}, MASTER)
    changed: JsonObject = {"pid": client_id, "role": role, "infoId": row["objectId"]}
    at = session.server.clock()
    notice = Notice(
        "member_info_changed",
        conv_id,
        session.client_id,
        attributes=to_json(changed),
        at=at,
        origin=session.id,
    )
    await session.server.presence.publish(notice, Clients(conversation.members))
    return command.reply("member_info_updated", {"cid": conv_id, "info": changed})
