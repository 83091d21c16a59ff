"""What is said where nobody waits for it is said once, in order, when it can be: through outages and deaths."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.database.engine import Database
from bridge.database.leases import Lease
from bridge.database.posts import PostStore
from bridge.errors import Failed, Uncertain
from bridge.invocation import Place
from bridge.outbox import Outbox
from bridge.phrases import phrase, plain
from bridge.reply import Reply
from tests.contract.bridge.making import Clock

HERE, THERE = Place("T1", "C1"), Place("T1", "C2")
DOWN = Failed(phrase("down"), code="not_reached")
LIMITED = Failed(phrase("slower"), code="ratelimited")
FORBIDDEN = Failed(phrase("no"), code="not_in_channel")
LEFT_OPEN = Uncertain(phrase("who knows"))


class Script:
    """Takes posts, or does what is next in `ends`; `posted` holds the channel, the text and whether it is a repeat."""

    def __init__(self, *ends: Exception) -> None:
        self.ends = list(ends)
        self.tries = 0
        self.posted: asyncio.Queue[tuple[str, str, bool]] = asyncio.Queue()
        self.reached = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    def write(self, reply: Reply, standing: str | None = None) -> str:
        return plain(reply.title)

    async def post(self, place: Place, letter: str, *, again: bool) -> None:
        self.tries += 1
        self.reached.set()
        await self.goes_on.wait()
        if self.ends:
            raise self.ends.pop(0)
        await self.posted.put((place.channel, letter, again))

    async def next(self) -> tuple[str, str, bool]:
        async with asyncio.timeout(20):
            return await self.posted.get()


def said(text: str) -> Reply:
    return Reply(phrase("{text}", text=text))


@asynccontextmanager
async def working(outbox: Outbox) -> AsyncIterator[None]:
    task = asyncio.create_task(outbox.work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def outbox(database: Database, clock: Clock, script: Script, name: str = "one") -> Outbox:
    return Outbox(PostStore(database, name, clock), script, clock, 0.02)


async def passing(clock: Clock, script: Script) -> tuple[str, str, bool]:
    """The next post, however long its pause: time passes while it is waited for."""
    waiting = asyncio.create_task(script.next())
    while not waiting.done():
        clock.advance(1_000)
        await asyncio.wait([waiting], timeout=0.05)
    return waiting.result()


async def test_what_is_kept_is_posted_in_order_and_once_for_each_key(
    database: Database, clock: Clock
) -> None:
    script = Script()
    box = outbox(database, clock, script)
    async with working(box):
        for number in range(3):
            await box.post(HERE, said(f"{number}"), f"key-{number}")
            await box.post(HERE, said("the same again"), f"key-{number}")
        assert [await script.next() for _ in range(3)] == [("C1", f"{number}", False) for number in range(3)]
        await box.post(HERE, said("the same again"), "key-1")
        await box.post(HERE, said("last"), "key-3")
        assert await script.next() == ("C1", "last", False)


@pytest.mark.parametrize("end", [DOWN, LIMITED])
async def test_what_can_not_be_posted_now_is_posted_later_once(
    database: Database, clock: Clock, end: Failed
) -> None:
    script = Script(end, end, end)
    box = outbox(database, clock, script)
    async with working(box):
        await box.post(HERE, said("a result"), "key")
        assert await passing(clock, script) == ("C1", "a result", False)
    assert script.tries == 4
    assert script.posted.empty()


async def test_what_may_have_arrived_is_posted_again_and_says_so(database: Database, clock: Clock) -> None:
    script = Script(LEFT_OPEN, DOWN)
    box = outbox(database, clock, script)
    async with working(box):
        await box.post(HERE, said("a result"), "key")
        assert await passing(clock, script) == ("C1", "a result", True)


async def test_what_is_refused_for_good_holds_up_nothing(
    database: Database, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    script = Script(FORBIDDEN)
    box = outbox(database, clock, script)
    async with working(box):
        await box.post(HERE, said("nowhere to go"), "key-1")
        await box.post(HERE, said("next"), "key-2")
        assert await script.next() == ("C1", "next", False)
    assert "key-1 can't be posted in C1" in caplog.text


async def test_a_channel_that_takes_nothing_holds_up_no_other(database: Database, clock: Clock) -> None:
    script = Script(DOWN)
    box = outbox(database, clock, script)
    async with working(box):
        await box.post(HERE, said("waits"), "key-1")
        await script.reached.wait()
        await box.post(THERE, said("goes"), "key-2")
        assert await script.next() == ("C2", "goes", False)
        assert await passing(clock, script) == ("C1", "waits", False)


async def test_what_a_killed_process_had_kept_is_posted_by_another(database: Database, clock: Clock) -> None:
    """SIGKILL between the outcome and its arrival in the channel."""
    await outbox(database, clock, Script(), "dead").post(HERE, said("a result"), "key")
    script = Script()
    async with working(outbox(database, clock, script, "alive")):
        assert await script.next() == ("C1", "a result", False)


async def test_what_a_killed_process_was_posting_may_stand_there_already(
    database: Database, clock: Clock
) -> None:
    """SIGKILL while Slack was being told."""
    dying = Script()
    dying.goes_on.clear()
    box = outbox(database, clock, dying, "dead")
    async with working(box):
        await box.post(HERE, said("a result"), "key")
        await dying.reached.wait()
    script = Script()
    async with working(outbox(database, clock, script, "alive")):
        assert await passing(clock, script) == ("C1", "a result", True)


async def test_of_several_living_processes_one_posts(database: Database, clock: Clock) -> None:
    scripts = [Script(), Script(), Script()]
    names = ["one", "two", "three"]
    leases = [Lease(database, name, clock) for name in names]
    for lease in leases:
        await lease.start()
    boxes = [outbox(database, clock, script, name) for script, name in zip(scripts, names, strict=True)]
    scripts[1].posted = scripts[2].posted = scripts[0].posted
    async with working(boxes[0]), working(boxes[1]), working(boxes[2]):
        for number in range(12):
            await boxes[number % 3].post(Place("T1", f"C{number % 4}"), said(f"{number}"), f"key-{number}")
        heard = {(await scripts[0].next())[1] for _ in range(12)}
    assert len(heard) == 12
    assert sum(script.tries for script in scripts) == 12
    for lease in leases:
        await lease.release()
