"""Schedules fire once, whoever is awake, and ask when they are too late; with the real alarm clock."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from bridge.clock import now_ms
from bridge.commands import Registry
from bridge.context import Tell
from bridge.cron import Fire, FireState, Schedule
from bridge.database.engine import Database
from bridge.database.leases import Lease
from bridge.database.requests import Requests
from bridge.database.schedules import ScheduleStore
from bridge.errors import BadConfiguration, Refused
from bridge.grammar import split
from bridge.invocation import Actor, Invocation, Place, Trigger
from bridge.parse import understand
from bridge.phrases import phrase, plain
from bridge.reply import Buttons, Hint, Reply, Tone
from bridge.schedule import Schedules
from bridge.values import Reading
from bridge.watch import unwatched
from handlers import COMMANDS
from tests.contract.bridge.replica import HERE, MINUTE, Make, Replica, before_the_minute, minutely


async def test_a_fire_becomes_an_invocation_and_its_reply_is_posted(replica: Make) -> None:
    one = replica(ahead=before_the_minute(300))
    await one.schedules.start([minutely()])
    reply = await one.next_post()
    assert not reply.private
    [invocation] = one.invocations
    instant = int(invocation.request.rpartition(":")[2])
    assert invocation.request == f"fire:party:{instant}"
    assert instant % MINUTE == 0
    assert 0 <= invocation.at - instant < 2_000
    assert (invocation.actor.id, invocation.actor.zone) == ("schedule:party", "Asia/Shanghai")
    assert (invocation.trigger, invocation.place) == (Trigger.SCHEDULE, HERE)
    assert invocation.line == "broadcast news 周六有晚会！"


async def test_a_fire_is_claimed_before_it_is_carried_out(replica: Make, database: Database) -> None:
    """Killed right after the call went out: the next process must find the fire taken."""
    one = replica(ahead=before_the_minute(300))
    one.waits_for.clear()
    await one.schedules.start([minutely()])
    async with asyncio.timeout(10):
        invocation = await one.fired.get()
    fire = Fire("party", int(invocation.request.rpartition(":")[2]))
    assert not await ScheduleStore(database, "another").claim(fire)


async def test_two_replicas_fire_once_between_them_even_with_clocks_apart(replica: Make) -> None:
    ahead = before_the_minute(700)
    one, two = replica("one", ahead), replica("two", ahead - 400)
    fired = two.fired = one.fired
    schedules = [minutely(f"party-{number}") for number in range(50)]
    await one.schedules.start(schedules)
    await two.schedules.start(schedules)
    async with asyncio.timeout(10):
        for _ in schedules:
            await fired.get()
    # The slower one sees the minute as well, and whatever it has begun then comes to its end.
    await asyncio.sleep((MINUTE - two.clock() % MINUTE) / 1000 if two.clock() % MINUTE > MINUTE // 2 else 0)
    await asyncio.sleep(0.1)
    await two.store.finish()
    requests = [each.request for each in (*one.invocations, *two.invocations)]
    assert len(requests) == len(set(requests)) == 50


async def test_of_many_claims_of_one_fire_exactly_one_wins(database: Database) -> None:
    stores = [ScheduleStore(database, f"process-{number}") for number in range(3)]
    fire = Fire("party", 60_000)
    won = await asyncio.gather(*(store.claim(fire) for store in stores for _ in range(5)))
    assert sum(won) == 1


async def asleep_for(replica: Make, minutes: int, schedule: Schedule) -> Replica:
    """A replica that starts after a time in which nobody was there."""
    await replica("before", -minutes * MINUTE).store.synchronise([schedule])
    late = replica("after")
    await late.schedules.start([schedule])
    return late


async def test_a_fire_missed_within_its_grace_runs_once_and_says_that_it_is_late(replica: Make) -> None:
    late = await asleep_for(replica, 3, replace(minutely(), when="* * * * *"))
    reply = await late.next_post()
    said = [plain(part.words) for part in reply.parts if isinstance(part, Hint)]
    assert len(late.invocations) == 1
    assert any("earlier fires" in each for each in said)


async def test_a_fire_missed_beyond_its_grace_asks_once_and_runs_nothing(replica: Make) -> None:
    late = await asleep_for(replica, 180, replace(minutely(), when="0 * * * *", grace_ms=0))
    reply = await late.next_post()
    assert late.invocations == []
    assert plain(reply.title).startswith("Missed: party was due at ")
    assert isinstance(reply.data, dict)
    assert reply.data["missed"] == 3
    [row] = [part for part in reply.parts if isinstance(part, Buttons)]
    instant = reply.data["instant"]
    lines = [button.line for button in row.buttons]
    assert lines == [f"schedule run party {instant}", f"schedule skip party {instant}"]
    assert [understood(line)["instant"] for line in lines] == [instant, instant]
    assert late.posted.empty()


def understood(line: str) -> Mapping[str, object]:
    """The arguments that a button's line gives its command."""
    return understand(split(line), Registry.of(COMMANDS), Reading(now_ms(), "UTC")).arguments


async def test_a_question_is_asked_by_one_replica_only(replica: Make) -> None:
    schedule = replace(minutely(), when="0 * * * *", grace_ms=0)
    first = await asleep_for(replica, 180, schedule)
    await first.next_post()
    second = replica("second")
    await second.schedules.start([schedule])
    await second.store.finish()
    assert second.posted.empty()


async def test_a_new_schedule_does_not_make_up_for_the_past(replica: Make) -> None:
    one = replica()
    await one.schedules.start([replace(minutely(), when="2020-01-01T00:00")])
    assert one.invocations == []
    assert one.posted.empty()


async def test_settings_are_taken_over_changed_and_forgotten(replica: Make) -> None:
    store = replica().store
    await store.synchronise([minutely("a"), minutely("b")])
    changed = replace(minutely("b"), line="stats")
    await store.synchronise([changed, minutely("c")])
    assert [known.schedule for known in await store.all()] == [changed, minutely("c")]


async def test_a_change_of_the_line_keeps_what_is_dealt_with_and_a_change_of_the_times_begins_anew(
    replica: Make,
) -> None:
    await replica("before", -60 * MINUTE).store.synchronise([minutely("a"), minutely("b")])
    before = {known.schedule.name: known.done_until for known in await replica().store.all()}
    store = replica().store
    await store.synchronise([replace(minutely("a"), line="stats"), replace(minutely("b"), when="0 0 * * *")])
    after = {known.schedule.name: known.done_until for known in await store.all()}
    assert after["a"] == before["a"]
    assert after["b"] > before["b"]


async def test_a_name_that_somebody_took_in_slack_stops_the_start(replica: Make) -> None:
    one = replica()
    await one.store.add(replace(minutely(), owner="U1"))
    with pytest.raises(BadConfiguration, match="'party' was added in Slack by U1"):
        await one.schedules.start([minutely()])


async def test_a_schedule_added_elsewhere_is_followed_within_seconds(replica: Make) -> None:
    one = replica("one", before_the_minute(5_000))
    await one.schedules.start([])
    two = replica("two", one.ahead)
    assert await two.store.add(replace(minutely(), owner="U1"))
    assert not await two.store.add(replace(minutely(), owner="U2"))
    await one.next_post()
    assert len(one.invocations) == 1


async def test_a_paused_schedule_fires_no_more(replica: Make) -> None:
    one = replica("one", before_the_minute(200))
    await one.store.add(replace(minutely(), owner="U1"))
    await one.store.pause("party", paused=True)
    await one.schedules.start([minutely("other")])
    await one.next_post()
    assert [each.actor.name for each in one.invocations] == ["other"]


async def test_a_fire_skipped_before_its_time_does_not_run(replica: Make) -> None:
    one = replica("one", before_the_minute(300))
    skipped = (one.clock() // MINUTE + 1) * MINUTE
    await one.store.claim(Fire("party", skipped), FireState.SKIPPED)
    await one.schedules.start([minutely(), minutely("other")])
    await one.next_post()
    assert [each.actor.name for each in one.invocations] == ["other"]


async def test_a_channel_that_cannot_be_reached_does_not_make_it_happen_again(
    replica: Make, caplog: pytest.LogCaptureFixture
) -> None:
    one = replica("one", before_the_minute(200))
    asked = asyncio.Event()

    async def unreachable(place: Place, reply: Reply, key: str) -> None:
        asked.set()
        raise ConnectionError("Slack is down")

    one.schedules = Schedules(one.store, one.dispatch, unwatched(unreachable), one.clock)
    await one.schedules.start([minutely()])
    async with asyncio.timeout(10):
        await asked.wait()
    await asyncio.sleep(0)
    await one.schedules.close()
    assert len(one.invocations) == 1
    assert "could not be posted" in caplog.text


# Decided by people


async def asked(replica: Make) -> tuple[Replica, int]:
    """A replica that has asked about a missed fire, and the fire's instant."""
    late = await asleep_for(replica, 180, replace(minutely(), when="0 * * * *", grace_ms=0))
    reply = await late.next_post()
    assert isinstance(reply.data, dict)
    instant = reply.data["instant"]
    assert isinstance(instant, int)
    await late.schedules.close()
    return late, instant


def press(request: str = "press-1") -> Invocation:
    return Invocation("i1", request, Actor("U1"), HERE, Trigger.BUTTON, now_ms())


async def untold(_: Reply) -> None:
    """Nobody watches."""


async def test_a_missed_fire_runs_once_however_often_the_button_is_pressed(replica: Make) -> None:
    late, instant = await asked(replica)
    pressed = await asyncio.gather(
        *(late.schedules.run("party", press(f"press-{number}"), untold, instant) for number in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Refused) for each in pressed) == 3
    assert [each.request for each in late.invocations] == [f"fire:party:{instant}"]


async def test_a_missed_fire_that_is_skipped_cannot_be_run_any_more(replica: Make) -> None:
    late, instant = await asked(replica)
    assert await late.schedules.skip("party", instant) == instant
    with pytest.raises(Refused):
        await late.schedules.run("party", press(), untold, instant)
    assert late.invocations == []


async def test_run_carries_it_out_now_beside_its_times(replica: Make) -> None:
    one = replica()
    await one.store.add(replace(minutely(), when="0 0 1 jan *", owner="U1"))
    await one.schedules.run("party", press(), untold)
    [invocation] = one.invocations
    assert (invocation.request, invocation.actor.id) == ("press-1:run", "U1")
    assert (invocation.trigger, invocation.actor.zone) == (Trigger.BUTTON, "Asia/Shanghai")


async def test_skip_leaves_out_the_next_fire_and_says_which(replica: Make) -> None:
    one = replica()
    await one.store.add(replace(minutely(), when="0 0 1 jan *", owner="U1"))
    schedule = await one.schedules.show("party")
    next_one, following = one.schedules.coming(schedule, 2)
    assert await one.schedules.skip("party") == next_one < following
    with pytest.raises(Refused):
        await one.schedules.skip("party")


async def test_what_is_written_in_app_yaml_is_changed_there(replica: Make) -> None:
    one = replica()
    await one.schedules.start([minutely()])
    for change in (one.schedules.remove("party"), one.schedules.pause("party", paused=True)):
        with pytest.raises(Refused, match=r"app\.yaml"):
            await change
    assert [schedule.name for schedule in await one.schedules.all()] == ["party"]


async def test_a_schedule_can_be_added_paused_resumed_and_removed(replica: Make) -> None:
    one = replica("one", before_the_minute(1_000))
    await one.schedules.start([])
    await one.schedules.add(replace(minutely(), owner="U1"))
    await one.schedules.pause("party", paused=True)
    assert (await one.schedules.show("party")).paused
    await one.schedules.pause("party", paused=False)
    await one.next_post()
    await one.schedules.remove("party")
    assert await one.schedules.all() == ()


async def test_a_name_that_is_taken_and_a_time_that_has_passed_are_refused(replica: Make) -> None:
    one = replica()
    await one.schedules.add(replace(minutely(), owner="U1"))
    with pytest.raises(Refused, match="already"):
        await one.schedules.add(replace(minutely(), owner="U2"))
    with pytest.raises(Refused, match="has passed"):
        await one.schedules.add(replace(minutely("late"), when="2020-01-01T00:00", owner="U2"))


async def test_a_misspelt_name_is_answered_with_the_nearest(replica: Make) -> None:
    one = replica()
    await one.schedules.add(replace(minutely(), owner="U1"))
    with pytest.raises(Refused) as refused:
        await one.schedules.show("prty")
    assert refused.value.hint is not None
    assert plain(refused.value.hint) == "Did you mean party?"


# Taken over from a process that ended


async def test_a_fire_claimed_by_a_killed_process_is_carried_out_by_another(replica: Make) -> None:
    """SIGKILL between the claim and the command."""
    dead, alive = replica("dead"), replica("alive")
    fire = Fire("party", now_ms() - 1_000)
    schedule = replace(minutely(), when="0 0 1 jan *")
    await dead.store.synchronise([schedule])
    await dead.store.claim(fire)
    await alive.schedules.start([schedule])
    await alive.next_post()
    assert [each.request for each in alive.invocations] == [fire.request]


async def test_a_fire_claimed_long_ago_is_asked_about(replica: Make) -> None:
    """SIGKILL between the claim and the command, and nobody there until the grace was over."""
    dead, alive = replica("dead"), replica("alive")
    schedule = replace(minutely(), when="0 0 1 jan *", grace_ms=1_000)
    await dead.store.synchronise([schedule])
    await dead.store.claim(Fire("party", now_ms() - 60_000))
    await alive.schedules.start([schedule])
    assert plain((await alive.next_post()).title).startswith("Missed: party")
    assert alive.invocations == []


async def test_a_fire_whose_command_had_begun_to_act_is_handed_to_its_request_key(
    replica: Make, database: Database
) -> None:
    """SIGKILL after the plan was durable: dispatch answers with the delivery that is there, long ago or not."""
    dead, alive = replica("dead"), replica("alive")
    schedule = replace(minutely(), when="0 0 1 jan *", grace_ms=1_000)
    fire = Fire("party", now_ms() - 60_000)
    await dead.store.synchronise([schedule])
    await dead.store.claim(fire)
    assert await Requests(database).claim(fire.request)
    await alive.schedules.start([schedule])
    await alive.next_post()
    assert [each.request for each in alive.invocations] == [fire.request]


async def test_a_question_that_a_killed_process_did_not_post_is_posted(replica: Make) -> None:
    """SIGKILL between deciding to ask and the question's arrival in its channel."""
    dead, alive = replica("dead"), replica("alive")
    schedule = replace(minutely(), when="0 0 1 jan *")
    await dead.store.synchronise([schedule])
    await dead.store.claim(Fire("party", now_ms() - 60_000), FireState.ASKING)
    await alive.schedules.start([schedule])
    assert plain((await alive.next_post()).title).startswith("Missed: party")


async def test_a_fire_of_a_living_process_is_left_alone(replica: Make, database: Database) -> None:
    lease = Lease(database, "busy")
    await lease.start()
    busy, other = replica("busy"), replica("other")
    await busy.store.claim(Fire("party", now_ms()))
    assert await other.store.take_over(()) == ()
    assert len(await busy.store.take_over(())) == 1
    await lease.release()
    assert len(await other.store.take_over(())) == 1


# What another process carries on


class Kept(ScheduleStore):
    """A store that says when a fire is done."""

    done: asyncio.Event

    async def settle(self, fire: Fire, state: FireState, *, of: FireState) -> bool:
        settled = await super().settle(fire, state, of=of)
        self.done.set()
        return settled


@pytest.mark.parametrize(
    ("reply", "keys"),
    [
        (Reply(phrase("Sending"), tone=Tone.WORKING), []),
        (Reply(phrase("Being looked up"), tone=Tone.DOUBT), []),
        (Reply(phrase("Unknown"), tone=Tone.DOUBT, key="delivery:d1:7"), ["delivery:d1:7:C1"]),
        (Reply(phrase("Sent"), key="delivery:d1:7"), ["delivery:d1:7:C1"]),
    ],
)
async def test_the_result_of_a_delivery_has_one_key_whoever_tells_it_and_what_goes_on_is_told_by_who_carries_it(
    replica: Make, database: Database, reply: Reply, keys: list[str]
) -> None:
    """The fire was taken over, and so was its delivery: either may be the first to tell."""
    one = replica("one", before_the_minute(200))
    posted: list[str] = []

    async def post(place: Place, reply: Reply, key: str) -> None:
        posted.append(key)

    async def dispatch(invocation: Invocation, tell: Tell) -> Reply:
        return reply

    store = Kept(database, "one", one.clock)
    store.done = asyncio.Event()
    one.schedules = Schedules(store, dispatch, unwatched(post), one.clock)
    await one.schedules.start([minutely()])
    async with asyncio.timeout(10):
        await store.done.wait()
    assert posted == keys
