"""REST 1.2 messages: send, modify, recall, delete and history, in the three kinds of conversations and for the app."""

from starlette.requests import Request
from starlette.responses import Response

from bridge.server import history
from bridge.server.auth import require_master
from bridge.server.broadcasts import sent
from bridge.server.engine import Engine
from bridge.server.errors import BAD_ARGUMENT, CONVERSATION_NOT_FOUND
from bridge.server.fields import (
    client_id,
    client_ids,
    instant,
    mentions,
    message_text,
    priority,
    push_data,
)
from bridge.server.http import JsonObject, Parameters, answer, query_parameters, read_body
from bridge.server.messages import Change, Messages
from bridge.server.paths import Route
from bridge.server.rows import SERVICE
from bridge.server.settings import ServerSettings
from bridge.server.store import Draft, Key, Reach, thread_id
from bridge.server.targets import require

CHANGED: JsonObject = {"result": {}}
"""The answer to a modification or recall, which is documented as 200 alone."""


async def send_normal(request: Request) -> Response:
    """POST /conversations/{id}/messages."""
    fields = await _fields(request)
    push = push_data(fields, ("push_data",))
    draft = Draft(
        reach=Reach.NORMAL,
        conv_id=request.path_params["id"],
        sender=client_id(fields, "from_client"),
        data=message_text(fields, push),
        transient=fields.boolean("transient"),
        no_sync=fields.boolean("no_sync"),
        priority=priority(fields),
        mention_all=fields.boolean("mention_all"),
        mentions=mentions(fields),
        push=push,
    )
    return sent(await _messages(request).send(draft))


async def send_chatroom(request: Request) -> Response:
    """POST /chatrooms/{id}/messages: no push data, and no `no_sync`, as the sender never gets a copy."""
    fields = await _fields(request)
    _refuse(fields, "chatrooms", "push_data", "no_sync")
    draft = Draft(
        reach=Reach.CHATROOM,
        conv_id=request.path_params["id"],
        sender=client_id(fields, "from_client"),
        data=message_text(fields),
        transient=fields.boolean("transient"),
        priority=priority(fields),
        mention_all=fields.boolean("mention_all"),
        mentions=mentions(fields),
    )
    return sent(await _messages(request).send(draft))


async def send_individual(request: Request) -> Response:
    """POST /service-conversations/{id}/messages: to at most 20 named clients, one id for all."""
    fields = await _fields(request)
    _refuse(fields, "messages of service conversations", "mention_all", "mention_client_ids")
    push = push_data(fields, ("push_data",))
    draft = Draft(
        reach=Reach.INDIVIDUAL,
        conv_id=request.path_params["id"],
        sender=client_id(fields, "from_client"),
        data=message_text(fields, push),
        transient=fields.boolean("transient"),
        no_sync=fields.boolean("no_sync"),
        priority=priority(fields),
        recipients=client_ids(fields, "to_clients"),
        push=push,
    )
    return sent(await _messages(request).send(draft))


async def send_subscribers(request: Request) -> Response:
    """POST /service-conversations/{id}/broadcasts: to all subscribers, whatever the path's name suggests."""
    fields = await _fields(request)
    push = push_data(fields, ("push", "push_data"))
    draft = Draft(
        reach=Reach.SUBSCRIBERS,
        conv_id=request.path_params["id"],
        sender=client_id(fields, "from_client"),
        data=message_text(fields, push),
        push=push,
    )
    return sent(await _messages(request).send(draft))


def _refuse(fields: Parameters, where: str, *names: str) -> None:
    for name in names:
        if fields.get(name):
            raise BAD_ARGUMENT(f"'{name}' is not for {where}")


async def modify(request: Request) -> Response:
    """PUT .../messages/{mid}: what is modified, and counted, depends on the message and on `to_clients`."""
    fields = await _fields(request)
    await _messages(request).change(_change(request, fields, message_text(fields)))
    return answer(CHANGED)


async def recall(request: Request) -> Response:
    """PUT .../messages/{mid}/recall."""
    fields = await _fields(request)
    await _messages(request).change(_change(request, fields, None))
    return answer(CHANGED)


def _change(request: Request, fields: Parameters, data: str | None) -> Change:
    return Change(
        key=_key(request, fields),
        sender=client_id(fields, "from_client"),
        data=data,
        clients=client_ids(fields, "to_clients") if "to_clients" in fields else (),
    )


async def delete(request: Request) -> Response:
    """DELETE .../messages/{mid}: the server's copy, without telling anybody."""
    require_master(request)
    fields = query_parameters(request)
    sender = client_id(fields, "from_client")
    await _messages(request).delete(_key(request, fields), sender, request.path_params.get("client"))
    return answer({})


def _key(request: Request, fields: Parameters) -> Key:
    return Key(request.path_params["id"], request.path_params["mid"], instant(fields, "timestamp"))


async def history_normal(request: Request) -> Response:
    """GET /conversations/{id}/messages."""
    return await _history(request, Reach.NORMAL)


async def history_chatroom(request: Request) -> Response:
    """GET /chatrooms/{id}/messages."""
    return await _history(request, Reach.CHATROOM)


async def _history(request: Request, reach: Reach) -> Response:
    require_master(request)
    fields, conv_id = query_parameters(request), request.path_params["id"]
    settings: ServerSettings = request.app.state.server.settings
    history.check_signature(settings, fields, conv_id)
    page = history.read_page(fields)
    async with _engine(request).read() as connection:
        await require(connection, conv_id, reach.conv_type, CONVERSATION_NOT_FOUND)
        found = await history.of_conversation(connection, conv_id, reach, page)
    return answer(history.render_all(found))


async def history_thread(request: Request) -> Response:
    """GET /service-conversations/{id}/subscribers/{client}/messages."""
    require_master(request)
    fields, conv_id, client = (
        query_parameters(request),
        request.path_params["id"],
        request.path_params["client"],
    )
    settings: ServerSettings = request.app.state.server.settings
    history.check_signature(settings, fields, conv_id)
    page = history.read_page(fields)
    async with _engine(request).read() as connection:
        await require(connection, conv_id, SERVICE, CONVERSATION_NOT_FOUND)
        found = await history.of_thread(connection, conv_id, client, page)
    return answer(history.render_all(found, thread_id(conv_id, client)))


async def history_client(request: Request) -> Response:
    """GET /clients/{client}/messages."""
    require_master(request)
    page = history.read_page(query_parameters(request))
    async with _engine(request).read() as connection:
        found = await history.of_sender(connection, request.path_params["client"], page)
    return answer(history.render_all(found))


async def history_app(request: Request) -> Response:
    """GET /messages."""
    require_master(request)
    page = history.read_page(query_parameters(request))
    async with _engine(request).read() as connection:
        found = await history.of_app(connection, page)
    return answer(history.render_all(found))


async def _fields(request: Request) -> Parameters:
    require_master(request)
    return Parameters(await read_body(request))


def _messages(request: Request) -> Messages:
    messages: Messages = request.app.state.server.messages
    return messages


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.server.engine
    return engine


_RTM = "/1.2/rtm"
_NORMAL = f"{_RTM}/conversations/{{id}}/messages"
_CHATROOM = f"{_RTM}/chatrooms/{{id}}/messages"
_SERVICE = f"{_RTM}/service-conversations/{{id}}"
_THREAD = f"{_SERVICE}/subscribers/{{client}}/messages"

# Message ids may hold a slash, and some programs send it as it is: hence `path`.
routes = [
    Route(_NORMAL, send_normal, methods=["POST"]),
    Route(_NORMAL, history_normal),
    Route(f"{_NORMAL}/{{mid:path}}/recall", recall, methods=["PUT"]),
    Route(f"{_NORMAL}/{{mid:path}}", modify, methods=["PUT"]),
    Route(f"{_NORMAL}/{{mid:path}}", delete, methods=["DELETE"]),
    Route(_CHATROOM, send_chatroom, methods=["POST"]),
    Route(_CHATROOM, history_chatroom),
    Route(f"{_CHATROOM}/{{mid:path}}/recall", recall, methods=["PUT"]),
    Route(f"{_CHATROOM}/{{mid:path}}", modify, methods=["PUT"]),
    Route(f"{_CHATROOM}/{{mid:path}}", delete, methods=["DELETE"]),
    Route(f"{_SERVICE}/messages", send_individual, methods=["POST"]),
    Route(f"{_SERVICE}/broadcasts", send_subscribers, methods=["POST"]),
    Route(f"{_SERVICE}/messages/{{mid:path}}/recall", recall, methods=["PUT"]),
    Route(f"{_SERVICE}/messages/{{mid:path}}", modify, methods=["PUT"]),
    Route(_THREAD, history_thread),
    Route(f"{_THREAD}/{{mid:path}}", delete, methods=["DELETE"]),
    Route(f"{_RTM}/clients/{{client}}/messages", history_client),
    Route(f"{_RTM}/messages", history_app),
]
