"""REST 1.1 of messages: the calls of the Python SDK and of older programs, which do not tell kinds by the path."""

from starlette.requests import Request
from starlette.responses import Response

from bridge.server import broadcasts, history
from bridge.server.auth import require_app, require_master
from bridge.server.clients import CHATROOM_SAMPLE, kick_out, sign_in
from bridge.server.engine import Engine
from bridge.server.errors import (
    BAD_ARGUMENT,
    CONVERSATION_NOT_FOUND,
    INVALID_MESSAGING_TARGET,
    NORMAL_CONVERSATION_REQUIRED,
    SYSTEM_CONVERSATION_REQUIRED,
)
from bridge.server.fields import client_id, client_ids, instant, message_text, priority, push_data
from bridge.server.history import Entry
from bridge.server.http import Json, Parameters, answer, query_parameters, read_body
from bridge.server.messages import Change, Messages
from bridge.server.paths import Route
from bridge.server.presence import Presence
from bridge.server.restrictions import Restriction, release, silence, silence_seconds
from bridge.server.rows import CHATROOM, NORMAL, SERVICE
from bridge.server.store import Draft, Key, Reach, Stored
from bridge.server.subscribers import (
    among,
    count_subscribers,
    list_subscribers,
    list_subscriptions,
    subscribe,
    unsubscribe,
)
from bridge.server.targets import load_targets
from bridge.server.unread import count_unread


async def send(request: Request) -> Response:
    """POST /rtm/messages: transient unless said otherwise; `to_peers` names the clients of a service message."""
    fields = await _fields(request)
    conv_id = fields.required_text("conv_id")
    peers = client_ids(fields, "to_peers") if fields.get("to_peers") else ()
    push = push_data(fields, ("push_data",))
    draft = Draft(
        reach=_reach(await _kind(request, conv_id), named=bool(peers)),
        conv_id=conv_id,
        sender=client_id(fields, "from_peer"),
        data=message_text(fields, push),
        transient=fields.boolean("transient", default=True),
        no_sync=fields.boolean("no_sync"),
        priority=priority(fields, "high"),
        recipients=peers,
        push=push,
    )
    return _sent(await _messages(request).send(draft))


async def _kind(request: Request, conv_id: str) -> int:
    async with _engine(request).read() as connection:
        target = (await connection.run_sync(load_targets, [conv_id])).get(conv_id)
    if target is None:
        raise INVALID_MESSAGING_TARGET("no such conversation")
    return target.kind


def _reach(kind: int, *, named: bool) -> Reach:
    if kind == SERVICE:
        if not named:
            raise BAD_ARGUMENT("'to_peers' is required for a service conversation")
        return Reach.INDIVIDUAL
    if named:
        raise SYSTEM_CONVERSATION_REQUIRED("'to_peers' is for service conversations")
    return Reach.CHATROOM if kind == CHATROOM else Reach.NORMAL


async def patch(request: Request) -> Response:
    """POST /rtm/patch/message: modifies, or with `recall` recalls."""
    fields = await _fields(request)
    key = Key(fields.required_text("conv_id"), fields.required_text("msg_id"), instant(fields, "timestamp"))
    change = Change(
        key=key,
        sender=client_id(fields, "from_peer"),
        data=None if fields.boolean("recall") else message_text(fields),
        clients=client_ids(fields, "to_peers") if fields.get("to_peers") else (),
    )
    await _messages(request).change(change)
    return answer({})


async def read(request: Request) -> Response:
    """GET /rtm/messages/history: of `convid` (also a service user's thread), of the sender `from`, or of the app."""
    require_master(request)
    fields = query_parameters(request)
    page = history.read_page(fields)
    conv_id, sender = fields.text("convid"), fields.text("from")
    if conv_id:
        history.check_signature(request.app.state.server.settings, fields, conv_id)
    async with _engine(request).read() as connection:
        if not conv_id:
            of_sender = (
                history.of_sender(connection, sender, page) if sender else history.of_app(connection, page)
            )
            return answer(history.render_all(await of_sender))
        target = (await connection.run_sync(load_targets, [conv_id])).get(conv_id)
        if target is not None and target.kind == SERVICE:
            return answer(history.render_all(await history.of_service(connection, conv_id, page)))
        if target is not None:
            found = await history.of_conversation(connection, conv_id, _reach(target.kind, named=False), page)
            return answer(history.render_all(found))
        thread = await history.thread_of(connection, conv_id)
        entries: list[Entry] = [] if thread is None else await history.of_thread(connection, *thread, page)
    return answer(history.render_all(entries, conv_id))


async def delete_log(request: Request) -> Response:
    """DELETE /rtm/messages/logs: the server's copy; `convid` may be a service user's thread."""
    require_master(request)
    fields = query_parameters(request)
    key, client = await _logged(request, fields, "convid", "msgid")
    await _messages(request).delete(key, fields.text("from"), client)
    return answer({})


async def put_log(request: Request) -> Response:
    """PUT /rtm/messages/logs: a history row with other `data`; the server's copy, nobody is told."""
    fields = await _fields(request)
    conversation = "to" if "to" in fields else "conv-id"
    key, client = await _logged(request, fields, conversation, "msg-id")
    text = fields.required_text("data")
    message_text(Parameters({"message": text}))
    await _messages(request).rewrite(key, fields.text("from"), text, client)
    return answer({})


async def _logged(
    request: Request, fields: Parameters, conversation: str, message: str
) -> tuple[Key, str | None]:
    """The key of a history row, and whose thread it is from when the conversation is named by its MD5."""
    named, msg_id, timestamp = (
        fields.required_text(conversation),
        fields.required_text(message),
        instant(fields, "timestamp"),
    )
    async with _engine(request).read() as connection:
        thread = await history.thread_of(connection, named)
    conv_id, client = (named, None) if thread is None else thread
    return Key(conv_id, msg_id, timestamp), client


async def unread(request: Request) -> Response:
    """GET /rtm/messages/unread/{client}, and .../{client}/{conv}."""
    require_app(request)
    path = request.path_params
    async with _engine(request).read() as connection:
        return answer({"count": await count_unread(connection, path["client"], path.get("conv"))})


async def broadcast(request: Request) -> Response:
    """POST /rtm/broadcast; the push data goes by both its documented names."""
    fields = await _fields(request)
    draft = broadcasts.read_broadcast(fields, request.app.state.server.clock(), "from_peer")
    return _sent(await _messages(request).send(draft))


async def delete_broadcast(request: Request) -> Response:
    """DELETE /rtm/broadcast."""
    require_master(request)
    async with _engine(request).write() as connection:
        await broadcasts.withdraw(connection, query_parameters(request).required_text("mid"))
    return answer({})


async def send_subscribers(request: Request) -> Response:
    """POST /rtm/broadcast/subscriber: to all subscribers."""
    fields = await _fields(request)
    push = push_data(fields, ("push", "push_data"))
    draft = Draft(
        reach=Reach.SUBSCRIBERS,
        conv_id=fields.required_text("conv_id"),
        sender=client_id(fields, "from_peer"),
        data=message_text(fields, push),
        push=push,
    )
    return _sent(await _messages(request).send(draft))


async def add_subscription(request: Request) -> Response:
    """POST /rtm/conversation/subscription."""
    fields = await _fields(request)
    client, now = client_id(fields, "client_id"), request.app.state.server.clock()
    async with _engine(request).write() as connection:
        await subscribe(connection, fields.required_text("conv_id"), client, now)
    return answer({})


async def remove_subscription(request: Request) -> Response:
    """DELETE /rtm/conversation/subscription."""
    fields = await _any_fields(request)
    async with _engine(request).write() as connection:
        await unsubscribe(connection, fields.required_text("conv_id"), client_id(fields, "client_id"))
    return answer({})


async def subscriptions(request: Request) -> Response:
    """GET /rtm/conversation/subscription."""
    require_master(request)
    fields = query_parameters(request)
    async with _engine(request).read() as connection:
        return answer(await list_subscriptions(connection, client_id(fields, "client_id"), fields))


async def subscribers(request: Request) -> Response:
    """GET /rtm/conversation/subscribers."""
    require_master(request)
    fields = query_parameters(request)
    async with _engine(request).read() as connection:
        return answer(await list_subscribers(connection, fields.required_text("conv_id"), fields))


async def subscriber_count(request: Request) -> Response:
    """GET /rtm/conversation/subscribers/count."""
    require_master(request)
    conv_id = query_parameters(request).required_text("conv_id")
    async with _engine(request).read() as connection:
        return answer({"count": await count_subscribers(connection, conv_id)})


async def subscribed(request: Request) -> Response:
    """GET /rtm/conversation/subscribed: a bare boolean."""
    require_master(request)
    fields = query_parameters(request)
    client = client_id(fields, "client_id")
    return answer(client in await among(_engine(request), fields.required_text("conv_id"), [client]))


async def online_in_group(request: Request) -> Response:
    """GET /rtm/transient_group/onlines."""
    require_master(request)
    return answer({"result": _presence(request).room_count(query_parameters(request).required_text("gid"))})


async def members_of_group(request: Request) -> Response:
    """GET /rtm/transient_group/members: a bare array, at most 50."""
    require_master(request)
    room = query_parameters(request).required_text("gid")
    return answer([*_presence(request).room_sample(room, CHATROOM_SAMPLE)])


async def online(request: Request) -> Response:
    """POST /rtm/online."""
    peers = client_ids(await _fields(request), "peers")
    return answer({"results": [*_presence(request).online(peers)]})


async def add_silence(request: Request) -> Response:
    """POST /rtm/conversation/blacklist: despite its name, silence for a time."""
    fields = await _fields(request)
    conv_id, client = await _silenceable(request, fields)
    until = request.app.state.server.clock() + silence_seconds(fields) * 1000
    async with _engine(request).write() as connection:
        await silence(connection, conv_id, client, until)
    return answer({})


async def remove_silence(request: Request) -> Response:
    """DELETE /rtm/conversation/blacklist."""
    conv_id, client = await _silenceable(request, await _any_fields(request))
    async with _engine(request).write() as connection:
        await release(connection, conv_id, Restriction.SILENCED_FOR_A_TIME, [client])
    return answer({})


async def _silenceable(request: Request, fields: Parameters) -> tuple[str, str]:
    conv_id, client = fields.required_text("conv_id"), client_id(fields, "client_id")
    async with _engine(request).read() as connection:
        target = (await connection.run_sync(load_targets, [conv_id])).get(conv_id)
    if target is None:
        raise CONVERSATION_NOT_FOUND("no such conversation")
    if target.kind not in (NORMAL, CHATROOM):
        raise NORMAL_CONVERSATION_REQUIRED("nobody is silenced in a service conversation")
    return conv_id, client


async def kick(request: Request) -> Response:
    """POST /rtm/client/kick."""
    fields = await _fields(request)
    await kick_out(request.app.state.server, client_id(fields, "client_id"), fields.text("reason") or "")
    return answer({})


async def sign(request: Request) -> Response:
    """POST /rtm/sign: what the JS SDK calls to log a `_User` in."""
    require_app(request)
    token = Parameters(await read_body(request)).required_text("session_token")
    return answer(await sign_in(request.app.state.server, token))


async def notifications(request: Request) -> Response:
    """GET /rtm/notifications: none are kept, and an empty list lets every SDK catch up by itself."""
    require_app(request)
    nothing: dict[str, Json] = {"notifications": [], "hasMore": False}
    if "notification_type" in request.query_params:
        return answer(nothing)
    return answer({"permanent": nothing, "droppable": {"notifications": [], "invalidLocalConvCache": False}})


async def _fields(request: Request) -> Parameters:
    require_master(request)
    return Parameters(await read_body(request))


async def _any_fields(request: Request) -> Parameters:
    """The fields of a DELETE, whose callers put them into the body or the query."""
    require_master(request)
    return Parameters({**await read_body(request), **dict(request.query_params)})


def _sent(stored: Stored) -> Response:
    return answer({"msg-id": stored.msg_id, "timestamp": stored.timestamp})


def _messages(request: Request) -> Messages:
    messages: Messages = request.app.state.server.messages
    return messages


def _presence(request: Request) -> Presence:
    presence: Presence = request.app.state.server.presence
    return presence


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.server.engine
    return engine


_RTM = "/1.1/rtm"
routes = [
    Route(f"{_RTM}/messages", send, methods=["POST"]),
    Route(f"{_RTM}/messages/history", read),
    Route(f"{_RTM}/messages/logs", delete_log, methods=["DELETE"]),
    Route(f"{_RTM}/messages/logs", put_log, methods=["PUT"]),
    Route(f"{_RTM}/messages/unread/{{client}}", unread),
    Route(f"{_RTM}/messages/unread/{{client}}/{{conv}}", unread),
    Route(f"{_RTM}/patch/message", patch, methods=["POST"]),
    Route(f"{_RTM}/broadcast", broadcast, methods=["POST"]),
    Route(f"{_RTM}/broadcast", broadcasts.find),
    Route(f"{_RTM}/broadcast", delete_broadcast, methods=["DELETE"]),
    Route(f"{_RTM}/broadcast/subscriber", send_subscribers, methods=["POST"]),
    Route(f"{_RTM}/conversation/subscription", add_subscription, methods=["POST"]),
    Route(f"{_RTM}/conversation/subscription", remove_subscription, methods=["DELETE"]),
    Route(f"{_RTM}/conversation/subscription", subscriptions),
    Route(f"{_RTM}/conversation/subscribers", subscribers),
    Route(f"{_RTM}/conversation/subscribers/count", subscriber_count),
    Route(f"{_RTM}/conversation/subscribed", subscribed),
    Route(f"{_RTM}/conversation/blacklist", add_silence, methods=["POST"]),
    Route(f"{_RTM}/conversation/blacklist", remove_silence, methods=["DELETE"]),
    Route(f"{_RTM}/transient_group/onlines", online_in_group),
    Route(f"{_RTM}/transient_group/members", members_of_group),
    Route(f"{_RTM}/online", online, methods=["POST"]),
    Route(f"{_RTM}/client/kick", kick, methods=["POST"]),
    Route(f"{_RTM}/sign", sign, methods=["POST"]),
    Route(f"{_RTM}/notifications", notifications),
]
