"""Rings when a schedule is due: APScheduler as an alarm clock in memory, and what has come by the time it rings."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING

from bridge.clock import Clock, now_ms
from bridge.cron import Known, Schedule, fires_after

if TYPE_CHECKING:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

MISSED_COUNTED = 1_000
"""More missed fires of one schedule than this are not counted."""
DAY_MS = 86_400_000


class AlarmClock:
    """APScheduler in memory: one alarm for each instant, and the names that it rings for."""

    def __init__(self, ring: Callable[[int, Sequence[str]], None], clock: Clock = now_ms) -> None:
        self._ring = ring
        self._clock = clock
        self._names: dict[int, list[str]] = {}
        self._scheduler: AsyncIOScheduler | None = None

    def start(self) -> None:
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._scheduler.start()

    def set(self, name: str, instant: int) -> None:
        """Ring for `name` at an instant (UTC ms by our clock), or at once if that has passed."""
        if self._scheduler is None:
            return
        if instant not in self._names:
            self._names[instant] = []
            self._set(self._scheduler, instant)
        self._names[instant].append(name)

    def _set(self, scheduler: "AsyncIOScheduler", instant: int) -> None:
        from apscheduler.triggers.date import DateTrigger

        # APScheduler reads the machine's clock, ours may differ: hand over how long it is.
        at = datetime.fromtimestamp((now_ms() + instant - self._clock()) / 1000, UTC)
        # Whether it is too late is ours to say: APScheduler would drop it with a line in the log.
        scheduler.add_job(self._rings, DateTrigger(at), args=(instant,), misfire_grace_time=None)

    def clear(self) -> None:
        """Forget every alarm."""
        self._names.clear()
        if self._scheduler is not None:
            self._scheduler.remove_all_jobs()

    def check(self) -> None:
        """Ring whatever should have rung: the machine may have slept, or its clock jumped."""
        now = self._clock()
        for instant in [instant for instant in self._names if instant <= now]:
            self._ring(instant, self._names.pop(instant))

    def stop(self) -> None:
        self.clear()
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None

    async def _rings(self, instant: int) -> None:
        names = self._names.get(instant)
        if names is None:
            return
        if instant > self._clock() and self._scheduler is not None:
            # Our clock was set back meanwhile.
            self._set(self._scheduler, instant)
            return
        self._ring(instant, self._names.pop(instant))


@dataclass(frozen=True, slots=True)
class Due:
    """The fires that have come since the last one: the newest (UTC ms), and how many there are."""

    newest: int
    count: int


def look(known: Known, now: int) -> tuple[Due | None, int | None]:
    """What a schedule has to do by now, counted to `MISSED_COUNTED`, and when its next fire is (UTC ms)."""
    newest, count = 0, 0
    for instant in fires_after(known.schedule, known.done_until):
        if instant > now:
            return (Due(newest, count) if count else None), instant
        newest, count = instant, count + 1
        if count == MISSED_COUNTED:
            newest = _newest(known.schedule, instant, now)
            return Due(newest, count), next(fires_after(known.schedule, newest), None)
    return (Due(newest, count) if count else None), None


def _newest(schedule: Schedule, since: int, now: int) -> int:
    """The last fire by now, found from behind: after a long outage there can be very many."""
    for days in (1, 31, 366):
        coming = fires_after(schedule, max(since - 1, now - days * DAY_MS))
        last = deque(takewhile(lambda instant: instant <= now, coming), maxlen=1)
        if last:
            return last[0]
    return since
