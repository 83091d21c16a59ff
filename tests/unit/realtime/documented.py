"""The calls that the documentation of REST 1.2 lists, and the method of the client that makes each."""

from bridge.realtime.history import Everything, InConversation, SentBy
from bridge.realtime.messages import BroadcastOptions
from tests.unit.realtime.documented_conversations import (
    CHATROOMS,
    CONVERSATIONS,
    CREATED,
    HI,
    KEY,
    NORMAL,
    PUSH,
    ROOM,
    ROW,
    SENT,
    SERVICE,
    SERVICE_CONVERSATIONS,
    SPAN,
    SUBSCRIPTION,
    SYSTEM,
    TEXT,
    UPDATED,
    H,
    Row,
)

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
