"""Sessions: who is let in and how, who is thrown out, and what a client finds again when it comes back."""

import hashlib
import hmac
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from bridge.server.settings import BUSINESS
from tests.contract.device import Device, Refused, address, online, plugged
from tests.contract.messaging import RTM, make
from tests.contract.service import APP_ID, MASTER_KEY, Service, running

WEEK = 7 * 86_400_000


async def test_the_route_leads_to_the_socket(socket_service: Service) -> None:
    route = await socket_service.ok("GET", "/v1/route", key=None, params={"appId": APP_ID, "secure": "true"})
    assert route["server"] == address(socket_service)
    async with connect(route["server"], subprotocols=[Subprotocol("lc.protobuf2.3")]) as socket:
        assert socket.subprotocol == "lc.protobuf2.3"


async def test_a_session_opens_with_a_token(socket_service: Service) -> None:
    async with plugged(socket_service) as device:
        opened = await device.open("tom")
        assert (opened["op"], opened["peerId"]) == ("opened", "tom")
        assert opened["st"]
        assert opened["stTtl"] == 7 * 86_400
        assert abs(opened["serverTs"] - socket_service.clock()) < 5000


async def test_a_client_without_a_name_gets_one(socket_service: Service) -> None:
    async with plugged(socket_service) as device:
        assert len((await device.open(None))["peerId"]) == 24


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"appId": "another"}, 4100), ({"peerId": "x" * 65}, 4103), ({"appId": None}, 4100)],
)
async def test_an_unknown_app_and_a_bad_id_end_the_connection(
    socket_service: Service, fields: dict[str, str], code: int
) -> None:
    async with plugged(socket_service) as device:
        with pytest.raises(Refused) as refused:
            await device.open("tom", **fields)
        assert refused.value.code == code
        assert await device.closed() == code


async def test_nothing_is_done_before_a_session_is_open(socket_service: Service) -> None:
    async with plugged(socket_service) as device:
        assert await device.refused("conv", "query") == 4105
        assert await device.refused("direct", cid="x", msg="y") == 4105
        assert await device.refused("session", "close") == 4105


async def test_heartbeats_are_answered(socket_service: Service) -> None:
    async with plugged(socket_service) as device:
        assert await device.ask("echo") == {"cmd": "echo", "i": 1}
    async with connect(address(socket_service), subprotocols=[Subprotocol("lc.json.1")]) as socket:
        await socket.send("{}")
        assert await socket.recv() == "{}"


async def test_the_sub_protocol_may_stand_in_the_query(socket_service: Service) -> None:
    async with plugged(socket_service, "", "/?subprotocol=lc.json.3") as device:
        assert device.socket.subprotocol is None
        await device.open("tom")


async def test_a_sub_protocol_that_is_not_spoken_is_refused(socket_service: Service) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(address(socket_service), subprotocols=[Subprotocol("chat")])
    assert refused.value.response.status_code == 400


async def test_pages_of_other_origins_are_turned_away(pair: tuple[str, str]) -> None:
    async with running(pair[0], "socket", web_origins=("https://app.example",)) as service:
        for origin, code in (("https://evil.example", 4110), ("https://app.example", None)):
            socket = await connect(
                address(service), origin=Origin(origin), subprotocols=[Subprotocol("lc.json.3")]
            )
            if code is None:
                await socket.send("{}")
                assert await socket.recv() == "{}"
            else:
                await socket.wait_closed()
                assert socket.close_code == code
            await socket.close()


async def test_a_token_lets_a_client_back_in_even_after_a_restart(pair: tuple[str, str]) -> None:
    async with running(pair[0], "socket", sign_login=True) as service, plugged(service) as device:
        signed = signature("tom", service.clock())
        token = (await device.open("tom", **signed))["st"]
    async with running(pair[0], "socket", sign_login=True) as service, plugged(service) as device:
        assert (await device.open("tom", st=token, r=True))["peerId"] == "tom"


async def test_a_stale_or_foreign_token_is_refused_and_the_client_logs_in_without(
    socket_service: Service,
) -> None:
    async with online(socket_service, "jerry") as device:
        foreign = (await device.ask("session", "refresh", st=(await device.open("jerry"))["st"]))["st"]
    async with plugged(socket_service) as device:
        own = (await device.open("tom"))["st"]
    async with plugged(socket_service) as device:
        for token in (foreign, own + "x", "nonsense", "a.b", "ü", own.replace(".", "")):
            with pytest.raises(Refused) as refused:
                await device.open("tom", st=token, r=True)
            assert refused.value.code == 4112
        await device.open("tom", st=own, r=True)
        socket_service.clock.advance(WEEK + 1)
        with pytest.raises(Refused) as refused:
            await device.open("tom", st=own, r=True)
        assert refused.value.code == 4112
        refreshed = await device.ask("session", "refresh", st=own)
        assert (refreshed["op"], refreshed["stTtl"]) == ("refreshed", 7 * 86_400)
        await device.open("tom", st=refreshed["st"], r=True)


def signature(client: str, at: int, nonce: str = "n1", key: str = MASTER_KEY) -> dict[str, object]:
    text = f"{APP_ID}:{client}::{at}:{nonce}"
    return {"t": at, "n": nonce, "s": hmac.new(key.encode(), text.encode(), hashlib.sha1).hexdigest()}


async def test_logins_are_signed_where_that_is_switched_on(pair: tuple[str, str]) -> None:
    async with running(pair[0], "socket", sign_login=True) as service, plugged(service) as device:
        now = service.clock()
        for bad in (
            {},
            signature("jerry", now),
            signature("tom", now, key="guess"),
            signature("tom", now - 6 * 3_600_000 - 60_000),
            {**signature("tom", now), "n": "other"},
        ):
            with pytest.raises(Refused) as refused:
                await device.open("tom", **bad)
            assert refused.value.code == 4102
        await device.open("tom", **signature("tom", now))
        await device.open("jerry", **signature("jerry", now // 1000))


async def test_a_new_login_with_a_tag_ends_the_old_one_and_others_coexist(socket_service: Service) -> None:
    async with (
        online(socket_service, "tom", tag="mobile") as old,
        online(socket_service, "tom", tag="pad") as pad,
        online(socket_service, "tom") as plain,
        online(socket_service, "tom", tag="mobile") as new,
    ):
        closed = await old.hears("session", "closed")
        assert (closed["code"], closed["reason"]) == (4111, "SESSION_CONFLICT")
        assert await old.refused("conv", "query") == 4105
        for device in (pad, plain, new):
            assert await device.pending() == []


async def test_a_reconnection_that_finds_its_tag_taken_fails_itself(socket_service: Service) -> None:
    async with plugged(socket_service) as old:
        token = (await old.open("tom", tag="mobile"))["st"]
        async with online(socket_service, "tom", tag="mobile") as new:
            await old.hears("session", "closed")
            with pytest.raises(Refused) as refused:
                await old.open("tom", st=token, r=True)
            assert refused.value.code == 4111
            assert await new.pending() == []


async def test_a_reconnection_replaces_what_is_left_of_its_own_last_connection(
    socket_service: Service,
) -> None:
    async with plugged(socket_service) as half_dead, plugged(socket_service) as again:
        token = (await half_dead.open("tom", tag="mobile"))["st"]
        await again.open("tom", st=token, r=True)
        await half_dead.hears("session", "closed")
        assert await again.pending() == []
        async with online(socket_service, "tom", tag="mobile"):
            assert (await again.hears("session", "closed"))["code"] == 4111


async def test_several_clients_share_a_connection_and_are_told_apart(socket_service: Service) -> None:
    async with plugged(socket_service) as device, online(socket_service, "spike") as spike:
        await device.open("tom")
        await device.open("jerry")
        conv = (await spike.ask("conv", "start", m=["tom", "jerry"]))["cid"]
        assert {(await device.hears("conv", "joined"))["peerId"] for _ in range(2)} == {"tom", "jerry"}
        await device.ask("direct", peerId="jerry", cid=conv, msg="hi")
        assert (await spike.hears("direct"))["fromPeerId"] == "jerry"
        assert (await device.hears("direct"))["peerId"] == "tom"
        await device.ask("session", "close", peerId="jerry")
        assert await device.refused("conv", "query", peerId="jerry") == 4105
        await device.ask("conv", "query", peerId="tom")


async def test_closing_and_losing_a_connection_take_a_client_offline(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        asked = {"sessionPeerIds": ["tom", "jerry", "spike"]}
        assert (await tom.ask("session", "query", **asked))["onlineSessionPeerIds"] == ["tom", "jerry"]
        assert (await jerry.ask("session", "close"))["op"] == "closed"
        assert (await tom.ask("session", "query", **asked))["onlineSessionPeerIds"] == ["tom"]


async def test_a_kick_ends_every_session_of_a_client_with_its_reason(socket_service: Service) -> None:
    async with online(socket_service, "tom") as one, online(socket_service, "tom") as two:
        await socket_service.ok("POST", f"{RTM}/clients/tom/kick", json={"reason": "enough"})
        for device in (one, two):
            closed = await device.hears("session", "closed")
            assert (closed["code"], closed["reason"]) == (4115, "enough")
            assert await device.refused("conv", "query") == 4105
    status = await socket_service.ok("POST", f"{RTM}/clients/check-online", json={"client_ids": ["tom"]})
    assert status == {"results": []}


async def test_a_connection_without_a_session_does_not_stay(pair: tuple[str, str]) -> None:
    async with (
        running(pair[0], "socket", login_seconds=1.5) as service,
        plugged(service) as silent,
        plugged(service) as talking,
        plugged(service) as out,
        plugged(service) as within,
        plugged(service) as subscriber,
    ):
        await within.open("tom")
        await subscriber.say("login", appId=APP_ID, installationId="x")
        await subscriber.hears("loggedin")
        await talking.ask("echo")
        await out.open("jerry")
        await out.ask("session", "close")
        assert await silent.closed() == 4107
        assert await talking.closed() == 4108
        assert await out.closed() == 4108
        await within.ask("conv", "query")
        await subscriber.ask("echo")


async def test_above_its_allowance_a_client_is_not_answered(pair: tuple[str, str]) -> None:
    async with running(pair[0], "socket", plan=BUSINESS) as service, online(service, "tom") as tom:
        conv = await tom.start("jerry")
        for number in range(60):
            await tom.send(conv, str(number))
        unanswered = await tom.put("direct", cid=conv, msg="one too many")
        for _ in range(29):
            await tom.ask("conv", "mute", cid=conv)
        await tom.ask("conv", "mute", cid=conv)
        muted = await tom.put("conv", "mute", cid=conv)
        await tom.ask("echo")
        assert not unanswered.done()
        assert not muted.done()
        assert len((await tom.ask("logs", cid=conv, l=100))["logs"]) == 60
        async with online(service, "tom") as other:  # the client's, not the connection's
            also = await other.put("direct", cid=conv, msg="one too many")
            await other.ask("echo")
            assert not also.done()
        service.clock.advance(60_001)
        await tom.send(conv, "again")


async def test_a_chatroom_is_found_again_within_half_an_hour(socket_service: Service) -> None:
    room = await make(socket_service, "chatroom")
    async with online(socket_service, "jerry") as jerry:
        conv = await jerry.start("tom")
        async with plugged(socket_service) as device:
            token = (await device.open("tom"))["st"]
            await device.ask("conv", "add", cid=room, m=["tom"])
            await lose(device, conv, jerry)
        for minutes, found in ((29, 1), (29, 1), (31, 0)):
            socket_service.clock.advance(minutes * 60_000)
            async with plugged(socket_service) as device:
                await device.open("tom", st=token, r=True)
                assert (await jerry.ask("conv", "count", cid=room))["count"] == found
                await lose(device, conv, jerry)


async def lose(device: Device, conv: str, watcher: Device) -> None:
    """Loses a connection and waits until the server knows: it then sends the client's will."""
    await device.send(conv, "gone", will=True)
    await device.drop()
    await watcher.hears("direct")


async def test_a_will_is_sent_when_the_connection_is_lost_and_only_then(socket_service: Service) -> None:
    async with online(socket_service, "jerry") as jerry:
        conv = await jerry.start("tom")
        async with online(socket_service, "tom") as tom:
            assert (await tom.send(conv, "never", will=True))["uid"]
            await tom.ask("session", "close")
        async with online(socket_service, "tom") as tom:
            await tom.send(conv, "first", will=True)
            await tom.send(conv, "lost", will=True)
            await tom.drop()
        assert (await jerry.hears("direct"))["msg"] == "lost"
        assert [push["cmd"] for push in await jerry.pending() if push["cmd"] == "direct"] == []


async def test_the_notifications_call_of_the_sdk_is_answered(socket_service: Service) -> None:
    query = {"client_id": "tom", "start_ts": 1, "notification_type": "permanent"}
    found = await socket_service.ok("GET", "/1.1/rtm/notifications", key="app", params=query)
    assert found == {"hasMore": False, "notifications": []}
    both = await socket_service.ok("GET", "/1.1/rtm/notifications", key="app", params={"client_id": "tom"})
    assert both["permanent"] == {"hasMore": False, "notifications": []}
    assert json.dumps(both["droppable"])
