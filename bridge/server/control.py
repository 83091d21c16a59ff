"""The control door of tests and the playground: empties the server, moves its clock, injects faults.

It is never part of `Server.asgi`: who wants it builds a `Control` and serves that one's `asgi` instead.
"""

from itertools import count

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from bridge.clock import Clock, now_ms
from bridge.server.app import Server
from bridge.server.errors import BAD_ARGUMENT, ServiceError
from bridge.server.faults import FaultGate, Faults, read_fault
from bridge.server.http import Parameters, answer, failure, read_body
from bridge.server.tables import classes, metadata


class ShiftableClock:
    """A clock (UTC ms) that can be moved; give it to `ServerSettings`."""

    def __init__(self, base: Clock = now_ms) -> None:
        self._base = base
        self.shift_ms = 0

    def __call__(self) -> int:
        return self._base() + self.shift_ms


class Control:
    """A server whose front door has a gate for faults, and beside it a door at `/control`."""

    def __init__(self, server: Server, clock: ShiftableClock) -> None:
        self.server = server
        self.clock = clock
        self.faults = Faults()
        self._ids = count(1)
        gate = FaultGate(server.asgi, self.faults, server.clock)
        self.asgi: ASGIApp = Starlette(
            routes=[
                Route("/control/reset", self._reset, methods=["POST"]),
                Route("/control/clock", self._clock, methods=["GET", "POST"]),
                Route("/control/faults", self._inject, methods=["POST"]),
                Route("/control/faults", self._list),
                Route("/control/faults", self._clear, methods=["DELETE"]),
                Route("/control/faults/{id}", self._remove, methods=["DELETE"]),
                Mount("/", gate),
            ],
            exception_handlers={ServiceError: _refused},
        )

    async def reset(self) -> None:
        """Empties every table, ends every connection and fault, and sets the clock right."""
        self.server.presence.close()
        async with self.server.engine.write() as connection:
            for table in metadata.sorted_tables:
                if (
                    table is not classes
                ):  # servers remember which classes exist, and need not be told otherwise
                    await connection.execute(table.delete())
        self.server.quotas.forget()
        self.faults.clear()
        self.clock.shift_ms = 0

    async def _reset(self, _: Request) -> Response:
        await self.reset()
        return answer({})

    async def _clock(self, request: Request) -> Response:
        if request.method == "POST":
            shift = Parameters(await read_body(request)).integer("shift_ms")
            if shift is None:
                raise BAD_ARGUMENT("'shift_ms' is required: how far to move the clock, from where it is")
            self.clock.shift_ms += shift
        return answer({"now": self.clock(), "shift_ms": self.clock.shift_ms})

    async def _inject(self, request: Request) -> Response:
        fault = read_fault(Parameters(await read_body(request)), str(next(self._ids)))
        self.faults.add(fault)
        return answer(fault.shown())

    async def _list(self, _: Request) -> Response:
        return answer({"results": [fault.shown() for fault in self.faults.active]})

    async def _clear(self, _: Request) -> Response:
        self.faults.clear()
        return answer({})

    async def _remove(self, request: Request) -> Response:
        self.faults.remove(request.path_params["id"])
        return answer({})


async def _refused(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, ServiceError)  # noqa: S101 - registered for this type alone
    return failure(problem)
