"""The rate limits of REST sends: three families, counted in the database so that no restart or replica forgets.

Section "REST rate limits": over the per-minute figure 429 for one minute, over the daily total 429 until the (UTC) day
ends. A minute begins with the first call after the last one ended.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, select, update

from bridge.clock import Clock
from bridge.server.errors import TOO_MANY_REQUESTS, ServiceError
from bridge.server.settings import Plan
from bridge.server.tables import quotas
from bridge.server.upserts import insert_into

MINUTE_MS = 60_000
DAY_MS = 86_400_000


class Family(StrEnum):
    """Calls that share one limit."""

    ORDINARY = "ordinary"
    SUBSCRIPTION = "subscription"
    BROADCAST = "broadcast"


class Span(StrEnum):
    """What a limit is counted over."""

    MINUTE = "minute"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Window:
    """The state of one count: when it began, how much is used, and until when everything is refused."""

    started_at: int = 0
    used: int = 0
    blocked_until: int = 0


_LENGTHS = {Span.MINUTE: MINUTE_MS, Span.DAY: DAY_MS}


def take(window: Window, span: Span, limit: int, wanted: int, now: int) -> tuple[Window, int]:
    """The window after asking for `wanted` calls at `now`, and how many of them are granted."""
    length = _LENGTHS[span]
    # A clock that was set back leaves windows in the future: they count as over, or they would block for long.
    if now < window.blocked_until <= now + length:
        return window, 0
    started_at, used = window.started_at, window.used
    if not started_at <= now < started_at + length:
        started_at, used = (now if span is Span.MINUTE else now - now % DAY_MS), 0
    granted = max(0, min(wanted, limit - used))
    blocked_until = 0
    if granted < wanted:
        blocked_until = now + MINUTE_MS if span is Span.MINUTE else started_at + DAY_MS
    return Window(started_at, used + granted, blocked_until), granted


def limits_of(plan: Plan) -> Mapping[Family, Mapping[Span, int]]:
    """The plan's figures; a family or span without a limit is left out."""
    figures = {
        Family.ORDINARY: {Span.MINUTE: plan.ordinary_per_minute},
        Family.SUBSCRIPTION: {Span.MINUTE: plan.subscription_per_minute, Span.DAY: plan.subscription_per_day},
        Family.BROADCAST: {Span.MINUTE: plan.broadcast_per_minute, Span.DAY: plan.broadcast_per_day},
    }
    return {
        family: {span: limit for span, limit in spans.items() if limit is not None}
        for family, spans in figures.items()
    }


class Quotas:
    """Counts the calls of each family against the plan."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self._limits = limits_of(plan)
        self._clock = clock
        self._blocked: dict[tuple[Family, Span], int] = {}

    def check(self, family: Family) -> None:
        """Refuses (429) while the family is known to be blocked: a flood costs no database work."""
        now = self._clock()
        for span in self._limits[family]:
            if now < self._blocked.get((family, span), 0) <= now + _LENGTHS[span]:
                raise exceeded(family)

    def take(self, connection: Connection, family: Family, wanted: int = 1) -> int:
        """Counts calls in the caller's transaction and gives how many of them may go on.

        The rows stay locked until that transaction ends, so a call is counted exactly when it acts. Without a limit the
        database is not touched.
        """
        limits = self._limits[family]
        if not limits:
            return wanted
        windows = _locked(connection, family, limits)
        now = self._clock()
        # The minute first: what it refuses does not use up the day.
        for span in (one for one in Span if one in limits):
            window, wanted = take(windows[span], span, limits[span], wanted, now)
            self._blocked[family, span] = window.blocked_until
            connection.execute(
                update(quotas)
                .where(quotas.c.family == family, quotas.c.span == span)
                .values(started_at=window.started_at, used=window.used, blocked_until=window.blocked_until)
            )
        return wanted

    def forget(self) -> None:
        """Forgets what is blocked, for a database that was emptied."""
        self._blocked.clear()


def exceeded(family: Family) -> ServiceError:
    """The refusal of a call over its family's limit."""
    return TOO_MANY_REQUESTS(f"over the limit of {family} messages")


def _locked(connection: Connection, family: Family, spans: Iterable[Span]) -> dict[Span, Window]:
    query = select(quotas).where(quotas.c.family == family).order_by(quotas.c.span).with_for_update()
    rows = connection.execute(query).all()
    if len(rows) < len(tuple(spans)):
        empty = {"family": family, "started_at": 0, "used": 0, "blocked_until": 0}
        absent = insert_into(connection, quotas).on_conflict_do_nothing()
        connection.execute(absent, [{**empty, "span": span} for span in sorted(spans)])
        rows = connection.execute(query).all()
    return {Span(row.span): Window(row.started_at, row.used, row.blocked_until) for row in rows}
