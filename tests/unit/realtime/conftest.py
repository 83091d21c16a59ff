"""A client whose transport is a function, and a tiny server on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx
import pytest

from bridge.realtime.client import Credentials, Effort, Endpoint, RealtimeClient
from bridge.realtime.pacing import Pacer

CREDENTIALS = Credentials("app-0123", app_key="the-app-key", master_key="the-master-key")
QUICK = Effort(read_backoff_seconds=0.0)


@dataclass
class Script:
    """Answers requests in order (the last one for ever) and keeps what was asked."""

    answers: list[httpx.Response | Exception]
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)

    @property
    def asked(self) -> list[str]:
        """Method, path (as it goes over the wire) and query of each request."""
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]

    def body(self, index: int = -1) -> object:
        """The JSON that a request carried."""
        return json.loads(self.requests[index].content)


Scripted = Callable[..., tuple[RealtimeClient, Script]]


@pytest.fixture
def scripted() -> Scripted:
    """Makes a client that gets the given answers: JSON values, responses or exceptions."""

    def make(
        *answers: object, effort: Effort = QUICK, pacer: Pacer | None = None
    ) -> tuple[RealtimeClient, Script]:
        script = Script([_response(answer) for answer in answers])
        service = Endpoint("https://im.example", httpx.MockTransport(script))
        return RealtimeClient(service, CREDENTIALS, effort=effort, pacer=pacer), script

    return make


def _response(answer: object) -> httpx.Response | Exception:
    if isinstance(answer, httpx.Response | Exception):
        return answer
    return httpx.Response(200, json=answer)


@dataclass
class Connection:
    """One accepted connection of the tiny server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int

    async def request(self) -> tuple[str, bytes]:
        """The next request's first line and body."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            (int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0
        )
        return head.split("\r\n", 1)[0], await self.reader.readexactly(length)

    def answer(self, body: bytes = b"{}", head: str = "HTTP/1.1 200 OK") -> None:
        """A whole answer with a length."""
        self.writer.write(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    def abort(self) -> None:
        """Cut the connection."""
        self.writer.transport.abort()


Behaviour = Callable[[Connection], Awaitable[None]]
Serving = Callable[[Behaviour], Awaitable[str]]


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    """Starts a server that treats each connection as told; gives its address."""
    servers: list[asyncio.Server] = []
    tasks: set[asyncio.Task[None]] = set()
    count = 0

    async def start(behaviour: Behaviour) -> str:
        async def run(connection: Connection) -> None:
            try:
                await behaviour(connection)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                connection.writer.close()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal count
            count += 1
            task = asyncio.create_task(run(Connection(reader, writer, count)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
    for task in [*tasks]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
