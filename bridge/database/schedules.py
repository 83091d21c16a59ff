"""Keeps schedules and their fires: one row for each schedule and instant, there before anything is done."""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import (
    Connection,
    Delete,
    Row,
    Select,
    Update,
    bindparam,
    delete,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from bridge.clock import Clock, now_ms
from bridge.cron import Fire, FireState, Interrupted, Known, Schedule
from bridge.database.engine import Database, insert_new
from bridge.database.group import GroupCommit
from bridge.database.leases import living
from bridge.database.tables import fires, requests, revisions, schedules
from bridge.errors import BadConfiguration, Problem
from bridge.invocation import Consent, Place

REVISION = "schedules"


class ScheduleStore:
    """The schedules and fires of all replicas; `lease` names this process."""

    def __init__(self, database: Database, lease: str, clock: Clock = now_ms) -> None:
        self._database = database
        self._lease = lease
        self._clock = clock
        self._claim = GroupCommit(database, self._claim_all)
        self._settle = GroupCommit(database, self._settle_all)

    async def synchronise(self, settings: Iterable[Schedule]) -> None:
        """Make the ownerless schedules those of the settings; one whose times changed begins anew."""
        wanted = {each.name: each for each in settings}

        def synchronised(connection: Connection) -> None:
            there = {known.schedule.name: known for known in _all(connection)}
            _refuse_taken(wanted, there)
            gone = [name for name, known in there.items() if not known.schedule.owner and name not in wanted]
            new = [each for each in wanted.values() if _schedule_of(there.get(each.name)) != each]
            if not gone and not new:
                return
            kept = {
                each.name: there[each.name].done_until
                for each in new
                if _times(_schedule_of(there.get(each.name))) == _times(each)
            }
            stale = [{"of_name": name} for name in (*gone, *(each.name for each in new))]
            connection.execute(delete(schedules).where(schedules.c.name == bindparam("of_name")), stale)
            self._add(connection, new, kept)
            _revise(connection)

        await self._database.write(synchronised)

    async def add(self, schedule: Schedule) -> bool:
        """Keep a new schedule; False: there is one of that name."""

        def added(connection: Connection) -> bool:
            there = select(schedules.c.name).where(schedules.c.name == schedule.name)
            if connection.execute(there).first() is not None:
                return False
            self._add(connection, (schedule,), {})
            _revise(connection)
            return True

        return await self._database.write(added)

    async def remove(self, name: str) -> None:
        """Forget a schedule; the record of its fires stays."""
        await self._changed(delete(schedules).where(schedules.c.name == name))

    async def pause(self, name: str, *, paused: bool) -> None:
        """Stop or start a schedule; what it missed meanwhile is nobody's business."""
        values = {"paused": paused, "done_until": self._clock()}
        await self._changed(update(schedules).where(schedules.c.name == name).values(values))

    async def all(self) -> tuple[Known, ...]:
        """Every schedule, by name."""
        async with self._database.read() as connection:
            return await connection.run_sync(_all)

    async def revision(self) -> int:
        """Grows with each change to the schedules by any replica."""
        async with self._database.read() as connection:
            found = await connection.execute(select(revisions.c.number).where(revisions.c.of == REVISION))
            return found.scalar() or 0

    async def claim(self, fire: Fire, state: FireState = FireState.CLAIMED) -> bool:
        """Take a fire, durably; False: it is taken, by this process or another."""
        return await self._claim((fire, state))

    async def settle(self, fire: Fire, state: FireState, *, of: FireState) -> bool:
        """Move a fire from one state to the next; False: it was not in the first."""
        return await self._settle((fire, of, state))

    async def take_over(self, carried: Collection[Fire]) -> tuple[Interrupted, ...]:
        """Make ours the fires that nobody carries any more: of lapsed leases, and our own but for `carried`."""

        def taken(connection: Connection) -> tuple[Interrupted, ...]:
            rows = connection.execute(_orphans(self._lease, self._clock())).all()
            left = {
                Fire(row.schedule, row.instant): FireState(row.state)
                for row in rows
                if row.lease != self._lease or Fire(row.schedule, row.instant) not in carried
            }
            if not left:
                return ()
            adopted = [{"of_schedule": fire.schedule, "of_instant": fire.instant} for fire in left]
            connection.execute(_ADOPT.values(lease=self._lease), adopted)
            keys = select(requests.c.key).where(requests.c.key.in_([fire.request for fire in left]))
            acted = set(connection.execute(keys).scalars())
            return tuple(Interrupted(fire, state, fire.request in acted) for fire, state in left.items())

        return await self._database.write(taken)

    async def finish(self) -> None:
        """Wait until everything asked for is durable."""
        await self._claim.finish()
        await self._settle.finish()

    async def _changed(self, change: Update | Delete) -> None:
        def changed(connection: Connection) -> None:
            connection.execute(change)
            _revise(connection)

        await self._database.write(changed)

    def _add(self, connection: Connection, added: Sequence[Schedule], kept: Mapping[str, int]) -> None:
        now = self._clock()
        rows = [_row(each, kept.get(each.name, now)) for each in added]
        if rows:
            connection.execute(insert(schedules), rows)

    def _claim_all(self, connection: Connection, wanted: Sequence[tuple[Fire, FireState]]) -> Sequence[bool]:
        now, claims = self._clock(), [secrets.token_hex(16) for _ in wanted]
        rows = [
            {**fire._asdict(), "state": state.value, "at": now, "claim": claim, "lease": self._lease}
            for (fire, state), claim in zip(wanted, claims, strict=True)
        ]
        connection.execute(insert_new(connection, fires), rows)
        held = select(fires.c.claim).where(
            tuple_(fires.c.schedule, fires.c.instant).in_([tuple(fire) for fire, _ in wanted])
        )
        won = set(connection.execute(held).scalars())
        newest: dict[str, int] = {}
        for fire, _ in wanted:
            newest[fire.schedule] = max(fire.instant, newest.get(fire.schedule, 0))
        reached = [{"of_name": name, "instant": instant} for name, instant in sorted(newest.items())]
        connection.execute(_DONE_UNTIL, reached)
        return [claim in won for claim in claims]

    def _settle_all(
        self, connection: Connection, wanted: Sequence[tuple[Fire, FireState, FireState]]
    ) -> Sequence[bool]:
        query = (
            select(fires.c.schedule, fires.c.instant, fires.c.state)
            .where(tuple_(fires.c.schedule, fires.c.instant).in_([tuple(fire) for fire, _, _ in wanted]))
            .order_by(fires.c.schedule, fires.c.instant)
            .with_for_update()
        )
        rows = connection.execute(query).all()
        held = {Fire(row.schedule, row.instant): FireState(row.state) for row in rows}
        answers: list[bool] = []
        moved: list[Mapping[str, object]] = []
        for fire, of, state in wanted:
            answers.append(held.get(fire) is of)
            if answers[-1]:
                held[fire] = state
                moved.append(
                    {
                        "of_schedule": fire.schedule,
                        "of_instant": fire.instant,
                        "to_state": state.value,
                        "to_at": self._clock(),
                        "to_lease": self._lease,
                    }
                )
        if moved:
            connection.execute(_SETTLE, moved)
        return answers


_DONE_UNTIL = (
    update(schedules)
    .where(schedules.c.name == bindparam("of_name"), schedules.c.done_until < bindparam("instant"))
    .values(done_until=bindparam("instant"))
)
_SETTLE = (
    update(fires)
    .where(fires.c.schedule == bindparam("of_schedule"), fires.c.instant == bindparam("of_instant"))
    .values(state=bindparam("to_state"), at=bindparam("to_at"), lease=bindparam("to_lease"))
)


_ADOPT = update(fires).where(
    fires.c.schedule == bindparam("of_schedule"), fires.c.instant == bindparam("of_instant")
)


def _orphans(lease: str, now: int) -> Select[str, int, str, str]:
    return (
        select(fires.c.schedule, fires.c.instant, fires.c.state, fires.c.lease)
        .where(
            fires.c.state.in_([FireState.CLAIMED.value, FireState.ASKING.value]),
            or_(fires.c.lease == lease, fires.c.lease.not_in(living(now))),
        )
        .order_by(fires.c.schedule, fires.c.instant)
        .with_for_update(skip_locked=True)
    )


def _revise(connection: Connection) -> None:
    connection.execute(insert_new(connection, revisions), {"of": REVISION, "number": 0})
    connection.execute(
        update(revisions).where(revisions.c.of == REVISION).values(number=revisions.c.number + 1)
    )


def _all(connection: Connection) -> tuple[Known, ...]:
    rows = connection.execute(select(schedules).order_by(schedules.c.name)).all()
    return tuple(Known(_schedule(row), row.done_until) for row in rows)


def _refuse_taken(wanted: Iterable[str], there: Mapping[str, Known]) -> None:
    """BadConfiguration: somebody has added a schedule of the same name in Slack."""
    taken = [there[name].schedule for name in wanted if name in there and there[name].schedule.owner]
    if taken:
        raise BadConfiguration(
            tuple(
                Problem(
                    "app.yaml schedules",
                    f"{each.name!r} was added in Slack by {each.owner}: choose another name",
                )
                for each in taken
            )
        )


def _schedule_of(known: Known | None) -> Schedule | None:
    return None if known is None else known.schedule


def _times(schedule: Schedule | None) -> tuple[str, str] | None:
    return None if schedule is None else (schedule.when, schedule.zone)


def _schedule(row: Row[tuple[object, ...]]) -> Schedule:
    return Schedule(
        name=row.name,
        when=row.spec,
        zone=row.zone,
        line=row.line,
        place=Place(row.team, row.channel),
        grace_ms=row.grace,
        owner=row.owner,
        paused=row.paused,
        expires=row.expires,
        consent=Consent(row.consent_by, row.consent_role) if row.consent_by else None,
    )


def _row(schedule: Schedule, done_until: int) -> Mapping[str, object]:
    return {
        "name": schedule.name,
        "spec": schedule.when,
        "zone": schedule.zone,
        "line": schedule.line,
        "team": schedule.place.team,
        "channel": schedule.place.channel,
        "grace": schedule.grace_ms,
        "owner": schedule.owner,
        "paused": schedule.paused,
        "expires": schedule.expires,
        "done_until": done_until,
        "consent_by": schedule.consent.who if schedule.consent else "",
        "consent_role": schedule.consent.role if schedule.consent else None,
    }
