"""A phone's line to the messaging server: a WebSocket in this process that speaks JSON frames, as the SDKs do."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

from starlette.types import ASGIApp, Message, Scope

from bridge.playground.model import Json

PROTOCOL = "lc.json.3"
HEARS_PATCHES = 1 << 0
"""Of `configBitmap`: this client wants to hear of modified and recalled messages."""
USER_AGENT = "playground"
GOING_AWAY = 1001

Watch: TypeAlias = Callable[[str, Json], None]
"""Is shown each frame: `in` or `out`, and what it says."""


class RefusedError(Exception):
    """The server answered a command with an error, or not at all because the line broke."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Service:
    """Where phones connect: the server's front door and the app's id."""

    asgi: ASGIApp
    app_id: str


class Device:
    """One connection with one session: `ask` for an answer, `say` what has none, iterate over what comes."""

    def __init__(self, service: Service, client_id: str, watch: Watch) -> None:
        self._service = service
        self._client_id = client_id
        self._watch = watch
        self._outgoing: asyncio.Queue[Message] = asyncio.Queue()
        self._incoming: asyncio.Queue[Json | None] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[Json]] = {}
        self._asked = 0
        self._line: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect and log in. RefusedError: the server lets nobody in."""
        self._outgoing.put_nowait({"type": "websocket.connect"})
        self._line = asyncio.create_task(self._serve())
        await self.ask(
            "session",
            "open",
            appId=self._service.app_id,
            peerId=self._client_id,
            deviceId=USER_AGENT,
            ua=USER_AGENT,
            configBitmap=HEARS_PATCHES,
        )

    async def ask(self, cmd: str, op: str | None = None, **fields: Any) -> Json:
        """Send a command and return its answer. RefusedError: it is an error, or the line broke."""
        if self._line is None or self._line.done():
            raise RefusedError("offline")
        self._asked += 1
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._answers[self._asked] = answer
        self.say(cmd, op, i=self._asked, **fields)
        told = await answer
        if "code" in told:
            raise RefusedError(str(told.get("detail") or told.get("reason") or told["code"]))
        return told

    def say(self, cmd: str, op: str | None = None, **fields: Any) -> None:
        """Send a command that needs no answer."""
        frame = {"cmd": cmd, **({"op": op} if op else {}), **fields}
        self._watch("out", frame)
        self._outgoing.put_nowait({"type": "websocket.receive", "text": json.dumps(frame)})

    def hang_up(self) -> None:
        """Lose the connection, as a phone does that goes offline."""
        self._outgoing.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})

    async def aclose(self) -> None:
        """Lose the connection and wait until the server knows."""
        self.hang_up()
        if self._line:
            await asyncio.wait({self._line})

    async def __aiter__(self) -> AsyncIterator[Json]:
        """What the server tells, until the session is over."""
        while (frame := await self._incoming.get()) is not None:
            yield frame

    async def _serve(self) -> None:
        try:
            await self._service.asgi(_scope(), self._outgoing.get, self._hear)
        finally:
            self._incoming.put_nowait(None)
            for answer in self._answers.values():
                with suppress(asyncio.InvalidStateError):
                    answer.set_exception(RefusedError("the connection is lost"))

    async def _hear(self, message: Message) -> None:
        if message["type"] != "websocket.send":
            return
        frame: Json = json.loads(message["text"])
        self._watch("in", frame)
        answer = self._answers.pop(frame.get("i", 0), None)
        if answer is None:
            self._incoming.put_nowait(frame)
        elif not answer.done():
            answer.set_result(frame)


def _scope() -> Scope:
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "client": None,
        "server": None,
        "subprotocols": [PROTOCOL],
    }
