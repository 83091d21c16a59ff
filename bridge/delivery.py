"""Carries deliveries out: commits the intent, makes each call once, commits what came of it."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from bridge import forecast
from bridge.announcement import STATES, announce, counting_down
from bridge.clock import Clock, now_ms
from bridge.context import Tell
from bridge.errors import Refused
from bridge.forecast import Say
from bridge.invocation import Invocation
from bridge.ledger import Act, Answer, Delivery, Outcome, Part, PartKey, Plan, Reason, State
from bridge.lookup import Lookup, Patience, Sleep
from bridge.phrases import Code, phrase
from bridge.realtime.content import Plain
from bridge.realtime.errors import NotSent, RateLimited, Rejected, Unknown
from bridge.realtime.limits import Family
from bridge.realtime.messages import BroadcastOptions, Push, SendOptions
from bridge.realtime.models import Ref, Sent
from bridge.reply import Reply
from bridge.watch import Watching

if TYPE_CHECKING:
    from bridge.database.ledger import Ledger
    from bridge.realtime.client import RealtimeClient

__all__ = ["Deliveries", "Pace", "announce"]

log = logging.getLogger(__name__)

FAMILIES = {
    Act.SEND: Family.MESSAGES,
    Act.NOTIFY: Family.MESSAGES,
    Act.PUBLISH: Family.SUBSCRIPTIONS,
    Act.BROADCAST: Family.BROADCASTS,
}


ANSWERS = {
    Answer.SENT: State.SENT,
    Answer.AGAIN: State.PLANNED,
    Answer.GIVE_UP: State.CANCELED,
}


@dataclass(frozen=True, slots=True)
class Pace:
    """How many calls of one delivery are under way at once, and how patiently an unreachable service is tried."""

    calls_at_once: int = 32
    attempts: int = 4
    first_pause_ms: int = 500
    progress_ms: int = 2_000
    take_over_seconds: float = 3.0
    """How often what other processes have left is looked for."""
    patience: Patience = field(default_factory=Patience)


class Deliveries:
    """One engine for send, notify, publish and broadcast."""

    def __init__(  # noqa: PLR0913 - two parts, and how it acts in time
        self,
        ledger: "Ledger",
        realtime: "RealtimeClient",
        clock: Clock = now_ms,
        pace: Pace = Pace(),
        sleep: Sleep = asyncio.sleep,
        say: Say | None = None,
    ) -> None:
        self._ledger = ledger
        self._say = say
        self._realtime = realtime
        self._clock = clock
        self._pace = pace
        self._sleep = sleep
        self._lookup = Lookup(ledger, realtime, clock, pace.patience, sleep)
        self._shut_until: dict[Family, int] = {}
        self._carried: Counter[str] = Counter()
        self._resumed: set[asyncio.Task[None]] = set()

    async def carry_out(self, plan: Plan, invocation: Invocation, tell: Tell, due: int = 0) -> Delivery:
        """Commit the plan and carry it out, not before `due` (UTC ms), telling now and then how far it has come.

        A request that has a delivery already gets that one as it stands; nothing is done for it again. Refused: it
        can't be carried out today, or nobody would hear how it ends.
        """
        calls = len(plan.calls())
        left = await self._realtime.pacer.left(FAMILIES[plan.act])
        wait = forecast.minutes(left, calls)
        forecast.refuse_beyond_the_day(left, calls)
        await forecast.refuse_unheard(invocation, wait, self._say)
        with self._carrying(plan.id):
            planned = await self._ledger.plan(plan, invocation, due)
            if not planned.fresh:
                return planned.delivery
            if wait:
                await self._shown(planned.delivery, tell, lambda reply: forecast.foretold(reply, calls, wait))
            log.info("delivery %s planned: %s, %d calls", plan.id, plan.act, len(planned.delivery.parts))
            return await self._handed_over(await self._carry(planned.delivery, tell))

    async def release(self, delivery: str, who: str, due: int, tell: Tell) -> Delivery | None:
        """Carry out what was proposed, not before `due` (UTC ms). None: somebody has decided already."""
        with self._carrying(delivery):
            if not await self._ledger.release(delivery, who, due):
                return None
            return await self._handed_over(await self._carry(await self._now(delivery), tell))

    async def resolve(self, delivery: str, answer: Answer, who: str, tell: Tell) -> Delivery | None:
        """Do what a person decides of an unknown delivery. Refused: nothing waits for a decision."""
        found = await self._ledger.show(delivery)
        if found is None:
            return None
        outcome = Outcome(ANSWERS[answer], Reason.PERSON)
        with self._carrying(delivery):
            taken = [
                await self._ledger.decide(PartKey(delivery, part.number), outcome, who)
                for part in found.questioned
            ]
            if not any(taken):
                raise Refused(
                    phrase(
                        "Nothing waits for a decision here: the delivery is {state}.",
                        state=STATES[found.state],
                    ),
                    hint=phrase("Look at it with {command}.", command=Code(f"delivery show {delivery}")),
                    code="nothing_to_decide",
                )
            log.info("delivery %s: %s says %s of %d calls", delivery, who, answer, sum(taken))
            return await self._handed_over(await self._carry(await self._now(delivery), tell))

    async def take_over(self, watching: Watching) -> None:
        """Until canceled: carry on what ended processes have left, and post what came of it where it was asked."""
        try:
            while True:
                try:
                    for delivery in await self._ledger.take_over(self._carried):
                        self._resume(delivery, watching)
                except Exception:
                    log.exception("the ledger could not be read; trying again")
                await asyncio.sleep(self._pace.take_over_seconds)
        finally:
            for task in self._resumed:
                task.cancel()
            if self._resumed:
                await asyncio.wait(self._resumed)

    async def show(self, delivery: str) -> Delivery | None:
        """One delivery as it stands."""
        return await self._ledger.show(delivery)

    async def of_message(self, msg_id: str) -> Delivery | None:
        """The delivery that a message belongs to, where it went out through us."""
        return await self._ledger.of_message(msg_id)

    async def newest(self, limit: int, state: State | None = None) -> tuple[Delivery, ...]:
        """The newest deliveries, newest first, of one state if wanted."""
        return await self._ledger.newest(limit, state)

    async def last_sent(self, actor: str, command: str) -> int | None:
        """When somebody's last announcement by this command was planned that went out, UTC ms."""
        return await self._ledger.last_sent(actor, command)

    async def cancel(self, delivery: str, who: str) -> Delivery | None:
        """Stop what has not begun; what is under way ends by itself."""
        canceled = await self._ledger.cancel(delivery, who)
        log.info("delivery %s: %d calls canceled by %s", delivery, canceled, who)
        return await self._ledger.show(delivery)

    async def _handed_over(self, delivery: Delivery) -> Delivery:
        """Note that whoever asked is given the result. A question stays untold: it must outlive this process."""
        if not delivery.questioned:
            await self._ledger.told(delivery.id)
        return delivery

    async def _now(self, delivery: str) -> Delivery:
        found = await self._ledger.show(delivery)
        if found is None:
            raise LookupError(f"delivery {delivery} has vanished from the ledger")
        return found

    def _resume(self, delivery: str, watching: Watching) -> None:
        task = asyncio.create_task(self._resumed_until_settled(delivery, watching))
        self._resumed.add(task)
        task.add_done_callback(self._resumed.discard)

    async def _resumed_until_settled(self, delivery: str, watching: Watching) -> None:
        log.info("delivery %s taken over", delivery)
        try:
            with self._carrying(delivery):
                left = await self._now(delivery)
                async with watching(left.place) as watch:
                    reply = announce(await self._carry(left, watch.tell))
                    if left.place.channel:
                        key = reply.key_in(left.place.channel, f"delivery:{delivery}")
                        await watch.give(reply, key)
                await self._ledger.told(delivery)
        except Exception:
            log.exception("delivery %s could not be carried on", delivery)

    @contextmanager
    def _carrying(self, delivery: str) -> Iterator[None]:
        """While the block runs, nobody takes the delivery over from this process."""
        self._carried[delivery] += 1
        try:
            yield
        finally:
            self._carried -= Counter((delivery,))

    async def _carry(self, delivery: Delivery, tell: Tell) -> Delivery:
        """Make every call that is still planned, then look for whatever may have gone out."""
        await self._count_down(delivery, tell)
        await self._make_calls(delivery, tell)
        found = await self._now(delivery.id)
        if found.doubtful:
            async with self._progress(delivery.id, tell):
                await self._lookup.clear_up(found)
            found = await self._now(delivery.id)
        return found

    async def _count_down(self, delivery: Delivery, tell: Tell) -> None:
        """Wait until it is due, or until somebody has stopped it."""
        while (left := delivery.due - self._clock()) > 0 and delivery.state is State.PLANNED:
            await self._shown(delivery, tell, partial(counting_down, left_ms=left))
            await self._sleep(min(left, self._pace.progress_ms) / 1000)
            delivery = await self._now(delivery.id)

    async def _make_calls(self, delivery: Delivery, tell: Tell) -> None:
        planned = iter([part for part in delivery.parts if part.state is State.PLANNED])
        async with self._progress(delivery.id, tell), asyncio.TaskGroup() as tasks:
            run = _Run(delivery.plan, planned, tasks, asyncio.Semaphore(self._pace.calls_at_once))
            # Half as many again as there are calls: what they wait for meanwhile is the disk.
            for _ in range(min(self._pace.calls_at_once * 3 // 2, len(delivery.parts))):
                tasks.create_task(self._work(run))

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
            async with run.places:
                outcome, pause = await self._act(run, part)
            if pause is not None and outcome.reason is Reason.UNREACHABLE:
                failures += 1
                if run.out_of_reach or failures >= self._pace.attempts:
                    run.out_of_reach = True
                    outcome, pause = Outcome(State.REFUSED, Reason.UNREACHABLE, outcome.words), None
                else:
                    pause = self._pace.first_pause_ms << (failures - 1)
            if pause is None:
                # The next call need not wait until this outcome is on the disk.
                run.tasks.create_task(self._settle(key, outcome))
                return
            self._shut(run.family, pause)
            await self._settle(key, outcome)

    async def _settle(self, key: PartKey, outcome: Outcome) -> None:
        if not await self._ledger.settle(key, outcome):
            log.warning("delivery %s part %d was settled otherwise meanwhile", *key)

    async def _act(self, run: "_Run", part: Part) -> tuple[Outcome, int | None]:
        """Make the call: what came of it, and for a call that may be made again, after how many ms."""
        if not self._ledger.holds():
            # We were asleep: another process may have taken it over, and a person may have had it sent again.
            return Outcome(State.PLANNED, Reason.SLEPT), self._pace.first_pause_ms
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
            await self._shown(await self._now(delivery), tell, lambda reply: reply)

    async def _shown(self, delivery: Delivery, tell: Tell, said: Callable[[Reply], Reply]) -> None:
        try:
            await tell(said(announce(delivery)))
        except Exception:
            # Whoever watches is not what the delivery is for: it goes on unseen.
            log.exception("delivery %s: its progress could not be told", delivery.id)


@dataclass(slots=True)
class _Run:
    """One delivery on its way: `planned` is shared by its workers, `out_of_reach` once patience has run out."""

    plan: Plan
    planned: Iterator[Part]
    tasks: asyncio.TaskGroup
    places: asyncio.Semaphore
    out_of_reach: bool = False

    @property
    def family(self) -> Family:
        return FAMILIES[self.plan.act]
