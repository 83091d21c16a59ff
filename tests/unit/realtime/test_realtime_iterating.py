"""Going through everything, a page in memory, whatever a server does."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from bridge.realtime.client import Credentials, Endpoint, RealtimeClient
from bridge.realtime.content import Text
from bridge.realtime.history import Everything, HistoryRange, InConversation
from bridge.realtime.models import (
    Kind,
    Subscription,
)
from tests.unit.realtime.samples import NORMAL, SYSTEM, Scripted, message


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
    service = Endpoint("https://im.example", httpx.MockTransport(book))
    return RealtimeClient(service, Credentials("a", master_key="m"))


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
    assert book.limits[:2] == {0: [], 1: [1], 4: [3, 1], 5: [3, 2]}.get(
        8 if at_most is None else at_most, [3, 3]
    )


async def test_iterating_ends_although_a_server_includes_the_start_or_repeats_itself() -> None:
    def stuck(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=[message(3), message(2)])

    client = await reading(stuck)
    assert await ids(client.iterate_history(Everything())) == ["m3", "m2"]


async def test_iterating_gives_no_more_than_asked_for_although_a_server_does() -> None:
    client = await reading(lambda _: httpx.Response(200, json=[message(3), message(2), message(1)]))
    assert await ids(client.iterate_history(Everything(), at_most=2)) == ["m3", "m2"]


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
