"""Every call that the documentation of REST 1.2 lists has a method that makes exactly that call."""

from collections.abc import Awaitable, Callable

import pytest

from bridge.realtime.client import RealtimeClient
from bridge.realtime.content import Text
from bridge.realtime.history import Everything, HistoryRange, InConversation, InThread, SentBy
from bridge.realtime.messages import BroadcastOptions, Priority, Push, SendOptions
from bridge.realtime.models import Kind, MessageKey, NewConversation, Ref

NORMAL, ROOM, SYSTEM = Ref("C", Kind.NORMAL), Ref("C", Kind.TRANSIENT), Ref("C", Kind.SYSTEM)
KEY = MessageKey("M", 7, "tom")
TEXT = '{"_lctype":-1,"_lctext":"hi"}'
HI = Text("hi")
SPAN = HistoryRange(
    timestamp=9,
    msgid="a+",
    till_timestamp=1,
    till_msgid="b",
    include_start=True,
    include_stop=True,
    reversed=True,
    limit=5,
)
H = "?timestamp=9&msgid=a%2B&till_timestamp=1&till_msgid=b&include_start=true&include_stop=true&reversed=true&limit=5"
PUSH = Push({"alert": "hey"})

SENT = {"msg-id": "M", "timestamp": 7}
ROW = {"msg-id": "M", "timestamp": 7, "from": "tom", "to": "C", "data": "x"}
UPDATED = {"updatedAt": "2026-01-01T00:00:00.000Z", "objectId": "C"}
CREATED = {"objectId": "C", "createdAt": "2026-01-01T00:00:00.000Z"}
SUBSCRIPTION = {"timestamp": 7, "subscriber": "tom", "conv_id": "C"}

Make = Callable[[RealtimeClient], Awaitable[object]]
Row = tuple[str, Make, object, object]
"""What goes over the wire, the method that does it, the body it must carry (None: none), the documented answer."""

CONVERSATIONS: list[Row] = [
    (
        "POST /1.2/rtm/conversations",
        lambda c: c.create_conversation(
            NewConversation("n", members=("a", "b"), unique=True, creator="a", attributes={"k": [1]})
        ),
        {"name": "n", "c": "a", "k": [1], "m": ["a", "b"], "unique": True},
        {"unique": True, "uniqueId": "u", "name": "n", "m": ["a", "b"], **CREATED},
    ),
    (
        "GET /1.2/rtm/conversations?where=%7B%22name%22%3A%22n%22%7D&skip=2&limit=3",
        lambda c: c.find_conversations({"name": "n"}, kind=Kind.NORMAL, skip=2, limit=3),
        None,
        {"results": [CREATED]},
    ),
    (
        "PUT /1.2/rtm/conversations/C",
        lambda c: c.update_conversation(NORMAL, {"name": "n", "k": {"__op": "Delete"}}),
        {"name": "n", "k": {"__op": "Delete"}},
        UPDATED,
    ),
    ("DELETE /1.2/rtm/conversations/C", lambda c: c.delete_conversation(NORMAL), None, {}),
    (
        "POST /1.2/rtm/conversations/C/members",
        lambda c: c.add_members(NORMAL, ["a"]),
        {"client_ids": ["a"]},
        UPDATED,
    ),
    (
        "DELETE /1.2/rtm/conversations/C/members",
        lambda c: c.remove_members(NORMAL, ["a"]),
        {"client_ids": ["a"]},
        UPDATED,
    ),
    ("GET /1.2/rtm/conversations/C/members", lambda c: c.members(NORMAL), None, {"result": ["a"]}),
    ("POST /1.2/rtm/conversations/C/mutes", lambda c: c.mute(NORMAL, ["a"]), {"client_ids": ["a"]}, UPDATED),
    (
        "DELETE /1.2/rtm/conversations/C/mutes",
        lambda c: c.unmute(NORMAL, ["a"]),
        {"client_ids": ["a"]},
        UPDATED,
    ),
    ("GET /1.2/rtm/conversations/C/mutes", lambda c: c.muted(NORMAL), None, {"result": ["a"]}),
    (
        "POST /1.2/rtm/conversations/C/messages",
        lambda c: c.send(NORMAL, "tom", HI, SendOptions(True, True, PUSH, Priority.HIGH, True, ("a",))),
        {
            "from_client": "tom",
            "message": TEXT,
            "transient": True,
            "no_sync": True,
            "push_data": {"alert": "hey"},
            "priority": "high",
            "mention_all": True,
            "mention_client_ids": ["a"],
        },
        SENT,
    ),
    (
        f"GET /1.2/rtm/conversations/C/messages{H}",
        lambda c: c.history(InConversation(NORMAL), SPAN),
        None,
        [ROW],
    ),
    (
        "PUT /1.2/rtm/conversations/C/messages/M",
        lambda c: c.edit_message(NORMAL, KEY, HI),
        {"from_client": "tom", "message": TEXT, "timestamp": 7},
        {},
    ),
    (
        "PUT /1.2/rtm/conversations/C/messages/M/recall",
        lambda c: c.recall_message(NORMAL, KEY),
        {"from_client": "tom", "timestamp": 7},
        {"result": {}},
    ),
    (
        "DELETE /1.2/rtm/conversations/C/messages/M?from_client=tom&timestamp=7",
        lambda c: c.delete_message(NORMAL, KEY),
        None,
        {},
    ),
]

CHATROOMS: list[Row] = [
    (
        "POST /1.2/rtm/chatrooms",
        lambda c: c.create_conversation(NewConversation("n", Kind.TRANSIENT)),
        {"name": "n"},
        CREATED,
    ),
    (
        "GET /1.2/rtm/chatrooms?limit=100",
        lambda c: c.find_conversations(kind=Kind.TRANSIENT),
        None,
        {"results": [CREATED]},
    ),
    ("PUT /1.2/rtm/chatrooms/C", lambda c: c.update_conversation(ROOM, {"k": 1}), {"k": 1}, UPDATED),
    ("DELETE /1.2/rtm/chatrooms/C", lambda c: c.delete_conversation(ROOM), None, {}),
    ("GET /1.2/rtm/chatrooms/C/members", lambda c: c.members(ROOM), None, {"result": ["a"]}),
    ("GET /1.2/rtm/chatrooms/C/members/online-count", lambda c: c.online_count(ROOM), None, {"result": 3}),
    (
        "POST /1.2/rtm/chatrooms/C/messages",
        lambda c: c.send(ROOM, "tom", HI),
        {"from_client": "tom", "message": TEXT},
        SENT,
    ),
    (
        "GET /1.2/rtm/chatrooms/C/messages?limit=100",
        lambda c: c.history(InConversation(ROOM)),
        None,
        [ROW],
    ),
    (
        "PUT /1.2/rtm/chatrooms/C/messages/M",
        lambda c: c.edit_message(ROOM, KEY, HI),
        {"from_client": "tom", "message": TEXT, "timestamp": 7},
        {},
    ),
    (
        "PUT /1.2/rtm/chatrooms/C/messages/M/recall",
        lambda c: c.recall_message(ROOM, KEY),
        {"from_client": "tom", "timestamp": 7},
        {},
    ),
    (
        "DELETE /1.2/rtm/chatrooms/C/messages/M?from_client=tom&timestamp=7",
        lambda c: c.delete_message(ROOM, KEY),
        None,
        {},
    ),
]

SERVICE = "/1.2/rtm/service-conversations"
SERVICE_CONVERSATIONS: list[Row] = [
    (
        f"POST {SERVICE}",
        lambda c: c.create_conversation(NewConversation("n", Kind.SYSTEM, attributes={"k": 1})),
        {"name": "n", "k": 1},
        CREATED,
    ),
    (
        f"GET {SERVICE}?limit=100",
        lambda c: c.find_conversations(kind=Kind.SYSTEM),
        None,
        {"results": [CREATED]},
    ),
    (f"PUT {SERVICE}/C", lambda c: c.update_conversation(SYSTEM, {"k": 1}), {"k": 1}, UPDATED),
    (f"DELETE {SERVICE}/C", lambda c: c.delete_conversation(SYSTEM), None, {}),
    (f"POST {SERVICE}/C/subscribers", lambda c: c.subscribe(SYSTEM, "a"), {"client_id": "a"}, {}),
    (f"DELETE {SERVICE}/C/subscribers/a%2Fb", lambda c: c.unsubscribe(SYSTEM, "a/b"), None, {}),
    (
        f"GET {SERVICE}/C/subscribers?limit=50&client_id=a",
        lambda c: c.subscribers(SYSTEM, after="a"),
        None,
        [SUBSCRIPTION],
    ),
    (f"GET {SERVICE}/C/subscribers/count", lambda c: c.subscriber_count(SYSTEM), None, {"count": 100}),
    (
        f"POST {SERVICE}/C/broadcasts",
        lambda c: c.publish(SYSTEM, "tom", HI, PUSH),
        {"from_client": "tom", "message": TEXT, "push": {"alert": "hey"}},
        SENT,
    ),
    (
        f"PUT {SERVICE}/C/messages/M",
        lambda c: c.edit_message(SYSTEM, KEY, HI),
        {"from_client": "tom", "message": TEXT, "timestamp": 7},
        {},
    ),
    (
        f"PUT {SERVICE}/C/messages/M",
        lambda c: c.edit_message(SYSTEM, KEY, HI, ["a"]),
        {"from_client": "tom", "message": TEXT, "timestamp": 7, "to_clients": ["a"]},
        {},
    ),
    (
        f"PUT {SERVICE}/C/messages/M/recall",
        lambda c: c.recall_message(SYSTEM, KEY),
        {"from_client": "tom", "timestamp": 7},
        {},
    ),
    (
        f"PUT {SERVICE}/C/messages/M/recall",
        lambda c: c.recall_message(SYSTEM, KEY, ["a"]),
        {"from_client": "tom", "timestamp": 7, "to_clients": ["a"]},
        {},
    ),
    (
        f"POST {SERVICE}/C/messages",
        lambda c: c.send_to_clients(SYSTEM, "tom", HI, ["a", "b"], SendOptions(push=PUSH)),
        {"from_client": "tom", "message": TEXT, "to_clients": ["a", "b"], "push_data": {"alert": "hey"}},
        SENT,
    ),
    (
        f"DELETE {SERVICE}/C/subscribers/a/messages/M?from_client=tom&timestamp=7",
        lambda c: c.delete_message(SYSTEM, KEY, "a"),
        None,
        {},
    ),
    (
        f"GET {SERVICE}/C/subscribers/a/messages{H}",
        lambda c: c.history(InThread(SYSTEM, "a"), SPAN),
        None,
        [ROW],
    ),
]

CLIENTS: list[Row] = [
    (
        "POST /1.2/rtm/clients/check-online",
        lambda c: c.online(["a", "b"]),
        {"client_ids": ["a", "b"]},
        {"results": ["a"]},
    ),
    (
        "GET /1.2/rtm/clients/a/unread-count?conv_id=C",
        lambda c: c.unread_count("a", NORMAL),
        None,
        {"count": 4},
    ),
    ("POST /1.2/rtm/clients/a/kick", lambda c: c.kick("a", "bye"), {"reason": "bye"}, {}),
    (
        "GET /1.2/rtm/clients/a/service-conversations?limit=50&direction=new",
        lambda c: c.subscriptions("a"),
        None,
        [SUBSCRIPTION],
    ),
    ("GET /1.2/rtm/clients/a/messages?limit=100", lambda c: c.history(SentBy("a")), None, [ROW]),
    # Listed as GET /1.2/rtm/clients/sign, whose address would carry the session token into every log.
    (
        "POST /1.1/rtm/sign",
        lambda c: c.sign_client("token"),
        {"session_token": "token"},
        {"signature": "s", "nonce": "n", "client_id": "a", "timestamp": 7},
    ),
]

GLOBAL: list[Row] = [
    (
        "GET /1.2/rtm/stats",
        lambda c: c.stats(),
        None,
        {"result": {"online_user_count": 1, "user_count_today": 2}},
    ),
    (
        "GET /1.2/rtm/all-conversations?limit=100",
        lambda c: c.find_conversations(),
        None,
        {"results": [CREATED]},
    ),
    (
        "POST /1.2/rtm/broadcasts",
        lambda c: c.broadcast(SYSTEM, "tom", HI, BroadcastOptions(9, PUSH, True)),
        {
            "from_client": "tom",
            "message": TEXT,
            "conv_id": "C",
            "valid_till": 9,
            "push": {"alert": "hey"},
            "transient": True,
        },
        SENT,
    ),
    (
        f"PUT {SERVICE}/C/messages/M",
        lambda c: c.edit_broadcast(SYSTEM, KEY, HI),
        {"from_client": "tom", "message": TEXT, "timestamp": 7},
        {},
    ),
    ("DELETE /1.2/rtm/broadcasts/M", lambda c: c.delete_broadcast("M"), None, {}),
    (
        "GET /1.2/rtm/broadcasts?conv_id=C&limit=5&skip=1",
        lambda c: c.broadcasts(SYSTEM, limit=5, skip=1),
        None,
        [{**ROW, "valid_till": 9}],
    ),
    ("GET /1.2/rtm/messages?limit=100", lambda c: c.history(Everything()), None, [ROW]),
]

MODERATION: list[Row] = [
    (
        "POST /1.2/rtm/chatrooms/C/temporary-silenceds",
        lambda c: c.silence_for(ROOM, "a", 60),
        {"client_id": "a", "ttl": 60},
        {},
    ),
    (
        "DELETE /1.2/rtm/conversations/C/temporary-silenceds?client_id=a",
        lambda c: c.end_silence(NORMAL, "a"),
        None,
        {},
    ),
    (
        "POST /1.2/rtm/conversations/C/permanent-silenceds",
        lambda c: c.silence(NORMAL, ["a"]),
        {"client_ids": ["a"]},
        {},
    ),
    (
        "DELETE /1.2/rtm/chatrooms/C/permanent-silenceds",
        lambda c: c.unsilence(ROOM, ["a"]),
        {"client_ids": ["a"]},
        {},
    ),
    (
        "GET /1.2/rtm/conversations/C/permanent-silenceds?limit=10&next=n",
        lambda c: c.silenced(NORMAL, cursor="n"),
        None,
        {"client_ids": ["a"], "next": "m"},
    ),
    (f"POST {SERVICE}/C/blacklists", lambda c: c.block(SYSTEM, ["a"]), {"client_ids": ["a"]}, {}),
    (
        "DELETE /1.2/rtm/conversations/C/blacklists",
        lambda c: c.unblock(NORMAL, ["a"]),
        {"client_ids": ["a"]},
        {},
    ),
    (
        "GET /1.2/rtm/chatrooms/C/blacklists?limit=10",
        lambda c: c.blocked(ROOM),
        None,
        {"client_ids": ["a"]},
    ),
    (
        "POST /1.2/rtm/clients/a/blacklists",
        lambda c: c.refuse_conversation("a", "C"),
        {"conv_id": "C"},
        {},
    ),
    (
        "DELETE /1.2/rtm/clients/a/blacklists",
        lambda c: c.accept_conversation("a", "C"),
        {"conv_id": "C"},
        {},
    ),
    (
        "GET /1.2/rtm/clients/a/blacklists?limit=10",
        lambda c: c.refused_conversations("a"),
        None,
        {"conv_ids": ["C"]},
    ),
    (
        "POST /1.2/rtm/conversations/C/member-infos",
        lambda c: c.add_member_info(NORMAL, "a", "Manager"),
        {"clientId": "a", "role": "Manager"},
        UPDATED,
    ),
    (
        "PUT /1.2/rtm/conversations/C/member-infos/I",
        lambda c: c.update_member_info(NORMAL, "I", "Member"),
        {"role": "Member"},
        UPDATED,
    ),
    (
        "DELETE /1.2/rtm/conversations/C/member-infos/I",
        lambda c: c.delete_member_info(NORMAL, "I"),
        None,
        {},
    ),
    (
        "GET /1.2/rtm/conversations/C/member-infos?role=Owner&skip=1&limit=100",
        lambda c: c.member_infos(NORMAL, role="Owner", skip=1),
        None,
        {"results": [{"clientId": "a", "objectId": "I", "role": "Owner"}]},
    ),
]

V1: list[Row] = [
    (
        f"GET /1.1/rtm/messages/history?convid=C&{H[1:]}",
        lambda c: c.history(InConversation(SYSTEM), SPAN),
        None,
        [ROW],
    ),
    (
        "GET /1.1/classes/_SysMessage?order=-timestamp&limit=100",
        lambda c: c.upstream_messages(),
        None,
        {"results": [{"msgId": "M", "timestamp": 7, "from": "tom", "data": "x"}]},
    ),
    (
        "GET /1.1/scan/classes/_Conversation?cursor=n&limit=1000",
        lambda c: c.scan("_Conversation", cursor="n"),
        None,
        {"results": [CREATED], "cursor": "m"},
    ),
]

TABLES = {
    "normal conversations": (CONVERSATIONS, 15),
    "chatrooms": (CHATROOMS, 11),
    "service conversations": (SERVICE_CONVERSATIONS, 16),
    "clients": (CLIENTS, 6),
    "global": (GLOBAL, 7),
    "silence, blacklist, roles": (MODERATION, 15),
}
"""The documentation's tables of REST 1.2 and how many calls each lists (the row on recalling a broadcast has none)."""


@pytest.mark.parametrize("table", TABLES)
def test_no_documented_call_is_missing(table: str) -> None:
    rows, documented = TABLES[table]
    assert len(rows) == documented


@pytest.mark.parametrize(
    ("wire", "make", "body", "answer"),
    [row for rows, _ in TABLES.values() for row in rows] + V1,
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_each_method_makes_the_documented_call_and_reads_its_answer(
    scripted: Callable[..., tuple[RealtimeClient, object]],
    wire: str,
    make: Make,
    body: object,
    answer: object,
) -> None:
    client, script = scripted(answer)
    await make(client)
    assert script.asked == [wire]  # type: ignore[attr-defined]
    request = script.requests[0]  # type: ignore[attr-defined]
    assert request.headers["X-LC-Id"] == "app-0123"
    assert request.headers["X-LC-Key"] == "the-master-key,master"
    if body is None:
        assert request.content == b""
    else:
        assert request.headers["Content-Type"] == "application/json"
        assert script.body() == body  # type: ignore[attr-defined]


def test_every_method_of_the_client_is_in_a_table_or_builds_on_one_that_is() -> None:
    built_on_others = {
        "ask",
        "conversation",
        *(name for name in dir(RealtimeClient) if name.startswith("iterate_")),
    }
    public = {name for name in dir(RealtimeClient) if not name.startswith("_")} - built_on_others
    called = {
        name
        for rows in [*(rows for rows, _ in TABLES.values()), V1]
        for row in rows
        for name in row[1].__code__.co_names
    }
    assert public <= called, public - called
