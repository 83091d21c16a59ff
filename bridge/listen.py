"""Serves an ASGI application on a socket until it is told to stop."""

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

import uvicorn
from starlette.types import ASGIApp

from bridge.errors import BadConfiguration, Problem

Result = TypeVar("Result")

GRACE_SECONDS = 3
"""How long open requests may take to end; SIGTERM ends everything within 10 s (design.md section 5.2)."""


class _Listener(uvicorn.Server):
    """uvicorn without its own signal handlers, which would end the process before the parts are closed."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.begun.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Bound(NamedTuple):
    """An address that is ours; `url` is `http://HOST:PORT` with the real port."""

    socket: socket.socket
    url: str


def bind(host: str, port: int) -> Bound:
    """Take an address; port 0 takes any free one. BadConfiguration: it cannot be had."""
    six = ":" in host
    try:
        taken = socket.create_server((host, port), family=socket.AF_INET6 if six else socket.AF_INET)
    except OSError as error:
        problem = Problem(f"{host}:{port}", f"cannot be listened on: {error.strerror}")
        raise BadConfiguration((problem,)) from None
    # asyncio does this only for sockets that name their protocol, which `create_server`'s don't: an answer written in
    # two parts would wait 40 ms for the other side's delayed acknowledgement.
    taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Bound(taken, f"http://{f'[{host}]' if six else host}:{taken.getsockname()[1]}")


@asynccontextmanager
async def listening(app: ASGIApp, bound: Bound, **serving: Any) -> AsyncIterator[None]:
    """Answers from when the block begins until it ends; `serving` are further settings of uvicorn's."""
    server = _Listener(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            **serving,
        )
    )
    with contextlib.closing(bound.socket):
        running = asyncio.create_task(server.serve(sockets=[bound.socket]))
        await server.begun.wait()
        try:
            yield
        finally:
            server.should_exit = True
            await running


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run it to its end, on uvloop where that exists: asyncio's own loop costs 6 to 15 µs more for each request."""
    # What is loaded by now stays: from here on, garbage is looked for in the rest alone, and less often.
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()
    if sys.platform == "win32":
        return asyncio.run(work)
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


async def told_to_stop() -> None:
    """Returns at SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
