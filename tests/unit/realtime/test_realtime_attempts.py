"""Reads are tried again, acting calls never; quotas are kept and given back."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from bridge.realtime.client import Effort, RealtimeClient
from bridge.realtime.content import Text
from bridge.realtime.errors import NotSent, RateLimited, Rejected, Unauthorized, Unavailable, Unknown
from bridge.realtime.history import Everything
from bridge.realtime.limits import DEVELOPMENT, Family
from bridge.realtime.models import (
    MessageKey,
    NewConversation,
)
from bridge.realtime.pacing import Meter
from tests.unit.realtime.samples import NORMAL, ROOM, SENT, SYSTEM, Scripted, message

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
