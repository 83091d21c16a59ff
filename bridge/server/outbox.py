"""What the app's own addresses have to get, kept on disk until they have it: at least once, and in order per lane."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import stamina
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clock import Clock
from bridge.server.engine import POSTGRESQL, Engine
from bridge.server.tables import outbox

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Letters that may wait at one door; beyond that the oldest are given up."""

LOOK_SECONDS = 5.0
"""How often a door looks for what another process has left behind."""

_HELD_MS = 7_000
"""How long a letter is somebody's who calls with it: longer than a call takes."""

_LOCK = 0x72746F00  # "rto" and the door: any number that nobody else locks


class Door(IntEnum):
    """Where letters go; stored, so the numbers stay."""

    WEBHOOK = 1
    PUSH = 2


@dataclass(frozen=True, slots=True)
class Letter:
    """One JSON text for a door; letters of one lane arrive in the order of their ids, which sort by time (UTC ms)."""

    id: str
    lane: str
    created_at: int
    body: str


class Undelivered(Exception):
    """The call failed and may be made again."""


class Unwanted(Exception):
    """The address refused what it was sent, and would refuse it again."""


Deliver: TypeAlias = Callable[[Sequence[Letter]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How a door delivers: `together` letters of a lane in a call, with `at_once` calls, each of another lane.

    It calls again after `wait` to `longest` seconds, and gives up after `attempts` calls, or when a letter has waited
    for `life_ms`.
    """

    together: int
    at_once: int
    wait: float
    longest: float
    attempts: int
    life_ms: int


def put(connection: Connection, door: Door, letters: Sequence[Letter]) -> None:
    """Puts letters into the outbox, as part of the transaction of what they tell."""
    rows = [
        {
            "door": int(door),
            "id": one.id,
            "lane": one.lane,
            "created_at": one.created_at,
            "due_at": 0,
            "body": one.body,
        }
        for one in letters
    ]
    if rows:
        connection.execute(insert(outbox), rows)


class Courier:
    """Carries what is in the outbox to one door, until it is closed; several processes may do so for one database."""

    def __init__(
        self, engine: Engine, clock: Clock, door: Door, deliver: Deliver, patience: Patience
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._door = door
        self._deliver = deliver
        self._patience = patience
        self._awake = asyncio.Event()
        self._deliveries: dict[asyncio.Task[None], Sequence[Letter]] = {}
        self._done: list[str] = []
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Says that there is something to carry."""
        self._awake.set()

    async def close(self) -> None:
        """Stops; what is under way is left to whoever looks next."""
        interrupted = [letter for letters in self._deliveries.values() for letter in letters]
        tasks = [self._task, *self._deliveries]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        if self._done or interrupted:
            async with self._engine.write() as connection:
                await self._forget(connection)
                await self._mark(connection, interrupted, 0)

    async def _run(self) -> None:
        trimmed = -LOOK_SECONDS
        while True:
            self._awake.clear()
            try:
                if (now := asyncio.get_running_loop().time()) >= trimmed + LOOK_SECONDS:
                    trimmed = now
                    await self._trim()
                for letters in await self._claim():
                    task = asyncio.create_task(self._carry(letters))
                    self._deliveries[task] = letters
                    task.add_done_callback(self._carried)
                    self._awake.set()
            except Exception:
                log.exception("the outbox of the %s cannot be read", self._door.name.lower())
                self._awake.clear()
            # Not `wait_for`: up to Python 3.11 it loses a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._awake.wait()

    def _carried(self, task: asyncio.Task[None]) -> None:
        del self._deliveries[task]
        self._awake.set()
        if not task.cancelled() and (problem := task.exception()) is not None:
            # Still in the outbox: it is carried again when nobody holds it any more.
            log.error("%s was not carried", self._door.name.lower(), exc_info=problem)

    async def _carry(self, letters: Sequence[Letter]) -> None:
        now, patience = self._clock(), self._patience
        left = (letters[0].created_at + patience.life_ms - now) / 1000
        name = self._door.name.lower()
        try:
            attempts = stamina.retry_context(
                on=Undelivered,
                attempts=patience.attempts,
                timeout=max(0.001, left),
                wait_initial=patience.wait,
                wait_max=patience.longest,
                wait_jitter=patience.wait,
            )
            async for attempt in attempts:
                with attempt:
                    await self._attempt(letters, again_in=attempt.next_wait + patience.wait)
        except (Undelivered, Unwanted) as problem:
            log.warning("%s gave up %d from %s on: %s", name, len(letters), letters[0].id, problem)
        self._done += [one.id for one in letters]

    async def _attempt(self, letters: Sequence[Letter], again_in: float) -> None:
        try:
            await self._deliver(letters)
        except Undelivered:
            await self._hold(letters, self._clock() + round(again_in * 1000) + _HELD_MS)
            raise

    async def _claim(self) -> list[Sequence[Letter]]:
        """Takes what has arrived out, and gives the first letters of lanes that nobody is carrying, oldest first."""
        slots = self._patience.at_once - len(self._deliveries)
        if slots <= 0 and not self._done:
            return []
        now, mine = self._clock(), outbox.c.door == int(self._door)
        # Letters are claimed from the head of their lane on, so a lane is held where its head is.
        head = outbox.alias()
        held = select(head.c.id).where(
            head.c.door == outbox.c.door,
            head.c.lane == outbox.c.lane,
            head.c.id <= outbox.c.id,
            head.c.due_at > now,
        )
        free = select(outbox.c.lane).where(mine, ~held.exists()).order_by(outbox.c.id).limit(max(0, slots))
        async with self._engine.write() as connection:
            if self._engine.dialect == POSTGRESQL:
                # One process at a time: of two that read the same rows at once, both would carry them.
                await connection.execute(select(func.pg_advisory_xact_lock(_LOCK + int(self._door))))
            removed = await self._forget(connection)
            lanes = dict.fromkeys((await connection.execute(free)).scalars())
            claimed = [await self._first(connection, lane) for lane in lanes]
            await self._mark(connection, [one for letters in claimed for one in letters], now + _HELD_MS)
        del self._done[:removed]
        return claimed

    async def _first(self, connection: AsyncConnection, lane: str) -> Sequence[Letter]:
        query = select(outbox).where(outbox.c.door == int(self._door), outbox.c.lane == lane)
        rows = await connection.execute(query.order_by(outbox.c.id).limit(self._patience.together))
        return [Letter(row.id, row.lane, row.created_at, row.body) for row in rows]

    async def _forget(self, connection: AsyncConnection) -> int:
        """Deletes what is done, and gives how many letters those are."""
        done = self._done[:]
        if done:
            await connection.execute(delete(outbox).where(*self._these(done)))
        return len(done)

    async def _hold(self, letters: Sequence[Letter], until: int) -> None:
        async with self._engine.write() as connection:
            await self._mark(connection, letters, until)

    async def _mark(self, connection: AsyncConnection, letters: Sequence[Letter], until: int) -> None:
        if letters:
            these = self._these([one.id for one in letters])
            await connection.execute(update(outbox).where(*these).values(due_at=until))

    def _these(self, ids: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
        return outbox.c.door == int(self._door), outbox.c.id.in_(ids)

    async def _trim(self) -> None:
        newest_first = (
            select(outbox.c.id)
            .where(outbox.c.door == int(self._door))
            .order_by(outbox.c.id.desc())
            .offset(MOST_WAITING)
            .limit(1)
        )
        async with self._engine.read() as connection:
            last = (await connection.execute(newest_first)).scalar()
        if last is None:
            return
        async with self._engine.write() as connection:
            dropped = await connection.execute(
                delete(outbox).where(outbox.c.door == int(self._door), outbox.c.id <= last)
            )
        log.warning("%s: %d waited too long and were given up", self._door.name.lower(), dropped.rowcount)
