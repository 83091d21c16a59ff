"""The load client, a process of its own: one JSON job a line on standard input, its figures on standard output."""

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from typing import cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.processes import environment
from benchmarks.slack import form, signed

PATH = "/slack/events"
LONGEST_SECONDS = 30.0
END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length:"


@dataclass(frozen=True, slots=True)
class Job:
    """Ask for the `texts` in turn, `requests` times over `concurrency` connections; every answer holds `expected`.

    A text is a slash command. Where there are `headers`, it is an HTTP request's method and path, and after a line
    break its JSON, if it has one.
    """

    url: str
    texts: Sequence[str]
    expected: str
    requests: int
    concurrency: int
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What a job took: all of it in seconds, and the time from a request to its acknowledgement in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


class Asker(asyncio.Protocol):
    """One connection: takes a request from the stock, waits for its answer, and takes the next until none is left."""

    def __init__(self, stock: deque[bytes], expected: bytes, latencies: list[float]) -> None:
        self._stock = stock
        self._expected = expected
        self._latencies = latencies
        self._transport: asyncio.Transport | None = None
        self._answer = bytearray()
        self._asked = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance

    def ask(self) -> None:
        """The next request, or the end."""
        assert self._transport is not None
        if self._stock:
            request = self._stock.pop()
            self._asked = time.perf_counter()
            self._transport.write(request)
        elif not self.done.done():
            self._transport.close()
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        answer += data
        head = answer.find(END_OF_HEAD)
        if head < 0 or len(answer) < head + len(END_OF_HEAD) + _length(bytes(answer[:head]).lower()):
            return
        self._latencies.append((time.perf_counter() - self._asked) * 1000)
        if not answer.startswith(b"HTTP/1.1 200") or self._expected not in answer:
            self._fail(ValueError(f"not the answer that was expected: {bytes(answer[:2000])!r}"))
            return
        answer.clear()
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("the server has closed the connection"))

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


def _length(head: bytes) -> int:
    start = head.index(LENGTH) + len(LENGTH)
    return int(head[start:].split(b"\r\n", 1)[0])


def written(host: str, text: str, given: Mapping[str, str] | None) -> bytes:
    """A request as it goes over the wire; a slash command is signed."""
    if given is not None:
        asked, _, json_text = text.partition("\n")
        return _request(
            asked, json_text.encode(), {"Host": host, "Content-Type": "application/json", **given}
        )
    body = form(text)
    headers = {
        "Host": host,
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        "Accept": "application/json,*/*",
        "Content-Type": "application/x-www-form-urlencoded",
        **signed(body),
    }
    return _request(f"POST {PATH}", body, headers)


def _request(asked: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{asked} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def carry_out(job: Job) -> Figures:
    """Do the job: the requests are written and the connections opened before the clock starts."""
    host, port = urlsplit(job.url).netloc.split(":")
    stock = deque(written(host, text, job.headers) for text in islice(cycle(job.texts), job.requests))
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    connections = [
        await loop.create_connection(lambda: Asker(stock, job.expected.encode(), latencies), host, int(port))
        for _ in range(job.concurrency)
    ]
    started = time.perf_counter()
    for _, asker in connections:
        asker.ask()
    async with asyncio.timeout(LONGEST_SECONDS):
        await asyncio.gather(*(asker.done for _, asker in connections))
    seconds = time.perf_counter() - started
    latencies.sort()
    return Figures(job.requests, seconds, _quantile(latencies, 0.5), _quantile(latencies, 0.99))


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Client:
    """The load client's process as the one who measures sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, job: Job) -> Figures:
        """Have a job done. RuntimeError: the client broke off; why is on standard error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load client broke off")
        return Figures(**json.loads(line))


@asynccontextmanager
async def client() -> AsyncIterator[Client]:
    """A load client until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.load",
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    try:
        yield Client(process)
    finally:
        process.stdin.close()
        await process.wait()


def main() -> None:
    """Do the jobs as they come."""
    for line in sys.stdin:
        figures = uvloop.run(carry_out(Job(**json.loads(line))))
        print(json.dumps(asdict(figures)), flush=True)


if __name__ == "__main__":
    main()
