"""Carries deliveries out: commits the intent, makes each call once, commits what came of it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.announcement import announce
from bridge.clock import Clock, now_ms
from bridge.context import Tell
from bridge.invocation import Invocation
from bridge.ledger import Act, Delivery, Outcome, Part, PartKey, Plan, Reason, State
from bridge.realtime.content import Plain
from bridge.realtime.errors import NotSent, RateLimited, Rejected, Unknown
from bridge.realtime.limits import Family
from bridge.realtime.messages import BroadcastOptions, Push, SendOptions
from bridge.realtime.models import Ref, Sent

if TYPE_CHECKING:
    from bridge.database.ledger import Ledger
    from bridge.realtime.client import RealtimeClient

__all__ = ["Deliveries", "Pace", "announce"]

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]
"""Waits for some seconds; tests let the time pass at once."""

FAMILIES = {
    Act.SEND: Family.MESSAGES,
    Act.NOTIFY: Family.MESSAGES,
    Act.PUBLISH: Family.SUBSCRIPTIONS,
    Act.BROADCAST: Family.BROADCASTS,
}


@dataclass(frozen=True, slots=True)
class Pace:
    """How many calls of one delivery are under way at once, and how patiently an unreachable service is tried."""

    calls_at_once: int = 32
    attempts: int = 4
    first_pause_ms: int = 500
    progress_ms: int = 2_000


class Deliveries:
    """One engine for send, notify, publish and broadcast."""

    def __init__(
        self,
        ledger: "Ledger",
        realtime: "RealtimeClient",
        clock: Clock = now_ms,
        pace: Pace = Pace(),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._ledger = ledger
        self._realtime = realtime
        self._clock = clock
        self._pace = pace
        self._sleep = sleep
        self._shut_until: dict[Family, int] = {}

    async def carry_out(self, plan: Plan, invocation: Invocation, tell: Tell) -> Delivery:
        """Commit the plan and carry it out, telling now and then how far it has come.

        A request that has a delivery already gets that one as it stands; nothing is done for it again.
        """
        planned = await self._ledger.plan(plan, invocation)
        if not planned.fresh:
            return planned.delivery
        log.info("delivery %s planned: %s, %d calls", plan.id, plan.act, len(planned.delivery.parts))
        await self._carry(planned.delivery, tell)
        return await self._now(plan.id)

    async def show(self, delivery: str) -> Delivery | None:
        """One delivery as it stands."""
        return await self._ledger.show(delivery)

    async def newest(self, limit: int, state: State | None = None) -> tuple[Delivery, ...]:
        """The newest deliveries, newest first, of one state if wanted."""
        return await self._ledger.newest(limit, state)

    async def cancel(self, delivery: str, who: str) -> Delivery | None:
        """Stop what has not begun; what is under way ends by itself."""
        canceled = await self._ledger.cancel(delivery, who)
        log.info("delivery %s: %d calls canceled by %s", delivery, canceled, who)
        return await self._ledger.show(delivery)

    async def _now(self, delivery: str) -> Delivery:
        found = await self._ledger.show(delivery)
        if found is None:
            raise LookupError(f"delivery {delivery} has vanished from the ledger")
        return found

    async def _carry(self, delivery: Delivery, tell: Tell) -> None:
        """Make every call that is still planned."""
        planned = iter([part for part in delivery.parts if part.state is State.PLANNED])
        run = _Run(delivery.plan, planned)
        async with self._progress(delivery.id, tell), asyncio.TaskGroup() as workers:
            for _ in range(min(self._pace.calls_at_once, len(delivery.parts))):
                workers.create_task(self._work(run))

    async def _work(self, run: "_Run") -> None:
        for part in run.planned:
            await self._make(run, part)

    async def _make(self, run: "_Run", part: Part) -> None:
        """One part, from planned to settled; it is tried again only when it was certainly not sent."""
        key = PartKey(run.plan.id, part.number)
        failures = 0
        while True:
            await self._until_open(run.family)
            if not await self._ledger.begin(key):
                return
            outcome, pause = await self._act(run, part)
            if pause is not None and outcome.reason is Reason.UNREACHABLE:
                failures += 1
                if run.out_of_reach or failures >= self._pace.attempts:
                    run.out_of_reach = True
                    outcome, pause = Outcome(State.REFUSED, Reason.UNREACHABLE, outcome.words), None
                else:
                    pause = self._pace.first_pause_ms << (failures - 1)
            if not await self._ledger.settle(key, outcome):
                log.warning("delivery %s part %d was settled otherwise meanwhile", *key)
            if pause is None:
                return
            self._shut(run.family, pause)

    async def _act(self, run: "_Run", part: Part) -> tuple[Outcome, int | None]:
        """Make the call: what came of it, and for a call that may be made again, after how many ms."""
        try:
            sent = await self._call(run.plan, part.clients)
        except RateLimited as error:
            if error.limit.daily:
                return Outcome(State.REFUSED, Reason.QUOTA_USED_UP, error.reason), None
            return Outcome(State.PLANNED, Reason.RATE_LIMITED, error.reason), error.wait_ms
        except NotSent as error:
            return Outcome(State.PLANNED, Reason.UNREACHABLE, error.reason), self._pace.first_pause_ms
        except Rejected as error:
            return Outcome(State.REFUSED, Reason.REJECTED, error.reason), None
        except Unknown as error:
            return Outcome(State.UNKNOWN, Reason.ANSWER_LOST, error.reason), None
        except Exception:
            log.exception("delivery %s part %d failed after it began", run.plan.id, part.number)
            return Outcome(State.UNKNOWN, Reason.FAULT), None
        run.out_of_reach = False
        return Outcome(State.SENT, Reason.ANSWERED, msg_id=sent.msg_id, timestamp=sent.timestamp), None

    async def _call(self, plan: Plan, clients: tuple[str, ...]) -> Sent:
        conversation = Ref(plan.conversation, plan.kind)
        # The very string that was committed: encoding it anew could lose what a reader of messages ignores.
        content = Plain(plan.message)
        push = None if plan.push is None else Push(plan.push)
        options = plan.options
        match plan.act:
            case Act.SEND:
                how = SendOptions(
                    transient=options.transient,
                    push=push,
                    mention_all=options.mention_all,
                    mentions=options.mentions,
                )
                return await self._realtime.send(conversation, plan.sender, content, how)
            case Act.NOTIFY:
                how = SendOptions(transient=options.transient, push=push)
                return await self._realtime.send_to_clients(conversation, plan.sender, content, clients, how)
            case Act.PUBLISH:
                return await self._realtime.publish(conversation, plan.sender, content, push)
            case Act.BROADCAST:
                to_all = BroadcastOptions(options.valid_till, push, options.transient)
                return await self._realtime.broadcast(conversation, plan.sender, content, to_all)

    def _shut(self, family: Family, pause_ms: int) -> None:
        self._shut_until[family] = max(self._shut_until.get(family, 0), self._clock() + pause_ms)

    async def _until_open(self, family: Family) -> None:
        while (left := self._shut_until.get(family, 0) - self._clock()) > 0:
            await self._sleep(left / 1000)

    @asynccontextmanager
    async def _progress(self, delivery: str, tell: Tell) -> AsyncIterator[None]:
        """Tell now and then, while the block runs, how far a delivery has come."""
        telling = asyncio.create_task(self._tell(delivery, tell))
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.wait([telling])

    async def _tell(self, delivery: str, tell: Tell) -> None:
        while True:
            await asyncio.sleep(self._pace.progress_ms / 1000)
            try:
                await tell(announce(await self._now(delivery)))
            except Exception:
                # Whoever watches is not what the delivery is for: it goes on unseen.
                log.exception("delivery %s: its progress could not be told", delivery)


@dataclass(slots=True)
class _Run:
    """One delivery on its way: `planned` is shared by its workers, `out_of_reach` once patience has run out."""

    plan: Plan
    planned: Iterator[Part]
    out_of_reach: bool = False

    @property
    def family(self) -> Family:
        return FAMILIES[self.plan.act]
