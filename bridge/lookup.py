"""Looks in the messaging service for what may have gone out: by delivery id, else by sender, text and time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from bridge.clock import Clock, now_ms
from bridge.ledger import Act, Delivery, Outcome, Part, PartKey, Plan, Reason, State
from bridge.realtime.content import delivery_of
from bridge.realtime.errors import RealtimeError
from bridge.realtime.history import HistoryRange, InConversation, InThread, Source
from bridge.realtime.models import Message, Ref

if TYPE_CHECKING:
    from bridge.database.ledger import Ledger
    from bridge.realtime.client import RealtimeClient

log = logging.getLogger(__name__)

Sleep: TypeAlias = Callable[[float], Awaitable[None]]
"""Waits for some seconds; tests let the time pass at once."""

SKEW_MS = 300_000
"""How far the service's clock may be behind ours."""
MESSAGES_READ = 10_000
BROADCASTS_PAGE = 100
SUBSCRIBERS_ASKED = 3
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what was not found is looked for, in ms since it became unknown.

    The service's history may lag behind its sends by seconds, and a slow call may act after its answer was given
    up. When the service cannot even be asked for `unasked_ms`, a person decides.
    """

    settle_ms: int = 30_000
    unasked_ms: int = 120_000
    first_pause_ms: int = 1_000
    longest_pause_ms: int = 15_000
    at_once: int = 8


class Lookup:
    """Clears up what is unknown: found means sent, not found in time is for a person to decide."""

    def __init__(
        self,
        ledger: "Ledger",
        realtime: "RealtimeClient",
        clock: Clock = now_ms,
        patience: Patience = Patience(),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._ledger = ledger
        self._realtime = realtime
        self._clock = clock
        self._patience = patience
        self._sleep = sleep
        self._places = asyncio.Semaphore(patience.at_once)

    async def clear_up(self, delivery: Delivery) -> None:
        """Look for every doubtful part until nothing is doubtful any more; sends nothing."""
        doubtful, pause = delivery.doubtful, self._patience.first_pause_ms
        while doubtful:
            async with asyncio.TaskGroup() as looks:
                tasks = {part: looks.create_task(self._clear_up_part(delivery, part)) for part in doubtful}
            doubtful = tuple(part for part, task in tasks.items() if not task.result())
            if doubtful:
                await self._sleep(pause / 1000)
                pause = min(pause * 2, self._patience.longest_pause_ms)

    async def _clear_up_part(self, delivery: Delivery, part: Part) -> bool:
        """Look once; True when the part is settled or asked about."""
        outcome = await self._outcome(delivery, part)
        if outcome is None:
            return False
        await self._ledger.settle(PartKey(delivery.id, part.number), outcome)
        log.info("delivery %s part %d looked up: %s", delivery.id, part.number, outcome.reason)
        return True

    async def _outcome(self, delivery: Delivery, part: Part) -> Outcome | None:
        if delivery.plan.options.transient:
            return Outcome(State.UNKNOWN, Reason.NO_TRACE)
        since_unknown = self._clock() - part.at
        try:
            async with self._places:
                found = await self._find(delivery, part)
        except RealtimeError as error:
            log.warning("delivery %s part %d could not be looked up: %s", delivery.id, part.number, error)
            late = since_unknown >= self._patience.unasked_ms
            return Outcome(State.UNKNOWN, Reason.NOT_ASKED) if late else None
        if found is not None:
            reason = Reason.FOUND if delivery.plan.typed else Reason.RECOGNISED
            return Outcome(State.SENT, reason, msg_id=found.msg_id, timestamp=found.timestamp)
        settled = since_unknown >= self._patience.settle_ms
        return Outcome(State.UNKNOWN, Reason.NOT_FOUND) if settled else None

    async def _find(self, delivery: Delivery, part: Part) -> Message | None:
        there = Ref(delivery.plan.conversation, delivery.plan.kind)
        match delivery.plan.act:
            case Act.SEND:
                return await self._in_history(delivery, InConversation(there))
            case Act.NOTIFY:
                return await self._in_history(delivery, InThread(there, part.clients[0]))
            case Act.PUBLISH:
                return await self._in_a_subscribers_thread(delivery, there)
            case Act.BROADCAST:
                return await self._in_broadcasts(delivery, there)

    async def _in_history(self, delivery: Delivery, source: Source) -> Message | None:
        span = HistoryRange(till_timestamp=delivery.at - SKEW_MS, limit=PAGE)
        async for message in self._realtime.iterate_history(source, span, MESSAGES_READ):
            if await self._is_it(delivery, message):
                return message
        return None

    async def _in_a_subscribers_thread(self, delivery: Delivery, there: Ref) -> Message | None:
        for subscription in await self._realtime.subscribers(there, limit=SUBSCRIBERS_ASKED):
            found = await self._in_history(delivery, InThread(there, subscription.subscriber))
            if found is not None:
                return found
        return None

    async def _in_broadcasts(self, delivery: Delivery, there: Ref) -> Message | None:
        """Among those still valid, and in the conversation's history, where some services keep the expired ones."""
        for skip in range(0, MESSAGES_READ, BROADCASTS_PAGE):
            page = await self._realtime.broadcasts(there, limit=BROADCASTS_PAGE, skip=skip)
            for broadcast in page:
                if await self._is_it(delivery, broadcast.message):
                    return broadcast.message
            if len(page) < BROADCASTS_PAGE:
                break
        return await self._in_history(delivery, InConversation(there))

    async def _is_it(self, delivery: Delivery, message: Message) -> bool:
        plan = delivery.plan
        if plan.typed:
            return delivery_of(message.content) == plan.id
        return (
            _reads_alike(plan, message)
            and message.timestamp >= delivery.at - SKEW_MS
            and not await self._ledger.knows(message.msg_id)
        )


def _reads_alike(plan: Plan, message: Message) -> bool:
    return message.from_client == plan.sender and message.data == plan.message
