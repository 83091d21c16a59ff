"""The webhook of service conversations and the push endpoint: all arrives, in order, and nothing waits for them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import func, select

from bridge.server import outbox as outboxes
from bridge.server import push
from bridge.server.outbox import Door, Letter
from bridge.server.tables import outbox
from tests.contract.device import online
from tests.contract.messaging import RTM, make, send
from tests.contract.receiver import Receiver, receiving
from tests.contract.service import Service, running


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def waiting(service: Service) -> int:
    async with service.server.engine.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(outbox))).scalar_one())


async def emptied(service: Service, left: int = 0) -> None:
    """The outbox has so much left, which has to come about by itself."""
    async with asyncio.timeout(10):
        while await waiting(service) != left:  # noqa: ASYNC110 - rows tell nobody that they went
            await asyncio.sleep(0.01)


async def post(service: Service, door: Door, *letters: Letter) -> None:
    """Leaves letters in the outbox, as a process that ended would have."""
    async with service.server.engine.write() as connection:
        await connection.run_sync(outboxes.put, door, letters)


def letters(lane: str, *numbers: int, at: int) -> list[Letter]:
    return [Letter(f"{lane}{number:04d}", lane, at, f'{{"n":"{lane}{number}"}}') for number in numbers]


async def test_what_a_client_writes_to_a_service_reaches_the_webhook_as_documented(
    pair: tuple[str, str], receiver: Receiver
) -> None:
    async with running(pair[0], "socket", hooks=receiver.hooks("webhook")) as service:
        conv_id = await make(service, "service")
        async with online(service, "tom") as tom:
            sent = await tom.send(conv_id, "help!")
            await tom.send(conv_id, "typing", transient=True)
        ((message,),) = await receiver.hears("webhook")
        kept = (await service.ok("GET", "/1.1/classes/_SysMessage"))["results"]
        await emptied(service)
    assert message == {
        "fromIp": "127.0.0.1",
        "conv": {"__type": "Pointer", "className": "_Conversation", "objectId": conv_id},
        "msgId": sent["uid"],
        "from": "tom",
        "bin": False,
        "data": "help!",
        "createdAt": {"__type": "Date", "iso": kept[0]["createdAt"]},
        "updatedAt": {"__type": "Date", "iso": kept[0]["updatedAt"]},
    }
    assert [row["msgId"] for row in kept] == [sent["uid"]]
    assert len(receiver.heard("webhook")) == 1


async def test_a_dropped_upstream_message_is_neither_kept_nor_taken_to_the_webhook(
    pair: tuple[str, str], receiver: Receiver
) -> None:
    receiver.answers["_messageReceived"] = lambda body: {"drop": body["system"]}
    async with running(pair[0], "socket", hooks=receiver.hooks("functions", "webhook")) as service:
        conv_id = await make(service, "service")
        async with online(service, "tom") as tom:
            assert await tom.refused("direct", cid=conv_id, msg="help!") == 4402
        assert (await service.ok("GET", "/1.1/classes/_SysMessage"))["results"] == []
        assert await waiting(service) == 0


async def test_messages_arrive_in_the_order_of_their_conversation_and_several_at_a_time(
    pair: tuple[str, str], receiver: Receiver
) -> None:
    busy = receiver.answers["webhook"] = asyncio.Event()
    async with running(pair[0], "socket", hooks=receiver.hooks("webhook")) as service:
        conv_id = await make(service, "service")
        async with online(service, "tom") as tom:
            await tom.send(conv_id, "0")
            await receiver.hears("webhook")
            for number in range(1, 30):
                await tom.send(conv_id, str(number))
        busy.set()
        await receiver.hears("webhook", 2)
        await emptied(service)
    calls = receiver.heard("webhook")
    assert [one["data"] for call in calls for one in call] == [str(number) for number in range(30)]
    assert len(calls) == 2


async def test_a_failing_webhook_is_called_three_times_more_and_then_passed_over(
    pair: tuple[str, str], receiver: Receiver
) -> None:
    def choose(body: Any) -> Any:
        return 503 if body[0]["n"].startswith("bad") else {}

    receiver.answers["webhook"] = choose
    async with running(*pair, hooks=receiver.hooks("webhook")) as service:
        at = service.clock()
        await post(service, Door.WEBHOOK, *letters("bad", 1, 2, at=at), *letters("good", 1, at=at))
        assert service.server.outward.webhook is not None
        service.server.outward.webhook.wake()
        await emptied(service)
    calls = [[one["n"] for one in call] for call in receiver.heard("webhook")]
    assert calls.count(["bad1", "bad2"]) == 4
    assert calls.count(["good1"]) == 1
    assert len(calls) == 5


async def test_a_webhook_that_hangs_in_one_conversation_holds_up_neither_another_nor_any_sender(
    pair: tuple[str, str], receiver: Receiver
) -> None:
    receiver.answers["webhook"] = asyncio.Event()
    async with running(pair[0], "socket", hooks=receiver.hooks("webhook")) as service:
        first, second = await make(service, "service"), await make(service, "service")
        async with online(service, "tom") as tom:
            await tom.send(first, "one")
            await receiver.hears("webhook")
            await tom.send(second, "another")
            await receiver.hears("webhook", 2)
            await tom.send(first, "still acknowledged")
    assert [call[0]["data"] for call in receiver.heard("webhook")] == ["one", "another"]


async def test_what_a_process_has_left_behind_is_delivered_by_the_next(
    pair: tuple[str, str], receiver: Receiver
) -> None:
    receiver.answers["webhook"] = asyncio.Event()
    async with running(pair[0], "socket", hooks=receiver.hooks("webhook")) as service:
        conv_id = await make(service, "service")
        async with online(service, "tom") as tom:
            await tom.send(conv_id, "one")
            await receiver.hears("webhook")
            await tom.send(conv_id, "two")
    receiver.answers["webhook"] = {}
    async with running(*pair, hooks=receiver.hooks("webhook")) as service:
        await receiver.hears("webhook", 2)
        await emptied(service)
    assert [one["data"] for one in receiver.heard("webhook")[1]] == ["one", "two"]


async def test_two_processes_on_one_database_deliver_everything_once_and_in_order(
    postgres_url: str, receiver: Receiver
) -> None:
    hooks = receiver.hooks("webhook")
    async with (
        running(postgres_url, "inprocess", hooks=hooks) as one,
        running(postgres_url, "inprocess", hooks=hooks) as other,
    ):
        at = one.clock()
        for lane in ("a", "b", "c"):
            await post(one, Door.WEBHOOK, *letters(lane, *range(150), at=at))
        for service in (one, other):
            assert service.server.outward.webhook is not None
            service.server.outward.webhook.wake()
        await emptied(one)
    for lane in ("a", "b", "c"):
        arrived = [each["n"] for call in receiver.heard("webhook") for each in call if each["n"][0] == lane]
        assert arrived == [f"{lane}{number}" for number in range(150)]


async def test_what_waits_is_bounded_and_the_oldest_goes_first(
    pair: tuple[str, str], receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = receiver.answers["push"] = asyncio.Event()
    async with running(*pair, hooks=receiver.hooks("push")) as service:
        at = service.clock()
        many = [Letter(f"{n:06d}", f"{n:06d}", at, "{}") for n in range(outboxes.MOST_WAITING + 50)]
        await post(service, Door.PUSH, *many)
        assert service.server.outward.push is not None
        service.server.outward.push.wake()
        await receiver.hears("push")
        await emptied(service, outboxes.MOST_WAITING)
        async with asyncio.timeout(10):
            # Said after they were let go.
            while "50 waited too long" not in caplog.text:  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0.01)
        stuck.set()


async def test_push_data_is_posted_with_an_id_to_know_it_by(
    pair: tuple[str, str], receiver: Receiver
) -> None:
    failures = iter([503, 500, 429])
    receiver.answers["push"] = lambda _: next(failures, {})
    async with running(*pair, hooks=receiver.hooks("push")) as service:
        conv_id = await make(service, m=["tom", "jerry", "spike"], mu=["spike"])
        sent = await send(service, conv_id, push_data={"alert": "hi", "badge": "Increment"})
        await receiver.hears("push", 4)
        await emptied(service)
        async with service.server.engine.read() as connection:
            assert await push.recorded(connection, 0) == []
    assert [call.headers["idempotency-key"] for call in receiver.calls] == [sent["msg-id"]] * 4
    assert receiver.heard("push")[3] == {
        "id": sent["msg-id"],
        "timestamp": sent["timestamp"],
        "conv_id": conv_id,
        "audience": "offline",
        "data": {"alert": "hi", "badge": "Increment"},
        "client_ids": ["jerry"],
    }


async def test_pushes_of_broadcasts_and_subscription_messages_say_whom_they_are_for(
    pair: tuple[str, str], receiver: Receiver
) -> None:
    async with running(*pair, hooks=receiver.hooks("push")) as service:
        conv_id = await make(service, "service")
        body = {"from_client": "tom", "message": "hi", "push": {"alert": "hi"}}
        await service.ok("POST", f"{RTM}/broadcasts", json={**body, "conv_id": conv_id})
        await service.ok("POST", f"{RTM}/service-conversations/{conv_id}/broadcasts", json=body)
        pushes = await receiver.hears("push", 2)
    assert {one["audience"] for one in pushes} == {"everyone", "subscribers"}
    assert not [one for one in pushes if "client_ids" in one]


async def test_push_data_that_the_endpoint_refuses_is_not_sent_again(
    pair: tuple[str, str], receiver: Receiver
) -> None:
    receiver.answers["push"] = lambda body: 400 if body["data"]["alert"] == "bad" else {}
    async with running(*pair, hooks=receiver.hooks("push")) as service:
        conv_id = await make(service, m=["tom", "jerry"])
        for alert in ("bad", "good"):
            await send(service, conv_id, push_data={"alert": alert})
        await receiver.hears("push", 2)
        await emptied(service)
    assert sorted(one["data"]["alert"] for one in receiver.heard("push")) == ["bad", "good"]


async def test_push_data_that_is_too_old_is_given_up_after_one_more_call(
    pair: tuple[str, str], receiver: Receiver
) -> None:
    receiver.answers["push"] = 503
    async with running(*pair, hooks=receiver.hooks("push")) as service:
        await post(service, Door.PUSH, *letters("old", 1, at=service.clock() - 2 * 3_600_000))
        assert service.server.outward.push is not None
        service.server.outward.push.wake()
        await receiver.hears("push")
        await emptied(service)
    assert len(receiver.heard("push")) == 1


async def test_a_push_that_the_hook_chose_goes_to_the_endpoint_as_well(
    pair: tuple[str, str], receiver: Receiver
) -> None:
    receiver.answers["_receiversOffline"] = {"pushMessage": {"alert": "from the app"}}
    async with running(*pair, hooks=receiver.hooks("functions", "push")) as service:
        conv_id = await make(service, m=["tom", "jerry"])
        await send(service, conv_id)
        ((one,),) = [await receiver.hears("push")]
    assert one["data"] == {"alert": "from the app"}
