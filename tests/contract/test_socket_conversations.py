"""Conversations over the socket: made, found, joined, left, changed, and who hears of it."""

from typing import Any

import pytest

from tests.contract.device import Device, online
from tests.contract.messaging import RTM, make, send, subscribe
from tests.contract.service import Service


async def rows(device: Device, **query: Any) -> list[dict[str, Any]]:
    found = (await device.ask("conv", "query", **query))["results"]
    assert isinstance(found, list)
    return found


async def test_who_is_named_at_the_start_is_invited(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        started = await tom.ask(
            "conv", "start", m=["jerry", "tom"], attr={"name": "x", "attr": {"k": 1}, "c2": 2}
        )
        assert started["op"] == "started"
        assert started["cdate"].endswith("Z")
        conv = started["cid"]
        joined = await jerry.hears("conv", "joined")
        assert (joined["cid"], joined["initBy"]) == (conv, "tom")
        seen = await tom.hears("conv", "members-joined")
        assert (seen["m"], seen["initBy"]) == (["jerry", "tom"], "tom")
        (row,) = await rows(jerry)
        assert (row["objectId"], row["m"], row["c"]) == (conv, ["jerry", "tom"], "tom")
        assert (row["name"], row["attr"], row["c2"], row["muted"]) == ("x", {"k": 1}, 2, False)
        assert await jerry.pending() == []


async def test_a_unique_conversation_is_the_same_for_both_and_invites_once(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        first = await tom.ask("conv", "start", m=["jerry"], unique=True)
        second = await jerry.ask("conv", "start", m=["tom"], unique=True)
        assert (first["cid"], first["uniqueId"]) == (second["cid"], second["uniqueId"])
        await jerry.hears("conv", "joined")
        assert await jerry.pending() == []
        other = await jerry.ask("conv", "start", m=["tom"])
        assert other["cid"] != first["cid"]


async def test_clients_cannot_make_service_conversations_or_forge_columns(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom:
        assert await tom.refused("conv", "start", m=[], attr={"sys": True}) == 4301
        assert await tom.refused("conv", "start", m=[], attr={"objectId": "0" * 24}) == 4301
        assert await tom.refused("conv", "start", m=["x" * 65]) == 4103
        assert await tom.refused("conv", "start", m=[f"c{n}" for n in range(501)]) == 4304
        conv = await tom.start(attr={"c": "jerry", "mu": ["jerry"], "ACL": {}})
        (row,) = await rows(tom)
        assert (row["objectId"], row["c"], row["m"]) == (conv, "tom", ["tom"])
        assert "mu" not in row
        assert "ACL" not in row


async def test_any_conversation_is_found_by_any_client(socket_service: Service) -> None:
    news = await make(socket_service, "service")
    room = await make(socket_service, "chatroom")
    async with online(socket_service, "tom") as tom:
        own = await tom.start("jerry")
        async with online(socket_service, "spike") as spike:
            assert await rows(spike) == []
            ids = {"objectId": {"$in": [news, room, own]}}
            assert {row["objectId"] for row in await rows(spike, where=ids)} == {news, room, own}
            assert [row["objectId"] for row in await rows(spike, where={"sys": True})] == [news]
            assert [
                row["objectId"] for row in await rows(spike, where={"m": {"$all": ["tom", "jerry"]}})
            ] == [own]
            assert await rows(spike, where={"name": {"$regex": "\\Qserv\\E"}}, skip=1) == []
            assert await spike.refused("conv", "query", where={"$bad": 1}) == 4301
            assert (
                await spike.refused("conv", "query", where={"m": {"$inQuery": {"className": "_User"}}})
                == 4301
            )


async def test_a_query_is_compact_or_shows_the_last_message(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom:
        old = await tom.start("jerry")
        new = await tom.start("jerry")
        sent = await tom.send(new, "newest", mentionPids=["jerry"])
        compact, shown = await rows(tom, flag=1), await rows(tom, flag=2)
        assert [row["objectId"] for row in shown] == [new, old]
        assert "m" not in compact[0]
        assert (shown[0]["msg"], shown[0]["msg_from"], shown[0]["msg_mid"]) == ("newest", "tom", sent["uid"])
        assert (shown[0]["msg_timestamp"], shown[0]["mention_pids"]) == (sent["t"], ["jerry"])
        assert shown[0]["lm"]["__type"] == "Date"
        assert "msg" not in shown[1]
        async with online(
            socket_service, "spike"
        ) as spike:  # finds the conversation, but not what is said in it
            assert "msg" not in (await rows(spike, where={"objectId": new}, flag=2))[0]


async def test_by_default_ten_conversations_are_found(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom:
        for _ in range(12):
            await tom.start()
        assert len(await rows(tom)) == 10
        assert len(await rows(tom, limit=999)) == 12
        assert len(await rows(tom, limit=5, skip=10)) == 2


async def test_joining_and_leaving_are_told_to_all_members(socket_service: Service) -> None:
    async with (
        online(socket_service, "tom") as tom,
        online(socket_service, "jerry") as jerry,
        online(socket_service, "mary") as mary,
    ):
        conv = await tom.start("jerry")
        await jerry.hears("conv", "joined")
        await tom.hears("conv", "members-joined")
        added = await tom.ask("conv", "add", cid=conv, m=["mary"])
        assert (added["op"], added["allowedPids"], added["failedPids"]) == ("added", ["mary"], [])
        assert added["udate"].endswith("Z")
        for device in (tom, jerry):
            seen = await device.hears("conv", "members-joined")
            assert (seen["m"], seen["initBy"], seen["udate"]) == (["mary"], "tom", added["udate"])
        assert (await mary.hears("conv", "joined"))["initBy"] == "tom"
        removed = await jerry.ask("conv", "remove", cid=conv, m=["mary"])
        assert (removed["op"], removed["allowedPids"]) == ("removed", ["mary"])
        for device in (tom, jerry):
            assert (await device.hears("conv", "members-left"))["m"] == ["mary"]
        assert (await mary.hears("conv", "left"))["initBy"] == "jerry"
        await jerry.ask("conv", "remove", cid=conv, m=["jerry"])
        for device in (tom, jerry):
            assert (await device.hears("conv", "members-left"))["m"] == ["jerry"]
        await jerry.ask("conv", "add", cid=conv, m=["jerry"])
        for device in (tom, jerry):
            assert (await device.hears("conv", "members-joined"))["m"] == ["jerry"]
        for device in (tom, jerry, mary):
            assert await device.pending() == []


async def test_only_members_invite_and_remove(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom, online(socket_service, "spike") as spike:
        conv = await tom.start("jerry")
        assert await spike.refused("conv", "add", cid=conv, m=["mary"]) == 4317
        assert await spike.refused("conv", "remove", cid=conv, m=["jerry"]) == 4317
        assert await spike.refused("conv", "add", cid="0" * 24, m=["spike"]) == 4303
        assert await spike.refused("conv", "add", cid=conv) == 4301
        (row,) = await rows(tom)
        assert row["m"] == ["jerry", "tom"]


async def test_who_is_kept_out_is_named_with_the_reason(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom:
        conv = await tom.start()
        await socket_service.ok(
            "POST", f"{RTM}/conversations/{conv}/blacklists", json={"client_ids": ["bad"]}
        )
        await socket_service.ok("POST", f"{RTM}/clients/shy/blacklists", json={"conv_id": conv})
        added = await tom.ask("conv", "add", cid=conv, m=["bad", "shy", "fine"])
        assert added["allowedPids"] == ["fine"]
        assert {(one["code"], *one["pids"]) for one in added["failedPids"]} == {(4548, "bad"), (4308, "shy")}
        async with online(socket_service, "shy") as shy:  # it may still join by itself
            assert (await shy.ask("conv", "add", cid=conv, m=["shy"]))["allowedPids"] == ["shy"]


async def test_updates_reach_the_other_members(socket_service: Service) -> None:
    async with (
        online(socket_service, "tom") as tom,
        online(socket_service, "tom") as pad,
        online(socket_service, "jerry") as jerry,
        online(socket_service, "spike") as spike,
    ):
        conv = await tom.start("jerry", attr={"attr": {"k": 1, "gone": 2}})
        changes = {"name": "new", "attr.k": 5, "attr.gone": {"__op": "Delete"}}
        updated = await tom.ask("conv", "update", cid=conv, attr=changes)
        assert updated["op"] == "updated"
        for device in (jerry, pad):
            seen = await device.hears("conv", "updated")
            assert (seen["initBy"], seen["udate"]) == ("tom", updated["udate"])
            assert seen["attrModified"] == changes
            assert seen["attr"] == {"name": "new", "attr.k": 5}
        assert [push for push in await tom.pending() if push.get("op") == "updated"] == []
        (row,) = await rows(jerry)
        assert (row["name"], row["attr"]) == ("new", {"k": 5})
        assert await spike.refused("conv", "update", cid=conv, attr={"name": "mine"}) == 4309
        for key in ("m", "c", "mu", "lm", "ACL", "unique"):
            assert await tom.refused("conv", "update", cid=conv, attr={key: []}) == 4306
        for key in ("sys", "objectId"):
            assert await tom.refused("conv", "update", cid=conv, attr={key: True}) == 4301


async def test_service_conversations_belong_to_the_app(socket_service: Service) -> None:
    news = await make(socket_service, "service")
    async with online(socket_service, "tom") as tom:
        assert await tom.refused("conv", "update", cid=news, attr={"name": "mine"}) == 4307
        assert await tom.refused("conv", "add", cid=news, m=["jerry"]) == 4314
        assert await tom.refused("conv", "add_shutup", cid=news, m=["jerry"]) == 4314
        await tom.ask("conv", "add", cid=news, m=["tom"])
        path = f"{RTM}/service-conversations/{news}/subscribers"
        assert [row["subscriber"] for row in await socket_service.ok("GET", path)] == ["tom"]
        assert (await tom.ask("conv", "is_member", cids=[news, "x"]))["results"] == {news: True, "x": False}
        assert (await tom.ask("conv", "count", cid=news))["count"] == 1
        await tom.ask("conv", "remove", cid=news, m=["tom"])
        assert await socket_service.ok("GET", path) == []


async def test_muting_is_for_oneself(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        conv = await tom.start("jerry")
        assert (await tom.ask("conv", "mute", cid=conv))["udate"].endswith("Z")
        assert [(await rows(device))[0]["muted"] for device in (tom, jerry)] == [True, False]
        await tom.ask("conv", "unmute", cid=conv)
        assert (await rows(tom))[0]["muted"] is False
        async with online(socket_service, "spike") as spike:
            assert await spike.refused("conv", "mute", cid=conv) == 4317


async def test_a_client_is_in_one_chatroom_at_a_time_and_hears_only_that(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        first = (await tom.ask("conv", "start", m=["tom"], transient=True))["cid"]
        second = await make(socket_service, "chatroom")
        for room in (first, second):
            assert (await tom.ask("conv", "add", cid=room, m=["tom"]))["allowedPids"] == ["tom"]
        assert (await tom.ask("conv", "count", cid=first))["count"] == 0
        assert (await tom.ask("conv", "count", cid=second))["count"] == 1
        assert (await tom.ask("conv", "members", cid=second))["m"] == ["tom"]
        assert (await tom.ask("conv", "is_member", cid=second))["results"] == {second: True}
        await send(socket_service, first, "not for you", "chatroom")
        await jerry.send(second, "for all here")
        heard = await tom.hears("direct")
        assert (heard["msg"], heard["convType"]) == ("for all here", 2)
        assert await tom.pending() == []
        assert await jerry.refused("conv", "add", cid=second, m=["spike"]) == 4314
        assert await jerry.refused("conv", "update", cid=second, attr={"name": "x"}) == 4309
        await tom.ask("conv", "update", cid=second, attr={"name": "x"})


async def test_a_client_that_is_blocked_leaves_the_chatroom_and_stays_out(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        room = (await tom.ask("conv", "start", transient=True))["cid"]
        await jerry.ask("conv", "add", cid=room, m=["jerry"])
        await tom.ask("blacklist", "block", srcCid=room, toPids=["jerry"])
        assert (await tom.ask("conv", "count", cid=room))["count"] == 0
        joined = await jerry.ask("conv", "add", cid=room, m=["jerry"])
        assert (joined["allowedPids"], joined["failedPids"][0]["code"]) == ([], 4548)
        assert await jerry.refused("direct", cid=room, msg="let me in") == 4548
        assert (await tom.ask("blacklist", "query", srcCid=room))["blockedPids"] == ["jerry"]
        await tom.ask("blacklist", "unblock", srcCid=room, toPids=["jerry"])
        assert (await jerry.ask("conv", "add", cid=room, m=["jerry"]))["allowedPids"] == ["jerry"]


async def test_the_creator_and_managers_moderate(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        conv = await tom.start("jerry", "spike")
        assert await jerry.refused("conv", "add_shutup", cid=conv, m=["spike"]) == 4320
        info = {"pid": "jerry", "role": "Manager"}
        changed = await tom.ask("conv", "member_info_update", cid=conv, targetClientId="jerry", info=info)
        assert changed["op"] == "member-info-updated"
        seen = await jerry.hears("conv", "member-info-changed")
        assert (seen["initBy"], seen["info"]["pid"], seen["info"]["role"]) == ("tom", "jerry", "Manager")
        assert (
            await tom.refused("conv", "member_info_update", cid=conv, info={**info, "role": "King"}) == 4321
        )
        added = await jerry.ask("conv", "add-shutup", cid=conv, m=["spike"])
        assert (added["op"], added["allowedPids"]) == ("shutup-added", ["spike"])
        assert (await tom.hears("conv", "members-shutuped"))["m"] == ["spike"]
        assert (await jerry.ask("conv", "query_shutup", cid=conv))["m"] == ["spike"]
        await jerry.ask("conv", "remove_shutup", cid=conv, m=["spike"])
        assert (await tom.hears("conv", "members-unshutuped"))["initBy"] == "jerry"


async def test_a_temporary_conversation_is_found_by_its_id_until_it_ends(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        started = await tom.ask("conv", "start", m=["jerry"], tempConv=True, tempConvTTL=60)
        conv = started["cid"]
        assert (conv[:5], started["tempConvTTL"]) == ("_tmp:", 60)
        assert (await jerry.hears("conv", "joined"))["cid"] == conv
        (row,) = await rows(jerry, tempConvIds=[conv, "_tmp:none"])
        assert (row["m"], row["temp"], 0 < row["ttl"] <= 60) == (["jerry", "tom"], True, True)
        await tom.send(conv, "psst")
        heard = await jerry.hears("direct")
        assert (heard["cid"], heard["convType"]) == (conv, 4)
        async with online(socket_service, "spike") as spike:
            assert await spike.refused("direct", cid=conv, msg="me too") == 4401
        async with online(socket_service, "jerry") as pad:
            assert (await pad.hears("unread"))["convs"][0]["cid"] == conv
        assert await tom.refused("conv", "update", cid=conv, attr={"name": "x"}) == 4307
        assert await tom.refused("conv", "start", m=[f"c{n}" for n in range(10)], tempConv=True) == 4304
        socket_service.clock.advance(61_000)
        assert await rows(jerry, tempConvIds=[conv]) == []
        assert await tom.refused("direct", cid=conv, msg="late") == 4323


@pytest.mark.parametrize("op", ["status", "check_block", "invite"])
async def test_what_is_not_served_is_answered_all_the_same(socket_service: Service, op: str) -> None:
    async with online(socket_service, "tom") as tom:
        assert await tom.refused("conv", op, cid="x") == 4301
        assert await tom.refused("pubsub", "subscribe", topic="x") == 4301


async def test_subscribers_added_over_rest_are_the_same_list(socket_service: Service) -> None:
    news = await make(socket_service, "service")
    await subscribe(socket_service, news, "tom")
    async with online(socket_service, "tom") as tom:
        assert (await tom.ask("conv", "is_member", cid=news))["results"] == {news: True}
