"""Messages over the socket: sent, received, acknowledged, read, changed, and found again in history."""

import asyncio
import base64
import json
from typing import Any

import pytest

from tests.contract.device import Device, online
from tests.contract.messaging import RTM, history, make, send, subscribe
from tests.contract.service import Service


async def unread(device: Device) -> dict[str, Any]:
    return {one["cid"]: one["unread"] for one in (await device.hears("unread"))["convs"]}


async def test_a_message_reaches_every_session_but_the_one_it_came_from(socket_service: Service) -> None:
    async with (
        online(socket_service, "tom") as phone,
        online(socket_service, "tom") as pad,
        online(socket_service, "jerry") as jerry,
        online(socket_service, "spike") as spike,
    ):
        conv = await phone.start("jerry")
        ack = await phone.send(conv, "hello", mentionPids=["jerry"], mentionAll=True)
        assert set(ack) == {"cmd", "i", "uid", "t", "peerId"}  # no `code`: SDKs take one for a failure
        for device in (jerry, pad):
            heard = await device.hears("direct")
            assert (heard["id"], heard["cid"], heard["fromPeerId"]) == (ack["uid"], conv, "tom")
            assert (heard["msg"], heard["timestamp"], heard["convType"]) == ("hello", ack["t"], 1)
            assert (heard["mentionPids"], heard["mentionAll"], heard["service"]) == (["jerry"], True, 2)
        for device in (phone, spike):
            assert [push for push in await device.pending() if push["cmd"] == "direct"] == []
        (row,) = await history(socket_service, conv)
        assert (row["msg-id"], row["from"], row["from-ip"], row["data"]) == (
            ack["uid"],
            "tom",
            "127.0.0.1",
            "hello",
        )


async def test_bytes_arrive_as_bytes(socket_service: Service) -> None:
    content = base64.b64encode(bytes(range(256))).decode()
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        conv = await tom.start("jerry")
        await tom.ask("direct", cid=conv, binaryMsg=content)
        heard = await jerry.hears("direct")
        assert heard["binaryMsg"] == content
        assert "msg" not in heard
        (item,) = (await jerry.ask("logs", cid=conv))["logs"]
        assert (item["data"], item["bin"]) == (content, True)


async def test_transient_messages_leave_no_trace(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        conv = await tom.start("jerry")
        assert (await tom.send(conv, "typing", transient=True))["uid"]
        assert (await jerry.hears("direct"))["transient"] is True
        assert await history(socket_service, conv) == []


async def test_who_may_not_send_is_told_why(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom, online(socket_service, "spike") as spike:
        conv = await tom.start("jerry")
        for target in (conv, "0" * 24, "_tmp:none"):
            assert await spike.refused("direct", cid=target, msg="x") == 4401
        assert await tom.refused("direct", cid=conv) == 4301
        assert await tom.refused("direct", msg="x") == 4301
        silences = f"{RTM}/conversations/{conv}"
        await socket_service.ok(
            "POST", f"{silences}/temporary-silenceds", json={"client_id": "tom", "ttl": 60}
        )
        assert await tom.refused("direct", cid=conv, msg="x") == 4315
        socket_service.clock.advance(61_000)
        await tom.send(conv, "y")
        await socket_service.ok("POST", f"{silences}/permanent-silenceds", json={"client_ids": ["tom"]})
        assert await tom.refused("direct", cid=conv, msg="x") == 4563
        assert [row["data"] for row in await history(socket_service, conv)] == ["y"]


async def test_a_message_over_5_kb_is_refused_with_its_push_data(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom:
        conv = await tom.start("jerry")
        assert await tom.refused("direct", cid=conv, msg="x" * 6000) == 4109
        assert (
            await tom.refused("direct", cid=conv, msg="x" * 2500, pushData=json.dumps({"a": "y" * 2700}))
            == 4109
        )
        await tom.send(conv, "x" * 4900)


async def test_a_receipt_tells_the_sender_once_that_its_message_arrived(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        conv = await tom.start("jerry")
        plain = await tom.send(conv, "no receipt")
        ack = await tom.send(conv, "please", r=True)
        await jerry.say("ack", cid=conv, fromts=plain["t"], tots=ack["t"])
        receipt = await tom.hears("rcp")
        assert (receipt["id"], receipt["cid"], receipt["from"]) == (ack["uid"], conv, "jerry")
        assert receipt["t"] >= ack["t"]
        second = await tom.send(conv, "again", r=True)
        await jerry.say("ack", cid=conv, fromts=plain["t"], tots=ack["t"])  # twice, as after a reconnection
        await jerry.say("ack", cid=conv, mid=second["uid"])
        assert (await tom.hears("rcp"))["id"] == second["uid"]
        assert [push for push in await tom.pending() if push["cmd"] == "rcp"] == []
        assert all("ack-at" in row for row in await history(socket_service, conv))


async def test_unread_counters_follow_reading_on_other_devices(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom:
        conv = await tom.start("jerry")
        await tom.send(conv, "one", mentionPids=["jerry"])
        last = await tom.send(conv, "two")
        async with online(socket_service, "jerry") as phone, online(socket_service, "jerry") as pad:
            (counter,) = (await phone.hears("unread"))["convs"]
            assert (counter["cid"], counter["unread"], counter["mentioned"]) == (conv, 2, True)
            assert (counter["mid"], counter["data"], counter["from"]) == (last["uid"], "two", "tom")
            assert await unread(pad) == {conv: 2}
            await phone.say("read", convs=[{"cid": conv, "mid": last["uid"], "timestamp": last["t"]}])
            assert await unread(pad) == {conv: 0}
            receipt = await tom.hears("rcp")
            assert (receipt["read"], receipt["from"], receipt["t"]) == (True, "jerry", last["t"])
            assert await phone.pending() == []
            read = await tom.ask("conv", "max_read", cid=conv)
            assert read["maxReadTimestamp"] == last["t"]
            tuples = (await tom.ask("conv", "max_read", cid=conv, queryAllMembers=True))["maxReadTuples"]
            assert [(one["pid"], one["maxReadTimestamp"]) for one in tuples] == [("jerry", last["t"])]
        async with online(socket_service, "jerry") as later:
            assert await later.pending() == []


async def test_the_first_version_gets_offline_messages_until_it_acknowledges_them(
    socket_service: Service,
) -> None:
    async with online(socket_service, "tom") as tom:
        conv = await tom.start("jerry")
        acks = [await tom.send(conv, text) for text in ("one", "two")]
        for _ in range(2):
            async with online(socket_service, "jerry", "lc.json.1") as jerry:
                heard = [await jerry.hears("direct") for _ in range(2)]
                assert [one["msg"] for one in heard] == ["one", "two"]
                assert [one.get("hasMore", False) for one in heard] == [True, False]
                assert all(one["offline"] for one in heard)
        async with online(socket_service, "jerry", "lc.json.1") as jerry:
            await jerry.hears("direct")
            await jerry.say("ack", cid=conv, fromts=acks[0]["t"], tots=acks[1]["t"])
            await tom.send(conv, "three", r=True)
            await jerry.hears("direct")
            live = await jerry.hears("direct")
            assert (live["msg"], "offline" in live) == ("three", False)
            await jerry.say("ack", cid=conv, fromts=live["timestamp"], tots=live["timestamp"])
            await tom.hears("rcp")
        async with online(socket_service, "jerry", "lc.json.1") as jerry:
            assert await jerry.pending() == []


async def test_modified_and_recalled_messages_are_told_now_and_later(socket_service: Service) -> None:
    async with (
        online(socket_service, "tom") as tom,
        online(socket_service, "tom") as pad,
        online(socket_service, "jerry") as jerry,
    ):
        conv = await tom.start("jerry")
        one, two = await tom.send(conv, "one"), await tom.send(conv, "two")
        before = socket_service.clock()
        socket_service.clock.advance(10)
        item = {"cid": conv, "mid": one["uid"], "timestamp": one["t"], "data": "ONE"}
        done = await tom.ask("patch", "modify", patches=[item], lastPatchTime=before)
        assert done["op"] == "modified"
        recall = {"cid": conv, "mid": two["uid"], "timestamp": two["t"], "recall": True}
        await tom.ask("patch", "modify", patches=[recall])
        for device in (jerry, pad):
            seen = [(await device.hears("patch", "modify"))["patches"][0] for _ in range(2)]
            assert [(patch["mid"], patch["data"], patch["recall"]) for patch in seen] == [
                (one["uid"], "ONE", False),
                (two["uid"], '{"_lctype":-127}', True),
            ]
            assert seen[0]["patchTimestamp"] > one["t"]
        assert [push for push in await tom.pending() if push["cmd"] == "patch"] == []
        async with online(socket_service, "jerry", lastPatchTime=before) as later:
            patches = (await later.hears("patch"))["patches"]
            assert [patch["mid"] for patch in patches] == [one["uid"], two["uid"]]
        async with online(socket_service, "jerry", lastPatchTime=socket_service.clock()) as current:
            assert [push for push in await current.pending() if push["cmd"] == "patch"] == []
        logs = (await jerry.ask("logs", cid=conv))["logs"]
        assert [item["data"] for item in logs] == ["ONE", '{"_lctype":-127}']
        assert all(item["patchTimestamp"] for item in logs)
        assert await jerry.refused("patch", "modify", patches=[{**item, "data": "mine"}]) == 4403
        assert await tom.refused("patch", "modify", patches=[{**item, "mid": "none"}]) == 4404
        assert await tom.refused("patch", "modify", patches=[{"cid": conv}]) == 4301


async def test_history_is_ascending_in_both_directions(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom:
        conv = await tom.start("jerry")
        sent = []
        for number in range(5):
            socket_service.clock.advance(10)
            sent.append(await tom.send(conv, str(number)))

        async def texts(**query: Any) -> list[str]:
            return [item["data"] for item in (await tom.ask("logs", cid=conv, **query))["logs"]]

        middle = {"t": sent[2]["t"], "mid": sent[2]["uid"]}
        assert await texts() == ["0", "1", "2", "3", "4"]
        assert await texts(l=2) == ["3", "4"]
        assert await texts(l=2, **middle) == ["0", "1"]
        assert await texts(l=2, **middle, tIncluded=True) == ["1", "2"]
        assert await texts(l=1, **middle, direction="NEW") == ["3"]
        assert await texts(direction=2, l=2) == ["0", "1"]
        assert await texts(tt=sent[1]["t"], tmid=sent[1]["uid"], ttIncluded=True) == ["1", "2", "3", "4"]
        assert await texts(tt=sent[1]["t"], tmid=sent[1]["uid"]) == ["2", "3", "4"]
        async with online(socket_service, "spike") as spike:
            assert await spike.refused("logs", cid=conv) == 4312
            assert await spike.refused("logs", cid="0" * 24) == 4303


async def test_history_of_one_type_looks_past_the_others(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom:
        conv = await tom.start("jerry")
        picture = json.dumps({"_lctype": -2, "_lcfile": {"url": "u"}})
        await tom.send(conv, picture)
        for number in range(105):
            await send(socket_service, conv, f"text {number}")
        found = (await tom.ask("logs", cid=conv, lctype=-2))["logs"]
        assert [item["data"] for item in found] == [picture]
        assert (await tom.ask("logs", cid=conv, lctype=-3))["logs"] == []
        assert len((await tom.ask("logs", cid=conv, l=1000))["logs"]) == 100
        assert len((await tom.ask("logs", cid=conv))["logs"]) == 20


async def test_upstream_messages_of_a_service_are_kept_for_the_app_alone(socket_service: Service) -> None:
    news = await make(socket_service, "service")
    await subscribe(socket_service, news, "jerry")
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        ack = await tom.send(news, "a question")
        (row,) = (await socket_service.ok("GET", "/1.1/classes/_SysMessage"))["results"]
        assert (row["msgId"], row["from"], row["data"], row["timestamp"]) == (
            ack["uid"],
            "tom",
            "a question",
            ack["t"],
        )
        assert row["conv"] == {"__type": "Pointer", "className": "_Conversation", "objectId": news}
        assert (row["fromIp"], row["bin"]) == ("127.0.0.1", False)
        assert await jerry.pending() == []
        assert (await jerry.ask("logs", cid=news))["logs"] == []


async def test_a_broadcast_comes_at_once_or_at_the_next_login_and_never_twice(
    socket_service: Service,
) -> None:
    news = await make(socket_service, "service")
    async with online(socket_service, "tom", deviceId="d1") as tom:
        for text in ("first", "second"):
            body = {"from_client": "news", "conv_id": news, "message": text}
            await socket_service.ok("POST", f"{RTM}/broadcasts", json=body)
            socket_service.clock.advance(1)
        assert [(await tom.hears("direct"))["msg"] for _ in range(2)] == ["first", "second"]
    async with online(socket_service, "tom", deviceId="d1") as tom:
        assert await tom.pending() == []
    async with online(socket_service, "tom", deviceId="d2") as new:
        heard = await new.hears("direct")
        assert (heard["msg"], heard["convType"], heard["cid"]) == ("second", 3, news)
        assert await new.pending() == []


async def test_rest_sends_reach_the_socket_and_no_sync_spares_the_sender(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        conv = await tom.start("jerry")
        await send(socket_service, conv, "synced")
        await send(socket_service, conv, "not synced", no_sync=True)
        assert [(await jerry.hears("direct"))["msg"] for _ in range(2)] == ["synced", "not synced"]
        assert (await tom.hears("direct"))["msg"] == "synced"
        assert [push for push in await tom.pending() if push["cmd"] == "direct"] == []


async def test_messages_of_one_client_arrive_in_the_order_in_which_it_sent_them(
    socket_service: Service,
) -> None:
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        conv = await tom.start("jerry")
        waiters = [await tom.put("direct", cid=conv, msg=str(number)) for number in range(40)]
        acks = [await asyncio.wait_for(waiter, 10) for waiter in waiters]
        heard = [(await jerry.hears("direct"))["msg"] for _ in range(40)]
        assert heard == [str(number) for number in range(40)]
        assert [ack["uid"] for ack in acks] == sorted(ack["uid"] for ack in acks)


@pytest.mark.parametrize("cmd", ["ack", "read"])
async def test_what_wants_no_answer_gets_none_even_when_it_is_nonsense(
    socket_service: Service, cmd: str
) -> None:
    async with online(socket_service, "tom") as tom:
        for fields in (
            {},
            {"cid": 5},
            {"convs": "x"},
            {"convs": [{"cid": "none"}, 3]},
            {"cid": "x", "fromts": "y"},
        ):
            await tom.say(cmd, **fields)
        assert await tom.pending() == []
