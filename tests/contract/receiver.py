"""The app's own server, as the messaging server calls it: cloud functions, the webhook, the push endpoint."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.server.settings import Hooks
from tests.contract.service import on_a_socket

HOOK_KEY = "the-hook-key"

Answer: TypeAlias = "Callable[[Any], Any] | int | Any"
"""The result of a function, or what makes one from its input; a status; an `asyncio.Event` to wait for first."""


@dataclass(frozen=True)
class Call:
    """One call that was made."""

    name: str
    body: Any
    headers: dict[str, str]


class Receiver:
    """Notes every call and answers it as `answers` says by name; without a word there, with 200 and no result."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: dict[str, Answer] = {}
        self._changed = asyncio.Condition()
        self._hanging: list[asyncio.Event] = []
        self.asgi = Starlette(routes=[Route("/{path:path}", self._answer, methods=["POST"])])
        self.url = ""

    async def _answer(self, request: Request) -> Response:
        name = request.url.path.rpartition("/")[2]
        call = Call(name, await request.json(), dict(request.headers))
        async with self._changed:
            self.calls.append(call)
            self._changed.notify_all()
        answer = self.answers.get(name, {})
        if isinstance(answer, asyncio.Event):
            self._hanging.append(answer)
            await answer.wait()
            answer = {}
        if callable(answer):
            answer = answer(call.body)
        if isinstance(answer, int):
            return Response(status_code=answer)
        return JSONResponse({"result": answer})

    def release(self) -> None:
        """Answers every call that hangs."""
        for event in self._hanging:
            event.set()

    def heard(self, name: str) -> list[Any]:
        """The bodies of the calls by that name."""
        return [call.body for call in self.calls if call.name == name]

    async def hears(self, name: str, times: int = 1) -> list[Any]:
        """The same, once there are so many of them."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.heard(name)) >= times)
        return self.heard(name)

    def hooks(self, *doors: str, **more: Any) -> Hooks:
        """Settings that lead here: `functions`, `webhook`, `push`."""
        addresses = {
            "functions": self.url,
            "webhook": f"{self.url}/webhook",
            "push": f"{self.url}/push",
        }
        chosen: dict[str, Any] = {door: addresses[door] for door in doors}
        return Hooks(**{"key": HOOK_KEY, "retry_seconds": 0.01, **chosen, **more})


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver behind a real port."""
    receiver = Receiver()
    async with on_a_socket(receiver) as url:
        receiver.url = url
        yield receiver
        receiver.release()
