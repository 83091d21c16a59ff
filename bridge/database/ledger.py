"""Keeps deliveries: the intent is durable before anything is done, each change of state before the next step."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    exists,
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
from bridge.database.requests import claim
from bridge.database.rows import delivery_row, first_change, load, part_row
from bridge.database.tables import changes, deliveries, parts
from bridge.invocation import Invocation
from bridge.ledger import (
    LEAST_SETTLED_FIRST,
    QUESTIONS,
    Change,
    Delivery,
    Outcome,
    Part,
    PartKey,
    Plan,
    Planned,
    Reason,
    State,
    may_become,
)

NEWEST = 100
"""How many deliveries a list shows unless asked for more or fewer."""


@dataclass(frozen=True, slots=True)
class _Move:
    """A wish to change a part. `owner` is the lease that must hold it, where that matters."""

    key: PartKey
    outcome: Outcome
    who: str
    owner: str | None = None
    answers: bool = False
    """Only where a person has been asked."""

    def fits(self, held: "_Held") -> bool:
        """Whether it may be made of a part that stands so."""
        asked = held.state is State.UNKNOWN and held.reason in QUESTIONS
        return (
            may_become(held.state, self.outcome.state)
            and self.owner in (None, held.lease)
            and (asked or not self.answers)
        )


class _Held(NamedTuple):
    """How a part stands, and who holds it."""

    state: State
    reason: Reason
    lease: str


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

    async def plan(self, plan: Plan, invocation: Invocation) -> Planned:
        """Commit the intent together with its request key; a second plan with the same key gives the first."""
        planned = tuple(
            Part(number, State.PLANNED, clients, at=self._clock())
            for number, clients in enumerate(plan.calls())
        )
        delivery = Delivery(
            plan, invocation.request, invocation.actor.id, invocation.place, self._clock(), planned
        )
        taken_by = await self._plan(delivery)
        if taken_by == plan.id:
            return Planned(delivery, fresh=True)
        first = await self.show(taken_by)
        if first is None:
            raise LookupError(f"request {invocation.request!r} has no delivery {taken_by}")
        return Planned(first, fresh=False)

    async def begin(self, key: PartKey) -> bool:
        """Commit that the part is about to be sent; False: it was canceled or belongs to another process now."""
        return await self._move(
            _Move(key, Outcome(State.SENDING, Reason.ASKED), self._who, owner=self._lease)
        )

    async def settle(self, key: PartKey, outcome: Outcome, who: str | None = None) -> bool:
        """Commit what came of a part; False: it is already settled otherwise. `who` is a person, if not we."""
        return await self._move(_Move(key, outcome, who or self._who))

    async def decide(self, key: PartKey, outcome: Outcome, who: str) -> bool:
        """Commit a person's answer; False: nothing was asked, or somebody has answered."""
        return await self._move(_Move(key, outcome, who, answers=True))

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

    async def cancel(self, delivery: str, who: str) -> int:
        """Stop what has not begun; gives the number of parts that will not be sent."""
        found = await self.show(delivery)
        planned = [part for part in found.parts if part.state is State.PLANNED] if found else []
        outcome = Outcome(State.CANCELED, Reason.PERSON)
        return sum([await self.settle(PartKey(delivery, part.number), outcome, who) for part in planned])

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
                _Move(PartKey(row.delivery, row.number), ended, self._who)
                for row in rows
                if row.state == State.SENDING
            ]
            self._write(connection, broken)
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

    def _insert(self, connection: Connection, planned: Sequence[Delivery]) -> Sequence[str]:
        taken = claim(connection, [(each.request, each.id) for each in planned], self._clock())
        fresh = [each for each in planned if taken[each.request] == each.id]
        if fresh:
            connection.execute(insert(deliveries), [delivery_row(each) for each in fresh])
            _PART(connection, [part_row(each.id, part, self._lease) for each in fresh for part in each.parts])
            connection.execute(insert(changes), [first_change(each) for each in fresh])
        return [taken[each.request] for each in planned]

    def _mark_told(self, connection: Connection, ids: Sequence[str]) -> Sequence[None]:
        connection.execute(update(deliveries).where(deliveries.c.id.in_(sorted(set(ids)))).values(told=True))
        return [None] * len(ids)

    def _apply(self, connection: Connection, moves: Sequence[_Move]) -> Sequence[bool]:
        held = _states(connection, {move.key for move in moves})
        accepted: list[_Move] = []
        answers: list[bool] = []
        for move in moves:
            moved = move.key in held and move.fits(held[move.key])
            if moved:
                held[move.key] = _Held(move.outcome.state, move.outcome.reason, self._lease)
                accepted.append(move)
            answers.append(moved)
        self._write(connection, accepted)
        return answers

    def _write(self, connection: Connection, moves: Sequence[_Move]) -> None:
        if moves:
            now = self._clock()
            _MOVE(connection, [_moved_row(move, now, self._lease) for move in moves])
            _CHANGE(connection, [_change_row(move, now) for move in moves])
            _sum_up(connection, {move.key.delivery for move in moves})


_MOVE = ForMany(
    update(parts)
    .where(parts.c.delivery == bindparam("of_delivery"), parts.c.number == bindparam("of_number"))
    .values(
        state=bindparam("to_state"),
        reason=bindparam("to_reason"),
        words=bindparam("to_words"),
        msg_id=bindparam("to_msg_id"),
        timestamp=bindparam("to_timestamp"),
        at=bindparam("to_at"),
        lease=bindparam("to_lease"),
    ),
    (),
)
_CHANGE = ForMany(insert(changes), ("delivery", "part", "state", "at", "who", "reason", "words"))
_PART = ForMany(insert(parts), ("delivery", "number", "state", "clients", "reason", "words", "at", "lease"))
_WINDOW = (
    select(parts.c.number, parts.c.state, parts.c.reason, parts.c.lease)
    .where(
        parts.c.delivery == bindparam("of_delivery"),
        parts.c.number.between(bindparam("first"), bindparam("last")),
    )
    .order_by(parts.c.number)
    .with_for_update()
)


# A look into the index for each state, where the least of all parts would be read from every one of them.
_LEAST = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("of_delivery"))
    .values(
        state=case(
            *(
                (
                    exists().where(parts.c.delivery == deliveries.c.id, parts.c.state == state.value),
                    state.value,
                )
                for state in LEAST_SETTLED_FIRST
            ),
            else_=deliveries.c.state,
        )
    )
)


_ADOPT = update(parts).where(
    parts.c.delivery == bindparam("of_delivery"), parts.c.number == bindparam("of_number")
)


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


def _states(connection: Connection, keys: Iterable[PartKey]) -> dict[PartKey, _Held]:
    """How parts stand, locked until the transaction ends (in one order, so that nobody deadlocks).

    Those of one delivery are asked for as one window: what moves together mostly stands together.
    """
    windows: dict[str, list[int]] = {}
    for delivery, number in keys:
        windows.setdefault(delivery, []).append(number)
    held = {}
    for delivery, numbers in sorted(windows.items()):
        window = {"of_delivery": delivery, "first": min(numbers), "last": max(numbers)}
        for number, state, reason, lease in connection.execute(_WINDOW, window):
            held[PartKey(delivery, number)] = _Held(State(state), Reason(reason), lease)
    return held


def _sum_up(connection: Connection, ids: Iterable[str]) -> None:
    """Write the least settled state of their parts into deliveries."""
    for delivery in sorted(ids):
        connection.execute(_LEAST, {"of_delivery": delivery})


def _moved_row(move: _Move, now: int, lease: str) -> Mapping[str, object]:
    return {
        "of_delivery": move.key.delivery,
        "of_number": move.key.number,
        "to_state": move.outcome.state.value,
        "to_reason": move.outcome.reason.value,
        "to_words": move.outcome.words,
        "to_msg_id": move.outcome.msg_id,
        "to_timestamp": move.outcome.timestamp,
        "to_at": now,
        "to_lease": lease,
    }


def _change_row(move: _Move, now: int) -> Mapping[str, object]:
    return {
        "delivery": move.key.delivery,
        "part": move.key.number,
        "state": move.outcome.state.value,
        "at": now,
        "who": move.who,
        "reason": move.outcome.reason.value,
        "words": move.outcome.words,
    }
