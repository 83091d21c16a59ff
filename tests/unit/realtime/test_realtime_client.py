"""The client against the documentation's shapes: contradictions, retries, quotas, refusals, paging, secrets."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from bridge.realtime.client import Credentials, Effort, RealtimeClient
from bridge.realtime.content import Custom, Plain, Text
from bridge.realtime.errors import NotSent, RateLimited, Rejected, Unauthorized, Unavailable, Unknown
from bridge.realtime.history import Everything, HistoryRange, InConversation, InThread
from bridge.realtime.limits import DEVELOPMENT, Family
from bridge.realtime.messages import Push, SendOptions
from bridge.realtime.models import (
    Broadcast,
    Conversation,
    Kind,
    MessageKey,
    NewConversation,
    Page,
    Ref,
    Subscription,
    Target,
    Updated,
)
from bridge.realtime.pacing import Meter

Scripted = Callable[..., tuple[RealtimeClient, Any]]

NORMAL, ROOM, SYSTEM = Ref("C", Kind.NORMAL), Ref("C", Kind.TRANSIENT), Ref("C", Kind.SYSTEM)
SENT = {"msg-id": "M", "timestamp": 7}


def message(number: int, timestamp: int | None = None) -> dict[str, Any]:
    return {
        "msg-id": f"m{number}",
        "timestamp": number if timestamp is None else timestamp,
        "from": "tom",
        "to": "C",
        "conv-id": "another",
        "data": f"text {number}",
        "is-conv": True,
        "is-room": False,
        "bin": False,
        "from-ip": None,
    }


# Answers


async def test_a_conversation_is_read_with_its_attributes_and_its_row(scripted: Scripted) -> None:
    row: dict[str, Any] = {
        "objectId": "5eccba570d3a42c5fd4e25c3",
        "name": "news",
        "c": "tom",
        "m": ["a", "b"],
        "mu": ["b"],
        "lm": {"__type": "Date", "iso": "2026-01-01T00:00:01.000Z"},
        "attr": {"pinned": True},
        "colour": "red",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.500Z",
        "ACL": {"*": {"read": True}},
    }
    client, _ = scripted({"results": [row]})
    assert await client.conversation(row["objectId"]) == Conversation(
        id="5eccba570d3a42c5fd4e25c3",
        kind=Kind.NORMAL,
        name="news",
        creator="tom",
        members=("a", "b"),
        muted=("b",),
        last_message_at=1_767_225_601_000,
        created_at=1_767_225_600_000,
        updated_at=1_767_225_600_500,
        attributes={"attr": {"pinned": True}, "colour": "red"},
    )
    assert (await client.find_conversations())[0].raw == row


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"sys": True}, Kind.SYSTEM),
        ({"tr": True}, Kind.TRANSIENT),
        ({"sys": False, "tr": "yes"}, Kind.NORMAL),
    ],
)
async def test_the_kind_follows_from_the_marker_columns(
    scripted: Scripted, row: dict[str, object], kind: Kind
) -> None:
    client, _ = scripted({"results": [{"objectId": "C", **row}]})
    found: Target | None = await client.conversation("C")
    assert found is not None
    assert found.kind is kind


async def test_hostile_columns_count_as_absent(scripted: Scripted) -> None:
    row = {
        "objectId": "C",
        "name": 5,
        "m": ["a", 7],
        "mu": "b",
        "lm": "soon",
        "createdAt": {"iso": 3},
        "c": [],
    }
    client, _ = scripted({"results": [row]})
    assert await client.conversation("C") == Conversation("C", Kind.NORMAL, members=("a",))


async def test_there_may_be_no_such_conversation(scripted: Scripted) -> None:
    client, script = scripted({"results": []})
    assert await client.conversation("C") is None
    assert script.requests[0].url.params["where"] == '{"objectId":"C"}'


async def test_a_created_conversation_has_what_was_asked_for_and_its_id(scripted: Scripted) -> None:
    client, _ = scripted(httpx.Response(201, json={"objectId": "C", "createdAt": "2026-01-01T00:00:00.000Z"}))
    created = await client.create_conversation(NewConversation("n", Kind.SYSTEM, attributes={"k": 1}))
    assert (created.id, created.kind, created.name, created.attributes) == ("C", Kind.SYSTEM, "n", {"k": 1})
    assert created.raw["sys"] is True


async def test_a_unique_conversation_that_was_there_keeps_its_own_columns(scripted: Scripted) -> None:
    client, _ = scripted({"objectId": "C", "name": "old", "m": ["a", "b"], "unique": True, "uniqueId": "u"})
    created = await client.create_conversation(
        NewConversation("new", members=("b", "a"), unique=True, attributes={"k": 1})
    )
    assert (created.name, created.members, created.attributes) == ("old", ("a", "b"), {})


async def test_a_message_belongs_to_the_conversation_under_to(scripted: Scripted) -> None:
    client, _ = scripted([message(1), {**message(2), "to": None}, {**message(3), "data": {"_lctype": 9}}])
    first, second, third = await client.history(Everything())
    assert (first.conversation_id, second.conversation_id) == ("C", "another")
    assert (first.content, third.content) == (Plain("text 1"), Custom({"_lctype": 9}))
    assert first.key == MessageKey("m1", 1, "tom")
    assert first.raw == message(1)


async def test_a_binary_message_is_not_taken_for_a_typed_one(scripted: Scripted) -> None:
    client, _ = scripted([{**message(1), "bin": True, "data": '{"_lctype":-1}'}])
    assert (await client.history(Everything()))[0].content == Plain('{"_lctype":-1}')


@pytest.mark.parametrize(
    "wrapped", [lambda rows: rows, lambda rows: {"results": rows}, lambda rows: {"result": rows}]
)
async def test_broadcasts_are_read_in_any_of_the_three_shapes(
    scripted: Scripted, wrapped: Callable[[object], object]
) -> None:
    client, _ = scripted(wrapped([{**message(1), "valid_till": 99}, message(2)]))
    first, second = await client.broadcasts(SYSTEM)
    assert isinstance(first, Broadcast)
    assert (first.message.msg_id, first.valid_till, second.valid_till) == ("m1", 99, None)
    assert first.raw["valid_till"] == 99


async def test_figures_and_lists_of_clients_are_read_from_their_envelopes(scripted: Scripted) -> None:
    client, _ = scripted({"result": {"online_user_count": 5, "user_count_today": 9}})
    assert ((await client.stats()).online_user_count, (await client.stats()).user_count_today) == (5, 9)
    client, _ = scripted({"results": ["a"]})
    assert await client.online(["a", "b"]) == ("a",)
    client, _ = scripted({"client_ids": ["a"], "next": "n"}, {"client_ids": []})
    assert await client.silenced(NORMAL) == Page(("a",), "n")
    assert await client.blocked(SYSTEM) == Page((), None)
    client, _ = scripted({"updatedAt": "2026-01-01T00:00:00.000Z", "objectId": "C"}, {})
    assert await client.mute(NORMAL, ["a"]) == Updated("C", 1_767_225_600_000)
    assert await client.mute(NORMAL, ["a"]) == Updated(None, None)
    client, _ = scripted({"signature": "s3cret", "nonce": "n0nce", "client_id": "a", "timestamp": 1})
    signature = repr(await client.sign_client("t"))
    assert "s3cret" not in signature
    assert "n0nce" not in signature


@pytest.mark.parametrize(
    "rows", [[{"timestamp": 1}], [{"msg-id": "m"}], ["m"], {"results": {}}, "x", None, 5]
)
async def test_rows_that_cannot_be_what_they_should_make_a_read_unavailable(
    scripted: Scripted, rows: object
) -> None:
    client, _ = scripted(httpx.Response(200, json=rows))
    with pytest.raises(Unavailable):
        await client.history(Everything())


# What is refused before it is sent

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


# Trying again

FAULTS = [
    httpx.Response(502, content=b"<html>"),
    httpx.Response(200, content=b"<html>"),
    httpx.Response(429, json={"code": 429, "error": "Too many requests."}),
    httpx.ReadTimeout("late"),
    httpx.ConnectError("refused"),
    httpx.RemoteProtocolError("cut"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
async def test_a_read_is_tried_again(scripted: Scripted, fault: object) -> None:
    client, script = scripted(fault, fault, [message(1)])
    assert len(await client.history(Everything())) == 1
    assert len(script.requests) == 3


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
async def test_a_read_is_tried_only_so_often(scripted: Scripted, fault: object) -> None:
    client, script = scripted(fault, effort=Effort(read_attempts=2, read_backoff_seconds=0.0))
    with pytest.raises((Unavailable, RateLimited)):
        await client.online(["a"])
    assert len(script.requests) == 2


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(400, json={"code": 4303, "error": "CONVERSATION_NOT_FOUND"}),
        httpx.Response(401, json={"code": 401, "error": "Unauthorized."}),
        httpx.Response(429, json={"code": 429, "error": "daily"}),
    ],
)
async def test_a_definite_no_to_a_read_is_not_asked_again(scripted: Scripted, answer: object) -> None:
    client, script = scripted(answer)
    with pytest.raises((Rejected, Unauthorized, RateLimited)):
        await client.stats()
    assert len(script.requests) == 1


ACTS: dict[str, Callable[[RealtimeClient], Any]] = {
    "send": lambda c: c.send(NORMAL, "tom", Text("x")),
    "notify": lambda c: c.send_to_clients(SYSTEM, "tom", Text("x"), ["a"]),
    "publish": lambda c: c.publish(SYSTEM, "tom", Text("x")),
    "broadcast": lambda c: c.broadcast(SYSTEM, "tom", Text("x")),
    "edit": lambda c: c.edit_message(NORMAL, MessageKey("M", 1, "a"), Text("x")),
    "recall": lambda c: c.recall_message(NORMAL, MessageKey("M", 1, "a")),
    "delete": lambda c: c.delete_message(NORMAL, MessageKey("M", 1, "a")),
    "delete broadcast": lambda c: c.delete_broadcast("M"),
    "create": lambda c: c.create_conversation(NewConversation()),
    "set": lambda c: c.update_conversation(NORMAL, {"k": 1}),
    "remove": lambda c: c.delete_conversation(NORMAL),
    "add members": lambda c: c.add_members(NORMAL, ["a"]),
    "unmute": lambda c: c.unmute(NORMAL, ["a"]),
    "subscribe": lambda c: c.subscribe(SYSTEM, "a"),
    "unsubscribe": lambda c: c.unsubscribe(SYSTEM, "a"),
    "kick": lambda c: c.kick("a"),
    "silence": lambda c: c.silence(NORMAL, ["a"]),
    "sign": lambda c: c.sign_client("t"),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (httpx.ConnectError("x"), NotSent),
        (httpx.ConnectTimeout("x"), NotSent),
        (httpx.PoolTimeout("x"), NotSent),
        (httpx.Response(429), RateLimited),
        (httpx.ReadTimeout("x"), Unknown),
        (httpx.WriteTimeout("x"), Unknown),
        (httpx.ReadError("x"), Unknown),
        (httpx.WriteError("x"), Unknown),
        (httpx.CloseError("x"), Unknown),
        (httpx.RemoteProtocolError("x"), Unknown),
        (httpx.DecodingError("x"), Unknown),
        (httpx.Response(500), Unknown),
        (httpx.Response(200, content=b"<html>"), Unknown),
        (httpx.Response(307, headers={"Location": "https://elsewhere.example/"}), Unknown),
        (httpx.Response(400), Rejected),
    ],
    ids=lambda value: repr(value) if not isinstance(value, type) else value.__name__,
)
async def test_what_acts_is_never_made_twice_and_its_fate_is_named(
    scripted: Scripted, act: str, fault: object, kind: type[Exception]
) -> None:
    client, script = scripted(fault, SENT)
    with pytest.raises(kind) as failed:
        await ACTS[act](client)
    assert type(failed.value) is kind
    assert len(script.requests) == 1


# Quotas


async def test_a_used_up_quota_is_said_before_the_call(scripted: Scripted) -> None:
    now = 1_800_014_400_000
    client, script = scripted(SENT, pacer=Meter(DEVELOPMENT, clock=lambda: now))
    await client.broadcast(SYSTEM, "tom", Text("x"))
    with pytest.raises(RateLimited) as refused:
        await client.broadcast(SYSTEM, "tom", Text("x"))
    assert (refused.value.family, refused.value.wait_ms, refused.value.status) == (
        Family.BROADCASTS,
        61_000,
        None,
    )
    assert len(script.requests) == 1
    await client.publish(SYSTEM, "tom", Text("x"))
    now += 61_000
    await client.broadcast(SYSTEM, "tom", Text("x"))
    assert len(script.requests) == 3


async def test_a_429_silences_its_family_alone_for_a_minute(scripted: Scripted) -> None:
    now = 1_800_014_400_000
    meter = Meter(clock=lambda: now)
    client, script = scripted(httpx.Response(429), SENT, pacer=meter)
    with pytest.raises(RateLimited) as refused:
        await client.publish(SYSTEM, "tom", Text("x"))
    assert (refused.value.wait_ms, refused.value.status) == (60_000, 429)
    with pytest.raises(RateLimited):
        await client.publish(SYSTEM, "tom", Text("x"))
    await client.send(NORMAL, "tom", Text("x"))
    assert len(script.requests) == 2
    now += 60_000
    await client.publish(SYSTEM, "tom", Text("x"))


async def test_an_exhausted_day_silences_until_the_day_may_have_ended(scripted: Scripted) -> None:
    now = 1_800_014_400_000  # 20:00 in China
    quota = {"code": 1, "error": "The daily quota of system messages is exceeded."}
    client, _ = scripted(httpx.Response(400, json=quota), pacer=Meter(clock=lambda: now))
    with pytest.raises(RateLimited) as refused:
        await client.broadcast(SYSTEM, "tom", Text("x"))
    assert refused.value.limit.daily
    assert refused.value.wait_ms == 4 * 3_600_000


@pytest.mark.parametrize(
    ("fault", "counted"),
    [
        (httpx.ConnectError("x"), 0),
        (httpx.Response(429), 0),
        (httpx.ReadTimeout("x"), 1),
        (httpx.Response(400), 1),
    ],
    ids=repr,
)
async def test_only_what_was_certainly_not_sent_costs_no_quota(
    scripted: Scripted, fault: object, counted: int
) -> None:
    now = 1_800_014_400_000
    meter = Meter(DEVELOPMENT, clock=lambda: now)
    client, _ = scripted(fault, pacer=meter)
    with pytest.raises((NotSent, Unknown, Rejected)):
        await client.broadcast(SYSTEM, "tom", Text("x"))
    assert meter.usages[Family.BROADCASTS].today(now) == counted


@pytest.mark.parametrize(
    ("act", "family"),
    [
        (ACTS["send"], Family.MESSAGES),
        (ACTS["notify"], Family.MESSAGES),
        (lambda c: c.send(ROOM, "tom", Text("x")), Family.MESSAGES),
        (ACTS["edit"], Family.MESSAGES),
        (ACTS["recall"], Family.MESSAGES),
        (lambda c: c.edit_message(SYSTEM, MessageKey("M", 1, "a"), Text("x"), ["b"]), Family.MESSAGES),
        (lambda c: c.recall_message(SYSTEM, MessageKey("M", 1, "a"), ["b"]), Family.MESSAGES),
        (ACTS["publish"], Family.SUBSCRIPTIONS),
        (lambda c: c.edit_message(SYSTEM, MessageKey("M", 1, "a"), Text("x")), Family.SUBSCRIPTIONS),
        (lambda c: c.recall_message(SYSTEM, MessageKey("M", 1, "a")), Family.SUBSCRIPTIONS),
        (ACTS["broadcast"], Family.BROADCASTS),
        (lambda c: c.edit_broadcast(SYSTEM, MessageKey("M", 1, "a"), Text("x")), Family.BROADCASTS),
        (ACTS["delete"], None),
        (ACTS["delete broadcast"], None),
        (ACTS["add members"], None),
        (lambda c: c.history(Everything()), None),
    ],
)
async def test_each_call_counts_against_its_documented_family(
    scripted: Scripted, act: Callable[[RealtimeClient], Any], family: Family | None
) -> None:
    meter = Meter()
    answer: object = [message(1)] if family is None else SENT
    client, _ = scripted({} if act is ACTS["add members"] else answer, pacer=meter)
    await act(client)
    assert {each for each, usage in meter.usages.items() if usage.seconds} == ({family} if family else set())


# Going through everything


class Book:
    """A stand-in for the documented history query: exclusive bounds, newest first or reversed."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = sorted(rows, key=lambda row: (row["timestamp"], row["msg-id"]))
        self.limits: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = request.url.params
        limit = int(asked["limit"])
        self.limits.append(limit)
        rows = self.rows if asked.get("reversed") == "true" else self.rows[::-1]
        if "msgid" in asked:
            ids = [row["msg-id"] for row in rows]
            rows = rows[ids.index(asked["msgid"]) + 1 :]
        return httpx.Response(200, json=rows[:limit])


async def reading(book: Callable[[httpx.Request], httpx.Response]) -> RealtimeClient:
    http = httpx.AsyncClient(base_url="https://im.example", transport=httpx.MockTransport(book))
    return RealtimeClient(http, Credentials("a", master_key="m"))


async def ids(messages: AsyncIterator[Any]) -> list[str]:
    return [each.msg_id async for each in messages]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("at_most", [None, 0, 1, 4, 5, 7, 99])
async def test_iterating_meets_every_message_once_in_order(backwards: bool, at_most: int | None) -> None:
    rows = [message(number, timestamp=number // 4) for number in range(1, 9)]
    book = Book(rows)
    client = await reading(book)
    span = HistoryRange(reversed=backwards, limit=3)
    met = await ids(client.iterate_history(InConversation(NORMAL), span, at_most))
    everything = [f"m{number}" for number in (range(1, 9) if backwards else range(8, 0, -1))]
    assert met == everything[:at_most]
    assert all(limit <= 3 for limit in book.limits)
    if at_most is not None:
        assert sum(book.limits) <= max(at_most, 8) + 3


async def test_iterating_ends_although_a_server_includes_the_start_or_repeats_itself() -> None:
    def stuck(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=[message(3), message(2)])

    client = await reading(stuck)
    assert await ids(client.iterate_history(Everything())) == ["m3", "m2"]


async def test_iterating_asks_for_a_page_only_when_it_is_needed() -> None:
    book = Book([message(number) for number in range(1, 10)])
    client = await reading(book)
    async for _ in client.iterate_history(Everything(), HistoryRange(limit=3)):
        break
    assert book.limits == [3]


async def test_subscribers_are_gone_through_by_their_cursor(scripted: Scripted) -> None:
    def row(name: str) -> dict[str, object]:
        return {"timestamp": 7, "subscriber": name, "conv_id": "C"}

    client, script = scripted([row("a"), row("b")], [row("b"), row("c")], [])
    assert [each.subscriber async for each in client.iterate_subscribers(SYSTEM)] == ["a", "b", "c"]
    assert [request.url.params.get("client_id") for request in script.requests] == [None, "b", "c"]
    client, script = scripted([row("a")])
    assert [each.subscriber async for each in client.iterate_subscribers(SYSTEM)] == ["a"]


async def test_a_client_s_subscriptions_are_gone_through_by_conversation_and_time(scripted: Scripted) -> None:
    def row(conversation: str, timestamp: int) -> dict[str, object]:
        return {"timestamp": timestamp, "subscriber": "a", "conv_id": conversation}

    client, script = scripted([row("C", 1), row("D", 2)], [])
    found = [each async for each in client.iterate_subscriptions("a")]
    assert found == [Subscription("a", "C", 1), Subscription("a", "D", 2)]
    assert script.asked[1].endswith("?limit=50&direction=new&conv_id=D&timestamp=2")


async def test_conversations_are_gone_through_by_pages(scripted: Scripted) -> None:
    client, script = scripted({"results": [{"objectId": "A"}, {"objectId": "B"}]}, {"results": []})
    found = [each.id async for each in client.iterate_conversations(kind=Kind.SYSTEM, page=2)]
    assert found == ["A", "B"]
    assert script.asked[1].endswith("/service-conversations?skip=2&limit=2")


async def test_a_class_is_gone_through_by_cursor(scripted: Scripted) -> None:
    client, script = scripted(
        {"results": [{"objectId": "A"}], "cursor": "n"}, {"results": [{"objectId": "B"}]}
    )
    assert [row["objectId"] async for row in client.iterate_class("_Conversation", where={"sys": True})] == [
        "A",
        "B",
    ]
    assert script.requests[1].url.params["cursor"] == "n"


async def test_upstream_messages_are_read_from_their_class(scripted: Scripted) -> None:
    row = {
        "objectId": "O",
        "msgId": "M",
        "conv": {"__type": "Pointer", "className": "_Conversation", "objectId": "C"},
        "from": "tom",
        "data": '{"_lctype":-1,"_lctext":"hi"}',
        "timestamp": 7,
    }
    client, script = scripted({"results": [row, {"msgId": "N", "timestamp": 8}]})
    first, second = await client.upstream_messages(SYSTEM)
    assert (first.msg_id, first.conversation_id, first.content) == ("M", "C", Text("hi"))
    assert (second.conversation_id, second.from_client) == (None, "")
    assert "Pointer" in script.requests[0].url.params["where"]


# Time, places, secrets


class Gate(httpx.AsyncBaseTransport):
    """Holds every request until it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.arrived = asyncio.Semaphore(0)
        self.inside = self.most = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.arrived.release()
        try:
            await self.opened.wait()
        finally:
            self.inside -= 1
        return httpx.Response(200, json={"count": 1})


async def test_no_more_calls_are_under_way_than_allowed() -> None:
    gate = Gate()
    async with httpx.AsyncClient(base_url="https://im.example", transport=gate) as http:
        client = RealtimeClient(http, Credentials("a"), effort=Effort(concurrency=3))
        calls = [asyncio.create_task(client.unread_count("a")) for _ in range(9)]
        for _ in range(3):
            await gate.arrived.acquire()
        gate.opened.set()
        assert await asyncio.gather(*calls) == [1] * 9
    assert gate.most == 3


async def test_a_call_that_finds_no_place_in_time_was_not_sent() -> None:
    gate = Gate()
    async with httpx.AsyncClient(base_url="https://im.example", transport=gate) as http:
        effort = Effort(concurrency=1, queue_seconds=0.01, read_attempts=1)
        client = RealtimeClient(http, Credentials("a"), effort=effort)
        first = asyncio.create_task(client.unread_count("a"))
        await gate.arrived.acquire()
        with pytest.raises(NotSent, match="under way"):
            await client.kick("a")
        with pytest.raises(Unavailable):
            await client.stats()
        gate.opened.set()
        assert await first == 1


async def test_a_call_without_an_answer_in_time_is_unknown_and_gives_its_place_back() -> None:
    gate = Gate()
    async with httpx.AsyncClient(base_url="https://im.example", transport=gate) as http:
        effort = Effort(concurrency=1, exchange_seconds=0.01, read_attempts=1)
        client = RealtimeClient(http, Credentials("a"), effort=effort)
        with pytest.raises(Unknown):
            await client.kick("a")
        with pytest.raises(Unavailable):
            await client.unread_count("a")
        gate.opened.set()
        assert await client.unread_count("a") == 1
    assert gate.inside == 0


async def test_a_cancelled_call_gives_its_place_back() -> None:
    gate = Gate()
    async with httpx.AsyncClient(base_url="https://im.example", transport=gate) as http:
        client = RealtimeClient(http, Credentials("a"), effort=Effort(concurrency=1))
        call = asyncio.create_task(client.unread_count("a"))
        await gate.arrived.acquire()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        gate.opened.set()
        assert await client.unread_count("a") == 1


async def test_an_answer_without_end_is_given_up(scripted: Scripted) -> None:
    effort = Effort(answer_bytes=1000, read_attempts=1)
    client, _ = scripted(httpx.Response(200, content=b"[" + b" " * 1000 + b"]"), effort=effort)
    with pytest.raises(Unavailable, match="too long"):
        await client.history(Everything())
    client, _ = scripted(httpx.Response(200, content=b"{" + b" " * 1000 + b"}"), effort=effort)
    with pytest.raises(Unknown, match="too long"):
        await client.kick("a")


async def test_no_key_reaches_a_log_or_an_error(scripted: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = httpx.Response(400, json={"code": 1, "error": "X-LC-Key: the-master-key,master"})
    client, _ = scripted(echo, httpx.Response(502), httpx.Response(502), {"results": []})
    with pytest.raises(Rejected) as refused:
        await client.kick("a")
    await client.find_conversations()
    assert "/1.2/rtm/clients/a/kick" in caplog.text, "the address is logged"
    for said in (caplog.text, str(refused.value), repr(refused.value), repr(client)):
        assert "the-master-key" not in said
        assert "the-app-key" not in said


async def test_an_embedded_service_is_reached_through_its_asgi_app() -> None:
    seen: list[tuple[bytes, dict[bytes, bytes]]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["raw_path"], dict(scope["headers"])))
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"msg-id":"M","timestamp":7}'})

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(base_url="http://embedded", transport=transport) as http:
        client = RealtimeClient(http, Credentials("a", master_key="m"))
        await client.edit_message(NORMAL, MessageKey("a/b+c", 1, "tom"), Text("x"))
    assert seen[0][0] == b"/1.2/rtm/conversations/C/messages/a%2Fb%2Bc"
    assert seen[0][1][b"x-lc-key"] == b"m,master"
