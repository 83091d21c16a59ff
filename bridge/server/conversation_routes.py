"""REST 1.2 of conversations, chatrooms and service conversations: making, finding, changing, members and mutes."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from bridge.server.auth import require_app, require_permission
from bridge.server.conversations import ConversationRow, require_conversation
from bridge.server.fields import client_ids
from bridge.server.http import JsonObject, Parameters, answer, query_parameters, read_body
from bridge.server.paths import Route
from bridge.server.queries import page
from bridge.server.restrictions import kept_out
from bridge.server.rows import CHATROOM, CONVERSATION, NORMAL, SERVICE
from bridge.server.times import milliseconds

if TYPE_CHECKING:
    from bridge.server.app import Server

_UNIQUE_KEYS = ("unique", "uniqueId", "name", "m", "objectId", "createdAt", "updatedAt")

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def _server(request: Request, operation: str) -> "Server":
    """The server, when the caller may do so with `_Conversation`: by default the master key alone."""
    require_permission(require_app(request), CONVERSATION, operation)
    server: Server = request.app.state.server
    return server


def _changed(row: JsonObject) -> Response:
    return answer({"updatedAt": row["updatedAt"], "objectId": row["objectId"]})


def create(kind: int) -> Endpoint:
    """Makes a conversation of this kind; the answer for a unique one is the conversation that these members have."""

    async def endpoint(request: Request) -> Response:
        server = _server(request, "create")
        columns = await read_body(request)
        began = server.clock()
        await server.hooks.start(_initiator(columns), _members(columns), _attributes(columns))
        async with server.engine.write() as connection:
            row = await server.conversations.create(connection, kind, columns)
        if milliseconds(str(row["createdAt"])) >= began:  # not a unique one that was there already
            server.hooks.started(str(row["objectId"]))
        shown = _UNIQUE_KEYS if row.get("unique") is True else ("objectId", "createdAt")
        return answer({key: row[key] for key in shown if key in row})

    return endpoint


def find(kind: int | None) -> Endpoint:
    """Conversations of this kind, or of all."""

    async def endpoint(request: Request) -> Response:
        server = _server(request, "find")
        query = page(query_parameters(request), CONVERSATION, kind)
        rows = await server.objects.find_conversations(server.engine, query)
        return answer({"results": [*rows]})

    return endpoint


def change(kind: int) -> Endpoint:
    """Changes columns of a conversation of this kind."""

    async def endpoint(request: Request) -> Response:
        server = _server(request, "update")
        conv_id, changes = request.path_params["id"], await read_body(request)
        changes = await server.hooks.update("", conv_id, changes)
        async with server.engine.write() as connection:
            row = await server.conversations.update(connection, conv_id, kind, changes)
        if kind == NORMAL:
            await server.notices.updated(row, changes)
        return _changed(row)

    return endpoint


def remove(kind: int) -> Endpoint:
    """Deletes a conversation of this kind."""

    async def endpoint(request: Request) -> Response:
        server = _server(request, "delete")
        async with server.engine.write() as connection:
            await server.conversations.delete(connection, request.path_params["id"], kind)
        return answer({})

    return endpoint


def _initiator(columns: JsonObject) -> str:
    creator = columns.get("c")
    return creator if isinstance(creator, str) else ""


def _members(columns: JsonObject) -> list[str]:
    members = columns.get("m")
    return [one for one in members if isinstance(one, str)] if isinstance(members, list) else []


def _attributes(columns: JsonObject) -> JsonObject:
    return {key: value for key, value in columns.items() if key not in ("c", "m")}


async def add_members(request: Request) -> Response:
    """Adds clients, all of them or, where one is kept out (4548, 4308), none."""
    server, conv_id = _server(request, "update"), request.path_params["id"]
    clients = client_ids(Parameters(await read_body(request)), "client_ids", most=None)
    await server.hooks.add("", clients, conv_id)
    async with server.engine.write() as connection:
        members = (await require_conversation(connection, conv_id, NORMAL, lock=True)).members
        row = await server.conversations.add_members(connection, conv_id, clients)
        if problems := await kept_out(connection, conv_id, clients):
            raise next(iter(problems.values()))
    server.hooks.added("", clients, conv_id)
    new = [one for one in clients if one not in members]
    await server.notices.joined(conv_id, "", new, members, milliseconds(str(row["updatedAt"])))
    return _changed(row)


async def remove_members(request: Request) -> Response:
    """Removes clients; those who are not in the conversation do not matter."""
    server, conv_id = _server(request, "update"), request.path_params["id"]
    clients = client_ids(Parameters(await read_body(request)), "client_ids", most=None)
    await server.hooks.remove("", clients, conv_id)
    async with server.engine.write() as connection:
        members = (await require_conversation(connection, conv_id, NORMAL, lock=True)).members
        row = await server.conversations.remove_members(connection, conv_id, clients)
    server.hooks.removed("", clients, conv_id)
    gone = [one for one in clients if one in members]
    await server.notices.left(conv_id, "", gone, members, milliseconds(str(row["updatedAt"])))
    return _changed(row)


def mute(*, muted: bool) -> Endpoint:
    """Adds clients to those who have muted a conversation, or removes them; the app's hook has the last word."""

    async def endpoint(request: Request) -> Response:
        server, conv_id = _server(request, "update"), request.path_params["id"]
        clients = client_ids(Parameters(await read_body(request)), "client_ids", most=None)
        wanted = await server.hooks.mute("", conv_id, muted=muted)
        change = server.conversations.mute if wanted else server.conversations.unmute
        async with server.engine.write() as connection:
            row = await change(connection, conv_id, clients)
        return _changed(row)

    return endpoint


def show(list_of: Callable[[ConversationRow], Sequence[str]]) -> Endpoint:
    """One of the two lists of a normal conversation."""

    async def endpoint(request: Request) -> Response:
        server = _server(request, "get")
        async with server.engine.read() as connection:
            conversation = await require_conversation(connection, request.path_params["id"], NORMAL)
        return answer({"result": [*list_of(conversation)]})

    return endpoint


def _kind_routes(name: str, kind: int) -> list[Route]:
    return [
        Route(f"/1.2/rtm/{name}", create(kind), methods=["POST"]),
        Route(f"/1.2/rtm/{name}", find(kind), methods=["GET"]),
        Route(f"/1.2/rtm/{name}/{{id}}", change(kind), methods=["PUT"]),
        Route(f"/1.2/rtm/{name}/{{id}}", remove(kind), methods=["DELETE"]),
    ]


_MEMBERS = "/1.2/rtm/conversations/{id}/members"
_MUTES = "/1.2/rtm/conversations/{id}/mutes"

routes = [  # the one that is called most is tried first
    Route("/1.2/rtm/all-conversations", find(None), methods=["GET"]),
    *_kind_routes("conversations", NORMAL),
    *_kind_routes("chatrooms", CHATROOM),
    *_kind_routes("service-conversations", SERVICE),
    Route(_MEMBERS, add_members, methods=["POST"]),
    Route(_MEMBERS, remove_members, methods=["DELETE"]),
    Route(_MEMBERS, show(lambda conversation: conversation.members), methods=["GET"]),
    Route(_MUTES, mute(muted=True), methods=["POST"]),
    Route(_MUTES, mute(muted=False), methods=["DELETE"]),
    Route(_MUTES, show(lambda conversation: conversation.muted), methods=["GET"]),
]
