"""A WebSocket client of the tests' own, written from the protocol's description: the JSON variant, by hand."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.contract.service import APP_ID

PATIENCE = 10
BITMAP = 0b10111011
"""What the JavaScript SDK 5 says that it understands."""


class Refused(Exception):
    """An `error`, or an acknowledgement with a code."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(str(answer))
        self.code = answer["code"]
        self.answer = answer


class Device:
    """One connection: `await device.ask("conv", "start", m=["tom"])`, `await device.hears("direct")`."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.last_i = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pushes: list[dict[str, Any]] = []
        self._changed = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self.socket:
                frame = json.loads(text)
                waiter = self._answers.pop(frame.get("i"), None)
                if waiter is not None and not waiter.done():
                    waiter.set_result(frame)
                else:
                    self._pushes.append(frame)
                    self._changed.set()
        for waiter in self._answers.values():
            waiter.cancel()
        self._changed.set()

    async def say(self, cmd: str, op: str | None = None, **fields: Any) -> None:
        """Sends a command that has no answer."""
        frame = {"cmd": cmd, **({"op": op} if op else {}), **fields}
        await self.socket.send(json.dumps(frame, ensure_ascii=False))

    async def ask(self, cmd: str, op: str | None = None, **fields: Any) -> dict[str, Any]:
        """Sends a command and gives its answer; Refused when it is an error."""
        answer = await asyncio.wait_for(await self.put(cmd, op, **fields), PATIENCE)
        if "code" in answer:
            raise Refused(answer)
        return answer

    async def put(self, cmd: str, op: str | None = None, **fields: Any) -> "asyncio.Future[dict[str, Any]]":
        """Sends a command and gives the answer to come."""
        self.last_i += 1
        waiter: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[self.last_i] = waiter
        await self.say(cmd, op, i=self.last_i, **fields)
        return waiter

    async def refused(self, cmd: str, op: str | None = None, **fields: Any) -> int:
        """The code of a command that has to be refused."""
        try:
            answer = await self.ask(cmd, op, **fields)
        except Refused as refused:
            return int(refused.code)
        raise AssertionError(f"not refused: {answer}")

    async def open(self, client: str | None = None, **fields: Any) -> dict[str, Any]:
        """Opens a session."""
        who = {} if client is None else {"peerId": client}
        fields = {"appId": APP_ID, "configBitmap": BITMAP, "ua": "test", **who, **fields}
        return await self.ask("session", "open", **fields)

    async def hears(self, cmd: str, op: str | None = None) -> dict[str, Any]:
        """The oldest push of that kind, which has to be there or on its way."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for push in self._pushes:
                    if push["cmd"] == cmd and op in (None, push.get("op")):
                        self._pushes.remove(push)
                        return push
                assert not self._listening.done(), f"closed: {self.socket.close_code} {self._pushes}"
                self._changed.clear()
                await self._changed.wait()

    async def pending(self) -> list[dict[str, Any]]:
        """The pushes that nobody asked for, once everything sent before has been answered."""
        await self.ask("echo")
        return [*self._pushes]

    async def send(self, conv_id: str, text: str, **fields: Any) -> dict[str, Any]:
        """Sends a message and gives its acknowledgement."""
        return await self.ask("direct", cid=conv_id, msg=text, **fields)

    async def start(self, *members: str, **fields: Any) -> str:
        """A new conversation's id."""
        return str((await self.ask("conv", "start", m=[*members], **fields))["cid"])

    async def closed(self) -> int | None:
        """The close code of a connection that has to end."""
        await asyncio.wait_for(asyncio.shield(self._listening), PATIENCE)
        return self.socket.close_code

    async def drop(self) -> None:
        """Loses the connection without a word."""
        self.socket.transport.abort()
        await asyncio.wait_for(asyncio.shield(self._listening), PATIENCE)


class Reachable(Protocol):
    """A service, in whichever process."""

    @property
    def base_url(self) -> str:
        """Where it is."""


def address(service: Reachable) -> str:
    """Where the socket is."""
    return service.base_url.replace("http://", "ws://")


@contextlib.asynccontextmanager
async def plugged(service: Reachable, protocol: str = "lc.json.3", path: str = "/") -> AsyncIterator[Device]:
    """A connection without a session."""
    chosen = [Subprotocol(protocol)] if protocol else None
    async with connect(address(service) + path, subprotocols=chosen, compression=None) as socket:
        device = Device(socket)
        yield device
        await socket.close()
        await device._listening


@contextlib.asynccontextmanager
async def online(
    service: Reachable, client: str, protocol: str = "lc.json.3", **fields: Any
) -> AsyncIterator[Device]:
    """A connection with an open session."""
    async with plugged(service, protocol) as device:
        await device.open(client, **fields)
        yield device
