"""Thousands of clients of the messaging server, in a process of their own: `python -m benchmarks.sockets`.

Reads one JSON order a line on standard input: first `{"url", "app_id", "count"}`, answered when all are logged in,
then `{"text"}`, answered at once, and again when each has had a frame with that text: how many milliseconds it was for
the first, the middle and the last, by the clock that all processes of a machine share (`time.perf_counter`).
"""

import asyncio
import base64
import json
import resource
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.processes import environment

AT_ONCE = 50
SUB_PROTOCOL = "lc.json.3"
LONGEST_SECONDS = 300.0
TEXT, PING, PONG = 0x81, 0x89, 0x8A
MASK = b"\0\0\0\0"
SHORT = 126
"""Longer contents have their size in two bytes more."""

LINES = 1 << 20


class Device(asyncio.Protocol):
    """One client on one socket; it looks at what it gets only for the text that it waits for."""

    def __init__(self, host: str, login: bytes) -> None:
        self._host = host
        self._login = login
        self._agreed = False
        self._wanted = b'"op":"opened"'
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        request = (
            f"GET / HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {SUB_PROTOCOL}\r\n\r\n"
        )
        self._transport.write(request.encode())

    def wait_for(self, text: bytes) -> None:
        """Begin to wait for a frame with this text."""
        self._wanted = text
        self.done = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._rest += data
        if not self._agreed:
            head, end, self._rest = self._rest.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            self._agreed = True
            self._transport.write(_frame(TEXT, self._login))
        while (found := _first(self._rest)) is not None:
            kind, content, self._rest = found
            if kind == PING:
                self._transport.write(_frame(PONG, content))
            elif self._wanted in content and not self.done.done():
                self.done.set_result(time.perf_counter())

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server has closed the connection"))


def _frame(kind: int, content: bytes) -> bytes:
    """A masked frame; the mask is zeros, which leave the content as it is."""
    size = len(content)
    if size < SHORT:
        return bytes((kind, 0x80 | size)) + MASK + content
    return bytes((kind, 0x80 | SHORT)) + size.to_bytes(2, "big") + MASK + content


def _first(data: bytes) -> tuple[int, bytes, bytes] | None:
    """The first of the server's frames and what follows it; none while it is not all there."""
    if len(data) < 4:
        return None
    start, size = (4, int.from_bytes(data[2:4], "big")) if data[1] == SHORT else (2, data[1])
    end = start + size
    return (data[0], data[start:end], data[end:]) if len(data) >= end else None


def _itself(device: Device) -> Device:
    return device


async def connect(url: str, app_id: str, count: int) -> list[Device]:
    """Logs in so many clients, some at once."""
    address = urlsplit(url).netloc
    host, port = address.split(":")
    numbers = iter(range(count))
    devices: list[Device] = []

    async def work() -> None:
        for number in numbers:
            login = {"cmd": "session", "op": "open", "i": 1, "appId": app_id, "peerId": f"phone-{number}"}
            made = Device(address, json.dumps(login | {"deviceId": "one"}).encode())
            await asyncio.get_running_loop().create_connection(partial(_itself, made), host, int(port))
            await made.done
            devices.append(made)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return devices


async def carry_out() -> None:
    """Do the orders as they come."""
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(LINES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async with asyncio.timeout(LONGEST_SECONDS):
        devices = await connect(**json.loads(await orders.readline()))
    print(json.dumps({"connected": len(devices)}), flush=True)
    async for line in orders:
        text = json.loads(line)["text"].encode()
        for device in devices:
            device.wait_for(text)
        print(json.dumps({"waiting": len(devices)}), flush=True)
        async with asyncio.timeout(LONGEST_SECONDS):
            times = sorted(await asyncio.gather(*(device.done for device in devices)))
        ends = (times[0], times[len(times) // 2], times[-1])
        print(json.dumps({"times": [round(each * 1000, 3) for each in ends]}), flush=True)


class Devices:
    """The process of clients as the one who measures sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def wait_for(self, text: str) -> None:
        """Have every client wait for this text."""
        await self._ask({"text": text})

    async def times(self) -> list[float]:
        """When the first, the middle and the last had it, milliseconds of `time.perf_counter`."""
        return cast(list[float], (await self._answer())["times"])

    async def _ask(self, order: dict[str, object]) -> dict[str, object]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self._answer()

    async def _answer(self) -> dict[str, object]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the clients broke off")
        return cast(dict[str, object], json.loads(line))


@asynccontextmanager
async def devices(url: str, app_id: str, count: int) -> AsyncIterator[Devices]:
    """So many clients, logged in, until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.sockets",
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    try:
        clients = Devices(process)
        await clients._ask({"url": url, "app_id": app_id, "count": count})
        yield clients
    finally:
        process.stdin.close()
        await process.wait()


def raise_limit() -> int:
    """Lets this process and its children have as many files open as the system allows; gives the number."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


if __name__ == "__main__":
    uvloop.run(carry_out())
