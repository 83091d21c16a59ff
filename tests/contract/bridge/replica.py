"""A process that runs schedules, for tests."""

import asyncio
from collections.abc import Callable

from bridge.clock import now_ms
from bridge.context import Tell
from bridge.cron import Schedule
from bridge.database.engine import Database
from bridge.database.schedules import ScheduleStore
from bridge.invocation import Invocation, Place
from bridge.phrases import phrase
from bridge.reply import Reply
from bridge.schedule import Schedules
from bridge.watch import unwatched

HERE = Place("T1", "C1")
MINUTE = 60_000


class Replica:
    """One process that runs schedules; its clock can be ahead of or behind the real one."""

    def __init__(self, database: Database, name: str, ahead: int = 0) -> None:
        self.ahead = ahead
        self.store = ScheduleStore(database, name, self.clock)
        self.schedules = Schedules(self.store, self.dispatch, unwatched(self.post), self.clock)
        self.invocations: list[Invocation] = []
        self.fired: asyncio.Queue[Invocation] = asyncio.Queue()
        self.posted: asyncio.Queue[tuple[Place, Reply]] = asyncio.Queue()
        self.waits_for = asyncio.Event()
        self.waits_for.set()

    def clock(self) -> int:
        return now_ms() + self.ahead

    async def dispatch(self, invocation: Invocation, tell: Tell) -> Reply:
        self.invocations.append(invocation)
        await self.fired.put(invocation)
        await self.waits_for.wait()
        return Reply(phrase("Done."), private=True)

    async def post(self, place: Place, reply: Reply, key: str) -> None:
        await self.posted.put((place, reply))

    async def next_post(self) -> Reply:
        async with asyncio.timeout(10):
            return (await self.posted.get())[1]


Make = Callable[..., Replica]


def minutely(name: str = "party", grace_ms: int = 10 * MINUTE) -> Schedule:
    return Schedule(
        name, "* * * * *", "Asia/Shanghai", "broadcast news 周六有晚会！", HERE, grace_ms=grace_ms
    )


def before_the_minute(milliseconds: int) -> int:
    """How far ahead a clock must be to show the next full minute in so many ms."""
    return MINUTE - now_ms() % MINUTE - milliseconds
