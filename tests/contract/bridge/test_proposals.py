"""What waits for somebody's word: the first word counts, on whichever replica, and a freeze stops every one of them."""

import asyncio
from dataclasses import replace

import pytest

from bridge.database.engine import Database
from bridge.database.freezing import Freezing
from bridge.database.ledger import Ledger
from bridge.database.proposals import ProposalStore
from bridge.delivery import Pace
from bridge.invocation import Place, Trigger
from bridge.ledger import Act, Outcome, PartKey, Plan, Reason, State
from bridge.proposals import Proposal, ProposalState, digest_of_plan
from bridge.realtime.limits import Plan as Quotas
from bridge.watch import unwatched
from tests.contract.bridge.desk import Desk
from tests.contract.bridge.making import NOON, Clock, invocation, plan
from tests.contract.bridge.script import Hangs

HOUR = 3_600_000


def proposal(made: Plan) -> Proposal:
    return Proposal(
        id=made.id,
        line="broadcast news Party on Saturday!",
        command="broadcast",
        announces=True,
        digest=digest_of_plan(made),
        author="U1",
        zone="Asia/Shanghai",
        place=Place("T1", "C1"),
        trigger=Trigger.SLASH,
        at=NOON,
        until=NOON + HOUR,
        rule="telling-all",
        role="leads",
    )


async def proposed(ledger: Ledger, made: Plan | None = None) -> str:
    made = made or plan()
    planned = await ledger.propose(made, invocation(), proposal(made))
    assert planned.delivery.state is State.PROPOSED
    return made.id


async def test_a_proposal_is_kept_as_it_was_made(database: Database, ledger: Ledger, clock: Clock) -> None:
    name = await proposed(ledger)
    store = ProposalStore(database, clock)
    assert await store.show(name) == proposal(plan())
    assert await store.waiting() == (proposal(plan()),)
    assert await store.show("nothing") is None


async def test_a_request_proposes_once(ledger: Ledger) -> None:
    await proposed(ledger)
    again = plan("d2")
    planned = await ledger.propose(again, invocation(), proposal(again))
    assert (planned.fresh, planned.delivery.id) == (False, "d1")


async def test_of_many_words_at_once_on_two_replicas_one_counts(
    database: Database, ledger: Ledger, clock: Clock
) -> None:
    await proposed(ledger)
    other = Ledger(database, "two", clock)
    words = [each.release("d1", f"U{number}", 0) for number in range(2, 6) for each in (ledger, other)]
    assert sum(await asyncio.gather(*words)) == 1
    store = ProposalStore(database, clock)
    found = await store.show("d1")
    assert found is not None
    assert found.state is ProposalState.GIVEN
    assert [change.state for change in await ledger.story("d1")] == [State.PROPOSED, State.PLANNED]


async def test_approved_and_stopped_at_once_it_is_one_of_both(
    database: Database, ledger: Ledger, clock: Clock
) -> None:
    other = Ledger(database, "two", clock)
    for number in range(6):
        made = plan(f"d{number}")
        await ledger.propose(made, invocation(f"r{number}"), proposal(made))
        released, canceled = await asyncio.gather(
            ledger.release(made.id, "U2", NOON + HOUR), other.cancel(made.id, "U3")
        )
        found = await ledger.show(made.id)
        assert found is not None
        # Stopped after it was approved, or before: either way nothing of it goes out.
        assert (canceled, found.state) == (1, State.CANCELED), released
        assert not await ledger.begin(PartKey(made.id, 0))


async def test_approved_it_waits_until_it_is_due_and_goes_out_once(desk: Desk) -> None:
    await proposed(desk.ledger)
    sent = await desk.deliveries.release("d1", "U2", NOON + 60_000, desk.tell)
    assert sent is not None
    assert sent.state is State.SENT
    assert desk.clock.now >= NOON + 60_000
    assert len(desk.service.requests) == 1
    assert await desk.deliveries.release("d1", "U3", 0, desk.tell) is None


async def test_another_process_takes_over_a_countdown_and_keeps_to_it(database: Database) -> None:
    """SIGKILL in the middle of the safety window: it still goes out, once, and not before its time."""
    clock = Clock()
    dead = Ledger(database, "dead", clock)
    await proposed(dead)
    assert await dead.release("d1", "U2", NOON + 60_000)
    desk = Desk(Ledger(database, "living", clock), clock)
    taking = asyncio.create_task(desk.deliveries.take_over(unwatched(desk.post)))
    async with asyncio.timeout(10):
        _, reply = await desk.posted.get()
    taking.cancel()
    await asyncio.wait([taking])
    await desk.ledger.finish()
    assert "Sent" in str(reply.title)
    assert clock.now >= NOON + 60_000
    assert len(desk.service.requests) == 1


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (ProposalState.REJECTED, Reason.PERSON),
        (ProposalState.EXPIRED, Reason.EXPIRED),
        (ProposalState.VOID, Reason.VOID),
    ],
)
async def test_what_comes_to_nothing_says_why_and_stays_so(
    ledger: Ledger, state: ProposalState, reason: Reason
) -> None:
    await proposed(ledger)
    assert await ledger.drop("d1", state, "U2")
    found = await ledger.show("d1")
    assert found is not None
    assert [(part.state, part.reason) for part in found.parts] == [(State.CANCELED, reason)]
    assert not await ledger.release("d1", "U3", 0)
    assert not await ledger.drop("d1", state, "U3")


async def test_any_change_of_content_audience_or_time_has_another_digest() -> None:
    made = plan(act=Act.NOTIFY, clients=3)
    others = [
        replace(made, message=made.message + " "),
        replace(made, audience=made.audience[:2]),
        replace(made, sender="somebody else"),
        replace(made, push={"alert": "!"}),
        replace(made, options=replace(made.options, valid_till=NOON)),
        replace(made, conversation="another"),
        replace(made, act=Act.BROADCAST),
    ]
    assert len({digest_of_plan(each) for each in (made, *others)}) == len(others) + 1


# -- Freeze ------------------------------------------------------------------------------------------------------------


async def test_a_freeze_lets_no_call_begin_but_those_in_flight(
    database: Database, desk: Desk, clock: Clock
) -> None:
    freezing = Freezing(database, Ledger(database, "elsewhere", clock), clock)
    desk.deliveries = desk.with_quotas(Quotas(), Pace(calls_at_once=1))
    hangs = Hangs()
    running = asyncio.create_task(desk.carry_out(hangs, act=Act.NOTIFY, clients=400))
    await hangs.reached.wait()
    stopped = await freezing.freeze("U9")
    hangs.let_go.set()
    delivery = await running
    assert len(desk.service.requests) == 1
    assert delivery.count(State.SENT) == 1
    assert delivery.count(State.CANCELED) == 19
    assert stopped >= 18
    assert {part.reason for part in delivery.parts if part.state is State.CANCELED} == {Reason.FROZEN}


async def test_what_would_be_tried_again_is_not_while_everything_is_frozen(
    database: Database, ledger: Ledger, clock: Clock
) -> None:
    await ledger.plan(plan(), invocation())
    assert await ledger.begin(PartKey("d1", 0))
    await Freezing(database, ledger, clock).freeze("U9")
    # A 429 came back: it was certainly not sent, and would be.
    assert await ledger.settle(PartKey("d1", 0), Outcome(State.PLANNED, Reason.RATE_LIMITED))
    assert not await ledger.begin(PartKey("d1", 0))
    found = await ledger.show("d1")
    assert found is not None
    assert (found.state, found.parts[0].reason) == (State.CANCELED, Reason.FROZEN)


async def test_frozen_and_planned_at_once_on_two_replicas_nothing_goes_out_afterwards(
    database: Database, clock: Clock
) -> None:
    one, two = Ledger(database, "one", clock), Ledger(database, "two", clock)
    freezing = Freezing(database, two, clock)
    plans = [one.plan(plan(f"d{number}"), invocation(f"r{number}")) for number in range(20)]
    await asyncio.gather(*plans[:10], freezing.freeze("U9"), *plans[10:])
    begun = await asyncio.gather(*(one.begin(PartKey(f"d{number}", 0)) for number in range(20)))
    assert not any(begun)
    assert await freezing.unfreeze("U8")
    assert not await freezing.unfreeze("U8")
    again = await asyncio.gather(*(one.begin(PartKey(f"d{number}", 0)) for number in range(20)))
    assert not any(again), "what was stopped stays stopped"
