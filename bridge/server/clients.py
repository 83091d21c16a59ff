"""Clients: who is online, what they have not read, what they subscribe to, and signing them in."""

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from bridge.server import kicks
from bridge.server.access import MASTER
from bridge.server.auth import require_app, require_master
from bridge.server.engine import Engine
from bridge.server.errors import BAD_ARGUMENT, USER_NOT_FOUND
from bridge.server.fields import check_client_id, client_ids
from bridge.server.http import JsonObject, Parameters, answer, query_parameters, read_body
from bridge.server.objects import Query
from bridge.server.paths import Route
from bridge.server.presence import KICKED, Clients, Kick, Presence
from bridge.server.quotas import DAY_MS
from bridge.server.subscribers import list_subscriptions
from bridge.server.tables import devices
from bridge.server.unread import count_unread
from bridge.server.users import USER, own_view

if TYPE_CHECKING:
    from bridge.server.app import Server

KICK_REASON = 20
"""Characters of the reason that a kicked client is told."""

CHATROOM_SAMPLE = 50
_IDS_A_QUERY = 500


async def check_online(request: Request) -> Response:
    """POST /clients/check-online."""
    require_master(request)
    ids = client_ids(Parameters(await read_body(request)), "client_ids")
    return answer({"results": [*_presence(request).online(ids)]})


async def unread_count(request: Request) -> Response:
    """GET /clients/{client}/unread-count."""
    require_app(request)
    conv_id = query_parameters(request).text("conv_id")
    async with _engine(request).read() as connection:
        return answer({"count": await count_unread(connection, request.path_params["client"], conv_id)})


async def kick(request: Request) -> Response:
    """POST /clients/{client}/kick."""
    require_master(request)
    reason = Parameters(await read_body(request)).text("reason") or ""
    await kick_out(request.app.state.server, request.path_params["client"], reason)
    return answer({})


async def kick_out(server: "Server", client_id: str, reason: str) -> None:
    """Ends every session of a client with code 4115, those as well that it could have resumed with their tokens."""
    if len(reason) > KICK_REASON:
        raise BAD_ARGUMENT(f"'reason' has at most {KICK_REASON} characters")
    check_client_id(client_id)
    async with server.engine.write() as connection:
        await kicks.note(connection, client_id, server.clock())
    await server.presence.publish(Kick(KICKED, reason), Clients((client_id,)))


async def service_conversations(request: Request) -> Response:
    """GET /clients/{client}/service-conversations."""
    require_master(request)
    fields = query_parameters(request)
    async with _engine(request).read() as connection:
        return answer(await list_subscriptions(connection, request.path_params["client"], fields))


async def stats(request: Request) -> Response:
    """GET /stats: who is online, and who was today (UTC)."""
    require_master(request)
    presence = _presence(request)
    now: int = request.app.state.server.clock()
    async with _engine(request).read() as connection:
        today = await _seen_since(connection, now - now % DAY_MS, presence)
    return answer({"result": {"online_user_count": presence.count, "user_count_today": today}})


async def _seen_since(connection: AsyncConnection, since: int, presence: Presence) -> int:
    """How many clients logged in since an instant, or were online all the while."""
    clients = func.count(devices.c.client_id.distinct())
    seen = (await connection.execute(select(clients).where(devices.c.seen_at >= since))).scalar_one()
    online = sorted({client_id for client_id, _ in presence.devices})
    known = 0
    for start in range(0, len(online), _IDS_A_QUERY):
        some = online[start : start + _IDS_A_QUERY]
        query = select(clients).where(devices.c.seen_at >= since, devices.c.client_id.in_(some))
        known += (await connection.execute(query)).scalar_one()
    return int(seen) + len(online) - known


async def sign(request: Request) -> Response:
    """GET /clients/sign."""
    require_app(request)
    token = query_parameters(request).required_text("session_token")
    return answer(await sign_in(request.app.state.server, token))


async def sign_in(server: "Server", session_token: str) -> JsonObject:
    """A login signature for the `_User` with this session token, good for 6 hours.

    Code 211 when there is no such user, 4102 when the app's hook does not let it in.
    """
    async with server.engine.read() as connection:
        users = await server.objects.find(
            connection, Query(USER, {"sessionToken": session_token}, limit=1), MASTER
        )
    if not users:
        raise USER_NOT_FOUND("no user has this session token")
    await server.hooks.sign(own_view(users[0]))
    settings, client_id = server.settings, users[0]["objectId"]
    nonce, now = secrets.token_urlsafe(12), settings.clock()
    text = f"{settings.app_id}:{client_id}::{now}:{nonce}"
    signature = hmac.new(settings.master_key.encode(), text.encode(), hashlib.sha1).hexdigest()
    return {"signature": signature, "nonce": nonce, "client_id": client_id, "timestamp": now}


async def chatroom_members(request: Request) -> Response:
    """GET /chatrooms/{id}/members: a random sample of those who have joined and are online."""
    require_master(request)
    return answer({"result": [*_presence(request).room_sample(request.path_params["id"], CHATROOM_SAMPLE)]})


async def chatroom_online_count(request: Request) -> Response:
    """GET /chatrooms/{id}/members/online-count."""
    require_master(request)
    return answer({"result": _presence(request).room_count(request.path_params["id"])})


def _presence(request: Request) -> Presence:
    presence: Presence = request.app.state.server.presence
    return presence


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.server.engine
    return engine


_CLIENT = "/1.2/rtm/clients/{client}"
routes = [
    Route("/1.2/rtm/clients/check-online", check_online, methods=["POST"]),
    Route("/1.2/rtm/clients/sign", sign),
    Route(f"{_CLIENT}/unread-count", unread_count),
    Route(f"{_CLIENT}/kick", kick, methods=["POST"]),
    Route(f"{_CLIENT}/service-conversations", service_conversations),
    Route("/1.2/rtm/chatrooms/{id}/members", chatroom_members),
    Route("/1.2/rtm/chatrooms/{id}/members/online-count", chatroom_online_count),
    Route("/1.2/rtm/stats", stats),
]
