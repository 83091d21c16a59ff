"""What goes wrong on purpose: refusals, lost answers and silences, used up one call at a time."""

import asyncio
from dataclasses import dataclass, field

from starlette.responses import JSONResponse, PlainTextResponse, Response

RESPONSE_URL = "response_url"


@dataclass
class Fault:
    """One fault for the next calls of a Web API method, of `response_url`, or (target None) of anything."""

    target: str | None = None
    status: int = 429
    retry_after: int | None = None
    error: str | None = None
    """With status 200: the name of the error that Slack answers."""
    times: int = 1
    acts: bool = False
    """The call is carried out and only its answer goes wrong."""
    hangs: bool = False
    """No answer comes until `release`."""
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Let calls that hang be answered."""
        self.released.set()

    async def answer(self) -> Response:
        """The answer that the app gets instead of the true one."""
        if self.hangs:
            await self.released.wait()
        if self.status == 429:
            headers = {"Retry-After": str(self.retry_after if self.retry_after is not None else 1)}
            return JSONResponse({"ok": False, "error": "ratelimited"}, 429, headers)
        if self.error:
            return JSONResponse({"ok": False, "error": self.error}, self.status)
        return PlainTextResponse("", self.status)


class Faults:
    """The faults that wait for their call."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._hanging: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Let a fault happen to the next calls of its target."""
        self._waiting.append(fault)
        return fault

    def take(self, target: str) -> Fault | None:
        """The fault for this call, one time of it used up."""
        for fault in self._waiting:
            if fault.target in (None, target):
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
                if fault.hangs:
                    self._hanging.append(fault)
                return fault
        return None

    def clear(self) -> None:
        """Nothing goes wrong any more, and what hangs is answered."""
        for fault in self._hanging:
            fault.release()
        self._waiting.clear()
        self._hanging.clear()
