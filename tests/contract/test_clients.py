"""REST 1.2, clients and subscribers: presence, kicks, unread counters, subscriptions, statistics, signing in."""

import hashlib
import hmac
from typing import Any

import pytest

from bridge.server.presence import Direct, Kick
from bridge.server.unread import Since, acknowledge, backlog, mark_read
from tests.contract.messaging import RTM, arrives, history, make, online, send, subscribe
from tests.contract.service import APP_ID, MASTER_KEY, Service


async def unread(service: Service, client: str, **query: str) -> int:
    body = await service.ok("GET", f"{RTM}/clients/{client}/unread-count", key="app", params=query)
    return int(body["count"])


async def test_check_online_names_those_who_are(service: Service) -> None:
    await online(service, "b", "phone")
    await online(service, "b", "pad")
    await online(service, "a")
    body = {"client_ids": ["a", "b", "c"]}
    assert await service.ok("POST", f"{RTM}/clients/check-online", json=body) == {"results": ["a", "b"]}
    assert await service.ok("POST", "/1.1/rtm/online", json={"peers": ["c", "b"]}) == {"results": ["b"]}


async def test_check_online_takes_twenty_ids(service: Service) -> None:
    body = {"client_ids": [f"c{n}" for n in range(21)]}
    assert await service.refused("POST", f"{RTM}/clients/check-online", json=body) == 1


@pytest.mark.parametrize("old", [False, True], ids=["1.2", "1.1"])
async def test_a_kick_ends_every_session_with_the_reason(service: Service, old: bool) -> None:
    devices = [await online(service, "a", device) for device in ("phone", "pad")]
    path, body = (
        ("/1.1/rtm/client/kick", {"client_id": "a", "reason": "bye"})
        if old
        else (f"{RTM}/clients/a/kick", {"reason": "bye"})
    )
    assert await service.ok("POST", path, json=body) == {}
    for device in devices:
        assert await arrives(device) == Kick(4115, "bye")
        assert [event async for event in device] == []
        assert device.closing is not None
        assert (device.closing.code, device.closing.reason) == (4115, "bye")
    assert service.server.presence.online(["a"]) == []


async def test_the_reason_of_a_kick_has_twenty_characters_and_may_be_left_out(service: Service) -> None:
    assert await service.ok("POST", f"{RTM}/clients/a/kick", json={"reason": "被" * 20}) == {}
    assert await service.ok("POST", f"{RTM}/clients/a/kick") == {}
    assert await service.refused("POST", f"{RTM}/clients/a/kick", json={"reason": "被" * 21}) == 1


async def test_unread_counts_the_messages_of_others_in_conversations_and_threads(service: Service) -> None:
    one, two = await make(service, m=["tom", "jerry"]), await make(service, m=["jerry"])
    system, room = await make(service, "service"), await make(service, "chatroom", m=["jerry"])
    await send(service, one)
    await send(service, one)
    await send(service, one, from_client="jerry")
    await send(service, one, transient=True)
    await send(service, two)
    await send(service, room, kind="chatroom")
    await send(service, system, kind="service", to_clients=["jerry"])
    await subscribe(service, system, "jerry")
    news = {"from_client": "tom", "message": "news"}
    await service.ok("POST", f"{RTM}/service-conversations/{system}/broadcasts", json=news)
    assert await unread(service, "jerry") == 5
    assert await unread(service, "jerry", conv_id=one) == 2
    assert await unread(service, "jerry", conv_id=system) == 2
    assert await unread(service, "tom") == 1
    assert await unread(service, "nobody") == 0
    assert (await service.ok("GET", "/1.1/rtm/messages/unread/jerry"))["count"] == 5
    assert (await service.ok("GET", f"/1.1/rtm/messages/unread/jerry/{one}"))["count"] == 2


async def test_what_was_read_is_not_unread_and_stays_read(service: Service) -> None:
    conv_id = await make(service, m=["jerry"])
    first = await send(service, conv_id)
    service.clock.advance(5)
    second = await send(service, conv_id)
    engine = service.server.engine
    async with engine.write() as connection:
        await mark_read(connection, "jerry", conv_id, first["timestamp"])
    assert await unread(service, "jerry") == 1
    async with engine.write() as connection:
        await mark_read(connection, "jerry", conv_id, second["timestamp"])
        await mark_read(connection, "jerry", conv_id, first["timestamp"])
    assert await unread(service, "jerry") == 0


async def test_the_backlog_of_a_login_holds_the_newest_messages_and_whether_they_mention_one(
    service: Service,
) -> None:
    conv_id, quiet = await make(service, m=["jerry"]), await make(service, m=["jerry"])
    await send(service, conv_id, "1", mention_all=True)
    service.clock.advance(5)
    await send(service, conv_id, "2")
    await send(service, quiet, from_client="jerry")
    async with service.server.engine.read() as connection:
        (found,) = await backlog(connection, "jerry", Since.READ)
    assert (found.conv_id, found.count, found.mentions("jerry")) == (conv_id, 2, True)
    assert [entry.data for entry in found.newest] == ["1", "2"]


async def test_the_first_receipt_of_a_message_becomes_its_ack_at(service: Service) -> None:
    conv_id, system = await make(service, m=["jerry"]), await make(service, "service")
    sent = await send(service, conv_id)
    named = await send(service, system, kind="service", to_clients=["jerry", "spike"])
    for conversation, message in ((conv_id, sent), (system, named)):
        for now in (7_000, 9_000):
            async with service.server.engine.write() as connection:
                between = (message["timestamp"], message["timestamp"])
                await acknowledge(connection, "jerry", conversation, between, now)
    assert (await history(service, conv_id))[0]["ack-at"] == 7_000
    threads = f"{RTM}/service-conversations/{system}/subscribers"
    assert (await service.ok("GET", f"{threads}/jerry/messages"))[0]["ack-at"] == 7_000
    assert "ack-at" not in (await service.ok("GET", f"{threads}/spike/messages"))[0]
    async with service.server.engine.read() as connection:
        assert await backlog(connection, "jerry", Since.RECEIVED) == []
        assert len(await backlog(connection, "jerry", Since.READ)) == 2


async def test_subscribers_are_counted_listed_in_pages_and_removed(service: Service) -> None:
    conv_id = await make(service, "service")
    before = service.clock()
    await subscribe(service, conv_id, *(f"c{n:03}" for n in range(60)), "c000")
    path = f"{RTM}/service-conversations/{conv_id}/subscribers"
    assert await service.ok("GET", f"{path}/count") == {"count": 60}
    page = await service.ok("GET", path)
    assert len(page) == 50
    assert set(page[0]) == {"timestamp", "subscriber", "conv_id"}
    assert (page[0]["subscriber"], page[0]["conv_id"]) == ("c000", conv_id)
    assert before <= page[0]["timestamp"] <= service.clock()
    rest = await service.ok("GET", path, params={"client_id": page[-1]["subscriber"], "limit": "500"})
    assert [row["subscriber"] for row in (*page, *rest)] == [f"c{n:03}" for n in range(60)]
    assert await service.ok("DELETE", f"{path}/c000") == {}
    assert await service.ok("DELETE", f"{path}/c000") == {}
    assert await service.ok("GET", f"{path}/count") == {"count": 59}


async def test_a_clients_subscriptions_are_listed_by_time_both_ways(service: Service) -> None:
    ids = []
    for _ in range(4):
        ids.append(await make(service, "service"))
        await subscribe(service, ids[-1], "a")
        service.clock.advance(10)
    path = f"{RTM}/clients/a/service-conversations"
    rows = await service.ok("GET", path)
    assert [row["conv_id"] for row in rows] == ids
    assert set(rows[0]) == {"timestamp", "subscriber", "conv_id"}
    cursor = {"conv_id": ids[1], "timestamp": rows[1]["timestamp"]}
    assert [row["conv_id"] for row in await service.ok("GET", path, params={**cursor, "limit": 1})] == [
        ids[2]
    ]
    older = await service.ok("GET", path, params={**cursor, "direction": "old"})
    assert [row["conv_id"] for row in older] == [ids[0]]
    assert await service.refused("GET", path, params={"conv_id": ids[1]}) == 1
    assert await service.refused("GET", path, params={"direction": "sideways"}) == 1


@pytest.mark.parametrize(("made", "code"), [("normal", 4313), ("chatroom", 4313), (None, 4303)])
async def test_only_service_conversations_have_subscribers(
    service: Service, made: str | None, code: int
) -> None:
    conv_id = await make(service, made) if made else "5f00"
    path = f"{RTM}/service-conversations/{conv_id}/subscribers"
    assert await service.refused("POST", path, json={"client_id": "a"}) == code
    assert await service.refused("DELETE", f"{path}/a") == code
    assert await service.refused("GET", path) == code
    assert await service.refused("GET", f"{path}/count") == code
    assert await service.refused("GET", f"{path}/a/messages") == code


@pytest.mark.parametrize("body", [{}, {"client_id": ""}, {"client_id": "x" * 65}, {"client_id": 5}])
async def test_a_subscriber_needs_a_client_id(service: Service, body: Any) -> None:
    path = f"{RTM}/service-conversations/{await make(service, 'service')}/subscribers"
    assert await service.refused("POST", path, json=body) in (1, 4103)


async def test_statistics_count_who_is_online_and_who_was_today(service: Service) -> None:
    day = 86_400_000
    service.clock.advance(day - service.clock() % day)
    gone = await online(service, "yesterday only")
    await online(service, "all night")
    service.server.presence.disconnect(gone)
    service.clock.advance(day)
    left = await online(service, "today", "phone")
    service.server.presence.disconnect(left)
    assert await service.ok("GET", f"{RTM}/stats") == {
        "result": {"online_user_count": 1, "user_count_today": 2}
    }


async def test_a_chatroom_shows_who_has_joined(service: Service) -> None:
    room = await make(service, "chatroom")
    for name in ("b", "a"):
        service.server.presence.join(await online(service, name), room)
    path = f"{RTM}/chatrooms/{room}/members"
    assert await service.ok("GET", path) == {"result": ["a", "b"]}
    assert await service.ok("GET", f"{path}/online-count") == {"result": 2}
    assert await service.ok("GET", "/1.1/rtm/transient_group/onlines", params={"gid": room}) == {"result": 2}
    assert await service.ok("GET", "/1.1/rtm/transient_group/members", params={"gid": room}) == ["a", "b"]


@pytest.mark.parametrize("old", [False, True], ids=["1.2", "1.1"])
async def test_a_user_is_signed_in_by_its_session_token(service: Service, old: bool) -> None:
    user = await service.ok("POST", "/1.1/users", key="app", json={"username": "tom", "password": "cat"})
    token = {"session_token": user["sessionToken"]}
    if old:
        signed = await service.ok("POST", "/1.1/rtm/sign", key="app", json=token)
    else:
        signed = await service.ok("GET", f"{RTM}/clients/sign", key="app", params=token)
    assert signed["client_id"] == user["objectId"]
    text = f"{APP_ID}:{user['objectId']}::{signed['timestamp']}:{signed['nonce']}"
    assert signed["signature"] == hmac.new(MASTER_KEY.encode(), text.encode(), hashlib.sha1).hexdigest()
    wrong = {"session_token": "nobody's"}
    assert await service.refused("GET", f"{RTM}/clients/sign", key="app", params=wrong) == 211


async def test_a_client_that_does_not_read_is_closed_and_holds_up_nobody(service: Service) -> None:
    conv_id = await make(service, m=["slow", "quick"])
    slow = await service.server.presence.connect("slow", capacity=3)
    quick = await online(service, "quick")
    for n in range(5):
        await send(service, conv_id, str(n))
    heard = [await arrives(quick) for _ in range(5)]
    assert [event.data for event in heard if isinstance(event, Direct)] == ["0", "1", "2", "3", "4"]
    assert slow.closing is not None
    assert slow.closing.reason == "too slow"
    assert service.server.presence.online(["slow"]) == []
