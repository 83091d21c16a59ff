"""REST 1.2, messages: every answer, limit and refusal of sending, modifying, recalling and deleting."""

import json
import re
from typing import Any

import pytest
from sqlalchemy import select

from bridge.server.presence import Direct, Patch
from bridge.server.tables import pushes
from tests.contract.messaging import PATHS, RTM, arrives, history, make, online, send, subscribe, waiting
from tests.contract.service import Service

KB5 = 5 * 1024


def messages_of(conv_id: str, kind: str = "normal") -> str:
    return f"{RTM}/{PATHS[kind]}/{conv_id}/messages"


@pytest.mark.parametrize("kind", ["normal", "chatroom"])
async def test_a_send_answers_with_id_and_time_in_both_documented_forms(service: Service, kind: str) -> None:
    sent = await send(service, await make(service, kind), kind=kind)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", sent["msg-id"])
    assert isinstance(sent["timestamp"], int)
    assert sent["result"] == {"msg-id": sent["msg-id"], "timestamp": sent["timestamp"]}


@pytest.mark.parametrize("kind", ["normal", "chatroom"])
async def test_history_shows_a_message_with_every_documented_key(service: Service, kind: str) -> None:
    conv_id = await make(service, kind)
    sent = await send(service, conv_id, '{"_lctype":-1,"_lctext":"héllo 世界"}', kind)
    assert await history(service, conv_id, kind) == [
        {
            "msg-id": sent["msg-id"],
            "conv-id": conv_id,
            "from": "tom",
            "to": conv_id,
            "data": '{"_lctype":-1,"_lctext":"héllo 世界"}',
            "timestamp": sent["timestamp"],
            "is-conv": True,
            "is-room": False,
            "bin": False,
            "from-ip": None,
        }
    ]


@pytest.mark.parametrize("kind", ["normal", "chatroom"])
async def test_a_send_moves_the_time_of_the_last_message(service: Service, kind: str) -> None:
    conv_id = await make(service, kind)
    await send(service, conv_id, kind=kind)
    rows = await service.ok(
        "GET", f"{RTM}/{PATHS[kind]}", params={"where": json.dumps({"objectId": conv_id})}
    )
    assert rows["results"][0]["lm"]["__type"] == "Date"


async def test_a_service_conversation_has_no_time_of_a_last_message(service: Service) -> None:
    conv_id = await make(service, "service")
    await send(service, conv_id, kind="service", to_clients=["a"])
    where = json.dumps({"objectId": conv_id})
    rows = await service.ok("GET", f"{RTM}/service-conversations", params={"where": where})
    assert "lm" not in rows["results"][0]


@pytest.mark.parametrize(
    ("path", "made", "code"),
    [
        ("normal", "service", 4314),
        ("normal", "chatroom", 4314),
        ("chatroom", "normal", 4316),
        ("chatroom", "service", 4316),
        ("service", "normal", 4313),
        ("service", "chatroom", 4313),
    ],
)
async def test_a_send_to_another_kind_is_refused_by_the_kind_it_needs(
    service: Service, path: str, made: str, code: int
) -> None:
    conv_id = await make(service, made)
    body = {"from_client": "tom", "message": "x", **({"to_clients": ["a"]} if path == "service" else {})}
    assert await service.refused("POST", messages_of(conv_id, path), json=body) == code
    assert await service.ok("GET", f"{RTM}/messages") == []


@pytest.mark.parametrize("kind", ["normal", "chatroom", "service"])
async def test_an_unknown_conversation_is_no_target_for_a_send_and_has_no_history(
    service: Service, kind: str
) -> None:
    body = {"from_client": "tom", "message": "x", **({"to_clients": ["a"]} if kind == "service" else {})}
    assert await service.refused("POST", messages_of("5f00", kind), json=body) == 4401
    if kind != "service":
        assert await service.refused("GET", messages_of("5f00", kind)) == 4303


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("from_client", None, 1),
        ("from_client", 7, 1),
        ("from_client", "", 4103),
        ("from_client", "x" * 65, 4103),
        ("message", None, 1),
        ("message", "", 1),
        ("message", {"_lctype": -1}, 1),
        ("message", "x" * (KB5 + 1), 4109),
        ("message", "世" * (KB5 // 3 + 1), 4109),
        ("message", "a\x00b", 107),
        ("message", "\ud800", 107),
        ("push_data", [1], 107),
        ("push_data", "not json", 107),
        ("priority", "urgent", 1),
        ("transient", "perhaps", 1),
        ("mention_client_ids", [f"c{n}" for n in range(21)], 1),
        ("mention_client_ids", ["x" * 65], 4103),
        ("mention_client_ids", "[1]", 1),
    ],
)
async def test_a_bad_field_is_refused_and_nothing_is_sent(
    service: Service, field: str, value: Any, code: int
) -> None:
    conv_id = await make(service, m=["tom", "jerry"])
    jerry = await online(service, "jerry")
    body = {
        key: one
        for key, one in {"from_client": "tom", "message": "x", field: value}.items()
        if one is not None
    }
    content = json.dumps(body)  # httpx cannot encode half characters
    headers = {"Content-Type": "application/json"}
    assert await service.refused("POST", messages_of(conv_id), content=content, headers=headers) == code
    assert await history(service, conv_id) == []
    assert waiting(jerry) == 0


async def test_the_longest_message_client_id_and_mentions_fit(service: Service) -> None:
    conv_id = await make(service)
    longest = "世" * (KB5 // 3) + "x" * (KB5 % 3)
    mentions = [f"c{n}" for n in range(20)]
    await send(service, conv_id, longest, from_client="1" * 64, mention_client_ids=mentions, priority="HIGH")
    assert (await history(service, conv_id))[0]["data"] == longest


async def test_push_data_counts_towards_the_size(service: Service) -> None:
    conv_id = await make(service)
    body = {"from_client": "tom", "message": "x" * (KB5 - 20), "push_data": {"alert": "y" * 40}}
    assert await service.refused("POST", messages_of(conv_id), json=body) == 4109
    assert "5 KB" in (await service.call("POST", messages_of(conv_id), json=body)).json()["error"]


@pytest.mark.parametrize("key", ["app", "wrong", None])
async def test_messages_need_the_master_key(service: Service, key: str | None) -> None:
    conv_id = await make(service)
    status = (await service.call("POST", messages_of(conv_id), key=key, json={})).status_code
    assert status == (403 if key == "app" else 401)
    assert (await service.call("GET", f"{RTM}/messages", key=key)).status_code == status


async def test_a_message_reaches_every_device_of_the_members_and_nobody_else(service: Service) -> None:
    conv_id = await make(service, m=["tom", "jerry"])
    devices = [await online(service, "jerry", "phone"), await online(service, "jerry", "pad")]
    own, stranger = await online(service, "tom"), await online(service, "spike")
    sent = await send(service, conv_id, "hi", mention_client_ids=["jerry"])
    for device in (*devices, own):
        event = await arrives(device)
        assert isinstance(event, Direct)
        assert (event.msg_id, event.timestamp) == (sent["msg-id"], sent["timestamp"])
        assert (event.conv_id, event.conv_type, event.sender, event.data) == (conv_id, 1, "tom", "hi")
        assert event.mentions == ("jerry",)
    assert waiting(stranger) == 0


async def test_no_sync_keeps_the_copy_from_the_senders_own_devices(service: Service) -> None:
    conv_id = await make(service, m=["tom", "jerry"])
    tom, jerry = await online(service, "tom"), await online(service, "jerry")
    await send(service, conv_id, no_sync=True)
    await arrives(jerry)
    assert waiting(tom) == 0


async def test_a_transient_message_reaches_who_is_online_and_is_not_kept(service: Service) -> None:
    conv_id = await make(service, m=["jerry"])
    jerry = await online(service, "jerry")
    sent = await send(service, conv_id, transient=True)
    assert sent["msg-id"]
    event = await arrives(jerry)
    assert isinstance(event, Direct)
    assert event.transient
    assert await history(service, conv_id) == []


async def test_a_chatroom_message_reaches_who_has_joined_but_its_sender(service: Service) -> None:
    conv_id = await make(service, "chatroom")
    inside, sender, outside = [await online(service, name) for name in ("jerry", "tom", "spike")]
    service.server.presence.join(inside, conv_id)
    service.server.presence.join(sender, conv_id)
    await send(service, conv_id, kind="chatroom")
    event = await arrives(inside)
    assert isinstance(event, Direct)
    assert event.conv_type == 2
    assert (waiting(sender), waiting(outside)) == (0, 0)


@pytest.mark.parametrize(("field", "value"), [("push_data", {"alert": "x"}), ("no_sync", True)])
async def test_chatrooms_have_neither_push_data_nor_no_sync(service: Service, field: str, value: Any) -> None:
    body = {"from_client": "tom", "message": "x", field: value}
    assert (
        await service.refused("POST", messages_of(await make(service, "chatroom"), "chatroom"), json=body)
        == 1
    )


async def test_an_individual_message_has_one_id_and_reaches_its_clients_alone(service: Service) -> None:
    conv_id = await make(service, "service")
    first, other = await online(service, "a"), await online(service, "c")
    sent = await send(service, conv_id, "psst", "service", to_clients=["a", "b", "a"])
    event = await arrives(first)
    assert isinstance(event, Direct)
    assert (event.msg_id, event.conv_id, event.conv_type) == (sent["msg-id"], conv_id, 3)
    assert (waiting(first), waiting(other)) == (0, 0)
    whole = await service.ok("GET", f"{RTM}/messages")
    assert [row["msg-id"] for row in whole] == [sent["msg-id"]]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, 1),
        ({"to_clients": []}, 1),
        ({"to_clients": [f"c{n}" for n in range(21)]}, 1),
        ({"to_clients": ["x" * 65]}, 4103),
        ({"to_clients": ["a"], "mention_all": True}, 1),
        ({"to_clients": ["a"], "mention_client_ids": ["a"]}, 1),
    ],
)
async def test_a_service_send_names_one_to_twenty_clients(service: Service, fields: Any, code: int) -> None:
    conv_id = await make(service, "service")
    body = {"from_client": "tom", "message": "x", **fields}
    assert await service.refused("POST", messages_of(conv_id, "service"), json=body) == code


async def test_a_subscription_message_reaches_subscribers_who_are_online(service: Service) -> None:
    conv_id = await make(service, "service")
    await subscribe(service, conv_id, "a")
    inside, outside = await online(service, "a"), await online(service, "b")
    body = {"from_client": "tom", "message": "news"}
    sent = await service.ok("POST", f"{RTM}/service-conversations/{conv_id}/broadcasts", json=body)
    event = await arrives(inside)
    assert isinstance(event, Direct)
    assert (event.msg_id, event.data) == (sent["msg-id"], "news")
    assert waiting(outside) == 0


@pytest.mark.parametrize("kind", ["normal", "chatroom"])
async def test_a_modified_message_reads_differently_and_its_readers_are_told(
    service: Service, kind: str
) -> None:
    conv_id = await make(service, kind, m=["jerry"])
    jerry = await online(service, "jerry")
    service.server.presence.join(jerry, conv_id)
    sent = await send(service, conv_id, kind=kind)
    await arrives(jerry)
    body = {"from_client": "tom", "timestamp": sent["timestamp"], "message": "better"}
    answer = await service.ok("PUT", f"{messages_of(conv_id, kind)}/{sent['msg-id']}", json=body)
    assert answer == {"result": {}}
    patch = await arrives(jerry)
    assert isinstance(patch, Patch)
    assert (patch.msg_id, patch.data, patch.recalled) == (sent["msg-id"], "better", False)
    assert (await history(service, conv_id, kind))[0]["data"] == "better"


@pytest.mark.parametrize("kind", ["normal", "chatroom"])
async def test_a_recalled_message_shows_as_one(service: Service, kind: str) -> None:
    conv_id = await make(service, kind, m=["jerry"])
    jerry = await online(service, "jerry")
    service.server.presence.join(jerry, conv_id)
    sent = await send(service, conv_id, kind=kind)
    await arrives(jerry)
    body = {"from_client": "tom", "timestamp": sent["timestamp"]}
    path = f"{messages_of(conv_id, kind)}/{sent['msg-id']}"
    assert await service.ok("PUT", f"{path}/recall", json=body) == {"result": {}}
    patch = await arrives(jerry)
    assert isinstance(patch, Patch)
    assert patch.recalled
    assert json.loads((await history(service, conv_id, kind))[0]["data"]) == {"_lctype": -127}
    assert await service.refused("PUT", path, json={**body, "message": "back again"}) == 4404


@pytest.mark.parametrize("kind", ["normal", "chatroom"])
async def test_a_deleted_message_is_gone_and_nobody_is_told(service: Service, kind: str) -> None:
    conv_id = await make(service, kind, m=["jerry"])
    jerry = await online(service, "jerry")
    sent = await send(service, conv_id, kind=kind)
    seen = waiting(jerry)
    path = f"{messages_of(conv_id, kind)}/{sent['msg-id']}"
    query = {"from_client": "tom", "timestamp": sent["timestamp"]}
    assert await service.ok("DELETE", path, params=query) == {}
    assert await history(service, conv_id, kind) == []
    assert waiting(jerry) == seen
    assert await service.refused("DELETE", path, params=query) == 4404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"from_client": "jerry"}, 4403),
        ({"timestamp": 1}, 4404),
        ({"timestamp": None}, 1),
        ({"from_client": None}, 1),
        ({"message": None}, 1),
        ({"message": "x" * (KB5 + 1)}, 4109),
        ({"to_clients": ["jerry"]}, 4404),
    ],
)
async def test_a_change_needs_the_right_sender_time_and_text(
    service: Service, change: Any, code: int
) -> None:
    conv_id = await make(service)
    sent = await send(service, conv_id)
    whole = {"from_client": "tom", "timestamp": sent["timestamp"], "message": "better", **change}
    body = {key: value for key, value in whole.items() if value is not None}
    path = f"{messages_of(conv_id)}/{sent['msg-id']}"
    assert await service.refused("PUT", path, json=body) == code
    if "message" not in change:
        assert await service.refused("PUT", f"{path}/recall", json=body) == code
    if not {"message", "to_clients"} & set(change):
        body.pop("message")
        assert await service.refused("DELETE", path, params=body) == code
    assert (await history(service, conv_id))[0]["data"] == "hello"


async def test_a_message_cannot_be_changed_through_another_conversation(service: Service) -> None:
    conv_id, other = await make(service), await make(service)
    sent = await send(service, conv_id)
    body = {"from_client": "tom", "timestamp": sent["timestamp"], "message": "better"}
    assert await service.refused("PUT", f"{messages_of(other)}/{sent['msg-id']}", json=body) == 4404


async def test_an_individual_message_changes_for_the_named_clients_alone(service: Service) -> None:
    conv_id = await make(service, "service")
    sent = await send(service, conv_id, "one", "service", to_clients=["a", "b"])
    path = f"{messages_of(conv_id, 'service')}/{sent['msg-id']}"
    body = {"from_client": "tom", "timestamp": sent["timestamp"], "message": "two"}
    assert await service.refused("PUT", path, json=body) == 1
    assert await service.refused("PUT", path, json={**body, "to_clients": ["a", "stranger"]}) == 4404
    await service.ok("PUT", path, json={**body, "to_clients": ["a"]})
    assert await thread(service, conv_id, "a") == ["two"]
    assert await thread(service, conv_id, "b") == ["one"]
    recall = {"from_client": "tom", "timestamp": sent["timestamp"], "to_clients": ["a", "b"]}
    await service.ok("PUT", f"{path}/recall", json=recall)
    assert await thread(service, conv_id, "a") == await thread(service, conv_id, "b") == ['{"_lctype":-127}']
    assert [row["data"] for row in await service.ok("GET", f"{RTM}/messages")] == ['{"_lctype":-127}']


async def thread(service: Service, conv_id: str, client: str) -> list[str]:
    rows = await service.ok("GET", f"{RTM}/service-conversations/{conv_id}/subscribers/{client}/messages")
    return [row["data"] for row in rows]


async def test_a_subscription_message_can_be_modified_and_recalled(service: Service) -> None:
    conv_id = await make(service, "service")
    await subscribe(service, conv_id, "a")
    body = {"from_client": "tom", "message": "one"}
    sent = await service.ok("POST", f"{RTM}/service-conversations/{conv_id}/broadcasts", json=body)
    path = f"{messages_of(conv_id, 'service')}/{sent['msg-id']}"
    change = {"from_client": "tom", "timestamp": sent["timestamp"]}
    assert await service.refused("PUT", path, json={**change, "message": "x", "to_clients": ["a"]}) == 4404
    await service.ok("PUT", path, json={**change, "message": "two"})
    assert await thread(service, conv_id, "a") == ["two"]
    await service.ok("PUT", f"{path}/recall", json=change)
    assert await thread(service, conv_id, "a") == ['{"_lctype":-127}']


async def test_a_service_message_is_deleted_from_one_thread_and_stays_in_the_others(service: Service) -> None:
    conv_id = await make(service, "service")
    await subscribe(service, conv_id, "a", "b")
    body = {"from_client": "tom", "message": "to all"}
    to_all = await service.ok("POST", f"{RTM}/service-conversations/{conv_id}/broadcasts", json=body)
    named = await send(service, conv_id, "to two", "service", to_clients=["a", "b"])
    for sent in (to_all, named):
        path = f"{RTM}/service-conversations/{conv_id}/subscribers/a/messages/{sent['msg-id']}"
        query = {"from_client": "tom", "timestamp": sent["timestamp"]}
        assert await service.ok("DELETE", path, params=query) == {}
    assert await thread(service, conv_id, "a") == []
    assert await thread(service, conv_id, "b") == ["to two", "to all"]


@pytest.mark.parametrize("id_", ["a+b/c_d-e", "..", "%2F", "日本"])
async def test_a_strange_message_id_is_not_found_rather_than_not_understood(
    service: Service, id_: str
) -> None:
    conv_id = await make(service)
    path = f"{messages_of(conv_id)}/" + "".join(f"%{byte:02X}" for byte in id_.encode())
    assert await service.refused("DELETE", path, params={"from_client": "tom", "timestamp": 5}) == 4404


async def test_push_data_is_recorded_for_members_who_are_offline_and_have_not_muted(service: Service) -> None:
    conv_id = await make(service, m=["tom", "jerry", "spike", "tyke"])
    await service.ok("POST", f"{RTM}/conversations/{conv_id}/mutes", json={"client_ids": ["tyke"]})
    await online(service, "spike")
    sent = await send(service, conv_id, push_data={"alert": "喂"})
    await send(service, conv_id, push_data='{"alert":"text"}', transient=True)
    async with service.server.engine.read() as connection:
        rows = (await connection.execute(select(pushes))).all()
    assert [(row.msg_id, row.audience, row.clients, row.data) for row in rows] == [
        (sent["msg-id"], "offline", '["jerry"]', '{"alert":"喂"}')
    ]
