"""Keeps the quotas' usage for all replicas: a call is counted in the database before it is made."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TypeAlias

from sqlalchemy import Connection, bindparam, select, update

from bridge.clock import Clock, now_ms
from bridge.database.engine import Database, insert_new
from bridge.database.group import GroupCommit
from bridge.database.tables import quotas
from bridge.realtime import limits
from bridge.realtime.limits import Family, Plan, Quota, Usage
from bridge.realtime.pacing import Left, Meter, Turn, left_of, turn_of

_Release: TypeAlias = tuple[Family, Turn]


class SharedMeter:
    """A Pacer over one database.

    A family without any total is kept in this process alone: counting it would cost a commit for each call, and a 429
    teaches every replica the same.
    """

    def __init__(self, database: Database, plan: Plan, clock: Clock = now_ms) -> None:
        self._database = database
        self._plan = plan
        self._clock = clock
        self._unlimited = Meter(plan, clock)
        self._reserve = GroupCommit(database, self._reserve_all)
        self._release = GroupCommit(database, self._release_all)

    async def reserve(self, family: Family) -> Turn:
        """Count one call, or say how long to wait."""
        if self._is_unlimited(family):
            return await self._unlimited.reserve(family)
        return await self._reserve(family)

    async def release(self, family: Family, turn: Turn) -> None:
        """Take back a call that was certainly not made."""
        if self._is_unlimited(family):
            await self._unlimited.release(family, turn)
        else:
            await self._release((family, turn))

    async def penalise(self, family: Family, *, daily: bool) -> int:
        """Note the service's 429; gives the milliseconds to wait."""
        if self._is_unlimited(family):
            return await self._unlimited.penalise(family, daily=daily)
        now = self._clock()

        def noted(connection: Connection) -> Usage:
            usage = limits.penalise(_usages(connection, [family])[family], now, daily=daily)
            _keep(connection, {family: usage})
            return usage

        usage = await self._database.write(noted)
        return limits.wait_ms(usage, self._plan.quota(family), now)

    async def left(self, family: Family) -> Left:
        """What may still be called, as far as this count knows."""
        if self._is_unlimited(family):
            return await self._unlimited.left(family)
        async with self._database.read() as connection:
            query = select(quotas.c.usage).where(quotas.c.family == family.value)
            kept = (await connection.execute(query)).scalar()
        usage = Usage() if kept is None else _read(kept)
        return left_of(usage, self._plan.quota(family), self._clock())

    async def finish(self) -> None:
        """Wait until everything asked for is durable."""
        await self._reserve.finish()
        await self._release.finish()

    def _is_unlimited(self, family: Family) -> bool:
        return self._plan.quota(family) == Quota()

    def _reserve_all(self, connection: Connection, families: Sequence[Family]) -> Sequence[Turn]:
        usages = _usages(connection, families)
        now = self._clock()
        turns: list[Turn] = []
        for family in families:
            turn, usages[family] = turn_of(usages[family], self._plan.quota(family), now)
            turns.append(turn)
        _keep(connection, usages)
        return turns

    def _release_all(self, connection: Connection, back: Sequence[_Release]) -> Sequence[None]:
        usages = _usages(connection, [family for family, _ in back])
        for family, turn in back:
            usages[family] = limits.release(usages[family], turn.at, self._clock())
        _keep(connection, usages)
        return [None] * len(back)


_KEEP = update(quotas).where(quotas.c.family == bindparam("of_family")).values(usage=bindparam("to_usage"))


def _usages(connection: Connection, wanted: Iterable[Family]) -> dict[Family, Usage]:
    """What families have used, locked until the transaction ends (in one order, so that nobody deadlocks)."""
    names = sorted({family.value for family in wanted})
    query = select(quotas).where(quotas.c.family.in_(names)).order_by(quotas.c.family).with_for_update()
    rows = connection.execute(query).all()
    if len(rows) < len(names):
        empty = _written(Usage())
        absent = [{"family": name, "usage": empty} for name in names]
        connection.execute(insert_new(connection, quotas), absent)
        rows = connection.execute(query).all()
    return {Family(row.family): _read(row.usage) for row in rows}


def _keep(connection: Connection, usages: dict[Family, Usage]) -> None:
    rows = [{"of_family": family.value, "to_usage": _written(usage)} for family, usage in usages.items()]
    connection.execute(_KEEP, rows)


def _written(usage: Usage) -> str:
    return json.dumps(asdict(usage))


def _read(kept: str) -> Usage:
    fields = json.loads(kept)
    return Usage(
        tuple((second, calls) for second, calls in fields["seconds"]),
        tuple((day, calls) for day, calls in fields["days"]),
        fields["blocked_until"],
    )
