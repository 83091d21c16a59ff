"""REST 1.2 of silences, blacklists and roles, which the archived pages describe."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from bridge.server import restrictions
from bridge.server.access import MASTER
from bridge.server.auth import require_master
from bridge.server.errors import (
    BAD_ARGUMENT,
    CLASS_NOT_FOUND,
    CONVERSATION_NOT_FOUND,
    UNKNOWN_CONVERSATION_ROLE,
)
from bridge.server.fields import check_client_id, client_id, client_ids, page_size
from bridge.server.http import JsonObject, Parameters, answer, query_parameters, read_body
from bridge.server.objects import Query
from bridge.server.paths import Route
from bridge.server.restrictions import Restriction
from bridge.server.rows import CHATROOM, NORMAL, SERVICE, Ref
from bridge.server.tables import subscriptions
from bridge.server.targets import Target, require

if TYPE_CHECKING:
    from bridge.server.app import Server

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

MEMBER_INFO = "_ConversationMemberInfo"
ROLES = ("Member", "Manager", "Owner")

_NOTICES = {
    (Restriction.SILENCED, True): "shutuped",
    (Restriction.SILENCED, False): "unshutuped",
    (Restriction.BLOCKED, True): "blocked",
    (Restriction.BLOCKED, False): "unblocked",
}
"""What the clients are told."""


def silence(kind: int) -> Endpoint:
    """POST temporary-silenceds: `client_id` may not speak for `ttl` seconds."""

    async def endpoint(request: Request) -> Response:
        server = _server(request)
        fields = Parameters(await read_body(request))
        client, seconds = client_id(fields, "client_id"), restrictions.silence_seconds(fields)
        async with server.engine.write() as connection:
            await _require(connection, request, kind)
            until = server.clock() + seconds * 1000
            await restrictions.silence(connection, request.path_params["id"], client, until)
        return answer({})

    return endpoint


def unsilence(kind: int) -> Endpoint:
    """DELETE temporary-silenceds."""

    async def endpoint(request: Request) -> Response:
        server = _server(request)
        client, conv_id = client_id(query_parameters(request), "client_id"), request.path_params["id"]
        async with server.engine.write() as connection:
            await _require(connection, request, kind)
            await restrictions.release(connection, conv_id, Restriction.SILENCED_FOR_A_TIME, [client])
        return answer({})

    return endpoint


def put(kind: int, restriction: Restriction) -> Endpoint:
    """POST of a list: puts clients on it; who is blocked is removed from the conversation as well."""

    async def endpoint(request: Request) -> Response:
        server, conv_id = _server(request), request.path_params["id"]
        clients = client_ids(Parameters(await read_body(request)), "client_ids", None)
        async with server.engine.write() as connection:
            target = await _require(connection, request, kind)
            most = restrictions.list_limit(restriction, kind)
            await restrictions.restrict(connection, conv_id, restriction, clients, most)
            if restriction is Restriction.BLOCKED:
                await _remove(server, connection, conv_id, kind, clients)
        if kind == CHATROOM and restriction is Restriction.BLOCKED:
            server.presence.expel(conv_id, clients)
        await _tell(server, conv_id, target, clients, _NOTICES[restriction, True])
        return answer({})

    return endpoint


def take(kind: int, restriction: Restriction) -> Endpoint:
    """DELETE of a list: takes the clients of the body or the query off it."""

    async def endpoint(request: Request) -> Response:
        server, conv_id = _server(request), request.path_params["id"]
        clients = client_ids(await _any_fields(request), "client_ids", None)
        async with server.engine.write() as connection:
            target = await _require(connection, request, kind)
            await restrictions.release(connection, conv_id, restriction, clients)
        await _tell(server, conv_id, target, clients, _NOTICES[restriction, False])
        return answer({})

    return endpoint


def show(kind: int, restriction: Restriction) -> Endpoint:
    """GET of a list, in pages."""

    async def endpoint(request: Request) -> Response:
        server = _server(request)
        fields = query_parameters(request)
        async with server.engine.read() as connection:
            await _require(connection, request, kind)
            page = await restrictions.page_of(connection, request.path_params["id"], restriction, fields)
        return answer(page)

    return endpoint


async def _remove(
    server: "Server", connection: AsyncConnection, conv_id: str, kind: int, clients: Sequence[str]
) -> None:
    if kind == NORMAL:
        await server.conversations.remove_members(connection, conv_id, clients)
    elif kind == SERVICE:
        theirs = (subscriptions.c.conv_id == conv_id, subscriptions.c.client_id.in_(clients))
        await connection.execute(delete(subscriptions).where(*theirs))


async def _tell(server: "Server", conv_id: str, target: Target, clients: Sequence[str], op: str) -> None:
    """Notices are for normal conversations alone; who is blocked has left as well."""
    if target.kind != NORMAL:
        return
    gone = [one for one in clients if one in target.members]
    if op == "blocked" and gone:
        await server.notices.left(conv_id, "", gone, target.members, server.clock())
    await server.notices.restricted(op, conv_id, "", clients, target.members)


async def refuse(request: Request) -> Response:
    """POST /clients/{client}/blacklists: the client will not be pulled into a conversation."""
    server = _server(request)
    client = check_client_id(request.path_params["client"])
    conv_id = Parameters(await read_body(request)).required_text("conv_id")
    async with server.engine.write() as connection:
        most = restrictions.BLOCKED_ELSEWHERE
        await restrictions.restrict(connection, conv_id, Restriction.REFUSED, [client], most)
    return answer({})


async def accept(request: Request) -> Response:
    """DELETE /clients/{client}/blacklists."""
    server = _server(request)
    conv_id = (await _any_fields(request)).required_text("conv_id")
    async with server.engine.write() as connection:
        client = request.path_params["client"]
        await restrictions.release(connection, conv_id, Restriction.REFUSED, [client])
    return answer({})


async def refused(request: Request) -> Response:
    """GET /clients/{client}/blacklists."""
    server = _server(request)
    fields = query_parameters(request)
    async with server.engine.read() as connection:
        return answer(await restrictions.page_of_client(connection, request.path_params["client"], fields))


async def give_role(request: Request) -> Response:
    """POST /conversations/{id}/member-infos: a client has one role, a later one replaces it."""
    server, conv_id = _server(request), request.path_params["id"]
    fields = Parameters(await read_body(request))
    client, role = client_id(fields, "clientId"), _role(fields)
    async with server.engine.write() as connection:
        await _require(connection, request, NORMAL)
        query = Query(MEMBER_INFO, where={"cid": conv_id, "clientId": client}, limit=1)
        found = await server.objects.find(connection, query, MASTER)
        if found:
            ref = Ref(MEMBER_INFO, str(found[0]["objectId"]))
            row = await server.objects.update(connection, ref, {"role": role}, MASTER)
        else:
            columns: JsonObject = {"cid": conv_id, "clientId": client, "role": role}
            row = await server.objects.create(connection, MEMBER_INFO, columns)
    return answer({"updatedAt": row["updatedAt"], "objectId": row["objectId"]})


async def change_role(request: Request) -> Response:
    """PUT /conversations/{id}/member-infos/{infoId}."""
    server = _server(request)
    role = _role(Parameters(await read_body(request)))
    async with server.engine.write() as connection:
        ref = await _info(server, connection, request)
        row = await server.objects.update(connection, ref, {"role": role}, MASTER)
    return answer({"updatedAt": row["updatedAt"], "objectId": row["objectId"]})


async def remove_role(request: Request) -> Response:
    """DELETE /conversations/{id}/member-infos/{infoId}."""
    server = _server(request)
    async with server.engine.write() as connection:
        await server.objects.delete(connection, await _info(server, connection, request), MASTER)
    return answer({})


async def roles(request: Request) -> Response:
    """GET /conversations/{id}/member-infos."""
    server = _server(request)
    fields = query_parameters(request)
    skip = fields.integer("skip") or 0
    if skip < 0:
        raise BAD_ARGUMENT("'skip' cannot be negative")
    where: JsonObject = {"cid": request.path_params["id"]}
    if role := fields.text("role"):
        where["role"] = role
    query = Query(MEMBER_INFO, where=where, limit=page_size(fields, 100, 1000), skip=skip)
    async with server.engine.read() as connection:
        await _require(connection, request, NORMAL)
        rows = await server.objects.find(connection, query, MASTER)
    shown = ("clientId", "objectId", "role")
    return answer({"results": [{key: row[key] for key in shown} for row in rows]})


async def _info(server: "Server", connection: AsyncConnection, request: Request) -> Ref:
    await _require(connection, request, NORMAL)
    ref = Ref(MEMBER_INFO, request.path_params["info"])
    row = await server.objects.get(connection, ref, MASTER)
    if row is None or row.get("cid") != request.path_params["id"]:
        raise CLASS_NOT_FOUND("no such member info in this conversation")
    return ref


def _role(fields: Parameters) -> str:
    role = fields.required_text("role")
    if role not in ROLES:
        raise UNKNOWN_CONVERSATION_ROLE(f"'role' is one of {', '.join(ROLES)}")
    return role


def _server(request: Request) -> "Server":
    require_master(request)
    server: Server = request.app.state.server
    return server


async def _require(connection: AsyncConnection, request: Request, kind: int) -> Target:
    return await require(connection, request.path_params["id"], kind, CONVERSATION_NOT_FOUND)


async def _any_fields(request: Request) -> Parameters:
    return Parameters({**await read_body(request), **dict(request.query_params)})


def _list(path: str, kind: int, restriction: Restriction) -> list[Route]:
    return [
        Route(path, put(kind, restriction), methods=["POST"]),
        Route(path, take(kind, restriction), methods=["DELETE"]),
        Route(path, show(kind, restriction)),
    ]


_RTM = "/1.2/rtm"
_REFUSALS = f"{_RTM}/clients/{{client}}/blacklists"
_INFOS = f"{_RTM}/conversations/{{id}}/member-infos"

routes = [
    Route(f"{_RTM}/conversations/{{id}}/temporary-silenceds", silence(NORMAL), methods=["POST"]),
    Route(f"{_RTM}/conversations/{{id}}/temporary-silenceds", unsilence(NORMAL), methods=["DELETE"]),
    Route(f"{_RTM}/chatrooms/{{id}}/temporary-silenceds", silence(CHATROOM), methods=["POST"]),
    Route(f"{_RTM}/chatrooms/{{id}}/temporary-silenceds", unsilence(CHATROOM), methods=["DELETE"]),
    *_list(f"{_RTM}/conversations/{{id}}/permanent-silenceds", NORMAL, Restriction.SILENCED),
    *_list(f"{_RTM}/chatrooms/{{id}}/permanent-silenceds", CHATROOM, Restriction.SILENCED),
    *_list(f"{_RTM}/conversations/{{id}}/blacklists", NORMAL, Restriction.BLOCKED),
    *_list(f"{_RTM}/chatrooms/{{id}}/blacklists", CHATROOM, Restriction.BLOCKED),
    *_list(f"{_RTM}/service-conversations/{{id}}/blacklists", SERVICE, Restriction.BLOCKED),
    Route(_REFUSALS, refuse, methods=["POST"]),
    Route(_REFUSALS, accept, methods=["DELETE"]),
    Route(_REFUSALS, refused),
    Route(_INFOS, give_role, methods=["POST"]),
    Route(_INFOS, roles),
    Route(f"{_INFOS}/{{info}}", change_role, methods=["PUT"]),
    Route(f"{_INFOS}/{{info}}", remove_role, methods=["DELETE"]),
]
