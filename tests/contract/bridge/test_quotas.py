"""Quotas are one count for all replicas, kept in the database across their deaths."""

import asyncio

import httpx
import pytest

from bridge.database.engine import Database
from bridge.database.ledger import Ledger
from bridge.database.quotas import SharedMeter
from bridge.delivery import Deliveries, Pace
from bridge.errors import Failed, Refused
from bridge.forecast import Say
from bridge.invocation import Place
from bridge.ledger import Act, State
from bridge.phrases import phrase, plain
from bridge.realtime.limits import Family, Plan
from bridge.reply import Hint, Reply
from tests.contract.bridge.desk import Desk
from tests.contract.bridge.making import NOON, Clock, invocation, plan
from tests.contract.bridge.script import yes

MINUTE = 60_000


async def test_replicas_share_one_count(database: Database, clock: Clock) -> None:
    meters = [SharedMeter(database, Plan(messages_per_minute=50), clock) for _ in range(3)]
    turns = await asyncio.gather(*(meters[number % 3].reserve(Family.MESSAGES) for number in range(80)))
    assert sum(turn.wait_ms == 0 for turn in turns) == 50
    for meter in meters:
        left = await meter.left(Family.MESSAGES)
        assert (left.per_minute, left.per_day, left.minute_total) == (0, None, 50)
        assert 0 < left.wait_ms <= MINUTE + 1_000


async def test_what_a_dead_process_has_used_still_counts(database: Database, clock: Clock) -> None:
    quotas = Plan(broadcasts_per_day=1)
    assert (await SharedMeter(database, quotas, clock).reserve(Family.BROADCASTS)).wait_ms == 0
    turn = await SharedMeter(database, quotas, clock).reserve(Family.BROADCASTS)
    assert turn.wait_ms > MINUTE
    assert turn.daily


async def test_a_call_that_was_not_made_is_given_back_to_all(database: Database, clock: Clock) -> None:
    one, two = (SharedMeter(database, Plan(broadcasts_per_minute=1), clock) for _ in range(2))
    turn = await one.reserve(Family.BROADCASTS)
    assert (await two.reserve(Family.BROADCASTS)).wait_ms > 0
    await one.release(Family.BROADCASTS, turn)
    assert (await two.reserve(Family.BROADCASTS)).wait_ms == 0


async def test_a_429_to_one_replica_silences_the_family_for_all(database: Database, clock: Clock) -> None:
    one, two = (SharedMeter(database, Plan(messages_per_minute=100), clock) for _ in range(2))
    await one.penalise(Family.MESSAGES, daily=False)
    assert (await two.reserve(Family.MESSAGES)).wait_ms == MINUTE
    assert (await two.left(Family.SUBSCRIPTIONS)).wait_ms == 0
    clock.advance(MINUTE)
    assert (await two.reserve(Family.MESSAGES)).wait_ms == 0


async def test_a_family_without_totals_still_heeds_a_429(database: Database, clock: Clock) -> None:
    meter = SharedMeter(database, Plan(), clock)
    turn = await meter.reserve(Family.MESSAGES)
    await meter.release(Family.MESSAGES, turn)
    assert await meter.penalise(Family.MESSAGES, daily=False) == MINUTE
    assert (await meter.reserve(Family.MESSAGES)).wait_ms == MINUTE


async def test_two_replicas_that_notify_at_once_stay_within_the_minute_together(
    desk: Desk, database: Database, clock: Clock
) -> None:
    """The service answers 429 to all once they are over it: waiting must be for both."""
    allowed = Plan(messages_per_minute=4)
    desks = [desk, Desk(Ledger(database, "two", clock), clock, desk.service)]
    at: list[int] = []

    async def note(request: httpx.Request) -> httpx.Response:
        at.append(clock.now - NOON)
        return await yes(f"m{len(at)}")(request)

    desk.service.answers += [note] * 20
    carried = []
    for number, each in enumerate(desks):
        client = desk.service.client(clock, SharedMeter(database, allowed, clock))
        deliveries = Deliveries(each.ledger, client, clock, Pace(), each.sleep)
        made = plan(f"d{number}", act=Act.NOTIFY, clients=120)
        carried.append(deliveries.carry_out(made, invocation(f"trigger-{number}"), each.tell))
    for delivery in await asyncio.gather(*carried):
        assert delivery.state is State.SENT
    for moment in at:
        assert sum(moment - MINUTE < other <= moment for other in at) <= 4


async def test_a_lease_that_has_lapsed_while_we_slept_makes_no_call(desk: Desk, database: Database) -> None:
    """Suspended between `sending` and the call; by now a person may have had it sent again."""
    awake = iter((False, True))
    desk.deliveries = Deliveries(
        Ledger(database, "one", desk.clock, holds=lambda: next(awake)),
        desk.service.client(desk.clock),
        desk.clock,
        Pace(),
        desk.sleep,
    )
    delivery = await desk.carry_out(yes("m1"))
    assert delivery.state is State.SENT
    story = [change.state for change in await desk.ledger.story("d1")]
    assert story == [State.PLANNED, State.SENDING, State.PLANNED, State.SENDING, State.SENT]
    assert len(desk.service.requests) == 1


# Before it starts


def limited(desk: Desk, database: Database, quotas: Plan, say: Say | None = None) -> Deliveries:
    client = desk.service.client(desk.clock, SharedMeter(database, quotas, desk.clock))
    return Deliveries(desk.ledger, client, desk.clock, Pace(), desk.sleep, say)


async def test_a_delivery_that_would_run_over_says_so_before_it_starts(
    desk: Desk, database: Database
) -> None:
    deliveries = limited(desk, database, Plan(messages_per_minute=2))
    made = plan(act=Act.NOTIFY, clients=100)
    delivery = await deliveries.carry_out(made, invocation(), desk.tell)
    assert delivery.state is State.SENT
    first = desk.told[0]
    assert plain(first.title).startswith("Planned: ")
    said = [plain(part.words) for part in first.parts if isinstance(part, Hint)]
    assert said == ["Its 5 calls are more than the quota allows at once: it takes about 2 minutes."]


async def test_a_delivery_that_fits_says_nothing_of_quotas(desk: Desk, database: Database) -> None:
    deliveries = limited(desk, database, Plan(messages_per_minute=5))
    await deliveries.carry_out(plan(act=Act.NOTIFY, clients=100), invocation(), desk.tell)
    assert desk.told == []


async def test_a_delivery_beyond_the_day_is_refused_before_anything_is_done(
    desk: Desk, database: Database
) -> None:
    deliveries = limited(desk, database, Plan(messages_per_day=4))
    with pytest.raises(Refused, match="4 more of this kind today"):
        await deliveries.carry_out(plan(act=Act.NOTIFY, clients=100), invocation(), desk.tell)
    assert desk.service.requests == []
    assert await desk.ledger.newest() == ()


async def test_a_delivery_that_nobody_would_hear_the_end_of_is_refused(
    desk: Desk, database: Database
) -> None:
    said: list[Place] = []

    async def say(place: Place, reply: Reply) -> None:
        said.append(place)
        raise Failed(phrase("not in channel"), code="not_in_channel")

    deliveries = limited(desk, database, Plan(messages_per_minute=1), say)
    with pytest.raises(Refused) as refused:
        await deliveries.carry_out(plan(act=Act.NOTIFY, clients=640), invocation(), desk.tell)
    assert refused.value.hint is not None
    assert plain(refused.value.hint) == "Invite me first."
    assert await desk.ledger.newest() == ()
    short = await deliveries.carry_out(plan(act=Act.NOTIFY, clients=200), invocation("r2"), desk.tell)
    assert short.state is State.SENT
    assert said == [Place("T1", "C1")]


async def test_a_long_delivery_begins_by_saying_so_where_it_was_asked(desk: Desk, database: Database) -> None:
    said: list[str] = []

    async def say(place: Place, reply: Reply) -> None:
        said.append(plain(reply.title))

    deliveries = limited(desk, database, Plan(messages_per_minute=1), say)
    await deliveries.carry_out(plan(act=Act.NOTIFY, clients=640), invocation(), desk.tell)
    assert said == ["A delivery begins that takes about 31 minutes; its result comes here."]
