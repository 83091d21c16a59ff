"""Runs schedules: an alarm clock in memory, each fire claimed in the database before anything is done."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from bridge.alarms import AlarmClock, Due, look
from bridge.clock import Clock, now_ms
from bridge.context import Tell
from bridge.cron import Fire, FireState, Interrupted, Known, Schedule, fires_after, parse_when
from bridge.errors import DENIED, Refused
from bridge.identifiers import new_invocation_id
from bridge.invocation import TERMINAL, Actor, Invocation, Standing, Trigger
from bridge.phrases import Code, Moment, phrase
from bridge.reply import Button, Buttons, Hint, Paragraph, Quote, Reply, Tone
from bridge.watch import Watching

if TYPE_CHECKING:
    from bridge.database.schedules import ScheduleStore

__all__ = ["Schedule", "Schedules", "fires_after", "parse_when"]

log = logging.getLogger(__name__)

Dispatch: TypeAlias = Callable[[Invocation, Tell], Awaitable[Reply]]
Find: TypeAlias = Callable[[str], Awaitable[Actor]]
"""Who somebody is by now, by Slack user id."""

COMING_SHOWN = 5
LATE_MS = 5_000
"""From here on a fire says that it is late."""
SHORTEST_MS = 60_000
"""Cron knows no shorter time between two fires of a schedule."""
LOOKED_AT_ONCE = 50
FOLLOW_SECONDS = 2.0
"""How often changes made by other replicas, and jumps of the clock, are looked for."""


class Schedules:
    """The schedules of all replicas, and in a process that has started them, their alarms."""

    def __init__(
        self,
        store: "ScheduleStore",
        dispatch: Dispatch,
        watching: Watching,
        clock: Clock = now_ms,
        *,
        find: Find | None = None,
    ) -> None:
        self._store = store
        self._dispatch = dispatch
        self._watching = watching
        self._clock = clock
        self._find = find or unfound
        self._alarms = AlarmClock(self._ring, clock)
        self._known: dict[str, Known] = {}
        self._revision = -1
        self._carried: Counter[Fire] = Counter()
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

    async def show(self, name: str) -> Schedule:
        """One schedule. Refused: there is none of that name, with the nearest."""
        there = {schedule.name: schedule for schedule in await self.all()}
        if name in there:
            return there[name]
        near = get_close_matches(name, there, 1, 0.5)
        raise Refused(
            phrase("There is no schedule {name}.", name=Code(name)),
            hint=phrase("Did you mean {near}?", near=Code(near[0]))
            if near
            else phrase("See them with {command}.", command=Code("schedule list")),
            code="not_found",
        )

    def coming(self, schedule: Schedule, count: int = COMING_SHOWN) -> tuple[int, ...]:
        """Its next fires, UTC ms."""
        return tuple(islice(fires_after(schedule, self._clock()), count))

    async def add(self, schedule: Schedule) -> None:
        """Keep a new schedule. Refused: it would never fire, or its name is taken."""
        if not self.coming(schedule, 1):
            raise Refused(
                phrase("{when} has passed or never comes.", when=Code(schedule.when)),
                code="in_the_past",
                parameter="when",
            )
        if not await self._store.add(schedule):
            raise Refused(
                phrase("There is a schedule {name} already.", name=Code(schedule.name)), code="taken"
            )
        await self._followed()

    async def remove(self, name: str) -> None:
        """Forget a schedule of Slack's. Refused: it is none, or one of app.yaml."""
        await self._of_slack(name)
        await self._store.remove(name)
        await self._followed()

    async def pause(self, name: str, *, paused: bool) -> None:
        """Stop a schedule of Slack's for a while, or let it go on. Refused: it is none, or one of app.yaml."""
        await self._of_slack(name)
        await self._store.pause(name, paused=paused)
        await self._followed()

    async def skip(self, name: str, instant: int | None = None) -> int:
        """Leave out its next fire, or the missed one that is asked about; gives its instant (UTC ms).

        Refused: there is no such schedule or fire, or somebody has decided already.
        """
        schedule = await self.show(name)
        if instant is not None:
            await self._decided(Fire(name, instant), FireState.SKIPPED)
            return instant
        coming = self.coming(schedule, 1)
        if not coming or not await self._store.claim(Fire(name, coming[0]), FireState.SKIPPED):
            raise Refused(
                phrase("{name} has no next fire that could be skipped.", name=Code(name)), code="no_fire"
            )
        return coming[0]

    async def run(self, name: str, invocation: Invocation, tell: Tell, instant: int | None = None) -> Reply:
        """Run it now, beside its times, or run the missed fire that is asked about; as whoever says so.

        Refused: there is no such schedule or fire, or somebody has decided already.
        """
        schedule = await self.show(name)
        actor = replace(invocation.actor, zone=schedule.zone)
        asked = replace(invocation, actor=actor, at=self._clock(), line=schedule.line, words=())
        if instant is None:
            return await self._dispatch(replace(asked, request=f"{asked.request}:run"), tell)
        fire = Fire(name, instant)
        await self._decided(fire, FireState.CLAIMED)
        with self._carrying(fire):
            reply = await self._dispatch(replace(asked, request=fire.request), tell)
            denied = reply.failure is not None and reply.failure.code == DENIED
            # Who may not run it has not answered the question either.
            state = FireState.ASKED if denied else FireState.DONE
            await self._store.settle(fire, state, of=FireState.CLAIMED)
            return reply

    async def _decided(self, fire: Fire, state: FireState) -> None:
        if not await self._store.settle(fire, state, of=FireState.ASKED):
            raise Refused(
                phrase("Nobody has to decide about this fire of {name} any more.", name=Code(fire.schedule)),
                code="nothing_to_decide",
            )

    async def _of_slack(self, name: str) -> None:
        if not (await self.show(name)).owner:
            raise Refused(
                phrase(
                    "{name} is written in {file}: change it there.", name=Code(name), file=Code("app.yaml")
                ),
                code="read_only",
            )

    async def _followed(self) -> None:
        if self._running:
            await self._reload()

    async def _reload(self) -> None:
        self._revision = await self._store.revision()
        self._known = {known.schedule.name: known for known in await self._store.all()}
        self._alarms.clear()
        await self._look_at(list(self._known))

    async def _follow(self) -> None:
        while True:
            try:
                if await self._store.revision() != self._revision:
                    await self._reload()
                for left in await self._store.take_over(self._carried):
                    self._spawn(self._take_over(left))
            except Exception:
                log.exception("the schedules could not be read; trying again")
            self._alarms.check()
            await asyncio.sleep(FOLLOW_SECONDS)

    def _ring(self, instant: int, names: Sequence[str]) -> None:
        """Take the fires of an instant at once; what else there is to do, and what comes next, is looked at later."""
        if self._clock() - instant < SHORTEST_MS:
            for name in names:
                known = self._known.get(name)
                if known is not None and known.done_until < instant and not known.schedule.paused:
                    self._due(known, Due(instant, 1))
        self._spawn(self._look_at(names))

    async def _look_at(self, names: Sequence[str]) -> None:
        """Start what is due of schedules, and set their next alarms; others get their turn between."""
        for number, name in enumerate(names):
            known = self._known.get(name)
            if known is None or known.schedule.paused:
                continue
            come, following = look(known, self._clock())
            if come is not None:
                self._due(known, come)
            if following is not None:
                self._alarms.set(name, following)
            if number % LOOKED_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _due(self, known: Known, come: Due) -> None:
        self._known[known.schedule.name] = replace(known, done_until=come.newest)
        self._spawn(self._take(known.schedule, come))

    async def _take(self, schedule: Schedule, come: Due) -> None:
        """Claim the newest of the fires that have come, then run it, or ask when it is too late for that."""
        fire = Fire(schedule.name, come.newest)
        in_time = self._clock() - come.newest <= schedule.grace_ms
        with self._carrying(fire):
            if not await self._store.claim(fire, FireState.CLAIMED if in_time else FireState.ASKING):
                return
            if in_time:
                await self._fire(schedule, fire, earlier=come.count - 1)
            else:
                await self._ask(schedule, fire, come.count)

    async def _take_over(self, left: Interrupted) -> None:
        """Carry on a fire whose process ended; its request key sees to it that nothing is done again."""
        fire, known = left.fire, self._known.get(left.fire.schedule)
        log.info("fire %d of schedule %s taken over, %s", fire.instant, fire.schedule, left.state)
        with self._carrying(fire):
            if known is None:
                await self._store.settle(fire, FireState.SKIPPED, of=left.state)
            elif left.state is FireState.ASKING:
                await self._ask(known.schedule, fire, 1)
            elif left.acted or self._clock() - fire.instant <= known.schedule.grace_ms:
                await self._fire(known.schedule, fire)
            elif await self._store.settle(fire, FireState.ASKING, of=FireState.CLAIMED):
                await self._ask(known.schedule, fire, 1)

    @contextmanager
    def _carrying(self, fire: Fire) -> Iterator[None]:
        """While the block runs, this process does not take the fire over from itself."""
        self._carried[fire] += 1
        try:
            yield
        finally:
            self._carried -= Counter((fire,))

    async def _fire(self, schedule: Schedule, fire: Fire, earlier: int = 0) -> None:
        """Carry out a claimed fire and post what came of it."""
        late = self._clock() - fire.instant
        log.info("schedule %s fires, due %d ms ago", schedule.name, late)
        async with self._watching(schedule.place) as watch:
            reply = await self._dispatch(await self._invocation(schedule, fire.request), watch.tell)
            if not _goes_on(reply):
                key = reply.key_in(schedule.place.channel, fire.request)
                await self._say(schedule, watch.give(_marked(reply, fire, late, earlier), key))
        await self._store.settle(fire, FireState.DONE, of=FireState.CLAIMED)

    async def _ask(self, schedule: Schedule, fire: Fire, count: int) -> None:
        log.warning("schedule %s missed %d fires; asking in its channel", schedule.name, count)
        question = _missed(schedule, fire, count)
        async with self._watching(schedule.place) as watch:
            await self._say(schedule, watch.give(question, f"{fire.request}:asked"))
        await self._store.settle(fire, FireState.ASKED, of=FireState.ASKING)

    async def _say(self, schedule: Schedule, telling: Awaitable[None]) -> None:
        try:
            await telling
        except Exception:
            # What was done stays done: a channel that cannot be reached must not make it happen again.
            log.exception("schedule %s: its result could not be posted", schedule.name)

    async def _invocation(self, schedule: Schedule, request: str) -> Invocation:
        return Invocation(
            id=new_invocation_id(),
            request=request,
            actor=replace(await self._author(schedule), zone=schedule.zone),
            place=schedule.place,
            trigger=Trigger.SCHEDULE,
            at=self._clock(),
            line=schedule.line,
            consent=schedule.consent,
        )

    async def _author(self, schedule: Schedule) -> Actor:
        """Whoever made it in Slack, with what they are by now; else somebody who holds the keys."""
        if schedule.owner and not schedule.owner.startswith(TERMINAL):
            return await self._find(schedule.owner)
        return Actor(f"schedule:{schedule.name}", schedule.name, standing=Standing.KEEPER)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a schedule's fire failed", exc_info=error)


async def unfound(user: str) -> Actor:
    """Where nobody can be asked, nothing is known of anybody."""
    return Actor(user)


def _goes_on(reply: Reply) -> bool:
    """Whether another process carries its delivery on, and tells what comes of it."""
    return reply.tone is Tone.WORKING or (reply.tone is Tone.DOUBT and not reply.key)


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
                    Button(
                        phrase("Send now"),
                        f"schedule run {schedule.name} {fire.instant}",
                        danger=True,
                        settles=True,
                    ),
                    Button(phrase("Skip"), f"schedule skip {schedule.name} {fire.instant}", settles=True),
                )
            ),
        ),
        data={"schedule": schedule.name, "missed": count, "instant": fire.instant},
        tone=Tone.DOUBT,
        command="schedule",
    )
