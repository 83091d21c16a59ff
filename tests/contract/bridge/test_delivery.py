"""Deliveries are carried out once, whatever the service answers; each crash window is named where it is opened."""

import asyncio
import logging
from dataclasses import replace

import httpx
import pytest

from bridge.database.engine import Database
from bridge.database.ledger import Ledger
from bridge.delivery import Pace, announce
from bridge.ledger import Act, Delivery, Options, Reason, State
from bridge.phrases import plain
from bridge.realtime.limits import Plan as Quotas
from bridge.realtime.models import Kind
from bridge.reply import Reply
from tests.contract.bridge.desk import Desk
from tests.contract.bridge.making import CONVERSATION, NOON, invocation, plan
from tests.contract.bridge.script import LIMITED, REJECTED, Answer, Hangs, fails, status, yes

REFUSED = httpx.ConnectError("connection refused")
LOST = httpx.ReadError("connection reset")


async def test_a_broadcast_goes_out_once_and_its_answer_is_kept(desk: Desk) -> None:
    delivery = await desk.carry_out(yes("m7", NOON))
    assert desk.service.paths == ["/1.2/rtm/broadcasts"]
    body = desk.service.bodies[0]
    assert (body["conv_id"], body["from_client"]) == (CONVERSATION, "Mammy Two Shoes")
    assert body["message"] == plan().message
    assert '"delivery":"d1"' in str(body["message"])
    assert (delivery.state, delivery.parts[0].msg_id, delivery.parts[0].timestamp) == (State.SENT, "m7", NOON)


@pytest.mark.parametrize(
    ("act", "kind", "path"),
    [
        (Act.SEND, Kind.NORMAL, f"/1.2/rtm/conversations/{CONVERSATION}/messages"),
        (Act.SEND, Kind.TRANSIENT, f"/1.2/rtm/chatrooms/{CONVERSATION}/messages"),
        (Act.NOTIFY, Kind.SYSTEM, f"/1.2/rtm/service-conversations/{CONVERSATION}/messages"),
        (Act.PUBLISH, Kind.SYSTEM, f"/1.2/rtm/service-conversations/{CONVERSATION}/broadcasts"),
        (Act.BROADCAST, Kind.SYSTEM, "/1.2/rtm/broadcasts"),
    ],
)
async def test_each_act_is_its_own_call(desk: Desk, act: Act, kind: Kind, path: str) -> None:
    made = replace(
        plan(act=act, clients=3), kind=kind, push=None if kind is Kind.TRANSIENT else {"alert": "x"}
    )
    delivery = await desk.deliveries.carry_out(made, invocation(), desk.tell)
    assert delivery.state is State.SENT
    assert desk.service.paths == [path]
    pushed = desk.service.bodies[0].get("push") or desk.service.bodies[0].get("push_data")
    assert pushed == (None if kind is Kind.TRANSIENT else {"alert": "x"})


async def test_options_reach_the_service(desk: Desk) -> None:
    timed = replace(plan(), options=Options(valid_till=NOON + 9, transient=True))
    await desk.deliveries.carry_out(timed, invocation("r1"), desk.tell)
    mentioning = replace(
        plan("d2", act=Act.SEND), kind=Kind.NORMAL, options=Options(mentions=("tom",), mention_all=True)
    )
    await desk.deliveries.carry_out(mentioning, invocation("r2"), desk.tell)
    assert (desk.service.bodies[0]["valid_till"], desk.service.bodies[0]["transient"]) == (NOON + 9, True)
    assert desk.service.bodies[1]["mention_client_ids"] == ["tom"]
    assert desk.service.bodies[1]["mention_all"] is True


async def test_the_intent_is_durable_before_the_call(desk: Desk, database: Database) -> None:
    """Killed while the call is out: another process must see that it may have reached people."""
    seen: list[Delivery | None] = []

    async def look(request: httpx.Request) -> httpx.Response:
        seen.append(await Ledger(database, "another").show("d1"))
        return await yes()(request)

    await desk.carry_out(look)
    assert seen[0] is not None
    assert seen[0].state is State.SENDING


async def test_a_notification_goes_out_in_calls_of_twenty(desk: Desk) -> None:
    delivery = await desk.carry_out(act=Act.NOTIFY, clients=45)
    sizes = sorted(map(len, desk.service.clients))
    assert sizes == [5, 20, 20]
    reached = {client for clients in desk.service.clients for client in clients}
    assert len(reached) == 45
    assert [part.state for part in delivery.parts] == [State.SENT] * 3
    assert len({part.msg_id for part in delivery.parts}) == 3


async def test_calls_of_one_delivery_are_bounded(desk: Desk) -> None:
    desk.deliveries = desk.with_quotas(Quotas(), Pace(calls_at_once=4))
    delivery = await desk.carry_out(act=Act.NOTIFY, clients=400)
    assert delivery.state is State.SENT
    assert 1 < desk.service.most_at_once <= 4


async def test_a_repeated_request_acts_once(desk: Desk) -> None:
    first = await desk.carry_out()
    again = await desk.deliveries.carry_out(plan("d2"), invocation(), desk.tell)
    assert again == first
    assert len(desk.service.requests) == 1


async def test_a_repeated_request_does_not_join_in_while_the_first_is_under_way(desk: Desk) -> None:
    """Slack delivers again because the answer takes its time: the second hears how far the first has come."""
    hangs = Hangs()
    desk.deliveries = desk.with_quotas(Quotas(), Pace(calls_at_once=1))
    first = asyncio.create_task(desk.carry_out(hangs, act=Act.NOTIFY, clients=60))
    await hangs.reached.wait()
    async with asyncio.timeout(10):
        again = await desk.deliveries.carry_out(plan("d2"), invocation(), desk.tell)
    assert (again.id, again.state) == ("d1", State.SENDING)
    assert len(desk.service.requests) == 1
    hangs.let_go.set()
    assert (await first).state is State.SENT
    assert len(desk.service.requests) == 3


async def test_a_service_that_refuses_connections_is_tried_again(desk: Desk) -> None:
    delivery = await desk.carry_out(fails(REFUSED), fails(REFUSED), yes("m3"))
    assert (delivery.state, delivery.parts[0].msg_id) == (State.SENT, "m3")
    assert desk.paused == [500, 1000]
    story = [change.state for change in await desk.ledger.story("d1")]
    assert story == [
        State.PLANNED,
        *[State.SENDING, State.PLANNED] * 2,
        *[State.SENDING, State.SENT],
    ]


async def test_a_service_out_of_reach_is_given_up_with_nothing_done(desk: Desk) -> None:
    delivery = await desk.carry_out(*[fails(REFUSED)] * 9)
    assert (delivery.state, delivery.parts[0].reason) == (State.REFUSED, Reason.UNREACHABLE)
    assert len(desk.service.requests) == 4


async def test_patience_with_a_service_out_of_reach_is_not_multiplied_by_the_calls(desk: Desk) -> None:
    desk.deliveries = desk.with_quotas(Quotas(), Pace(calls_at_once=2))
    delivery = await desk.carry_out(*[fails(REFUSED)] * 500, act=Act.NOTIFY, clients=1000)
    assert {part.state for part in delivery.parts} == {State.REFUSED}
    assert len(desk.service.requests) < 60
    assert sum(desk.paused) < 10_000


@pytest.mark.parametrize(
    "answer",
    [fails(LOST), fails(httpx.ReadTimeout("no answer")), status(500, {}), status(502, "x"), status(200, {})],
    ids=["cut", "timeout", "500", "502", "unreadable"],
)
async def test_a_lost_answer_is_unknown_and_never_sent_again(desk: Desk, answer: Answer) -> None:
    """The service may have acted and the answer was lost: a second call would tell everybody twice."""
    delivery = await desk.carry_out(answer)
    assert (delivery.state, delivery.parts[0].reason) == (State.UNKNOWN, Reason.NOT_FOUND)
    assert len(desk.service.requests) == 1
    reasons = [change.reason for change in await desk.ledger.story("d1")]
    assert reasons[-2:] == [Reason.ANSWER_LOST, Reason.NOT_FOUND]


async def test_a_fault_of_our_own_after_the_call_began_is_unknown_and_logged(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug between `sending` and the outcome: nobody knows whether the call was out."""
    with caplog.at_level(logging.ERROR):
        delivery = await desk.carry_out(fails(RuntimeError("bug")))
    assert delivery.state is State.UNKNOWN
    assert Reason.FAULT in [change.reason for change in await desk.ledger.story("d1")]
    assert "d1 part 0" in caplog.text
    assert len(desk.service.requests) == 1


async def test_a_no_of_the_service_is_told_in_its_words(desk: Desk) -> None:
    delivery = await desk.carry_out(REJECTED)
    assert (delivery.state, delivery.parts[0].reason) == (State.REFUSED, Reason.REJECTED)
    reply = announce(delivery)
    assert reply.failure is not None
    assert "INVALID_MESSAGING_TARGET" in plain(reply.failure.message)
    assert reply.failure.code == "rejected"


async def test_a_429_is_made_good_once_its_minute_has_passed(desk: Desk) -> None:
    delivery = await desk.carry_out(LIMITED, yes("m2"))
    assert (delivery.state, delivery.parts[0].msg_id) == (State.SENT, "m2")
    assert 59_000 <= sum(desk.paused) <= 62_000


async def test_a_429_pauses_the_whole_family(desk: Desk) -> None:
    """While the minute lasts not one more call of the family goes out, of whichever delivery."""
    desk.deliveries = desk.with_quotas(Quotas(), Pace(calls_at_once=1))
    at: list[int] = []

    async def note(request: httpx.Request) -> httpx.Response:
        at.append(desk.clock.now - NOON)
        return await yes()(request)

    await desk.carry_out(LIMITED, note, note, note, act=Act.NOTIFY, clients=60)
    assert len(at) == 3
    assert min(at) >= 59_000


async def test_a_delivery_waits_rather_than_drawing_a_429(desk: Desk) -> None:
    desk.deliveries = desk.with_quotas(Quotas(messages_per_minute=2))
    delivery = await desk.carry_out(act=Act.NOTIFY, clients=100)
    assert delivery.state is State.SENT
    assert len(desk.service.requests) == 5
    assert desk.clock.now - NOON >= 120_000


async def test_a_quota_of_the_day_that_is_used_up_refuses(desk: Desk) -> None:
    desk.deliveries = desk.with_quotas(Quotas(broadcasts_per_day=1))
    await desk.carry_out()
    second = await desk.deliveries.carry_out(plan("d2"), invocation("r2"), desk.tell)
    assert (second.state, second.parts[0].reason) == (State.REFUSED, Reason.QUOTA_USED_UP)
    assert len(desk.service.requests) == 1


async def test_a_process_that_stops_during_a_call_leaves_it_sending(desk: Desk) -> None:
    """SIGTERM while the call is out: whoever takes over must look before anything else."""
    hangs = Hangs()
    running = asyncio.create_task(desk.carry_out(hangs))
    await hangs.reached.wait()
    running.cancel()
    await asyncio.wait([running])
    await desk.ledger.finish()
    assert (await desk.stands()).state is State.SENDING


async def test_a_process_that_stops_between_calls_leaves_the_rest_planned(desk: Desk) -> None:
    """SIGTERM in the middle of a notification: what has not begun can go on after the restart."""
    desk.deliveries = desk.with_quotas(Quotas(), Pace(calls_at_once=1))
    hangs = Hangs()
    running = asyncio.create_task(desk.carry_out(yes(), hangs, act=Act.NOTIFY, clients=80))
    await hangs.reached.wait()
    running.cancel()
    await asyncio.wait([running])
    await desk.ledger.finish()
    found = await desk.stands()
    assert [part.state for part in found.parts] == [State.SENT, State.SENDING, State.PLANNED, State.PLANNED]


async def test_stop_ends_a_delivery_within_one_call(desk: Desk) -> None:
    desk.deliveries = desk.with_quotas(Quotas(), Pace(calls_at_once=1))
    hangs = Hangs()
    running = asyncio.create_task(desk.carry_out(hangs, act=Act.NOTIFY, clients=100))
    await hangs.reached.wait()
    await desk.deliveries.cancel("d1", "U2")
    hangs.let_go.set()
    delivery = await running
    assert [part.state for part in delivery.parts] == [State.SENT, *[State.CANCELED] * 4]
    assert len(desk.service.requests) == 1


async def test_progress_is_told_and_whoever_cannot_hear_it_stops_nothing(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.deliveries = desk.with_quotas(Quotas(), Pace(calls_at_once=1, progress_ms=1))
    hangs = Hangs()
    heard = asyncio.Event()

    async def deaf(reply: Reply) -> None:
        desk.told.append(reply)
        heard.set()
        raise ConnectionError("Slack is down")

    desk.service.answers += [yes(), hangs]
    running = asyncio.create_task(
        desk.deliveries.carry_out(plan(act=Act.NOTIFY, clients=60), invocation(), deaf)
    )
    await hangs.reached.wait()
    for _ in range(2):
        heard.clear()
        await heard.wait()
    hangs.let_go.set()
    assert (await running).state is State.SENT
    assert plain(desk.told[-1].title).startswith("Sending: “Party on Saturday!”")
    assert "could not be told" in caplog.text
