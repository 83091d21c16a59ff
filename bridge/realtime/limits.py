"""How much the service's quotas still allow: pure arithmetic over a small state.

REST 1.2, rate limits: each family of calls has a total per minute and, except ordinary messages, per day, for the
whole app. Over the minute's total the service answers 429 for one minute; over the day's, until the day ends.

How the service counts is not documented, and a mistake costs differently on each side. A minute is counted strictly
(any 60 seconds, rounded up to whole seconds), because one call too many silences the family for a minute while
waiting costs seconds. A day is counted leniently (used up only when it is used up both by UTC's and by China's
calendar), because a wrong no would last for hours while one call too many is merely answered 429.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum

_SECOND = 1_000
_MINUTE = 60_000
_DAY = 86_400_000
_SLICES = 60
_CALENDARS = (0, 8 * 3_600_000)
"""Offsets in ms of the calendars by which the service may end its day: UTC's and China's."""


class Family(StrEnum):
    """The calls that share one quota."""

    MESSAGES = "messages"
    """Send, edit, recall in conversations and chatrooms and to single clients of a service conversation."""
    SUBSCRIPTIONS = "subscriptions"
    """Send, edit, recall to all subscribers of a service conversation."""
    BROADCASTS = "broadcasts"
    """Create and edit broadcasts to every client of the app."""


@dataclass(frozen=True, slots=True)
class Quota:
    """The totals of one family; None is no limit."""

    per_minute: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What the app's plan allows, under the names that `app.yaml` uses; None is no limit."""

    messages_per_minute: int | None = None
    messages_per_day: int | None = None
    subscriptions_per_minute: int | None = None
    subscriptions_per_day: int | None = None
    broadcasts_per_minute: int | None = None
    broadcasts_per_day: int | None = None

    def quota(self, family: Family) -> Quota:
        """The totals of one family."""
        match family:
            case Family.MESSAGES:
                return Quota(self.messages_per_minute, self.messages_per_day)
            case Family.SUBSCRIPTIONS:
                return Quota(self.subscriptions_per_minute, self.subscriptions_per_day)
            case Family.BROADCASTS:
                return Quota(self.broadcasts_per_minute, self.broadcasts_per_day)


BUSINESS = Plan(1800, None, 30, 1000, 10, 30)
DEVELOPMENT = Plan(120, None, 10, 100, 1, 10)
UNLIMITED = Plan()
_PLANS = {"business": BUSINESS, "development": DEVELOPMENT, "unlimited": UNLIMITED}


def plan_of(setting: str | Mapping[str, object]) -> Plan:
    """A plan by name, or the business plan with some totals replaced; ValueError says what is wrong."""
    if isinstance(setting, str):
        if setting not in _PLANS:
            raise ValueError(f"unknown plan {setting!r}; known: {', '.join(_PLANS)}, or totals by name")
        return _PLANS[setting]
    known = [total.name for total in fields(Plan)]
    totals: dict[str, int | None] = {}
    for name, total in setting.items():
        if name not in known:
            raise ValueError(f"unknown total {name!r}; known: {', '.join(known)}")
        if total is not None and (isinstance(total, bool) or not isinstance(total, int) or total < 1):
            raise ValueError(f"{name} must be a whole number above zero, or null for no limit")
        totals[name] = total
    return replace(BUSINESS, **totals)


@dataclass(frozen=True, slots=True)
class Usage:
    """What one family has used: a value small enough to keep in a database row."""

    seconds: tuple[tuple[int, int], ...] = ()
    """(second since the epoch, calls) of the last minute, oldest first."""
    days: tuple[tuple[int, int], ...] = ((0, 0),) * len(_CALENDARS)
    """(day number, calls) by each calendar."""
    blocked_until: int = 0
    """UTC ms until which the service has said no."""

    def last_minute(self, now: int) -> int:
        """Calls counted against the minute that ends now."""
        return sum(calls for _, calls in _recent(self, now))

    def today(self, now: int) -> int:
        """Calls counted against the day, by the calendar that counts most."""
        return max(_today(self, now))


def exhausted_until(usage: Usage, quota: Quota, now: int) -> int | None:
    """UTC ms at which the next call fits again; None when it fits now."""
    until = max(usage.blocked_until, _minute_free(usage, quota, now), _day_free(usage, quota, now))
    return until if until > now else None


def wait_ms(usage: Usage, quota: Quota, now: int) -> int:
    """Milliseconds until the next call fits; 0 when it fits now."""
    until = exhausted_until(usage, quota, now)
    return 0 if until is None else until - now


def is_daily(usage: Usage, quota: Quota, now: int) -> bool:
    """Whether it is the day that has to end before the next call, not only a minute."""
    return wait_ms(usage, quota, now) > _MINUTE + _SECOND or _day_free(usage, quota, now) > now


def reserve(usage: Usage, quota: Quota, now: int) -> Usage | None:
    """The usage with one call more, or None when it does not fit."""
    return None if exhausted_until(usage, quota, now) else _counted(usage, now, now, 1)


def release(usage: Usage, reserved_at: int, now: int) -> Usage:
    """The usage without a call that was reserved but certainly not made."""
    return _counted(usage, reserved_at, now, -1)


def penalise(usage: Usage, now: int, *, daily: bool) -> Usage:
    """The usage after the service's 429: nothing for a minute, or until the day may have ended."""
    until = min(_next_midnight(now, offset) for offset in _CALENDARS) if daily else now + _MINUTE
    return replace(usage, blocked_until=max(usage.blocked_until, until))


def _recent(usage: Usage, now: int) -> list[tuple[int, int]]:
    second = now // _SECOND
    # A clock that was set back leaves seconds of the future: they count as now, or they would block for as long.
    return [(min(at, second), calls) for at, calls in usage.seconds if at >= second - _SLICES]


def _minute_free(usage: Usage, quota: Quota, now: int) -> int:
    if quota.per_minute is None:
        return 0
    recent = _recent(usage, now)
    over = sum(calls for _, calls in recent) - quota.per_minute + 1
    for at, calls in recent:
        if over <= 0:
            break
        over -= calls
        if over <= 0:
            return (at + _SLICES + 1) * _SECOND
    return 0


def _day_free(usage: Usage, quota: Quota, now: int) -> int:
    if quota.per_day is None or any(calls < quota.per_day for calls in _today(usage, now)):
        return 0
    return min(_next_midnight(now, offset) for offset in _CALENDARS)


def _today(usage: Usage, now: int) -> list[int]:
    days = [(now + offset) // _DAY for offset in _CALENDARS]
    return [calls if day == today else 0 for (day, calls), today in zip(usage.days, days, strict=True)]


def _next_midnight(now: int, offset: int) -> int:
    return ((now + offset) // _DAY + 1) * _DAY - offset


def _counted(usage: Usage, at: int, now: int, change: int) -> Usage:
    seconds: dict[int, int] = {}
    for second, calls in [*_recent(usage, now), (at // _SECOND, change)]:
        seconds[second] = seconds.get(second, 0) + calls
    days = tuple(
        (
            (now + offset) // _DAY,
            max(0, calls + (change if (at + offset) // _DAY == (now + offset) // _DAY else 0)),
        )
        for offset, calls in zip(_CALENDARS, _today(usage, now), strict=True)
    )
    kept = tuple(sorted((second, calls) for second, calls in seconds.items() if calls > 0))
    return replace(usage, seconds=kept, days=days)
