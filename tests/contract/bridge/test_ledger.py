"""The ledger: intents before acts, outcomes after, one delivery for a request, one owner for a part."""

import asyncio
from dataclasses import replace

from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError

from bridge.database.engine import Database
from bridge.database.ledger import Ledger
from bridge.ledger import Act, Options, Outcome, PartKey, Reason, State
from tests.contract.bridge.making import NOON, Clock, invocation, plan

SENT = Outcome(State.SENT, Reason.ANSWERED, msg_id="m1", timestamp=NOON + 5)


async def test_a_plan_is_read_back_as_it_was_made(ledger: Ledger) -> None:
    made = plan(act=Act.NOTIFY, text="周六有晚会！", clients=45)
    delivery, fresh = await ledger.plan(made, invocation())
    assert fresh
    assert await ledger.show("d1") == delivery
    assert delivery.plan == made
    assert [len(part.clients) for part in delivery.parts] == [20, 20, 5]
    assert (delivery.state, delivery.actor, delivery.place.channel) == (State.PLANNED, "U1", "C1")


async def test_options_and_push_survive(ledger: Ledger) -> None:
    made = replace(plan(), push={"alert": "晚会"}, options=Options(True, False, ("a", "b"), NOON + 1))
    await ledger.plan(made, invocation())
    found = await ledger.show("d1")
    assert found is not None
    assert found.plan == made


async def test_a_second_plan_with_the_same_request_gives_the_first(ledger: Ledger) -> None:
    await ledger.plan(plan("d1"), invocation("trigger-1"))
    again = await ledger.plan(plan("d2"), invocation("trigger-1"))
    assert (again.delivery.id, again.fresh) == ("d1", False)
    assert await ledger.show("d2") is None


async def test_of_many_plans_with_one_request_at_once_exactly_one_is_fresh(database: Database) -> None:
    """Slack delivers again, to another replica, while the first is still being committed."""
    ledgers = [Ledger(database, f"process-{number}") for number in range(3)]
    planned = await asyncio.gather(
        *(
            ledger.plan(plan(f"d{number}-{turn}"), invocation("one"))
            for turn in range(10)
            for number, ledger in enumerate(ledgers)
        )
    )
    assert sum(each.fresh for each in planned) == 1
    assert len({each.delivery.id for each in planned}) == 1
    assert len(await ledgers[0].newest()) == 1


async def test_a_part_goes_from_planned_through_sending_to_sent(ledger: Ledger, clock: Clock) -> None:
    await ledger.plan(plan(), invocation())
    key = PartKey("d1", 0)
    assert await ledger.begin(key)
    clock.advance(7)
    assert await ledger.settle(key, SENT)
    found = await ledger.show("d1")
    assert found is not None
    assert found.state is State.SENT
    assert (found.parts[0].msg_id, found.parts[0].timestamp, found.parts[0].at) == ("m1", NOON + 5, NOON + 7)
    story = await ledger.story("d1")
    assert [change.state for change in story] == [State.PLANNED, State.SENDING, State.SENT]
    assert [change.who for change in story] == ["U1", "process:one", "process:one"]


async def test_a_part_is_begun_once_however_many_ask(ledger: Ledger) -> None:
    await ledger.plan(plan(), invocation())
    begun = await asyncio.gather(*(ledger.begin(PartKey("d1", 0)) for _ in range(20)))
    assert sum(begun) == 1


async def test_only_the_process_that_holds_the_lease_begins_a_part(
    database: Database, ledger: Ledger
) -> None:
    await ledger.plan(plan(), invocation())
    assert not await Ledger(database, "two").begin(PartKey("d1", 0))
    assert await ledger.begin(PartKey("d1", 0))


async def test_what_is_settled_stays_as_it_is(ledger: Ledger) -> None:
    await ledger.plan(plan(), invocation())
    key = PartKey("d1", 0)
    await ledger.begin(key)
    await ledger.settle(key, SENT)
    assert not await ledger.settle(key, Outcome(State.UNKNOWN, Reason.ANSWER_LOST))
    assert not await ledger.begin(key)
    found = await ledger.show("d1")
    assert found is not None
    assert found.state is State.SENT


async def test_a_part_that_does_not_exist_is_neither_begun_nor_settled(ledger: Ledger) -> None:
    assert not await ledger.begin(PartKey("nothing", 0))
    assert not await ledger.settle(PartKey("nothing", 0), SENT)


async def test_canceling_stops_what_has_not_begun_and_nothing_else(ledger: Ledger) -> None:
    await ledger.plan(plan(act=Act.NOTIFY, clients=60), invocation())
    await ledger.begin(PartKey("d1", 0))
    assert await ledger.cancel("d1", "U2") == 2
    found = await ledger.show("d1")
    assert found is not None
    assert [part.state for part in found.parts] == [State.SENDING, State.CANCELED, State.CANCELED]
    assert not await ledger.begin(PartKey("d1", 1))
    assert (await ledger.story("d1"))[-1].who == "U2"


async def test_a_delivery_is_as_settled_as_its_least_settled_part_and_found_by_that(
    ledger: Ledger, clock: Clock
) -> None:
    for number in range(3):
        clock.advance(1)
        await ledger.plan(plan(f"d{number}", act=Act.NOTIFY, clients=40), invocation(f"request-{number}"))
    for number in range(2):
        await ledger.begin(PartKey("d1", number))
    await ledger.settle(PartKey("d1", 0), SENT)
    await ledger.settle(PartKey("d1", 1), Outcome(State.UNKNOWN, Reason.ANSWER_LOST))
    assert [each.id for each in await ledger.newest()] == ["d2", "d1", "d0"]
    assert [each.id for each in await ledger.newest(state=State.UNKNOWN)] == ["d1"]
    assert [each.id for each in await ledger.newest(limit=1, state=State.PLANNED)] == ["d2"]
    assert await ledger.newest(state=State.SENT) == ()


async def test_five_hundred_parts_settle_in_a_few_commits(database: Database, ledger: Ledger) -> None:
    """A commit for each part would cost 1000 waits for the disk, one after another."""
    await ledger.plan(plan(act=Act.NOTIFY, clients=10_000), invocation())
    commits: list[object] = []
    event.listen(database.writer, "commit", commits.append)
    begun = await asyncio.gather(*(ledger.begin(PartKey("d1", number)) for number in range(500)))
    settled = await asyncio.gather(*(ledger.settle(PartKey("d1", number), SENT) for number in range(500)))
    assert all(begun)
    assert all(settled)
    assert 2 <= len(commits) <= 6


async def test_a_caller_that_is_canceled_does_not_undo_what_it_asked_for(ledger: Ledger) -> None:
    """The answer has come and the process stops: the outcome still becomes durable."""
    await ledger.plan(plan(), invocation())
    await ledger.begin(PartKey("d1", 0))
    settling = asyncio.create_task(ledger.settle(PartKey("d1", 0), SENT))
    another = asyncio.create_task(ledger.settle(PartKey("d1", 0), SENT))
    await asyncio.sleep(0)
    settling.cancel()
    await asyncio.wait([settling])
    assert not await another
    found = await ledger.show("d1")
    assert found is not None
    assert found.state is State.SENT


async def test_a_persons_answer_counts_only_where_one_was_asked_for(ledger: Ledger) -> None:
    """It is still being looked up, or somebody has answered: neither may be sent again by this answer."""
    await ledger.plan(plan(), invocation())
    key, again = PartKey("d1", 0), Outcome(State.PLANNED, Reason.PERSON)
    await ledger.begin(key)
    await ledger.settle(key, Outcome(State.UNKNOWN, Reason.ANSWER_LOST))
    assert not await ledger.decide(key, again, "U2")
    await ledger.settle(key, Outcome(State.UNKNOWN, Reason.NOT_FOUND))
    assert await ledger.decide(key, again, "U2")
    assert not await ledger.decide(key, again, "U3")


async def test_a_database_that_fails_tells_everybody_who_waited(database: Database, ledger: Ledger) -> None:
    await ledger.plan(plan(act=Act.NOTIFY, clients=60), invocation())
    away, back = (
        text("ALTER TABLE imbridge_changes RENAME TO gone"),
        text("ALTER TABLE gone RENAME TO imbridge_changes"),
    )
    await database.write(lambda connection: connection.execute(away))
    failed = await asyncio.gather(
        *(ledger.begin(PartKey("d1", number)) for number in range(3)), return_exceptions=True
    )
    assert all(isinstance(each, SQLAlchemyError) for each in failed)
    await database.write(lambda connection: connection.execute(back))
    assert await ledger.begin(PartKey("d1", 0))
