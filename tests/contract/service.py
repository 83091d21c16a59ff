"""The service that contract tests talk to: a real server, in process or behind a socket, and its client."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

import httpx
import uvicorn
from starlette.types import ASGIApp

from bridge.clock import now_ms
from bridge.server.app import Server
from bridge.server.settings import UNLIMITED, Plan, ServerSettings
from bridge.server.wire.socket import SERVING

APP_ID = "5rZ0eTestAppIdForContracts-self"
APP_KEY = "app-key-of-the-contract-tests"
MASTER_KEY = "master-key-of-the-contract-tests"


class Clock:
    """The real time, moved by hand: `clock.advance(ms)`."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return now_ms() + self.ahead

    def advance(self, milliseconds: int) -> None:
        """Lets that much time pass at once."""
        self.ahead += milliseconds


class Service:
    """A running server and a client of it: `await service.call("GET", "/1.1/date")`."""

    def __init__(self, server: Server, http: httpx.AsyncClient, clock: Clock, base_url: str) -> None:
        self.server = server
        self.http = http
        self.clock = clock
        self.base_url = base_url

    async def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = "master",
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | str | None = None,
    ) -> httpx.Response:
        """One request with the master key, the app key (`key="app"`), any other key, or none."""
        keys = {"master": f"{MASTER_KEY},master", "app": APP_KEY}
        sent = {} if key is None else {"X-LC-Id": APP_ID, "X-LC-Key": keys.get(key, key)}
        return await self.http.request(
            method, path, json=json, params=params, headers={**sent, **(headers or {})}, content=content
        )

    async def ok(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of a call that has to succeed."""
        response = await self.call(method, path, **options)
        assert response.is_success, response.text
        body = response.json()
        assert not (isinstance(body, dict) and "error" in body), body
        return body

    async def refused(self, method: str, path: str, **options: Any) -> int:
        """The code of a call that has to be refused."""
        response = await self.call(method, path, **options)
        assert 400 <= response.status_code < 500, response.text
        body = response.json()
        assert isinstance(body["error"], str)
        return int(body["code"])


class _SocketServer(uvicorn.Server):
    """Says when it listens and stops when told, where the original polls for both."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.stop = asyncio.Event()

    async def main_loop(self) -> None:
        self.listening.set()
        await self.stop.wait()


class Served(Protocol):
    """Whatever has a front door."""

    @property
    def asgi(self) -> ASGIApp:
        """The application."""


@contextlib.asynccontextmanager
async def on_a_socket(server: Served) -> AsyncIterator[str]:
    """A server behind a real port of 127.0.0.1; gives its base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    # Otherwise the system takes megabytes for a client that does not read, and nobody notices it.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)
    # asyncio does so only for sockets that name their protocol; without it each answer waits 40 ms for an ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    front = _SocketServer(
        uvicorn.Config(server.asgi, lifespan="off", log_config=None, access_log=False, **SERVING)
    )
    serving = asyncio.create_task(front.serve([listener]))
    await front.listening.wait()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    front.stop.set()
    await serving


@contextlib.asynccontextmanager
async def running(
    database_url: str, transport: str, plan: Plan = UNLIMITED, **more: Any
) -> AsyncIterator[Service]:
    """A service on that database, reached in process or over a socket; `more` are fields of its settings."""
    clock = Clock()
    server = await Server.start(
        ServerSettings(APP_ID, APP_KEY, MASTER_KEY, database_url, plan=plan, clock=clock, **more)
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(server.close)
        base_url = "http://service.test"
        route: httpx.ASGITransport | None = httpx.ASGITransport(server.asgi)
        if transport == "socket":
            base_url, route = await stack.enter_async_context(on_a_socket(server)), None
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=base_url, transport=route, trust_env=False)
        )
        yield Service(server, http, clock, base_url)
