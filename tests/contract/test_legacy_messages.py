"""REST 1.1 of messages: what the Python SDK and older programs send, and what they get."""

import json
from typing import Any

import pytest

from bridge.server.presence import Direct, Patch
from bridge.server.restrictions import Restriction, restricted
from tests.contract.messaging import RTM, arrives, history, make, online, send, waiting
from tests.contract.service import Service

OLD = "/1.1/rtm"


async def old_send(service: Service, conv_id: str, text: str = "hello", **fields: Any) -> Any:
    body = {"from_peer": "tom", "conv_id": conv_id, "message": text, "transient": False, **fields}
    return await service.ok("POST", f"{OLD}/messages", json=body)


@pytest.mark.parametrize("kind", ["normal", "chatroom"])
async def test_the_sdks_send_is_kept_and_answers_with_id_and_time(service: Service, kind: str) -> None:
    conv_id = await make(service, kind)
    sent = await old_send(service, conv_id)
    assert set(sent) == {"msg-id", "timestamp"}
    assert [row["msg-id"] for row in await history(service, conv_id, kind)] == [sent["msg-id"]]


async def test_a_send_is_transient_unless_it_says_otherwise(service: Service) -> None:
    conv_id = await make(service, m=["jerry"])
    jerry = await online(service, "jerry")
    body = {"from_peer": "tom", "conv_id": conv_id, "message": "x"}
    await service.ok("POST", f"{OLD}/messages", json=body)
    event = await arrives(jerry)
    assert isinstance(event, Direct)
    assert event.transient
    assert await history(service, conv_id) == []


async def test_to_peers_names_the_clients_of_a_service_message(service: Service) -> None:
    system, normal = await make(service, "service"), await make(service)
    await old_send(service, system, to_peers=["a", "b"])
    for client in ("a", "b"):
        rows = await service.ok("GET", f"{RTM}/service-conversations/{system}/subscribers/{client}/messages")
        assert [row["data"] for row in rows] == ["hello"]
    body = {"from_peer": "tom", "message": "x", "transient": False}
    assert await service.refused("POST", f"{OLD}/messages", json={**body, "conv_id": system}) == 1
    named = {**body, "conv_id": normal, "to_peers": ["a"]}
    assert await service.refused("POST", f"{OLD}/messages", json=named) == 4313
    assert await service.refused("POST", f"{OLD}/messages", json={**body, "conv_id": "5f00"}) == 4401


async def test_push_data_of_a_chatroom_message_is_let_be(service: Service) -> None:
    room = await make(service, "chatroom")
    await old_send(service, room, push_data={"alert": "x"})
    assert len(await history(service, room, "chatroom")) == 1


async def test_a_message_is_modified_and_recalled(service: Service) -> None:
    conv_id = await make(service, m=["jerry"])
    sent = await old_send(service, conv_id)
    jerry = await online(service, "jerry")
    body = {"from_peer": "tom", "conv_id": conv_id, "msg_id": sent["msg-id"], "timestamp": sent["timestamp"]}
    await service.ok("POST", f"{OLD}/patch/message", json={**body, "message": "better"})
    assert (await history(service, conv_id))[0]["data"] == "better"
    await service.ok("POST", f"{OLD}/patch/message", json={**body, "recall": True})
    assert json.loads((await history(service, conv_id))[0]["data"]) == {"_lctype": -127}
    patches = [await arrives(jerry), await arrives(jerry)]
    assert [patch.recalled for patch in patches if isinstance(patch, Patch)] == [False, True]
    wrong = {**body, "from_peer": "jerry", "recall": True}
    assert await service.refused("POST", f"{OLD}/patch/message", json=wrong) == 4403


async def test_a_log_is_rewritten_and_deleted_without_anybody_being_told(service: Service) -> None:
    conv_id = await make(service, m=["jerry"])
    await old_send(service, conv_id)
    jerry = await online(service, "jerry")
    (row,) = await service.ok("GET", f"{OLD}/messages/history", params={"convid": conv_id})
    assert await service.ok("PUT", f"{OLD}/messages/logs", json={**row, "data": "edited"}) == {}
    (edited,) = await history(service, conv_id)
    assert edited == {**row, "data": "edited"}
    query = {"convid": conv_id, "msgid": row["msg-id"], "timestamp": row["timestamp"], "from": "tom"}
    wrong = {**query, "from": "jerry"}
    assert await service.refused("DELETE", f"{OLD}/messages/logs", params=wrong, content="null") == 4403
    assert await service.ok("DELETE", f"{OLD}/messages/logs", params=query, content="null") == {}
    assert await history(service, conv_id) == []
    assert waiting(jerry) == 0


async def test_the_log_of_one_service_thread_is_edited_for_it_alone(service: Service) -> None:
    system = await make(service, "service")
    await send(service, system, kind="service", to_clients=["a", "b"])
    path = f"{RTM}/service-conversations/{system}/subscribers"
    (row,) = await service.ok("GET", f"{path}/a/messages")
    edited = {**row, "to": row["conv-id"], "data": "for a"}
    await service.ok("PUT", f"{OLD}/messages/logs", json=edited)
    assert (await service.ok("GET", f"{path}/a/messages"))[0]["data"] == "for a"
    assert (await service.ok("GET", f"{path}/b/messages"))[0]["data"] == "hello"
    query = {"convid": row["conv-id"], "msgid": row["msg-id"], "timestamp": row["timestamp"], "from": "tom"}
    await service.ok("DELETE", f"{OLD}/messages/logs", params=query)
    assert await service.ok("GET", f"{path}/a/messages") == []
    assert len(await service.ok("GET", f"{path}/b/messages")) == 1


async def test_history_of_an_unknown_conversation_is_empty(service: Service) -> None:
    assert await service.ok("GET", f"{OLD}/messages/history", params={"convid": "5f00"}) == []


async def test_the_sdks_broadcast_reaches_everyone_and_is_listed(service: Service) -> None:
    system = await make(service, "service")
    a = await online(service, "a")
    body = {"from_peer": "tom", "conv_id": system, "message": "party", "push_data": {"alert": "come"}}
    sent = await service.ok("POST", f"{OLD}/broadcast", json=body)
    assert set(sent) == {"msg-id", "timestamp"}
    event = await arrives(a)
    assert isinstance(event, Direct)
    assert event.msg_id == sent["msg-id"]
    (row,) = await service.ok("GET", f"{OLD}/broadcast", params={"conv_id": system})
    assert (row["msg-id"], row["data"]) == (sent["msg-id"], "party")


async def test_subscriptions_by_the_old_names(service: Service) -> None:
    system = await make(service, "service")
    pair = {"conv_id": system, "client_id": "a"}
    assert await service.ok("POST", f"{OLD}/conversation/subscription", json=pair) == {}
    assert await service.ok("GET", f"{OLD}/conversation/subscribed", params=pair) is True
    (row,) = await service.ok("GET", f"{OLD}/conversation/subscribers", params={"conv_id": system})
    assert (row["subscriber"], row["conv_id"]) == ("a", system)
    assert await service.ok("GET", f"{OLD}/conversation/subscription", params={"client_id": "a"}) == [row]
    query = {"conv_id": system}
    assert await service.ok("GET", f"{OLD}/conversation/subscribers/count", params=query) == {"count": 1}
    news = {"from_peer": "tom", "conv_id": system, "message": "news"}
    a = await online(service, "a")
    sent = await service.ok("POST", f"{OLD}/broadcast/subscriber", json=news)
    event = await arrives(a)
    assert isinstance(event, Direct)
    assert (event.msg_id, event.data) == (sent["msg-id"], "news")
    assert await service.ok("DELETE", f"{OLD}/conversation/subscription", json=pair) == {}
    assert await service.ok("GET", f"{OLD}/conversation/subscribed", params=pair) is False


async def test_the_old_blacklist_is_silence_for_a_time(service: Service) -> None:
    conv_id = await make(service)
    pair = {"conv_id": conv_id, "client_id": "a"}
    assert await service.ok("POST", f"{OLD}/conversation/blacklist", json={**pair, "ttl": 60}) == {}

    async def silenced() -> set[str]:
        async with service.server.engine.read() as connection:
            kind = Restriction.SILENCED_FOR_A_TIME
            return await restricted(connection, conv_id, kind, ["a"], service.clock())

    assert await silenced() == {"a"}
    assert await service.ok("DELETE", f"{OLD}/conversation/blacklist", params=pair, content="{}") == {}
    assert await silenced() == set()
    system = {"conv_id": await make(service, "service"), "client_id": "a", "ttl": 60}
    assert await service.refused("POST", f"{OLD}/conversation/blacklist", json=system) == 4314


async def test_there_are_no_notifications_to_catch_up_with(service: Service) -> None:
    path = f"{OLD}/notifications"
    query = {"client_id": "a", "start_ts": "1", "notification_type": "permanent"}
    nothing = {"notifications": [], "hasMore": False}
    assert await service.ok("GET", path, key="app", params=query) == nothing
    native = await service.ok("GET", path, key="app", params={"client_id": "a"})
    droppable = {"notifications": [], "invalidLocalConvCache": False}
    assert native == {"permanent": nothing, "droppable": droppable}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/messages"),
        ("GET", "/messages/history"),
        ("DELETE", "/messages/logs"),
        ("PUT", "/messages/logs"),
        ("POST", "/patch/message"),
        ("POST", "/broadcast"),
        ("GET", "/broadcast"),
        ("DELETE", "/broadcast"),
        ("POST", "/broadcast/subscriber"),
        ("POST", "/conversation/subscription"),
        ("GET", "/conversation/subscribers"),
        ("GET", "/transient_group/members"),
        ("POST", "/online"),
        ("POST", "/client/kick"),
    ],
)
async def test_the_app_key_is_not_enough(service: Service, method: str, path: str) -> None:
    assert await service.refused(method, f"{OLD}{path}", key="app") == 119
    assert (await service.call(method, f"{OLD}{path}", key=None)).status_code == 401
