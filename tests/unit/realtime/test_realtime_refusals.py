"""What the documentation rules out is refused before it is sent."""

from collections.abc import Callable
from typing import Any

import pytest

from bridge.realtime.client import RealtimeClient
from bridge.realtime.content import Custom, Plain, Text
from bridge.realtime.errors import Rejected
from bridge.realtime.history import HistoryRange, InThread
from bridge.realtime.messages import Push, SendOptions
from bridge.realtime.models import (
    Kind,
    MessageKey,
    NewConversation,
)
from bridge.realtime.pacing import Meter
from tests.unit.realtime.samples import NORMAL, ROOM, SYSTEM, Scripted

ANY: dict[str, Callable[[RealtimeClient], Any]] = {
    "send to a system conversation": lambda c: c.send(SYSTEM, "tom", Text("x")),
    "no_sync to a chatroom": lambda c: c.send(ROOM, "tom", Text("x"), SendOptions(no_sync=True)),
    "push to a chatroom": lambda c: c.send(ROOM, "tom", Text("x"), SendOptions(push=Push({"alert": "x"}))),
    "mention from a system conversation": lambda c: c.send_to_clients(
        SYSTEM, "tom", Text("x"), ["a"], SendOptions(mention_all=True)
    ),
    "to clients of a normal conversation": lambda c: c.send_to_clients(NORMAL, "tom", Text("x"), ["a"]),
    "to nobody": lambda c: c.send_to_clients(SYSTEM, "tom", Text("x"), []),
    "to 21": lambda c: c.send_to_clients(SYSTEM, "tom", Text("x"), [str(n) for n in range(21)]),
    "publish in a normal conversation": lambda c: c.publish(NORMAL, "tom", Text("x")),
    "broadcast from a chatroom": lambda c: c.broadcast(ROOM, "tom", Text("x")),
    "broadcasts of a chatroom": lambda c: c.broadcasts(ROOM),
    "edit a broadcast elsewhere": lambda c: c.edit_broadcast(NORMAL, MessageKey("M", 1, "a"), Text("x")),
    "edit for clients elsewhere": lambda c: c.edit_message(NORMAL, MessageKey("M", 1, "a"), Text("x"), ["a"]),
    "delete in a thread of nobody": lambda c: c.delete_message(SYSTEM, MessageKey("M", 1, "a")),
    "no sender": lambda c: c.send(NORMAL, "", Text("x")),
    "too long": lambda c: c.send(NORMAL, "tom", Text("x" * 5120)),
    "half a character": lambda c: c.send(NORMAL, "tom", Plain("\ud800")),
    "not JSON": lambda c: c.send(NORMAL, "tom", Custom({"x": float("inf")})),
    "members of a system conversation": lambda c: c.members(SYSTEM),
    "add a member to a chatroom": lambda c: c.add_members(ROOM, ["a"]),
    "create a chatroom with members": lambda c: c.create_conversation(
        NewConversation(kind=Kind.TRANSIENT, members=("a",))
    ),
    "a unique chatroom": lambda c: c.create_conversation(NewConversation(kind=Kind.TRANSIENT, unique=True)),
    "a built-in attribute": lambda c: c.create_conversation(NewConversation(attributes={"sys": True})),
    "set members as a column": lambda c: c.update_conversation(NORMAL, {"m": ["a"]}),
    "muted of a chatroom": lambda c: c.muted(ROOM),
    "online in a normal conversation": lambda c: c.online_count(NORMAL),
    "subscribe to a normal conversation": lambda c: c.subscribe(NORMAL, "a"),
    "the thread of a normal conversation": lambda c: c.history(InThread(NORMAL, "a")),
    "21 online": lambda c: c.online([str(n) for n in range(21)]),
    "a long reason": lambda c: c.kick("a", "x" * 21),
    "a long silence": lambda c: c.silence_for(NORMAL, "a", 86_401),
    "silence in a system conversation": lambda c: c.silence(SYSTEM, ["a"]),
    "a role in a chatroom": lambda c: c.add_member_info(ROOM, "a", "Owner"),
    "a client called ..": lambda c: c.unread_count(".."),
    "1001 conversations": lambda c: c.find_conversations(limit=1001),
    "upstream of a normal conversation": lambda c: c.upstream_messages(NORMAL),
}


@pytest.mark.parametrize("what", ANY)
async def test_what_the_documentation_rules_out_is_rejected_and_never_sent(
    scripted: Scripted, what: str
) -> None:
    meter = Meter()
    client, script = scripted({}, pacer=meter)
    with pytest.raises(Rejected) as refused:
        await ANY[what](client)
    assert script.requests == []
    assert refused.value.status is None
    assert refused.value.reason
    assert all(not usage.seconds for usage in meter.usages.values()), "and costs no quota"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (lambda c: c.publish(NORMAL, "tom", Text("x")), 4313),
        (lambda c: c.add_members(SYSTEM, ["a"]), 4314),
        (lambda c: c.online_count(NORMAL), 4316),
    ],
)
async def test_a_wrong_kind_has_the_service_s_own_code(
    scripted: Scripted, wrong: Callable[[RealtimeClient], Any], code: int
) -> None:
    client, _ = scripted({})
    with pytest.raises(Rejected, match="conversation") as refused:
        await wrong(client)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "fields",
    [{"msgid": "m"}, {"till_msgid": "m"}, {"till_msgid": "m", "timestamp": 1}, {"limit": 0}, {"limit": 1001}],
)
def test_a_range_of_history_that_means_nothing_cannot_be_made(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"message id|page"):
        HistoryRange(**fields)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("周六见", {"alert": "周六见"}),
        ('{"alert":"x","badge":"Increment"}', {"alert": "x", "badge": "Increment"}),
    ],
)
def test_a_push_is_an_alert_or_a_json_object(text: str, data: dict[str, Any]) -> None:
    assert Push.parse(text) == Push(data)
