"""Learns what speaks for and against an announcement: whom it reaches, what is left, what else goes out."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from bridge.card import Facts, Near
from bridge.cron import Schedule, fires_after
from bridge.delivery import FAMILIES
from bridge.ledger import Act, Delivery, Plan
from bridge.realtime.errors import RealtimeError
from bridge.realtime.models import Ref, Stats

if TYPE_CHECKING:
    from bridge.clock import Clock
    from bridge.database.ledger import Ledger
    from bridge.realtime.client import RealtimeClient
    from bridge.schedule import Schedules

log = logging.getLogger(__name__)

MONTH_MS = 30 * 86_400_000
NEAR_MS = 3_600_000
MOST_NEAR = 5
MANY = ("broadcast", "publish", "notify")
"""How the line of a schedule begins that reaches many."""


@dataclass(frozen=True, slots=True)
class Background:
    """Asks the service, the ledger and the schedules; what can't be learned stays open, and the card says so."""

    realtime: "RealtimeClient"
    ledger: "Ledger"
    schedules: "Schedules"
    clock: "Clock"

    async def of(self, plan: Plan) -> Facts:
        """The facts about what is to go out about now."""
        now = self.clock()
        return Facts(
            left=await self.realtime.pacer.left(FAMILIES[plan.act]),
            stats=await self._stats() if plan.act is Act.BROADCAST else None,
            subscribers=await self._subscribers(plan) if plan.act is Act.PUBLISH else None,
            same=await self._others(plan, now - MONTH_MS, plan.text),
            near=await self._near(plan, now),
        )

    async def _stats(self) -> Stats | None:
        try:
            return await self.realtime.stats()
        except RealtimeError as error:
            log.info("the app's users could not be counted: %s", error)
            return None

    async def _subscribers(self, plan: Plan) -> int | None:
        try:
            return await self.realtime.subscriber_count(Ref(plan.conversation, plan.kind))
        except RealtimeError as error:
            log.info("subscribers could not be counted: %s", error)
            return None

    async def _others(self, plan: Plan, since: int, text: str | None = None) -> tuple[Delivery, ...]:
        found = await self.ledger.announced(since, self.clock(), text)
        return tuple(each for each in found if each.id != plan.id)

    async def _near(self, plan: Plan, now: int) -> tuple[Near, ...]:
        past = [Near(each.at, each.plan.text) for each in await self._others(plan, now - NEAR_MS)]
        coming = [
            each
            for schedule in await self.schedules.all()
            if not schedule.paused and schedule.line.startswith(MANY)
            for each in _fires(schedule, now)
        ]
        return tuple(sorted([*past, *coming], key=lambda each: abs(each.at - now))[:MOST_NEAR])


def _fires(schedule: Schedule, now: int) -> Iterator[Near]:
    within = takewhile(lambda at: at <= now + NEAR_MS, fires_after(schedule, now))
    for at in (each for each, _ in zip(within, range(MOST_NEAR), strict=False)):
        yield Near(at, schedule.line)
