"""Keeps the quotas' usage for the client: in memory here, behind a protocol that a database can take."""

from dataclasses import dataclass, field
from typing import Protocol

from bridge.clock import Clock, now_ms
from bridge.realtime import limits
from bridge.realtime.limits import UNLIMITED, Family, Plan, Quota, Usage


@dataclass(frozen=True, slots=True)
class Turn:
    """The answer to asking for a call: made room for at `at` (UTC ms), unless `wait_ms` is above zero."""

    at: int
    wait_ms: int
    daily: bool = False
    """Whether it is the day's total that is used up."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a family's plan still allows by our own count; None is no limit. `wait_ms` until the next call fits."""

    per_minute: int | None
    per_day: int | None
    wait_ms: int
    minute_total: int | None = None
    """What a whole minute allows."""


class Pacer(Protocol):
    """Whoever keeps the usage: in memory here, in a database where several processes share one app."""

    async def reserve(self, family: Family) -> Turn:
        """Count one call, or say how long to wait."""
        ...

    async def release(self, family: Family, turn: Turn) -> None:
        """Take back a call that was certainly not made."""
        ...

    async def penalise(self, family: Family, *, daily: bool) -> int:
        """Note the service's 429; gives the milliseconds to wait."""
        ...

    async def left(self, family: Family) -> Left:
        """What may still be called, as far as this count knows."""
        ...


@dataclass(slots=True)
class Meter:
    """The usage of every family, kept in this process."""

    plan: Plan = UNLIMITED
    clock: Clock = now_ms
    usages: dict[Family, Usage] = field(default_factory=lambda: {family: Usage() for family in Family})

    async def reserve(self, family: Family) -> Turn:
        """Count one call, or say how long to wait."""
        quota = self.plan.quota(family)
        turn, self.usages[family] = turn_of(self.usages[family], quota, self.clock())
        return turn

    async def release(self, family: Family, turn: Turn) -> None:
        """Take back a call that was certainly not made."""
        self.usages[family] = limits.release(self.usages[family], turn.at, self.clock())

    async def penalise(self, family: Family, *, daily: bool) -> int:
        """Note the service's 429; gives the milliseconds to wait."""
        now = self.clock()
        self.usages[family] = limits.penalise(self.usages[family], now, daily=daily)
        return limits.wait_ms(self.usages[family], self.plan.quota(family), now)

    async def left(self, family: Family) -> Left:
        """What may still be called, as far as this count knows."""
        return left_of(self.usages[family], self.plan.quota(family), self.clock())

    def wait_ms(self, family: Family) -> int:
        """Milliseconds until the next call of the family fits; 0 when it fits now."""
        return limits.wait_ms(self.usages[family], self.plan.quota(family), self.clock())


def turn_of(usage: Usage, quota: Quota, now: int) -> tuple[Turn, Usage]:
    """One call counted, or how long to wait; and the usage after it."""
    counted = limits.reserve(usage, quota, now)
    if counted is None:
        return Turn(now, limits.wait_ms(usage, quota, now), limits.is_daily(usage, quota, now)), usage
    return Turn(now, 0), counted


def left_of(usage: Usage, quota: Quota, now: int) -> Left:
    """What a usage leaves of its quota."""
    return Left(
        _rest(quota.per_minute, usage.last_minute(now)),
        _rest(quota.per_day, usage.today(now)),
        limits.wait_ms(usage, quota, now),
        quota.per_minute,
    )


def _rest(total: int | None, used: int) -> int | None:
    return None if total is None else max(0, total - used)
