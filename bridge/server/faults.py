"""Faults on demand: a gate before the REST routes that refuses, fails, hangs, cuts or delays chosen calls."""

import asyncio
import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import translate
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.clock import Clock
from bridge.server.errors import BAD_ARGUMENT, TOO_MANY_REQUESTS, ServiceError
from bridge.server.http import JsonObject, Parameters, failure

HISTORY = re.compile(r"/1\.2/rtm/(.+/)?messages\Z|/1\.1/rtm/messages/history\Z")


class FaultKind(StrEnum):
    """What happens to a call."""

    REFUSE = "refuse"  # a 4xx, before acting
    TOO_MANY = "too-many"  # 429, before acting
    FAIL_BEFORE = "fail-before"  # a 5xx, before acting
    FAIL_AFTER = "fail-after"  # a 5xx, after acting
    HANG = "hang"  # no answer, before acting
    HANG_AFTER = "hang-after"  # no answer, after acting
    CUT_AFTER = "cut-after"  # the connection breaks in the middle of the answer, after acting
    SLOW = "slow"  # `delay_ms` pass before acting
    LAG = "lag"  # history does not show the newest `delay_ms`


_STATUSES = {FaultKind.REFUSE: (400, range(400, 500))} | dict.fromkeys(
    (FaultKind.FAIL_BEFORE, FaultKind.FAIL_AFTER), (503, range(500, 600))
)
_ACTING_FIRST = frozenset({FaultKind.FAIL_AFTER, FaultKind.HANG_AFTER, FaultKind.CUT_AFTER})
_NEEDS_DELAY = frozenset({FaultKind.SLOW, FaultKind.LAG})


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and the calls it hits: `path` is a pattern with `*`; `skip` calls pass first, then `times` are hit."""

    id: str
    kind: FaultKind
    path: str
    method: str | None = None
    skip: int = 0
    times: int | None = 1
    status: int = 0
    code: int = 1
    delay_ms: int = 0

    def hits(self, method: str, path: str) -> bool:
        """Whether a call is one of those that the fault is about."""
        return self.method in (None, method) and re.match(translate(self.path), path) is not None

    def shown(self) -> JsonObject:
        """The fault as the control door lists it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "path": self.path,
            "method": self.method,
            "skip": self.skip,
            "times": self.times,
            "status": self.status,
            "code": self.code,
            "delay_ms": self.delay_ms,
        }


def read_fault(fields: Parameters, fault_id: str) -> Fault:
    """A fault from a request; `times` absent means once, 0 until it is removed."""
    kind = fields.required_text("kind")
    if kind not in [*FaultKind]:
        raise BAD_ARGUMENT(f"'kind' is one of {', '.join(FaultKind)}")
    default, allowed = _STATUSES.get(FaultKind(kind), (0, range(1)))
    status = fields.integer("status") or default
    delay_ms = fields.integer("delay_ms") or 0
    times, skip = fields.integer("times"), fields.integer("skip") or 0
    if status not in allowed:
        raise BAD_ARGUMENT(f"'status' does not fit '{kind}'")
    if delay_ms < 0 or (delay_ms == 0 and kind in _NEEDS_DELAY):
        raise BAD_ARGUMENT(f"'delay_ms' is required for '{kind}'")
    if skip < 0 or (times or 0) < 0:
        raise BAD_ARGUMENT("'skip' and 'times' have to be 0 or more")
    return Fault(
        id=fault_id,
        kind=FaultKind(kind),
        path=fields.text("path") or "*",
        method=(fields.text("method") or "").upper() or None,
        skip=skip,
        times=1 if times is None else times or None,
        status=status,
        code=fields.integer("code") or 1,
        delay_ms=delay_ms,
    )


@dataclass
class Faults:
    """The faults in force, in the order in which they are tried."""

    active: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Puts a fault in force."""
        self.active.append(fault)

    def remove(self, fault_id: str) -> None:
        """Ends a fault; one that has ended already is passed over."""
        self.active = [fault for fault in self.active if fault.id != fault_id]

    def clear(self) -> None:
        """Ends every fault."""
        self.active.clear()

    def next(self, method: str, path: str) -> Fault | None:
        """The fault that hits this call, and one time less of it."""
        for index, fault in enumerate(self.active):
            if not fault.hits(method, path):
                continue
            if fault.skip:
                self.active[index] = replace(fault, skip=fault.skip - 1)
                continue
            if fault.times == 1:
                del self.active[index]
            elif fault.times is not None:
                self.active[index] = replace(fault, times=fault.times - 1)
            return fault
        return None


class ConnectionCut(ConnectionResetError):
    """Raised into the server that runs the app, which then closes the connection."""


class FaultGate:
    """ASGI middleware that lets a call through, or does to it what its fault says."""

    def __init__(self, app: ASGIApp, faults: Faults, clock: Clock) -> None:
        self.app = app
        self._faults = faults
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = None
        if scope["type"] == "http" and self._faults.active:
            fault = self._faults.next(scope["method"], scope["path"])
        if fault is None:
            await self.app(scope, receive, send)
        elif fault.kind in _ACTING_FIRST:
            await self.app(scope, receive, _nowhere)
            await _afterwards(fault, scope, receive, send)
        else:
            await self._before(fault, scope, receive, send)

    async def _before(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.kind:
            case FaultKind.SLOW:
                await asyncio.sleep(fault.delay_ms / 1000)
                await self.app(scope, receive, send)
            case FaultKind.LAG:
                await self.app(self._lagging(scope, fault.delay_ms), receive, send)
            case FaultKind.HANG:
                await _until_gone(receive)
            case FaultKind.TOO_MANY:
                await failure(TOO_MANY_REQUESTS("asked for by a fault"))(scope, receive, send)
            case _:
                await _answer(fault, scope, receive, send)

    def _lagging(self, scope: Scope, lag_ms: int) -> Scope:
        """The same history call, with a bound that leaves out what is newer than the lag."""
        if scope["method"] != "GET" or not HISTORY.match(scope["path"]):
            return scope
        latest = self._clock() - lag_ms
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        oldest_first = query.get("reversed", "").lower() in ("true", "1")
        bound = "till_timestamp" if oldest_first else "max_ts" if "max_ts" in query else "timestamp"
        if not query.get(bound) or int(query[bound]) > latest:
            query[bound] = str(latest)
            query.pop("till_msgid" if oldest_first else "msgid", None)
        return {**scope, "query_string": urlencode(query).encode()}


async def _afterwards(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    match fault.kind:
        case FaultKind.HANG_AFTER:
            await _until_gone(receive)
        case FaultKind.CUT_AFTER:
            await _cut(send)
        case _:
            await _answer(fault, scope, receive, send)


async def _answer(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    error = ServiceError(fault.code, "asked for by a fault", fault.status)
    await failure(error)(scope, receive, send)


async def _nowhere(_: Message) -> None:
    """Takes an answer that nobody will see."""


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
    raise ConnectionCut("asked for by a fault")
