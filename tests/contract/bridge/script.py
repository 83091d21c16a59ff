"""A messaging service that answers by a script, behind the real client."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from bridge.realtime.client import Credentials, Endpoint, RealtimeClient
from bridge.realtime.pacing import Meter, Pacer
from tests.contract.bridge.making import CONVERSATION, NOON, Clock

Row = dict[str, object]
Answer = Callable[[httpx.Request], Awaitable[httpx.Response]]


@dataclass
class ScriptedService:
    """Gives its `answers` to sends in order, then says yes; keeps every send that it got.

    Reads are given `rows`, or `subscribers`, once `lag` of them have found nothing; an answer for reads goes first.
    """

    answers: list[Answer] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    reads: list[httpx.Request] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    subscribers: list[str] = field(default_factory=list)
    lag: int = 0
    unreadable: bool = False
    at_once: int = 0
    most_at_once: int = 0

    def client(self, clock: Clock, pacer: Pacer | None = None) -> RealtimeClient:
        service = Endpoint("http://realtime.test", httpx.MockTransport(self._handle))
        return RealtimeClient(service, Credentials("app", "key", "master"), pacer=pacer or Meter(clock=clock))

    @property
    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(request.content) for request in self.requests]

    @property
    def clients(self) -> list[list[str]]:
        """The clients of each call that named some."""
        return [json.loads(request.content)["to_clients"] for request in self.requests]

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return self._read(request)
        self.requests.append(request)
        number = len(self.requests)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            answer = self.answers.pop(0) if self.answers else yes(f"m{number}", number)
            return await answer(request)
        finally:
            self.at_once -= 1

    def _read(self, request: httpx.Request) -> httpx.Response:
        self.reads.append(request)
        if self.unreadable:
            return httpx.Response(404, json={"code": 1, "error": "gone"})
        if request.url.path.endswith("/subscribers"):
            return httpx.Response(
                200, json=[{"subscriber": each, "conv_id": "c", "timestamp": 1} for each in self.subscribers]
            )
        self.lag -= 1
        return httpx.Response(200, json=self.rows if self.lag < 0 else [])


def row(message: str, msg_id: str = "m9", timestamp: int = NOON, sender: str = "Mammy Two Shoes") -> Row:
    """A message as history and the list of broadcasts show it."""
    return {"msg-id": msg_id, "timestamp": timestamp, "from": sender, "to": CONVERSATION, "data": message}


def yes(msg_id: str = "m1", timestamp: int = 1) -> Answer:
    """The service takes it."""
    return status(200, {"msg-id": msg_id, "timestamp": timestamp})


def status(code: int, body: object) -> Answer:
    """An answer of the service's own."""

    async def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(code, json=body)

    return answer


def fails(error: Exception) -> Answer:
    """The transport, or our own code, gives up."""

    async def answer(_: httpx.Request) -> httpx.Response:
        raise error

    return answer


class Hangs:
    """An answer that does not come until it is let go; `reached` says that the call is out."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.let_go = asyncio.Event()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.reached.set()
        await self.let_go.wait()
        return await yes()(request)


LIMITED = status(429, {"code": 429, "error": "Too many requests"})
REJECTED = status(400, {"code": 4401, "error": "INVALID_MESSAGING_TARGET"})
