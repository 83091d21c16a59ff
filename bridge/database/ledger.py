"""Keeps deliveries: the intent is durable before anything is done, each change of state before the next step."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    not_,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clock import Clock, now_ms
from bridge.database.engine import Database
from bridge.database.group import GroupCommit
from bridge.database.leases import living
from bridge.database.requests import claim
from bridge.database.tables import changes, deliveries, parts
from bridge.invocation import Invocation, Place
from bridge.ledger import (
    LEAST_SETTLED_FIRST,
    QUESTIONS,
    Act,
    Change,
    Delivery,
    Options,
    Outcome,
    Part,
    PartKey,
    Plan,
    Planned,
    Reason,
    State,
    may_become,
)
from bridge.realtime.models import Kind

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
            found = await _load(connection, select(deliveries).where(deliveries.c.id == delivery))
        return found[0] if found else None

    async def newest(self, limit: int = NEWEST, state: State | None = None) -> tuple[Delivery, ...]:
        """The newest deliveries, newest first, of one state if wanted."""
        query = select(deliveries).order_by(deliveries.c.at.desc(), deliveries.c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(deliveries.c.state == state)
        async with self._database.read() as connection:
            return await _load(connection, query)

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
            found = await _load(
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
        async with self._database.write() as connection:
            left = (await connection.execute(_orphans(self._lease, carried, now))).all()
            untold = (await connection.execute(_untold(self._lease, now))).all()
            rows = dict.fromkeys((*left, *untold))
            keys = [PartKey(row.delivery, row.number) for row in rows]
            if not keys:
                return ()
            adopted = [{"of_delivery": key.delivery, "of_number": key.number} for key in keys]
            await connection.execute(_ADOPT.values(lease=self._lease), adopted)
            ended = Outcome(State.UNKNOWN, Reason.PROCESS_ENDED)
            broken = [
                _Move(PartKey(row.delivery, row.number), ended, self._who)
                for row in rows
                if row.state == State.SENDING
            ]
            await self._write(connection, broken)
        return tuple(dict.fromkeys(key.delivery for key in keys))

    async def finish(self) -> None:
        """Wait until everything asked for is durable."""
        await self._plan.finish()
        await self._move.finish()
        await self._tell.finish()

    @property
    def _who(self) -> str:
        return f"process:{self._lease}"

    async def _insert(self, connection: AsyncConnection, planned: Sequence[Delivery]) -> Sequence[str]:
        taken = await claim(connection, [(each.request, each.id) for each in planned], self._clock())
        fresh = [each for each in planned if taken[each.request] == each.id]
        if fresh:
            await connection.execute(insert(deliveries), [_delivery_row(each) for each in fresh])
            await connection.execute(
                insert(parts),
                [_part_row(each.id, part, self._lease) for each in fresh for part in each.parts],
            )
            await connection.execute(insert(changes), [_first_change(each) for each in fresh])
        return [taken[each.request] for each in planned]

    async def _mark_told(self, connection: AsyncConnection, ids: Sequence[str]) -> Sequence[None]:
        await connection.execute(
            update(deliveries).where(deliveries.c.id.in_(sorted(set(ids)))).values(told=True)
        )
        return [None] * len(ids)

    async def _apply(self, connection: AsyncConnection, moves: Sequence[_Move]) -> Sequence[bool]:
        held = await _states(connection, {move.key for move in moves})
        accepted: list[_Move] = []
        answers: list[bool] = []
        for move in moves:
            moved = move.key in held and move.fits(held[move.key])
            if moved:
                held[move.key] = _Held(move.outcome.state, move.outcome.reason, self._lease)
                accepted.append(move)
            answers.append(moved)
        await self._write(connection, accepted)
        return answers

    async def _write(self, connection: AsyncConnection, moves: Sequence[_Move]) -> None:
        if moves:
            now = self._clock()
            await connection.execute(_MOVE, [_moved_row(move, now, self._lease) for move in moves])
            await connection.execute(insert(changes), [_change_row(move, now) for move in moves])
            await _sum_up(connection, {move.key.delivery for move in moves})


_MOVE = (
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


async def _states(connection: AsyncConnection, keys: Iterable[PartKey]) -> dict[PartKey, _Held]:
    """How parts stand, locked until the transaction ends (in one order, so that nobody deadlocks)."""
    query = (
        select(parts.c.delivery, parts.c.number, parts.c.state, parts.c.reason, parts.c.lease)
        .where(tuple_(parts.c.delivery, parts.c.number).in_(list(keys)))
        .order_by(parts.c.delivery, parts.c.number)
        .with_for_update()
    )
    rows = (await connection.execute(query)).all()
    return {
        PartKey(row.delivery, row.number): _Held(State(row.state), Reason(row.reason), row.lease)
        for row in rows
    }


async def _sum_up(connection: AsyncConnection, ids: Iterable[str]) -> None:
    """Write the least settled state of their parts into deliveries."""
    rank = case({state.value: rank for rank, state in enumerate(LEAST_SETTLED_FIRST)}, value=parts.c.state)
    least = select(func.min(rank)).where(parts.c.delivery == deliveries.c.id).scalar_subquery()
    state = case({rank: state.value for rank, state in enumerate(LEAST_SETTLED_FIRST)}, value=least)
    await connection.execute(update(deliveries).where(deliveries.c.id.in_(sorted(ids))).values(state=state))


async def _load(connection: AsyncConnection, query: Select[tuple[object, ...]]) -> tuple[Delivery, ...]:
    rows = (await connection.execute(query)).all()
    if not rows:
        return ()
    of_these = (
        select(parts)
        .where(parts.c.delivery.in_([row.id for row in rows]))
        .order_by(parts.c.delivery, parts.c.number)
    )
    found: dict[str, list[Part]] = {row.id: [] for row in rows}
    for row in (await connection.execute(of_these)).all():
        found[row.delivery].append(_part(row))
    return tuple(_delivery(row, tuple(found[row.id])) for row in rows)


def _delivery(row: Row[tuple[object, ...]], of: tuple[Part, ...]) -> Delivery:
    options = json.loads(row.options)
    plan = Plan(
        id=row.id,
        act=Act(row.act),
        conversation=row.conversation,
        kind=Kind(row.kind),
        name=row.name,
        sender=row.sender,
        message=row.message,
        text=row.text,
        typed=row.typed,
        push=None if row.push is None else json.loads(row.push),
        options=Options(**{**options, "mentions": tuple(options["mentions"])}),
        audience=tuple(client for part in of for client in part.clients),
    )
    return Delivery(plan, row.request, row.actor, Place(row.team, row.channel), row.at, of)


def _part(row: Row[tuple[object, ...]]) -> Part:
    return Part(
        number=row.number,
        state=State(row.state),
        clients=tuple(json.loads(row.clients)),
        msg_id=row.msg_id,
        timestamp=row.timestamp,
        reason=Reason(row.reason),
        words=row.words,
        at=row.at,
    )


def _delivery_row(delivery: Delivery) -> Mapping[str, object]:
    plan = delivery.plan
    return {
        "id": plan.id,
        "act": plan.act.value,
        "conversation": plan.conversation,
        "kind": plan.kind.value,
        "name": plan.name,
        "sender": plan.sender,
        "message": plan.message,
        "text": plan.text,
        "typed": plan.typed,
        "push": None if plan.push is None else json.dumps(plan.push, ensure_ascii=False),
        "options": json.dumps(asdict(plan.options)),
        "request": delivery.request,
        "actor": delivery.actor,
        "team": delivery.place.team,
        "channel": delivery.place.channel,
        "at": delivery.at,
        "state": delivery.state.value,
        "told": False,
    }


def _part_row(delivery: str, part: Part, lease: str) -> Mapping[str, object]:
    return {
        "delivery": delivery,
        "number": part.number,
        "state": part.state.value,
        "clients": json.dumps(part.clients, ensure_ascii=False),
        "reason": part.reason.value,
        "words": part.words,
        "at": part.at,
        "lease": lease,
    }


def _first_change(delivery: Delivery) -> Mapping[str, object]:
    return {
        "delivery": delivery.id,
        "part": None,
        "state": delivery.state.value,
        "at": delivery.at,
        "who": delivery.actor,
        "reason": Reason.ASKED.value,
        "words": "",
    }


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
