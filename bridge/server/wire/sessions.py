"""Sessions: one client on one connection, opened, resumed, refreshed and closed."""

import asyncio
import secrets
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server import kicks
from bridge.server.cloud_hooks import Offline
from bridge.server.errors import (
    APP_NOT_AVAILABLE,
    SESSION_CONFLICT,
    SESSION_REQUIRED,
    SESSION_TOKEN_EXPIRED,
    SIGNATURE_FAILED,
)
from bridge.server.fields import CLIENTS_A_CALL, check_client_id
from bridge.server.http import JsonObject, Parameters
from bridge.server.presence import KICKED, Closing, Connection, Kick, Origin, Tagged
from bridge.server.store import Draft
from bridge.server.tables import rooms, tags
from bridge.server.upserts import insert_into
from bridge.server.wire.allowance import Allowance
from bridge.server.wire.framing import Command
from bridge.server.wire.signatures import check_login
from bridge.server.wire.tokens import TOKEN_SECONDS, Ticket, admit, issue

if TYPE_CHECKING:
    from bridge.server.app import Server

PATCHES = 1 << 0
OMITS_PEER = 1 << 7
"""Bits of `configBitmap`: what the client understands."""

ROOM_KEPT_MS = 30 * 60_000
"""How long a client that lost its connection finds itself in its chatroom again."""

_RANDOM_BYTES = 12


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """One client on one connection; `patched_since` (UTC ms) is from when it wants to hear of changed messages."""

    server: "Server"
    client_id: str
    ticket: Ticket
    connection: Connection
    version: int
    features: int
    patched_since: int | None
    allowance: Allowance | None
    from_ip: str | None = None
    will: Draft | None = None
    pump: "asyncio.Task[None] | None" = None

    @property
    def id(self) -> str:
        """What tells it apart from the client's other sessions, across reconnections."""
        return self.ticket.session

    @property
    def address(self) -> str | None:
        """Whom pushes have to name, unless the client can do without while it is alone on its connection."""
        return None if self.features & OMITS_PEER else self.client_id


@dataclass(frozen=True, slots=True)
class Peer:
    """The far end of a connection, as far as a session needs to know it."""

    version: int
    from_ip: str | None


async def open_session(server: "Server", peer: Peer, command: Command) -> Session:
    """Lets a client in: 4100, 4103, 4102 for a bad signature, 4112 for a stale token, 4111 for a tag that is taken."""
    if command.app_id != server.settings.app_id:
        raise APP_NOT_AVAILABLE("no such app")
    fields = Parameters(command.body)
    client_id = check_client_id(command.peer_id or secrets.token_hex(_RANDOM_BYTES))
    ticket = await _ticket(server, client_id, fields)
    origin = Origin(ticket.device, ticket.session, ticket.tag)
    connection = await server.presence.connect(client_id, origin)
    session = Session(
        server=server,
        client_id=client_id,
        ticket=ticket,
        connection=connection,
        version=peer.version,
        features=fields.integer("configBitmap") or 0,
        patched_since=fields.integer("lastPatchTime"),
        allowance=server.sockets.allowances.of(client_id),
        from_ip=peer.from_ip,
    )
    try:
        if fields.text("st"):
            await _resume(session)
    except BaseException:
        server.presence.disconnect(connection)
        raise
    reconnects = fields.boolean("r")
    server.hooks.online(client_id, peer.from_ip, ticket.tag, reconnects=reconnects)
    return session


async def _ticket(server: "Server", client_id: str, fields: Parameters) -> Ticket:
    """What the session goes by; a token carries it over from the last connection."""
    now, reconnects = server.clock(), fields.boolean("r")
    token = fields.text("st")
    if token:
        ticket = admit(server.settings, token)
        if ticket is None or ticket.client_id != client_id or ticket.expires_at <= now:
            raise SESSION_TOKEN_EXPIRED("the session token is not valid any more")
        async with server.engine.read() as connection:
            await _refuse_kicked(connection, ticket)
    else:
        signed_till = check_login(server.settings, client_id, fields)
        if signed_till is not None:
            async with server.engine.read() as connection:
                if await kicks.kicked_since(connection, client_id, signed_till):
                    raise SIGNATURE_FAILED("the signature was made before the client was kicked")
        device = (fields.text("deviceId") or "")[:64]
        session = secrets.token_urlsafe(_RANDOM_BYTES)
        ticket = Ticket(client_id, session, device, fields.text("tag") or None, now, now)
    if ticket.tag is not None:
        await _claim(server, ticket, explicit=not reconnects)
    return replace(ticket, expires_at=now + TOKEN_SECONDS * 1000)


async def _claim(server: "Server", ticket: Ticket, explicit: bool) -> None:
    """An explicit login takes the tag from whoever holds it; a reconnection that finds it taken fails."""
    mine = (tags.c.client_id == ticket.client_id, tags.c.tag == ticket.tag)
    async with server.engine.write() as connection:
        holder = (await connection.execute(select(tags.c.session).where(*mine))).scalar()
        if holder not in (None, ticket.session) and not explicit:
            raise SESSION_CONFLICT("another device has logged in with this tag")
        row = {"client_id": ticket.client_id, "tag": ticket.tag, "session": ticket.session}
        await connection.execute(
            insert_into(connection, tags)
            .values(row)
            .on_conflict_do_update(index_elements=["client_id", "tag"], set_={"session": ticket.session})
        )
    # The holder, or what is left of this session's own last connection.
    kick = Kick(SESSION_CONFLICT.code, SESSION_CONFLICT.reason)
    await server.presence.publish(kick, Tagged(ticket.client_id, ticket.tag or ""))


async def _refuse_kicked(connection: AsyncConnection, ticket: Ticket) -> None:
    if await kicks.kicked_since(connection, ticket.client_id, ticket.since):
        raise SESSION_TOKEN_EXPIRED("the client was kicked after this session had begun")


async def _resume(session: Session) -> None:
    """Puts a client that lost its connection back into its chatroom."""
    query = select(rooms).where(rooms.c.session == session.id)
    async with session.server.engine.read() as connection:
        # Again, now that it is online: a kick from here on reaches the connection itself.
        await _refuse_kicked(connection, session.ticket)
        row = (await connection.execute(query)).one_or_none()
    if row is None or (row.left_at is not None and row.left_at < session.server.clock() - ROOM_KEPT_MS):
        return
    session.server.presence.join(session.connection, row.conv_id)
    await remember_room(session, row.conv_id)


async def remember_room(session: Session, conv_id: str | None) -> None:
    """Keeps the chatroom that a session has joined, or forgets it."""
    async with session.server.engine.write() as connection:
        forgotten = rooms.c.left_at < session.server.clock() - ROOM_KEPT_MS
        await connection.execute(delete(rooms).where(or_(rooms.c.session == session.id, forgotten)))
        if conv_id is not None:
            row = {"session": session.id, "conv_id": conv_id, "left_at": None}
            await connection.execute(insert_into(connection, rooms).values(row))


def opened(session: Session, command: Command) -> Command:
    """The answer to a login."""
    now = session.server.clock()
    reply = command.reply("opened", _token(session))
    return replace(reply, peer_id=session.client_id, server_ts=now)


def refreshed(session: Session, command: Command) -> Command:
    """A new token for one that ran out."""
    fields = Parameters(command.body)
    ticket = admit(session.server.settings, fields.text("st") or "")
    if ticket is None or ticket.client_id != session.client_id:
        raise SESSION_TOKEN_EXPIRED("that token was never this session's")
    session.ticket = replace(session.ticket, expires_at=session.server.clock() + TOKEN_SECONDS * 1000)
    return command.reply("refreshed", _token(session))


def _token(session: Session) -> JsonObject:
    return {"st": issue(session.server.settings, session.ticket), "stTtl": TOKEN_SECONDS}


def online(session: Session, command: Command) -> Command:
    """Which of these clients are online; those over 20 are ignored."""
    asked = (Parameters(command.body).texts("sessionPeerIds") or [])[:CLIENTS_A_CALL]
    found = session.server.presence.online(asked)
    return command.reply("query_result", {"onlineSessionPeerIds": [*found]})


class Leaving(Enum):
    """How a session ends: for good, by a lost connection, or by what lets it go on elsewhere as if nothing had been."""

    LOGGED_OUT = "logged out"
    LOST = "lost"
    REPLACED = "replaced"


async def leave(session: Session, how: Leaving) -> None:
    """Takes a session offline; where the connection was lost its will is sent, and its chatroom kept for a while."""
    joined, now = bool(session.connection.rooms), session.server.clock()
    if (gone := _offline(how, session.connection.closing)) is not None:
        session.server.hooks.offline(session.client_id, session.from_ip, session.ticket.tag, gone)
    session.server.presence.disconnect(session.connection)
    match how:
        case Leaving.LOGGED_OUT:
            await _forget(session, joined)
        case Leaving.LOST:
            if joined:
                mine = rooms.c.session == session.id
                async with session.server.engine.write() as connection:
                    await connection.execute(update(rooms).where(mine).values(left_at=now))
            if session.will is not None:
                await session.server.messages.send(session.will)
        case Leaving.REPLACED:
            return


def _offline(how: Leaving, closing: Closing | None) -> Offline | None:
    """What the app's hook is told; a session that goes on elsewhere was never offline."""
    code = 0 if closing is None else closing.code
    if closing is not None and code in (KICKED, SESSION_CONFLICT.code):
        return Offline(4 if code == KICKED else 3, closing.reason, code)
    return {Leaving.LOGGED_OUT: Offline(1), Leaving.LOST: Offline(2)}.get(how)


async def _forget(session: Session, joined: bool) -> None:
    if joined:
        await remember_room(session, None)
    if session.ticket.tag is not None:
        mine = (tags.c.client_id == session.client_id, tags.c.session == session.id)
        async with session.server.engine.write() as connection:
            await connection.execute(delete(tags).where(*mine))


def require(session: Session | None) -> Session:
    """The session that a command is for (4105)."""
    if session is None:
        raise SESSION_REQUIRED("open a session first")
    return session
