"""What may have gone out is looked for, never repeated; what a dead process has left is carried on by a living one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import event

from bridge.database.engine import Database
from bridge.database.leases import Lease
from bridge.database.ledger import Ledger
from bridge.delivery import Deliveries, Pace
from bridge.errors import Refused
from bridge.invocation import Place
from bridge.ledger import Act, Answer, Options, Outcome, PartKey, Reason, State
from bridge.phrases import plain
from bridge.realtime.limits import Plan as Quotas
from bridge.realtime.models import Kind
from bridge.watch import unwatched
from tests.contract.bridge.desk import Desk
from tests.contract.bridge.making import NOON, Clock, invocation, plan, raw
from tests.contract.bridge.script import Hangs, fails, row, yes

LOST = fails(httpx.ReadError("connection reset"))


# Looked for


async def test_a_lost_broadcast_that_is_in_the_service_is_sent(desk: Desk) -> None:
    """The service acted and the answer was lost; its list shows the broadcast some seconds later."""
    desk.service.rows = [row("something else", "m1"), row(plan().message, "m9", NOON + 4)]
    desk.service.lag = 3
    delivery = await desk.carry_out(LOST)
    assert (delivery.state, delivery.parts[0].reason) == (State.SENT, Reason.FOUND)
    assert (delivery.parts[0].msg_id, delivery.parts[0].timestamp) == ("m9", NOON + 4)
    assert len(desk.service.requests) == 1


async def test_what_is_not_found_is_asked_about_after_the_settle_time_and_not_before(desk: Desk) -> None:
    desk.service.rows = [row(plan("another").message)]
    delivery = await desk.carry_out(LOST)
    assert (delivery.state, delivery.parts[0].reason) == (State.UNKNOWN, Reason.NOT_FOUND)
    assert 30_000 <= desk.clock.now - NOON < 75_000
    assert len(desk.service.requests) == 1


async def test_a_lost_message_is_looked_for_in_its_conversation(desk: Desk) -> None:
    made = replace(plan(act=Act.SEND), kind=Kind.NORMAL)
    desk.service.answers, desk.service.rows = [LOST], [row(made.message)]
    delivery = await desk.deliveries.carry_out(made, invocation(), desk.tell)
    assert delivery.state is State.SENT
    assert desk.service.reads[0].url.path == f"/1.2/rtm/conversations/{made.conversation}/messages"


async def test_a_lost_call_of_a_notification_is_looked_for_with_one_of_its_clients(desk: Desk) -> None:
    desk.service.rows = [row(plan().message)]
    delivery = await desk.carry_out(LOST, act=Act.NOTIFY, clients=60)
    assert delivery.state is State.SENT
    assert len(desk.service.requests) == 3
    [read] = desk.service.reads
    lost = next(part for part in delivery.parts if part.reason is Reason.FOUND)
    assert read.url.path.endswith(f"/subscribers/{lost.clients[0]}/messages")


async def test_a_lost_publication_is_looked_for_with_subscribers(desk: Desk) -> None:
    desk.service.rows, desk.service.subscribers = [row(plan().message)], ["tom"]
    delivery = await desk.carry_out(LOST, act=Act.PUBLISH)
    assert delivery.state is State.SENT
    assert desk.service.reads[-1].url.path.endswith("/subscribers/tom/messages")


async def test_a_lost_publication_without_subscribers_is_asked_about(desk: Desk) -> None:
    delivery = await desk.carry_out(LOST, act=Act.PUBLISH)
    assert (delivery.state, delivery.parts[0].reason) == (State.UNKNOWN, Reason.NOT_FOUND)


async def test_a_lost_transient_message_is_asked_about_at_once(desk: Desk) -> None:
    desk.service.answers = [LOST]
    made = replace(plan(), options=Options(transient=True))
    delivery = await desk.deliveries.carry_out(made, invocation(), desk.tell)
    assert (delivery.state, delivery.parts[0].reason) == (State.UNKNOWN, Reason.NO_TRACE)
    assert desk.service.reads == []


async def test_a_service_that_cannot_be_asked_leaves_the_question_to_a_person(desk: Desk) -> None:
    desk.service.unreadable = True
    delivery = await desk.carry_out(LOST)
    assert (delivery.state, delivery.parts[0].reason) == (State.UNKNOWN, Reason.NOT_ASKED)
    assert desk.clock.now - NOON >= 120_000


async def test_a_plain_string_is_recognised_by_sender_text_and_time(desk: Desk) -> None:
    made = raw(plan())
    desk.service.answers = [LOST]
    desk.service.rows = [
        row(made.message, "other-sender", NOON, "somebody"),
        row(made.message, "too-old", NOON - 3_600_000),
        row(made.message, "m9", NOON + 1),
    ]
    delivery = await desk.deliveries.carry_out(made, invocation(), desk.tell)
    assert (delivery.parts[0].reason, delivery.parts[0].msg_id) == (Reason.RECOGNISED, "m9")


async def test_a_plain_string_is_not_taken_for_an_equal_one_that_is_known(desk: Desk) -> None:
    """The same words went out a minute ago: that message proves nothing about the lost one."""
    made = raw(plan())
    desk.service.answers = [yes("m9", NOON), LOST]
    await desk.deliveries.carry_out(made, invocation("first"), desk.tell)
    desk.service.rows = [row(made.message, "m9", NOON)]
    again = await desk.deliveries.carry_out(replace(made, id="d2"), invocation("second"), desk.tell)
    assert (again.state, again.parts[0].reason) == (State.UNKNOWN, Reason.NOT_FOUND)


# Decided


async def lost(desk: Desk, act: Act = Act.BROADCAST, clients: int = 0) -> None:
    delivery = await desk.carry_out(LOST, act=act, clients=clients)
    assert delivery.questioned


async def test_a_person_says_that_it_went_out(desk: Desk) -> None:
    await lost(desk)
    delivery = await desk.deliveries.resolve("d1", Answer.SENT, "U2", desk.tell)
    assert delivery is not None
    assert (delivery.state, delivery.parts[0].reason) == (State.SENT, Reason.PERSON)
    assert (await desk.ledger.story("d1"))[-1].who == "U2"
    assert len(desk.service.requests) == 1


async def test_a_person_has_it_sent_again_the_unknown_calls_only(desk: Desk) -> None:
    await lost(desk, Act.NOTIFY, 60)
    delivery = await desk.deliveries.resolve("d1", Answer.AGAIN, "U2", desk.tell)
    assert delivery is not None
    assert delivery.state is State.SENT
    assert len(desk.service.requests) == 4
    assert desk.service.clients[3] == desk.service.clients[0]


async def test_a_person_gives_up(desk: Desk) -> None:
    await lost(desk)
    delivery = await desk.deliveries.resolve("d1", Answer.GIVE_UP, "U2", desk.tell)
    assert delivery is not None
    assert delivery.state is State.CANCELED
    assert len(desk.service.requests) == 1


async def test_a_button_pressed_twice_decides_once(desk: Desk) -> None:
    await lost(desk)
    answers = await asyncio.gather(
        *(desk.deliveries.resolve("d1", Answer.AGAIN, f"U{number}", desk.tell) for number in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, Refused) for answer in answers) == 4
    assert len(desk.service.requests) == 2


async def test_nothing_is_decided_of_what_is_still_being_looked_up(desk: Desk, ledger: Ledger) -> None:
    """It may be found the next second: sending it again now could tell everybody twice."""
    await ledger.plan(plan(), invocation())
    await ledger.begin(PartKey("d1", 0))
    await ledger.settle(PartKey("d1", 0), Outcome(State.UNKNOWN, Reason.ANSWER_LOST))
    with pytest.raises(Refused):
        await desk.deliveries.resolve("d1", Answer.AGAIN, "U2", desk.tell)
    assert desk.service.requests == []


async def test_a_delivery_that_does_not_exist_is_not_resolved(desk: Desk) -> None:
    assert await desk.deliveries.resolve("nothing", Answer.AGAIN, "U2", desk.tell) is None


# Taken over


class Replica(Desk):
    """A process with a lease, that looks often for what others have left."""

    def __init__(self, database: Database, clock: Clock, name: str, desk: Desk) -> None:
        super().__init__(Ledger(database, name, clock), clock, desk.service)
        self.lease = Lease(database, name, clock)
        self.deliveries: Deliveries = self.with_quotas(Quotas(), Pace(take_over_seconds=0.01))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        await self.lease.start()
        watching = asyncio.create_task(self.deliveries.take_over(unwatched(self.post)))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            await self.ledger.finish()
            await self.lease.release()


async def killed_during(desk: Desk, act: Act, clients: int = 0) -> None:
    """A process that has planned, is in the middle of its first call, and is no more."""
    hangs = Hangs()
    desk.deliveries = desk.with_quotas(Quotas(), Pace(calls_at_once=1))
    running = asyncio.create_task(desk.carry_out(hangs, act=act, clients=clients))
    await hangs.reached.wait()
    running.cancel()
    await asyncio.wait([running])
    await desk.ledger.finish()


@pytest.fixture
def other(database: Database, clock: Clock, desk: Desk) -> Replica:
    return Replica(database, clock, "two", desk)


async def posted(replica: Replica) -> tuple[Place, str]:
    async with asyncio.timeout(20):
        place, reply = await replica.posted.get()
    return place, plain(reply.title)


async def test_a_call_that_was_out_when_its_process_was_killed_is_found_and_posted(
    desk: Desk, other: Replica
) -> None:
    """SIGKILL between `sending` and the outcome, the service having acted."""
    await killed_during(desk, Act.BROADCAST)
    desk.service.rows = [row(plan().message)]
    async with other.serving():
        assert await posted(other) == (Place("T1", "C1"), "Sent: “Party on Saturday!”")
    assert len(desk.service.requests) == 1
    story = [change.reason for change in await desk.ledger.story("d1")]
    assert story[-2:] == [Reason.PROCESS_ENDED, Reason.FOUND]


async def test_a_call_that_was_out_and_is_not_found_becomes_a_question(desk: Desk, other: Replica) -> None:
    """SIGKILL between `sending` and the outcome, the service not having acted: only a person may repeat it."""
    await killed_during(desk, Act.BROADCAST)
    async with other.serving():
        assert await posted(other) == (Place("T1", "C1"), "Unknown: “Party on Saturday!”")
    assert len(desk.service.requests) == 1


async def test_the_planned_rest_of_a_killed_notification_goes_on(desk: Desk, other: Replica) -> None:
    """SIGKILL in the middle of a batch: it resumes at the first part not sent."""
    await killed_during(desk, Act.NOTIFY, 100)
    desk.service.rows = [row(plan().message)]
    async with other.serving():
        await posted(other)
    found = await desk.stands()
    assert found.state is State.SENT
    reached = [client for clients in desk.service.clients for client in clients]
    assert sorted(reached) == sorted(set(reached))
    assert len(reached) == 100


async def test_what_was_planned_and_not_begun_when_its_process_was_killed_goes_out_once(
    desk: Desk, other: Replica
) -> None:
    """SIGKILL between the intent and the first call."""
    await desk.ledger.plan(plan(), invocation())
    async with other.serving():
        assert (await posted(other))[1] == "Sent: “Party on Saturday!”"
    assert len(desk.service.requests) == 1


async def test_of_several_living_processes_one_takes_over(
    desk: Desk, database: Database, clock: Clock
) -> None:
    for number in range(20):
        await desk.ledger.plan(plan(f"d{number}"), invocation(f"r{number}"))
    replicas = [Replica(database, clock, name, desk) for name in ("two", "three", "four")]
    replicas[1].posted = replicas[2].posted = replicas[0].posted
    async with replicas[0].serving(), replicas[1].serving(), replicas[2].serving():
        for _ in range(20):
            await posted(replicas[0])
    assert len(desk.service.requests) == 20
    assert replicas[0].posted.empty()


async def test_what_a_living_process_does_is_left_alone_until_its_lease_lapses(
    desk: Desk, database: Database, clock: Clock, other: Replica
) -> None:
    lease = Lease(database, "one", clock, term_ms=12_000)
    await lease.start()
    await desk.ledger.plan(plan(), invocation())
    await other.lease.start()
    clock.advance(14_000)
    assert await other.ledger.take_over(()) == ()
    clock.advance(2_000)
    assert await other.ledger.take_over(()) == ("d1",)
    assert not await desk.ledger.begin(PartKey("d1", 0))
    await lease.release()
    await other.lease.release()


async def test_a_lease_is_renewed_while_its_process_lives_and_given_up_when_it_stops(
    desk: Desk, database: Database, clock: Clock
) -> None:
    lease, watcher = Lease(database, "one", clock, term_ms=60), Ledger(database, "three", clock)
    await lease.start()
    await desk.ledger.plan(plan(), invocation())
    renewed = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Committed in another thread, where that is so.
    event.listen(database.writer, "commit", lambda _: loop.call_soon_threadsafe(renewed.set))
    for _ in range(3):
        clock.advance(2_500)
        renewed.clear()
        await renewed.wait()
        assert await watcher.take_over(()) == ()
    await lease.release()
    assert await watcher.take_over(()) == ("d1",)


async def test_what_this_process_has_dropped_itself_is_carried_on(other: Replica) -> None:
    """A fault in the ledger ended the delivery, not the process."""
    await other.ledger.plan(plan(), invocation())
    async with other.serving():
        assert (await posted(other))[1] == "Sent: “Party on Saturday!”"


async def test_an_answer_that_comes_after_all_settles_what_was_taken_over(desk: Desk, other: Replica) -> None:
    """The process was only asleep: its late answer is the truth, whatever the new owner thinks."""
    await desk.ledger.plan(plan(), invocation())
    await desk.ledger.begin(PartKey("d1", 0))
    assert await other.ledger.take_over(()) == ("d1",)
    assert (await desk.stands()).state is State.UNKNOWN
    answered = Outcome(State.SENT, Reason.ANSWERED, msg_id="m1", timestamp=NOON)
    assert await desk.ledger.settle(PartKey("d1", 0), answered)
    assert (await desk.stands()).state is State.SENT


async def test_a_question_that_is_open_when_its_process_is_killed_is_asked_again_and_then_no_more(
    desk: Desk, other: Replica, database: Database, clock: Clock
) -> None:
    """SIGKILL between deciding to ask and the question's arrival in its channel."""
    await lost(desk)
    async with other.serving():
        assert await posted(other) == (Place("T1", "C1"), "Unknown: “Party on Saturday!”")
    assert len(desk.service.requests) == 1
    assert await Ledger(database, "three", clock).take_over(()) == ()


async def test_a_result_that_nobody_was_given_is_told_after_the_restart(desk: Desk, other: Replica) -> None:
    """SIGKILL after the last outcome and before whoever asked has heard of it."""
    await desk.ledger.plan(plan(), invocation())
    await desk.ledger.begin(PartKey("d1", 0))
    answered = Outcome(State.SENT, Reason.ANSWERED, msg_id="m1", timestamp=NOON)
    await desk.ledger.settle(PartKey("d1", 0), answered)
    async with other.serving():
        assert (await posted(other))[1] == "Sent: “Party on Saturday!”"
    assert desk.service.requests == []


async def test_a_result_that_was_given_is_not_told_again(desk: Desk, other: Replica) -> None:
    await desk.carry_out()
    assert await other.ledger.take_over(()) == ()
