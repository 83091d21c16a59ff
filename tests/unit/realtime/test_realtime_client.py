"""Time, places, secrets: what the client itself adds to a call."""

import asyncio
import logging
from typing import Any

import httpx
import pytest

from bridge.realtime.client import Credentials, Effort, Endpoint, RealtimeClient
from bridge.realtime.content import Text
from bridge.realtime.errors import NotSent, Rejected, Unavailable, Unknown
from bridge.realtime.history import Everything
from bridge.realtime.models import (
    MessageKey,
)
from tests.unit.realtime.samples import NORMAL, Scripted


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
    async with Endpoint("https://im.example", gate) as service:
        client = RealtimeClient(service, Credentials("a"), effort=Effort(concurrency=3))
        calls = [asyncio.create_task(client.unread_count("a")) for _ in range(9)]
        for _ in range(3):
            await gate.arrived.acquire()
        gate.opened.set()
        assert await asyncio.gather(*calls) == [1] * 9
    assert gate.most == 3


async def test_a_call_that_finds_no_place_in_time_was_not_sent() -> None:
    gate = Gate()
    async with Endpoint("https://im.example", gate) as service:
        effort = Effort(concurrency=1, queue_seconds=0.01, read_attempts=1)
        client = RealtimeClient(service, Credentials("a"), effort=effort)
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
    async with Endpoint("https://im.example", gate) as service:
        effort = Effort(concurrency=1, exchange_seconds=0.01, read_attempts=1)
        client = RealtimeClient(service, Credentials("a"), effort=effort)
        with pytest.raises(Unknown):
            await client.kick("a")
        with pytest.raises(Unavailable):
            await client.unread_count("a")
        gate.opened.set()
        assert await client.unread_count("a") == 1
    assert gate.inside == 0


async def test_a_cancelled_call_gives_its_place_back() -> None:
    gate = Gate()
    async with Endpoint("https://im.example", gate) as service:
        client = RealtimeClient(service, Credentials("a"), effort=Effort(concurrency=1))
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
    async with Endpoint("http://embedded", transport) as service:
        client = RealtimeClient(service, Credentials("a", master_key="m"))
        await client.edit_message(NORMAL, MessageKey("a/b+c", 1, "tom"), Text("x"))
    assert seen[0][0] == b"/1.2/rtm/conversations/C/messages/a%2Fb%2Bc"
    assert seen[0][1][b"x-lc-key"] == b"m,master"
