"""Cloud-function hooks: the app's functions are asked before something happens, and told after it has."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.server import push
from tests.contract.device import Refused, online
from tests.contract.messaging import RTM, history, make, send
from tests.contract.receiver import HOOK_KEY, Receiver, receiving
from tests.contract.service import APP_ID, Service, running


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def hooked(pair: tuple[str, str], receiver: Receiver) -> AsyncIterator[Service]:
    async with running(pair[0], "socket", hooks=receiver.hooks("functions")) as service:
        yield service


async def recorded(service: Service) -> list[tuple[tuple[str, ...], str]]:
    async with service.server.engine.read() as connection:
        return [(one.clients, one.data) for one in await push.recorded(connection, 0)]


async def test_a_send_is_shown_to_the_app_with_its_key_before_it_happens(
    hooked: Service, receiver: Receiver
) -> None:
    conv_id = await make(hooked, m=["tom", "jerry"])
    await send(hooked, conv_id, "hello")
    (call,) = [call for call in receiver.calls if call.name == "_messageReceived"]
    assert (call.headers["x-lc-hook-key"], call.headers["x-lc-id"]) == (HOOK_KEY, APP_ID)
    timestamp = call.body.pop("timestamp")
    assert abs(timestamp - hooked.clock()) < 60_000
    assert call.body == {
        "fromPeer": "tom",
        "convId": conv_id,
        "toPeers": ["jerry"],
        "transient": False,
        "content": "hello",
        "bin": False,
        "receipt": False,
        "system": False,
        "sourceIP": "",
    }


async def test_a_dropped_message_is_refused_with_the_apps_own_code_and_is_nowhere(
    hooked: Service, receiver: Receiver
) -> None:
    receiver.answers["_messageReceived"] = {"drop": True, "code": 77, "detail": "no shouting"}
    conv_id = await make(hooked, m=["tom", "jerry"])
    body = {"from_client": "tom", "message": "HELLO"}
    response = await hooked.call("POST", f"{RTM}/conversations/{conv_id}/messages", json=body)
    assert response.status_code == 400
    refusal = response.json()
    assert (refusal["code"], refusal["appCode"]) == (4402, 77)
    assert "no shouting" in refusal["error"]
    async with online(hooked, "tom") as tom:
        with pytest.raises(Refused) as refused:
            await tom.send(conv_id, "HELLO")
    assert (refused.value.code, refused.value.answer["appCode"]) == (4402, 77)
    assert await history(hooked, conv_id) == []


async def test_the_app_changes_what_is_said_and_who_hears_it(hooked: Service, receiver: Receiver) -> None:
    receiver.answers["_messageReceived"] = {"content": "h***o", "toPeers": ["jerry", "a stranger"]}
    conv_id = await make(hooked, m=["tom", "jerry", "spike"])
    async with (
        online(hooked, "jerry") as jerry,
        online(hooked, "spike") as spike,
        online(hooked, "tom") as another_phone_of_tom,
    ):
        await send(hooked, conv_id, "hello")
        assert (await jerry.hears("direct"))["msg"] == "h***o"
        assert (await another_phone_of_tom.hears("direct"))["msg"] == "h***o"
        assert [one for one in await spike.pending() if one["cmd"] == "direct"] == []
    assert [row["data"] for row in await history(hooked, conv_id)] == ["h***o"]


async def test_an_answer_that_makes_no_sense_changes_nothing(hooked: Service, receiver: Receiver) -> None:
    conv_id = await make(hooked, m=["tom", "jerry"])
    nonsense: list[Any] = [
        {"drop": "yes", "content": 7, "toPeers": "jerry", "bin": "perhaps"},
        {"content": "x" * 6000, "toPeers": [{}, "", "y" * 65]},
        ["drop"],
        "drop",
        None,
        True,
        500,
        404,
    ]
    for answer in nonsense:
        receiver.answers["_messageReceived"] = answer
        await send(hooked, conv_id, "hello")
    assert {row["data"] for row in await history(hooked, conv_id)} == {"hello"}


async def test_a_function_that_is_late_is_passed_over(pair: tuple[str, str], receiver: Receiver) -> None:
    receiver.answers["_messageReceived"] = asyncio.Event()
    async with running(*pair, hooks=receiver.hooks("functions", function_seconds=0.1)) as service:
        conv_id = await make(service, m=["tom"])
        await send(service, conv_id)
        assert len(await history(service, conv_id)) == 1


async def test_where_the_app_says_so_a_function_without_an_answer_refuses(
    pair: tuple[str, str], receiver: Receiver
) -> None:
    hooks = receiver.hooks("functions", function_seconds=0.1, fail_closed=True)
    async with running(*pair, hooks=hooks) as service:
        conv_id = await make(service, m=["tom"])
        sent = await send(service, conv_id)
        key = {"from_client": "tom", "timestamp": sent["timestamp"]}
        receiver.answers |= {"_messageReceived": asyncio.Event(), "_messageUpdate": 500}
        body = {"from_client": "tom", "message": "hello"}
        path = f"{RTM}/conversations/{conv_id}"
        assert await service.refused("POST", f"{path}/messages", json=body) == 4402
        message = f"{path}/messages/{sent['msg-id']}"
        assert await service.refused("PUT", f"{message}/recall", json=key) == 4405
        receiver.answers |= {"_conversationAdd": 500, "_conversationStart": 500}
        assert await service.refused("POST", f"{path}/members", json={"client_ids": ["spike"]}) == 4305
        assert await service.refused("POST", f"{RTM}/conversations", json={}) == 4305
        user = await service.ok("POST", "/1.1/users", json={"username": "tom", "password": "cat"})
        receiver.answers["_rtmClientSign"] = 500
        token = {"session_token": user["sessionToken"]}
        assert await service.refused("GET", f"{RTM}/clients/sign", params=token) == 4102


async def test_the_app_decides_about_pushes_to_those_who_are_offline(
    hooked: Service, receiver: Receiver
) -> None:
    conv_id = await make(hooked, m=["tom", "jerry", "spike"], mu=["spike"])
    answers: list[Any] = [
        {},
        {"pushMessage": {"alert": "from the app"}},
        {"pushMessage": '{"alert":"as text"}', "offlinePeers": ["jerry"]},
        {"pushMessage": "mere words", "force": True},
        {"skip": True},
    ]
    for answer in answers:
        receiver.answers["_receiversOffline"] = answer
        await send(hooked, conv_id, push_data={"alert": "the message's own"}, mention_client_ids=["spike"])
    offline = receiver.heard("_receiversOffline")[0]
    assert (offline["offlinePeers"], offline["mentionOfflinePeers"]) == (["jerry", "spike"], ["spike"])
    assert await recorded(hooked) == [
        (("jerry",), '{"alert":"the message\'s own"}'),
        (("jerry",), '{"alert":"from the app"}'),
        (("jerry",), '{"alert":"as text"}'),
        (("jerry", "spike"), '{"alert":"mere words"}'),
    ]


async def test_the_app_is_told_what_was_sent_and_to_whom(hooked: Service, receiver: Receiver) -> None:
    conv_id = await make(hooked, m=["tom", "jerry", "spike"])
    async with online(hooked, "jerry"):
        sent = await send(hooked, conv_id, "hello")
    (told,) = await receiver.hears("_messageSent")
    assert (told["msgId"], told["timestamp"]) == (sent["msg-id"], sent["timestamp"])
    assert (told["onlinePeers"], told["offlinePeers"]) == (["jerry"], ["spike"])


async def test_modifying_and_recalling_pass_the_app(hooked: Service, receiver: Receiver) -> None:
    conv_id = await make(hooked, m=["tom", "jerry"])
    sent = await send(hooked, conv_id, "hello")
    path = f"{RTM}/conversations/{conv_id}/messages/{sent['msg-id']}"
    key = {"from_client": "tom", "timestamp": sent["timestamp"]}
    receiver.answers["_messageUpdate"] = {"content": "as the app says"}
    await hooked.ok("PUT", path, json={**key, "message": "as tom says"})
    assert [row["data"] for row in await history(hooked, conv_id)] == ["as the app says"]
    receiver.answers["_messageUpdate"] = {"drop": True, "code": 5}
    assert await hooked.refused("PUT", f"{path}/recall", json=key) == 4405
    assert [one["recall"] for one in receiver.heard("_messageUpdate")] == [False, True]
    assert [row["data"] for row in await history(hooked, conv_id)] == ["as the app says"]


async def test_conversations_and_their_members_pass_the_app_over_rest(
    hooked: Service, receiver: Receiver
) -> None:
    conv_id = await make(hooked, m=["tom"], c="tom", colour="red")
    assert receiver.heard("_conversationStart") == [
        {"initBy": "tom", "members": ["tom"], "attr": {"name": "normal", "colour": "red"}}
    ]
    assert await receiver.hears("_conversationStarted") == [{"convId": conv_id}]
    members = f"{RTM}/conversations/{conv_id}/members"
    await hooked.ok("POST", members, json={"client_ids": ["jerry"]})
    await hooked.ok("DELETE", members, json={"client_ids": ["jerry"]})
    change = {"initBy": "", "members": ["jerry"], "convId": conv_id}
    for asked, told in (
        ("_conversationAdd", "_conversationAdded"),
        ("_conversationRemove", "_conversationRemoved"),
    ):
        assert (receiver.heard(asked), await receiver.hears(told)) == ([change], [change])
    receiver.answers["_conversationUpdate"] = {"attr": {"colour": "green"}}
    await hooked.ok("PUT", f"{RTM}/conversations/{conv_id}", json={"colour": "blue"})
    row = await hooked.ok("GET", f"/1.1/classes/_Conversation/{conv_id}")
    assert (row["colour"], row["m"]) == ("green", ["tom"])
    for name in ("_conversationStart", "_conversationAdd", "_conversationRemove", "_conversationUpdate"):
        receiver.answers[name] = {"reject": True, "code": 3, "detail": "closed"}
    assert await hooked.refused("POST", f"{RTM}/conversations", json={}) == 4305
    assert await hooked.refused("POST", members, json={"client_ids": ["spike"]}) == 4305
    assert await hooked.refused("DELETE", members, json={"client_ids": ["tom"]}) == 4305
    assert await hooked.refused("PUT", f"{RTM}/conversations/{conv_id}", json={"name": "x"}) == 4305


async def test_conversations_and_their_members_pass_the_app_over_the_socket(
    hooked: Service, receiver: Receiver
) -> None:
    async with online(hooked, "tom") as tom:
        conv_id = await tom.start("tom", attr={"name": "friends"})
        await tom.ask("conv", "add", cid=conv_id, m=["jerry"])
        await tom.ask("conv", "remove", cid=conv_id, m=["jerry"])
        await tom.ask("conv", "mute", cid=conv_id)
        await tom.ask("conv", "remove", cid=conv_id, m=["tom"])
        change = {"initBy": "tom", "members": ["jerry"], "convId": conv_id}
        assert receiver.heard("_conversationAdd") == [change]
        assert receiver.heard("_conversationRemove") == [change]  # not for leaving by oneself
        assert receiver.heard("_conversationUpdate") == [{"initBy": "tom", "convId": conv_id, "mute": True}]
        assert [one["members"] for one in await receiver.hears("_conversationRemoved", 2)] == [
            ["jerry"],
            ["tom"],
        ]
        receiver.answers["_conversationStart"] = {"reject": True}
        assert await tom.refused("conv", "start", m=["tom"]) == 4305


async def test_mutes_over_rest_pass_the_app_and_it_has_the_last_word(
    hooked: Service, receiver: Receiver
) -> None:
    conv_id = await make(hooked, m=["tom", "jerry"])
    mutes, both = f"{RTM}/conversations/{conv_id}/mutes", {"client_ids": ["tom", "jerry"]}
    await hooked.ok("POST", mutes, json=both)
    assert await hooked.ok("GET", mutes) == {"result": ["tom", "jerry"]}
    receiver.answers["_conversationUpdate"] = {"mute": True}
    await hooked.ok("DELETE", mutes, json={"client_ids": ["tom"]})
    assert await hooked.ok("GET", mutes) == {"result": ["tom", "jerry"]}
    asked = {"initBy": "", "convId": conv_id}
    assert receiver.heard("_conversationUpdate") == [{**asked, "mute": True}, {**asked, "mute": False}]
    receiver.answers["_conversationUpdate"] = {"reject": True, "code": 3}
    for method in ("POST", "DELETE"):
        assert await hooked.refused(method, mutes, json=both) == 4305
    assert await hooked.ok("GET", mutes) == {"result": ["tom", "jerry"]}


@pytest.mark.parametrize("old", [False, True], ids=["1.2", "1.1"])
async def test_the_app_decides_who_gets_a_login_signature(
    hooked: Service, receiver: Receiver, old: bool
) -> None:
    user = await hooked.ok("POST", "/1.1/users", key="app", json={"username": "tom", "password": "cat"})
    given = {"session_token": user["sessionToken"]}
    call: dict[str, Any] = {"method": "GET", "path": f"{RTM}/clients/sign", "params": given}
    if old:
        call = {"method": "POST", "path": "/1.1/rtm/sign", "json": given}
    nonsense: list[Any] = [{"result": True}, {}, {"result": "no"}, [], 500]
    for answer in nonsense:
        receiver.answers["_rtmClientSign"] = answer
        assert (await hooked.ok(key="app", **call))["client_id"] == user["objectId"]
    shown = receiver.heard("_rtmClientSign")[0]
    assert {key: shown[key] for key in ("username", "objectId", "sessionToken")} == {
        "username": "tom",
        "objectId": user["objectId"],
        "sessionToken": user["sessionToken"],
    }
    assert "password" not in shown
    receiver.answers["_rtmClientSign"] = {"result": False, "error": "come back tomorrow"}
    refused = await hooked.call(key="app", **call)
    assert (refused.status_code, refused.json()["code"]) == (400, 4102)
    assert "come back tomorrow" in refused.json()["error"]
    given["session_token"] = "nobody's"
    before = len(receiver.heard("_rtmClientSign"))
    assert await hooked.refused(key="app", **call) == 211
    assert len(receiver.heard("_rtmClientSign")) == before


async def test_the_app_hears_who_comes_and_how_they_go(hooked: Service, receiver: Receiver) -> None:
    async with online(hooked, "tom", tag="phone") as tom:
        await tom.ask("session", "close")
        async with online(hooked, "jerry") as jerry:
            await jerry.drop()
        async with online(hooked, "spike") as spike:
            await hooked.ok("POST", f"{RTM}/clients/spike/kick", json={"reason": "out"})
            await spike.hears("session", "closed")
            gone = await receiver.hears("_clientOffline", 3)
    came = {one["peerId"]: (one["tag"], one["reconnect"]) for one in receiver.heard("_clientOnline")}
    assert came == {"tom": ("phone", 0), "jerry": ("default", 0), "spike": ("default", 0)}
    assert {one["peerId"]: one["closeCode"] for one in gone} == {"tom": 1, "jerry": 2, "spike": 4}


async def test_no_address_and_no_key_stands_in_the_logs(
    pair: tuple[str, str], receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers |= {"_messageReceived": 500, "push": 404, "_messageSent": 500}
    hooks = receiver.hooks("functions", "push")
    async with running(*pair, hooks=hooks) as service:
        conv_id = await make(service, m=["tom", "jerry"])
        await send(service, conv_id, push_data={"alert": "x"})
        await receiver.hears("push")
        await receiver.hears("_messageSent")
    assert "gave no answer: status 500" in caplog.text
    address = receiver.url.removeprefix("http://")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("bridge")]
    assert not [line for line in ours if HOOK_KEY in line or address in line]
    assert HOOK_KEY not in repr(service.server.settings)
    assert address not in repr(service.server.settings)
