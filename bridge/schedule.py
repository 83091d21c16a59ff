"""Runs schedules: an alarm clock in memory, each fire claimed in the database before anything is done."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import TYPE_CHECKING, TypeAlias

from bridge.clock import Clock, now_ms
from bridge.context import Tell
from bridge.cron import Fire, FireState, Known, Schedule, fires_after, parse_when
from bridge.identifiers import new_invocation_id
from bridge.invocation import Actor, Invocation, Place, Trigger
from bridge.phrases import Code, Moment, phrase
from bridge.reply import Button, Buttons, Hint, Paragraph, Quote, Reply, Tone

if TYPE_CHECKING:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    from bridge.database.schedules import ScheduleStore

__all__ = ["AlarmClock", "Schedule", "Schedules", "fires_after", "parse_when"]

log = logging.getLogger(__name__)

Dispatch: TypeAlias = Callable[[Invocation, Tell], Awaitable[Reply]]
Post: TypeAlias = Callable[[Place, Reply], Awaitable[None]]

LATE_MS = 5_000
"""From here on a fire says that it is late."""
FOLLOW_SECONDS = 2.0
"""How often changes made by other replicas, and jumps of the clock, are looked for."""
MISSED_COUNTED = 1_000
DAY_MS = 86_400_000


class AlarmClock:
    """APScheduler in memory: one alarm for each name, forgotten when it has rung or with the process."""

    def __init__(self, ring: Callable[[str], None], clock: Clock = now_ms) -> None:
        self._ring = ring
        self._clock = clock
        self._scheduler: AsyncIOScheduler | None = None

    def start(self) -> None:
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._scheduler.start()

    def set(self, name: str, instant: int) -> None:
        """Ring for `name` at an instant (UTC ms by our clock), or at once if that has passed."""
        if self._scheduler is None:
            return
        from apscheduler.triggers.date import DateTrigger

        # APScheduler reads the machine's clock, ours may differ: hand over how long it is.
        at = datetime.fromtimestamp((now_ms() + instant - self._clock()) / 1000, UTC)
        self._scheduler.add_job(
            self._rings,
            DateTrigger(at),
            args=(name,),
            id=name,
            replace_existing=True,
            # Whether it is too late is ours to say: APScheduler would drop it with a line in the log.
            misfire_grace_time=None,
        )

    def clear(self) -> None:
        """Forget every alarm."""
        if self._scheduler is not None:
            self._scheduler.remove_all_jobs()

    def stop(self) -> None:
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None

    async def _rings(self, name: str) -> None:
        # Returns at once: APScheduler skips an alarm whose last one of the same name is still running.
        self._ring(name)


@dataclass(frozen=True, slots=True)
class Due:
    """The fires that have come since the last one: the newest (UTC ms), and how many there are."""

    newest: int
    count: int


def due(known: Known, now: int) -> Due | None:
    """What a schedule has to do by now; counting stops at `MISSED_COUNTED`."""
    coming = fires_after(known.schedule, known.done_until)
    come = list(islice(takewhile(lambda instant: instant <= now, coming), MISSED_COUNTED))
    if not come:
        return None
    newest = come[-1] if len(come) < MISSED_COUNTED else _newest(known.schedule, come[-1], now)
    return Due(newest, len(come))


def _newest(schedule: Schedule, since: int, now: int) -> int:
    """The last fire by now, found from behind: after a long outage there can be very many."""
    for days in (1, 31, 366):
        coming = fires_after(schedule, max(since - 1, now - days * DAY_MS))
        last = deque(takewhile(lambda instant: instant <= now, coming), maxlen=1)
        if last:
            return last[0]
    return since


class Schedules:
    """The schedules of all replicas, and in a process that has started them, their alarms."""

    def __init__(self, store: "ScheduleStore", dispatch: Dispatch, post: Post, clock: Clock = now_ms) -> None:
        self._store = store
        self._dispatch = dispatch
        self._post = post
        self._clock = clock
        self._alarms = AlarmClock(self._ring, clock)
        self._known: dict[str, Known] = {}
        self._next: dict[str, int] = {}
        self._revision = -1
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = False

    async def start(self, settings: Iterable[Schedule]) -> None:
        """Take over the schedules of the settings, deal with what was missed, and set the alarms."""
        await self._store.synchronise(settings)
        self._running = True
        self._alarms.start()
        await self._reload()
        self._spawn(self._follow())

    async def close(self) -> None:
        """Ring no more; what is running is stopped where it stands."""
        self._running = False
        self._alarms.stop()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._store.finish()

    async def all(self) -> tuple[Schedule, ...]:
        """Every schedule, by name."""
        return tuple(known.schedule for known in await self._store.all())

    async def _reload(self) -> None:
        self._revision = await self._store.revision()
        self._known = {known.schedule.name: known for known in await self._store.all()}
        self._alarms.clear()
        self._next.clear()
        for name in self._known:
            self._ring(name)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            try:
                if await self._store.revision() != self._revision:
                    await self._reload()
            except Exception:
                log.exception("the schedules could not be read; trying again")
            now = self._clock()
            for name in [name for name, instant in self._next.items() if instant <= now]:
                self._ring(name)

    def _ring(self, name: str) -> None:
        """Start what is due of a schedule, and set its next alarm."""
        known = self._known.get(name)
        if known is None or known.schedule.paused:
            return
        come = due(known, self._clock())
        if come is not None:
            known = self._known[name] = replace(known, done_until=come.newest)
            self._spawn(self._take(known.schedule, come))
        following = next(fires_after(known.schedule, known.done_until), None)
        if following is None:
            self._next.pop(name, None)
        else:
            self._next[name] = following
            self._alarms.set(name, following)

    async def _take(self, schedule: Schedule, come: Due) -> None:
        """Claim the newest of the fires that have come, then run it, or ask when it is too late for that."""
        fire = Fire(schedule.name, come.newest)
        in_time = self._clock() - come.newest <= schedule.grace_ms
        if not await self._store.claim(fire, FireState.CLAIMED if in_time else FireState.ASKING):
            return
        if in_time:
            await self._run(schedule, fire, earlier=come.count - 1)
        else:
            await self._ask(schedule, fire, come.count)

    async def _run(self, schedule: Schedule, fire: Fire, earlier: int = 0) -> None:
        """Carry out a claimed fire and post what came of it."""
        late = self._clock() - fire.instant
        log.info("schedule %s fires, due %d ms ago", schedule.name, late)
        reply = await self._dispatch(self._invocation(schedule, fire), _untold)
        await self._say(schedule, _marked(reply, fire, late, earlier))
        await self._store.settle(fire, FireState.DONE, of=FireState.CLAIMED)

    async def _ask(self, schedule: Schedule, fire: Fire, count: int) -> None:
        log.warning("schedule %s missed %d fires; asking in its channel", schedule.name, count)
        await self._say(schedule, _missed(schedule, fire, count))
        await self._store.settle(fire, FireState.ASKED, of=FireState.ASKING)

    async def _say(self, schedule: Schedule, reply: Reply) -> None:
        try:
            await self._post(schedule.place, reply)
        except Exception:
            # What was done stays done: a channel that cannot be reached must not make it happen again.
            log.exception("schedule %s: its result could not be posted", schedule.name)

    def _invocation(self, schedule: Schedule, fire: Fire) -> Invocation:
        return Invocation(
            id=new_invocation_id(),
            request=f"fire:{fire.schedule}:{fire.instant}",
            actor=Actor(f"schedule:{schedule.name}", schedule.name, zone=schedule.zone),
            place=schedule.place,
            trigger=Trigger.SCHEDULE,
            at=self._clock(),
            line=schedule.line,
        )

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a schedule's fire failed", exc_info=error)


async def _untold(_: Reply) -> None:
    """A fire posts its result; how far it has come is nobody's wait."""


def _marked(reply: Reply, fire: Fire, late: int, earlier: int) -> Reply:
    """The reply, saying so when it came late or instead of several."""
    hints: list[Hint] = []
    if late >= LATE_MS:
        hints.append(
            Hint(
                phrase(
                    "It was due at {moment} and came {count} second late.",
                    plural="It was due at {moment} and came {count} seconds late.",
                    moment=Moment(fire.instant),
                    count=late // 1000,
                )
            )
        )
    if earlier:
        hints.append(
            Hint(
                phrase(
                    "It stands for {count} earlier fire as well.",
                    plural="It stands for {count} earlier fires as well.",
                    count=earlier,
                )
            )
        )
    return replace(reply, parts=(*reply.parts, *hints), private=False)


def _missed(schedule: Schedule, fire: Fire, count: int) -> Reply:
    """The question whether a fire that nobody was there for is still wanted."""
    at = f"--fire {fire.instant}"
    return Reply(
        phrase("Missed: {name} was due at {moment}.", name=Code(schedule.name), moment=Moment(fire.instant)),
        (
            Paragraph(
                phrase(
                    "{count} fire was missed and is later than its grace. Shall it run now?",
                    plural="{count} fires were missed and are later than their grace. Shall it run now, once?",
                    count=count,
                )
            ),
            Quote(schedule.line),
            Buttons(
                (
                    Button(phrase("Run now"), f"schedule run {schedule.name} {at}", danger=True),
                    Button(phrase("Skip"), f"schedule skip {schedule.name} {at}"),
                )
            ),
        ),
        data={"schedule": schedule.name, "missed": count, "instant": fire.instant},
        tone=Tone.DOUBT,
        command="schedule",
    )
