"""Group commit: messages that arrive during one transaction share the next one, and its one write to disk."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bridge.clock import Clock
from bridge.server import push
from bridge.server.engine import Engine
from bridge.server.errors import ServiceError
from bridge.server.ids import MessageIds
from bridge.server.presence import Presence
from bridge.server.quotas import Family, Quotas, exceeded
from bridge.server.store import Draft, Reach, Stored, insert_messages
from bridge.server.targets import Target, load_targets, refusal

log = logging.getLogger(__name__)

BATCH = 256

_ASKING = (Reach.SUBSCRIBERS, Reach.EVERYONE)
"""Telling these asks the database, which holds up no other message."""

Tell: TypeAlias = Callable[[Sequence[Stored]], Awaitable[None]]
"""Sends messages that are on disk to whom they are for."""

Waiter: TypeAlias = "asyncio.Future[Stored]"
Outcome: TypeAlias = "Stored | ServiceError"


class Writer:
    """Makes messages durable, and then known, in the order in which they were given.

    What was given is written even when its caller goes away.
    """

    def __init__(
        self, engine: Engine, clock: Clock, quotas: Quotas, presence: Presence, pushes: push.Pushes
    ) -> None:
        self._engine = engine
        self.clock = clock
        self.quotas = quotas
        self.presence = presence
        self.tell: Tell | None = None
        self._pushes = pushes
        self._ids = MessageIds()
        self._waiting: deque[tuple[Draft, Waiter]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()

    async def write(self, draft: Draft) -> Stored:
        """Gives the message its id and time, once it is on disk and told; raises the ServiceError that refuses it."""
        waiter: Waiter = asyncio.get_running_loop().create_future()
        self._waiting.append((draft, waiter))
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        return await waiter

    async def close(self) -> None:
        """Waits until everything given is written and told."""
        if self._task is not None:
            await self._task
        if self._telling:
            await asyncio.wait(self._telling)

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                await self._write_together(batch)
        finally:
            self._task = None
            for _, waiter in self._waiting:
                waiter.cancel()
            self._waiting.clear()

    async def _write_together(self, batch: Sequence[tuple[Draft, Waiter]]) -> None:
        outcomes: list[Outcome] = []
        drafts = [draft for draft, _ in batch]
        try:
            await self._engine.transact(lambda connection: outcomes.extend(self._write(connection, drafts)))
        except asyncio.CancelledError:
            for _, waiter in batch:
                waiter.cancel()
            raise
        except Exception as problem:  # noqa: BLE001 - every waiter gets it
            # A commit that failed may have happened: only what failed before it may be tried again.
            if len(batch) > 1 and not outcomes and _is_of_a_row(problem):
                log.warning("a batch of %d messages failed, each is written alone: %s", len(batch), problem)
                for one in batch:
                    await self._write_together([one])
                return
            for _, waiter in batch:
                _fail(waiter, problem)
            return
        self._pushes.wake()
        self._settle(batch, outcomes)

    def _settle(self, batch: Sequence[tuple[Draft, Waiter]], outcomes: Sequence[Outcome]) -> None:
        together: list[tuple[Waiter, Stored]] = []
        for (_, waiter), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, ServiceError):
                _fail(waiter, outcome)
            elif outcome.draft.reach in _ASKING:
                self._begin_telling([(waiter, outcome)])
            else:
                together.append((waiter, outcome))
        if together:
            self._begin_telling(together)

    def _begin_telling(self, written: Sequence[tuple[Waiter, Stored]]) -> None:
        task = asyncio.create_task(self._tell_together(written))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell_together(self, written: Sequence[tuple[Waiter, Stored]]) -> None:
        try:
            if self.tell is not None:
                await self.tell([stored for _, stored in written])
        except asyncio.CancelledError:
            for waiter, _ in written:
                waiter.cancel()
            raise
        except Exception as problem:  # noqa: BLE001 - every waiter gets it
            for waiter, _ in written:
                _fail(waiter, problem)
        for waiter, stored in written:
            if not waiter.done():
                waiter.set_result(stored)

    def _write(self, connection: Connection, drafts: Sequence[Draft]) -> list[Outcome]:
        targets = load_targets(connection, {draft.conv_id for draft in drafts})
        refusals: dict[int, ServiceError] = {}
        for index, draft in enumerate(drafts):
            problem = refusal(targets.get(draft.conv_id), draft.reach.conv_type)
            if problem is not None:
                refusals[index] = problem
        self._meter(connection, drafts, refusals)
        now = self.clock()
        outcomes = [
            refusals.get(index) or self._stored(draft, targets, now) for index, draft in enumerate(drafts)
        ]
        self._persist(connection, [one for one in outcomes if isinstance(one, Stored)], now)
        return outcomes

    def _meter(
        self, connection: Connection, drafts: Sequence[Draft], refusals: dict[int, ServiceError]
    ) -> None:
        wanted: dict[Family, list[int]] = {}
        for index, draft in enumerate(drafts):
            if draft.metered and index not in refusals:
                wanted.setdefault(draft.reach.family, []).append(index)
        for family in sorted(wanted):
            granted = self.quotas.take(connection, family, len(wanted[family]))
            refusals.update((index, exceeded(family)) for index in wanted[family][granted:])

    def _stored(self, draft: Draft, targets: Mapping[str, Target], now: int) -> Stored:
        target = targets[draft.conv_id]
        return Stored(draft, self._ids.new(now), now, target.members, target.muted)

    def _persist(self, connection: Connection, stored: Sequence[Stored], now: int) -> None:
        kept = [one for one in stored if not one.draft.transient]
        if not kept:
            return
        insert_messages(connection, kept, now)
        pushes = [one for one in map(self._push, kept) if one is not None]
        if pushes:
            self._pushes.keep(connection, pushes)

    def _push(self, stored: Stored) -> push.Push | None:
        draft = stored.draft
        if draft.push is None or draft.reach is Reach.CHATROOM:
            return None
        make = partial(push.Push, stored.msg_id, stored.timestamp, draft.conv_id, data=draft.push)
        if draft.reach is Reach.EVERYONE:
            return make(push.Audience.EVERYONE)
        if draft.reach is Reach.SUBSCRIBERS:
            return make(push.Audience.SUBSCRIBERS)
        if draft.pushed_to is not None:
            return make(push.Audience.OFFLINE, clients=draft.pushed_to) if draft.pushed_to else None
        members = (one for one in stored.members if one != draft.sender and one not in stored.muted)
        clients = draft.recipients or tuple(members)
        # On SQLite this runs in a thread, where looking is all that may be done with what the loop changes.
        online = set(self.presence.online(clients))
        offline = tuple(one for one in clients if one not in online)
        return make(push.Audience.OFFLINE, clients=offline) if offline else None


def _is_of_a_row(problem: Exception) -> bool:
    """Whether a batch may have failed because of one of its messages, rather than of the database."""
    if isinstance(problem, DBAPIError):
        return not problem.connection_invalidated
    return isinstance(problem, SQLAlchemyError | ValueError)


def _fail(waiter: Waiter, problem: Exception) -> None:
    if not waiter.done():
        waiter.set_exception(problem)
