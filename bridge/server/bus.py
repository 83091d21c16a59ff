"""The bus between the processes of one service: PostgreSQL's LISTEN and NOTIFY carry what `Presence` hands over.

What a process publishes is numbered and packed into payloads; whoever listens unpacks them in order and skips what it
has had. A process that was cut off cannot know what it missed: it ends its connections, and their clients catch up when
they come back. Processes that have not been heard of for a while count as dead, and nobody is online there.
"""

import asyncio
import contextlib
import json
import logging
import secrets
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import asyncpg
from sqlalchemy.engine import URL

from bridge.server.http import Json, to_json
from bridge.server.presence import (
    Clients,
    Direct,
    Event,
    Everyone,
    Kick,
    Notice,
    Patch,
    Presence,
    Read,
    Receipt,
    Room,
    Subscribers,
    Tagged,
    Target,
)

log = logging.getLogger(__name__)

CHANNEL = "rt_bus"
PAYLOAD_BYTES = 7900
"""PostgreSQL takes less than 8000."""

BEAT_SECONDS = 3.0
DEAD_SECONDS = 15.0
ANSWER_SECONDS = 10.0
"""A database that takes longer counts as away."""

RETRY_SECONDS = (0.1, 0.3, 1.0, 3.0)
WAITING = 20_000
"""Messages that may wait while the database is away; the oldest are dropped then, and said so."""

TOGETHER = 200

_EVENTS: dict[str, type[Any]] = {one.__name__: one for one in (Direct, Patch, Kick, Notice, Receipt, Read)}
_TARGETS: dict[str, type[Any]] = {one.__name__: one for one in (Clients, Tagged, Room, Subscribers, Everyone)}

Heard = Callable[[Direct], Coroutine[Any, Any, None]]
"""Told of every broadcast that came from another process, to note which devices got it here."""


@dataclass(slots=True)
class Process:
    """Another process: who is online there and in which chatrooms, and how far it has been heard."""

    heard_at: float
    number: int = 0
    clients: set[str] = field(default_factory=set)
    rooms: dict[str, set[str]] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)

    def at(self, room: str | None) -> set[str]:
        """Who is in a chatroom there or, without one, who is there at all."""
        return self.clients if room is None else self.rooms.setdefault(room, set())


class Bus:
    """This process's end of the bus; `Presence` forwards to it and asks it who is online elsewhere."""

    def __init__(self, url: URL, presence: Presence, heard: Heard) -> None:
        self._dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._presence = presence
        self._heard = heard
        self._name = secrets.token_hex(6)
        self._number = 0
        self._connection: Any = None
        self._others: dict[str, Process] = {}
        self._out: deque[tuple[Json, asyncio.Future[None]]] = deque()
        self._in: asyncio.Queue[str] = asyncio.Queue()
        self._more = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._noting: set[asyncio.Task[None]] = set()

    @classmethod
    async def start(cls, url: URL, presence: Presence, heard: Heard) -> "Bus":
        """Joins the other processes."""
        bus = cls(url, presence, heard)
        await bus._connect()
        presence.elsewhere = bus
        bus._tasks = [asyncio.create_task(work()) for work in (bus._send, bus._receive, bus._beat)]
        return bus

    async def close(self) -> None:
        """Says goodbye, so that nobody waits for this process to be found dead."""
        self._presence.elsewhere = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._put(["bye"])
        for task in self._tasks:
            task.cancel()
        await asyncio.wait([*self._tasks, *self._noting])
        if self._connection is not None:
            self._connection.terminate()

    # -----------------------------------------------------------------------------------------------------------------
    # What Presence calls
    # -----------------------------------------------------------------------------------------------------------------

    async def forward(self, events: Sequence[tuple[Event, Target]]) -> None:
        """Hands events to every other process; returns when the database has them, or is known to be away."""
        await self._put(*(["event", _packed(event), _packed(target)] for event, target in events))

    def came(self, client_id: str, room: str | None = None) -> None:
        """A client is online here or, with a room, has joined it here."""
        self._later(["came", client_id, room])

    def went(self, client_id: str, room: str | None = None) -> None:
        """A client is not online here any more, or not in that room."""
        self._later(["went", client_id, room])

    def expel(self, room: str, client_ids: Iterable[str]) -> None:
        """Takes clients out of a chatroom, wherever they are."""
        self._later(["expel", room, [*client_ids]])

    @property
    def clients(self) -> set[str]:
        """Who is online elsewhere."""
        return set().union(*(other.clients for other in self._others.values()))

    def online(self, client_id: str) -> bool:
        """Whether a client is online elsewhere."""
        return any(client_id in other.clients for other in self._others.values())

    def in_room(self, room: str) -> set[str]:
        """Who is in a chatroom elsewhere."""
        return set().union(*(other.rooms.get(room, ()) for other in self._others.values()))

    # -----------------------------------------------------------------------------------------------------------------
    # Out
    # -----------------------------------------------------------------------------------------------------------------

    async def _put(self, *messages: Json) -> None:
        sent = [self._later(message) for message in messages]
        if self._connection is not None:
            await asyncio.shield(sent[-1])  # they go in their order: none is waiting then

    def _later(self, message: Json) -> "asyncio.Future[None]":
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if len(self._out) >= WAITING:
            log.error("the bus is away for too long: what other processes should know is dropped")
            _settle(self._out.popleft()[1])
        self._out.append((message, sent))
        self._more.set()
        return sent

    async def _send(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._out:
                batch = [self._out.popleft() for _ in range(min(TOGETHER, len(self._out)))]
                self._number += 1
                text = to_json([message for message, _ in batch])
                await self._notify(payloads(self._name, self._number, text), batch)

    async def _notify(
        self, parts: Sequence[str], batch: Sequence[tuple[Json, "asyncio.Future[None]"]]
    ) -> None:
        """Sends the same numbered payloads until the database has taken them; who has them already skips them."""
        while True:
            try:
                await self._connection.execute(
                    "SELECT pg_notify($1, part) FROM unnest($2::text[]) AS part",
                    CHANNEL,
                    list(parts),
                    timeout=ANSWER_SECONDS,
                )
                break
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
                log.warning("the bus is away: %s", problem)
                for _, sent in batch:
                    _settle(sent)
                await self._reconnect()
        for _, sent in batch:
            _settle(sent)

    async def _beat(self) -> None:
        while True:
            self._later(["beat"])
            await asyncio.sleep(BEAT_SECONDS)
            now = asyncio.get_running_loop().time()
            for name, other in list(self._others.items()):
                if other.heard_at < now - DEAD_SECONDS:
                    log.warning("process %s has not been heard of: its clients count as offline", name)
                    del self._others[name]

    # -----------------------------------------------------------------------------------------------------------------
    # The connection
    # -----------------------------------------------------------------------------------------------------------------

    async def _connect(self) -> None:
        connection = await asyncpg.connect(self._dsn, server_settings={"synchronous_commit": "off"})
        await connection.add_listener(CHANNEL, self._listener)
        self._connection = connection
        self._out.appendleft((["hello", *self._snapshot()], asyncio.get_running_loop().create_future()))
        self._more.set()

    async def _reconnect(self) -> None:
        lost, self._connection = self._connection, None
        lost.terminate()
        for attempt in range(1_000_000):
            await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
            try:
                await self._connect()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
                log.warning("the bus is still away: %s", problem)
                continue
            log.warning(
                "the bus is back: connections are ended, so that clients catch up with what they missed"
            )
            self._others.clear()
            self._presence.close()
            return

    def _snapshot(self) -> list[Json]:
        clients, rooms = self._presence.here
        return [[*clients], {room: [*members] for room, members in rooms.items()}]

    # -----------------------------------------------------------------------------------------------------------------
    # In
    # -----------------------------------------------------------------------------------------------------------------

    def _listener(self, _: object, __: int, ___: str, payload: str) -> None:
        if self._in.qsize() < WAITING:
            self._in.put_nowait(payload)
        elif self._connection is not None:
            log.error("more comes over the bus than can be used: starting over")
            self._connection.terminate()

    async def _receive(self) -> None:
        while True:
            payload = await self._in.get()
            try:
                await self._take(payload)
            except Exception:
                log.exception("what came over the bus could not be used")

    async def _take(self, payload: str) -> None:
        header, _, part = payload.partition("\n")
        name, number, place, parts = header.split()
        if name == self._name:
            return
        now = asyncio.get_running_loop().time()
        other = self._others.get(name)
        if other is None:
            other = self._others[name] = Process(now)
            # It may be new, or was taken for dead: either way both have to know who is where.
            self._later(["hello", *self._snapshot()])
        other.heard_at = now
        if int(number) <= other.number:
            return
        other.parts = [part] if place == "1" else [*other.parts, part]
        if place != parts or len(other.parts) != int(parts):
            return
        text, other.parts, other.number = "".join(other.parts), [], int(number)
        for message in json.loads(text):
            await self._act(name, other, message)

    async def _act(self, name: str, other: Process, message: list[Any]) -> None:
        match message:
            case ["event", event, target]:
                await self._deliver(_unpacked(_EVENTS, event), _unpacked(_TARGETS, target))
            case ["came", client_id, room]:
                other.at(room).add(client_id)
            case ["went", client_id, room]:
                other.at(room).discard(client_id)
            case ["expel", room, client_ids]:
                self._presence.expel_here(room, client_ids)
            case ["hello" | "here" as kind, clients, rooms]:
                other.clients, other.rooms = set(clients), {room: set(ids) for room, ids in rooms.items()}
                if kind == "hello":
                    self._later(["here", *self._snapshot()])
            case ["bye"]:
                self._others.pop(name, None)
            case ["beat"]:
                return
            case _:
                log.warning("a process of another version said what is not understood here: %.40s", message)

    async def _deliver(self, event: Event, target: Target) -> None:
        await self._presence.deliver(event, target)
        if isinstance(event, Direct) and isinstance(target, Everyone) and not event.transient:
            task = asyncio.create_task(self._heard(event))
            self._noting.add(task)
            task.add_done_callback(self._noted)

    def _noted(self, task: "asyncio.Task[None]") -> None:
        self._noting.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            # What is lost is only that a device may get the broadcast again at its next login.
            log.error("a broadcast's devices could not be noted", exc_info=problem)


def _settle(sent: "asyncio.Future[None]") -> None:
    if not sent.done():
        sent.set_result(None)


def _packed(value: Event | Target) -> Json:
    # `asdict` copies every value, which took longer than all else that a message costs here.
    return [type(value).__name__, {name: getattr(value, name) for name in value.__slots__}]


def _unpacked(kinds: dict[str, type[Any]], packed: Any) -> Any:
    name, fields = packed
    return kinds[name](
        **{key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    )


def payloads(name: str, number: int, text: str) -> list[str]:
    """A text as payloads of at most `PAYLOAD_BYTES`, each behind a line that says whose, which and how many."""
    raw, cuts = text.encode(), [0]
    room = PAYLOAD_BYTES - 64
    while cuts[-1] < len(raw):
        cut = min(cuts[-1] + room, len(raw))
        while cut < len(raw) and raw[cut] & 0xC0 == 0x80:  # not in the middle of a character
            cut -= 1
        cuts.append(cut)
    parts = [raw[start:end].decode() for start, end in pairwise(cuts)]
    return [f"{name} {number} {place} {len(parts)}\n{part}" for place, part in enumerate(parts, 1)]
