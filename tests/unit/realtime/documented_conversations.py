"""The documented calls on conversations of each kind, and the method of the client that makes each."""

from collections.abc import Awaitable, Callable

from bridge.realtime.client import RealtimeClient
from bridge.realtime.content import Text
from bridge.realtime.history import HistoryRange, InConversation, InThread
from bridge.realtime.messages import Priority, Push, SendOptions
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
