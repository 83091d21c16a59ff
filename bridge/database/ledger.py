"""Keeps deliveries: the intent is durable before anything is done, each change of state before the next step."""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)

from bridge.clock import Clock, now_ms
from bridge.database.engine import Database, ForMany
from bridge.database.group import GroupCommit
from bridge.database.leases import living
from bridge.database.moves import Move, apply, write
from bridge.database.proposals import keep, settle
from bridge.database.requests import claim
from bridge.database.rows import delivery_row, first_change, load, part_row
from bridge.database.tables import changes, deliveries, parts
from bridge.invocation import Invocation
from bridge.ledger import (
    QUESTIONS,
    Act,
    Change,
    Delivery,
    Outcome,
    Part,
    PartKey,
    Plan,
    Planned,
    Reason,
    State,
)
from bridge.proposals import Proposal, ProposalState

NEWEST = 100
"""How many deliveries a list shows unless asked for more or fewer."""


FEW = 5
"""How many of those that are like a new one are looked at."""
_DROPPED = {
    ProposalState.REJECTED: Reason.PERSON,
    ProposalState.EXPIRED: Reason.EXPIRED,
    ProposalState.VOID: Reason.VOID,
}


class _Intent(NamedTuple):
    """What is to be committed before anything is done: a delivery, and the proposal that it waits for."""

    delivery: Delivery
    proposal: Proposal | None = None


class Ledger:
    """The deliveries of all processes; `lease` names this one, and only its holder begins the parts that it plans."""

    def __init__(
        self,
        database: Database,
        lease: str,
        clock: Clock = now_ms,
        *,
        holds: Callable[[], bool] = lambda: True,
    ) -> None:
        self.holds = holds
        """Whether the lease is certainly still ours: what is about to be sent may not be anybody else's by now."""
        self._database = database
        self._lease = lease
        self._clock = clock
        self._plan = GroupCommit(database, self._insert)
        self._move = GroupCommit(database, self._apply)
        self._tell = GroupCommit(database, self._mark_told)

    async def plan(self, plan: Plan, invocation: Invocation, due: int = 0) -> Planned:
        """Commit the intent together with its request key; a second plan with the same key gives the first.

        Nothing of it goes out before `due`, UTC ms.
        """
        return await self._intended(_Intent(self._delivery(plan, invocation, State.PLANNED, due)))

    async def propose(self, plan: Plan, invocation: Invocation, proposal: Proposal) -> Planned:
        """As `plan`, but it waits for the word that the proposal asks for."""
        return await self._intended(_Intent(self._delivery(plan, invocation, State.PROPOSED), proposal))

    async def release(self, delivery: str, who: str, due: int) -> bool:
        """Commit that the word was given: from now on it is planned, and ours. False: somebody was first."""

        def released(connection: Connection) -> bool:
            if not settle(connection, delivery, ProposalState.GIVEN, who, self._clock()):
                return False
            waits = update(deliveries).where(deliveries.c.id == delivery)
            connection.execute(waits.values(due=due, told=False))
            given = Outcome(State.PLANNED, Reason.GIVEN)
            moves = [
                Move(PartKey(delivery, number), given, who)
                for number in _numbers(connection, delivery, State.PROPOSED)
            ]
            return any(self._apply(connection, moves))

        return await self._database.write(released)

    async def drop(self, delivery: str, state: ProposalState, who: str) -> bool:
        """Commit that a proposal comes to nothing, and why. False: it is settled."""

        def dropped(connection: Connection) -> bool:
            if not settle(connection, delivery, state, who, self._clock()):
                return False
            self._stop(connection, delivery, who, _DROPPED[state])
            return True

        return await self._database.write(dropped)

    async def begin(self, key: PartKey) -> bool:
        """Commit that the part is about to be sent; False: it was canceled or belongs to another process now."""
        return await self._move(Move(key, Outcome(State.SENDING, Reason.ASKED), self._who, owner=self._lease))

    async def settle(self, key: PartKey, outcome: Outcome, who: str | None = None) -> bool:
        """Commit what came of a part; False: it is already settled otherwise. `who` is a person, if not we."""
        return await self._move(Move(key, outcome, who or self._who))

    async def decide(self, key: PartKey, outcome: Outcome, who: str) -> bool:
        """Commit a person's answer; False: nothing was asked, or somebody has answered."""
        return await self._move(Move(key, outcome, who, answers=True))

    async def told(self, delivery: str) -> None:
        """Note that whoever asked has its result: nobody has to tell it any more."""
        await self._tell(delivery)

    async def show(self, delivery: str) -> Delivery | None:
        """One delivery with all its parts."""
        async with self._database.read() as connection:
            found = await load(connection, select(deliveries).where(deliveries.c.id == delivery))
        return found[0] if found else None

    async def newest(self, limit: int = NEWEST, state: State | None = None) -> tuple[Delivery, ...]:
        """The newest deliveries, newest first, of one state if wanted."""
        query = select(deliveries).order_by(deliveries.c.at.desc(), deliveries.c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(deliveries.c.state == state)
        async with self._database.read() as connection:
            return await load(connection, query)

    async def story(self, delivery: str) -> tuple[Change, ...]:
        """Every change of a delivery in order."""
        query = select(changes).where(changes.c.delivery == delivery).order_by(changes.c.id)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(
            Change(row.part, State(row.state), row.at, row.who, Reason(row.reason), row.words) for row in rows
        )

    async def knows(self, msg_id: str) -> bool:
        """Whether some part has this message id already."""
        query = select(parts.c.number).where(parts.c.msg_id == msg_id).limit(1)
        async with self._database.read() as connection:
            return (await connection.execute(query)).first() is not None

    async def of_message(self, msg_id: str) -> Delivery | None:
        """The delivery that a message belongs to."""
        of_part = select(parts.c.delivery).where(parts.c.msg_id == msg_id).limit(1)
        async with self._database.read() as connection:
            found = await load(
                connection, select(deliveries).where(deliveries.c.id == of_part.scalar_subquery())
            )
        return found[0] if found else None

    async def announced(self, since: int, until: int, text: str | None = None) -> tuple[Delivery, ...]:
        """What was to reach many between two times (UTC ms), the newest first, with this very text if given."""
        query = select(deliveries).where(
            deliveries.c.at.between(since, until),
            deliveries.c.act.in_([Act.BROADCAST.value, Act.PUBLISH.value, Act.NOTIFY.value]),
            deliveries.c.state != State.CANCELED.value,
        )
        if text is not None:
            query = query.where(deliveries.c.text == text)
        async with self._database.read() as connection:
            return await load(connection, query.order_by(deliveries.c.at.desc()).limit(FEW))

    async def last_sent(self, actor: str, act: str) -> int | None:
        """When this person's newest delivery of its kind was planned that went out, UTC ms."""
        query = select(func.max(deliveries.c.at)).where(
            deliveries.c.actor == actor, deliveries.c.act == act, deliveries.c.state == State.SENT.value
        )
        async with self._database.read() as connection:
            newest: int | None = (await connection.execute(query)).scalar()
        return newest

    async def cancel(self, delivery: str, who: str) -> int:
        """Stop what has not begun; gives the number of parts that will not be sent."""

        def canceled(connection: Connection) -> int:
            settle(connection, delivery, ProposalState.REJECTED, who, self._clock())
            return self._stop(connection, delivery, who, Reason.PERSON)

        return await self._database.write(canceled)

    def stop_all(self, connection: Connection, who: str) -> int:
        """Stop, in the caller's transaction, whatever is planned anywhere; gives how many calls that are."""
        planned = (
            select(parts.c.delivery, parts.c.number)
            .where(parts.c.state == State.PLANNED.value)
            .order_by(parts.c.delivery, parts.c.number)
        )
        frozen = Outcome(State.CANCELED, Reason.FROZEN)
        moves = [Move(PartKey(*row), frozen, who) for row in connection.execute(planned)]
        return sum(self._apply(connection, moves))

    def _stop(self, connection: Connection, delivery: str, who: str, reason: Reason) -> int:
        outcome = Outcome(State.CANCELED, reason)
        numbers = _numbers(connection, delivery, State.PROPOSED, State.PLANNED)
        return sum(
            self._apply(connection, [Move(PartKey(delivery, number), outcome, who) for number in numbers])
        )

    async def take_over(self, carried: Collection[str]) -> tuple[str, ...]:
        """Make ours what nobody carries any more: the deliveries of lapsed leases, and our own but for `carried`.

        What reads `sending` becomes unknown. What is settled, but was never told, is to be told.
        """
        now = self._clock()

        def taken(connection: Connection) -> tuple[str, ...]:
            left = connection.execute(_orphans(self._lease, list(carried), now)).all()
            untold = connection.execute(_untold(self._lease, now)).all()
            rows = dict.fromkeys((*left, *untold))
            keys = [PartKey(row.delivery, row.number) for row in rows]
            if not keys:
                return ()
            adopted = [{"of_delivery": key.delivery, "of_number": key.number} for key in keys]
            connection.execute(_ADOPT.values(lease=self._lease), adopted)
            ended = Outcome(State.UNKNOWN, Reason.PROCESS_ENDED)
            broken = [
                Move(PartKey(row.delivery, row.number), ended, self._who)
                for row in rows
                if row.state == State.SENDING
            ]
            write(connection, broken, self._lease, now)
            return tuple(dict.fromkeys(key.delivery for key in keys))

        return await self._database.write(taken)

    async def finish(self) -> None:
        """Wait until everything asked for is durable."""
        await self._plan.finish()
        await self._move.finish()
        await self._tell.finish()

    @property
    def _who(self) -> str:
        return f"process:{self._lease}"

    def _delivery(self, plan: Plan, invocation: Invocation, state: State, due: int = 0) -> Delivery:
        now = self._clock()
        made = tuple(Part(number, state, clients, at=now) for number, clients in enumerate(plan.calls()))
        return Delivery(plan, invocation.request, invocation.actor.id, invocation.place, now, made, due)

    async def _intended(self, intent: "_Intent") -> Planned:
        delivery = intent.delivery
        taken_by = await self._plan(intent)
        if taken_by == delivery.id:
            return Planned(delivery, fresh=True)
        first = await self.show(taken_by)
        if first is None:
            raise LookupError(f"request {delivery.request!r} has no delivery {taken_by}")
        return Planned(first, fresh=False)

    def _insert(self, connection: Connection, intents: Sequence["_Intent"]) -> Sequence[str]:
        planned = [each.delivery for each in intents]
        taken = claim(connection, [(each.request, each.id) for each in planned], self._clock())
        fresh = [each for each in planned if taken[each.request] == each.id]
        if fresh:
            connection.execute(insert(deliveries), [delivery_row(each) for each in fresh])
            _PART(connection, [part_row(each.id, part, self._lease) for each in fresh for part in each.parts])
            connection.execute(insert(changes), [first_change(each) for each in fresh])
        for intent in intents:
            if intent.proposal is not None and intent.delivery in fresh:
                keep(connection, intent.proposal)
        return [taken[each.request] for each in planned]

    def _mark_told(self, connection: Connection, ids: Sequence[str]) -> Sequence[None]:
        connection.execute(update(deliveries).where(deliveries.c.id.in_(sorted(set(ids)))).values(told=True))
        return [None] * len(ids)

    def _apply(self, connection: Connection, moves: Sequence[Move]) -> Sequence[bool]:
        return apply(connection, moves, self._lease, self._clock())


_PART = ForMany(insert(parts), ("delivery", "number", "state", "clients", "reason", "words", "at", "lease"))
_ADOPT = update(parts).where(
    parts.c.delivery == bindparam("of_delivery"), parts.c.number == bindparam("of_number")
)


def _numbers(connection: Connection, delivery: str, *states: State) -> Sequence[int]:
    """The parts of a delivery that are in one of these states."""
    wanted = parts.c.state.in_([state.value for state in states])
    query = select(parts.c.number).where(parts.c.delivery == delivery, wanted).order_by(parts.c.number)
    return connection.execute(query).scalars().all()


def _orphans(lease: str, carried: Collection[str], now: int) -> Select[str, int, str]:
    asked = parts.c.reason.in_([reason.value for reason in QUESTIONS])
    unsettled = parts.c.state.in_([State.PLANNED.value, State.SENDING.value])
    doubtful = and_(parts.c.state == State.UNKNOWN.value, not_(asked))
    dropped = and_(parts.c.lease == lease, parts.c.delivery.not_in(carried))
    return (
        select(parts.c.delivery, parts.c.number, parts.c.state)
        .where(or_(unsettled, doubtful), or_(_lapsed(lease, now), dropped))
        .order_by(parts.c.delivery, parts.c.number)
        .with_for_update(skip_locked=True)
    )


def _untold(lease: str, now: int) -> Select[str, int, str]:
    """What is left of deliveries whose result nobody has: settled or not."""
    untold = select(deliveries.c.id).where(deliveries.c.told.is_(False))
    return (
        select(parts.c.delivery, parts.c.number, parts.c.state)
        .where(parts.c.delivery.in_(untold), _lapsed(lease, now))
        .order_by(parts.c.delivery, parts.c.number)
        .with_for_update(skip_locked=True)
    )


def _lapsed(lease: str, now: int) -> ColumnElement[bool]:
    return and_(parts.c.lease != lease, parts.c.lease.not_in(living(now)))
