"""REST 1.2, broadcasts: whom they reach and when, for how long, and what can still be changed."""

from typing import Any

import pytest
from sqlalchemy import select

from bridge.server.presence import Direct
from bridge.server.tables import pushes
from tests.contract.messaging import RTM, arrives, make, online, subscribe, waiting
from tests.contract.service import Service

DAY_MS = 86_400_000


async def broadcast(service: Service, conv_id: str, text: str = "party!", **fields: Any) -> Any:
    body = {"from_client": "tom", "conv_id": conv_id, "message": text, **fields}
    return await service.ok("POST", f"{RTM}/broadcasts", json=body)


async def gets(service: Service, client: str, device: str = "") -> list[str]:
    """The texts that a login brings."""
    connection = await online(service, client, device)
    events = [await arrives(connection) for _ in range(waiting(connection))]
    service.server.presence.disconnect(connection)
    return [event.data for event in events if isinstance(event, Direct)]


async def test_a_broadcast_reaches_everyone_online_at_once_as_a_message_of_the_service(
    service: Service,
) -> None:
    conv_id = await make(service, "service")
    devices = [await online(service, name) for name in ("a", "b")]
    sent = await broadcast(service, conv_id)
    assert sent["result"] == {"msg-id": sent["msg-id"], "timestamp": sent["timestamp"]}
    for device in devices:
        event = await arrives(device)
        assert isinstance(event, Direct)
        assert (event.msg_id, event.conv_id, event.conv_type) == (sent["msg-id"], conv_id, 3)


async def test_who_was_offline_gets_what_it_missed_at_the_next_login_and_only_once(service: Service) -> None:
    conv_id = await make(service, "service")
    await broadcast(service, conv_id, "before a was ever here")
    assert await gets(service, "a") == ["before a was ever here"]
    for text in ("one", "two"):
        service.clock.advance(1)
        await broadcast(service, conv_id, text)
    assert await gets(service, "a") == ["one", "two"]
    assert await gets(service, "a") == []


async def test_a_client_that_was_never_here_gets_the_newest_alone(service: Service) -> None:
    conv_id = await make(service, "service")
    for text in ("old", "new"):
        service.clock.advance(1)
        await broadcast(service, conv_id, text)
    assert await gets(service, "a") == ["new"]
    assert await gets(service, "a") == []


async def test_what_a_device_got_while_online_is_not_repeated_but_its_other_device_gets_it(
    service: Service,
) -> None:
    conv_id = await make(service, "service")
    assert await gets(service, "a", "pad") == []
    phone = await online(service, "a", "phone")
    await broadcast(service, conv_id)
    await arrives(phone)
    service.server.presence.disconnect(phone)
    assert await gets(service, "a", "phone") == []
    assert await gets(service, "a", "pad") == ["party!"]


async def test_an_expired_broadcast_is_not_delivered_but_stays_in_history(service: Service) -> None:
    conv_id = await make(service, "service")
    await broadcast(service, conv_id, valid_till=service.clock() + 1000)
    service.clock.advance(1001)
    assert await gets(service, "a") == []
    assert await service.ok("GET", f"{RTM}/broadcasts", params={"conv_id": conv_id}) == []
    rows = await service.ok("GET", "/1.1/rtm/messages/history", params={"convid": conv_id})
    assert [row["data"] for row in rows] == ["party!"]
    assert [row["data"] for row in await service.ok("GET", f"{RTM}/messages")] == ["party!"]


async def test_a_broadcast_is_in_no_ones_thread(service: Service) -> None:
    conv_id = await make(service, "service")
    await subscribe(service, conv_id, "a")
    await broadcast(service, conv_id)
    assert await service.ok("GET", f"{RTM}/service-conversations/{conv_id}/subscribers/a/messages") == []


async def test_a_transient_broadcast_is_for_who_is_online_now(service: Service) -> None:
    conv_id = await make(service, "service")
    a = await online(service, "a")
    await broadcast(service, conv_id, transient=True)
    event = await arrives(a)
    assert isinstance(event, Direct)
    assert event.transient
    assert await gets(service, "b") == []
    assert await service.ok("GET", f"{RTM}/messages") == []


async def test_valid_broadcasts_are_listed_newest_first_with_their_end(service: Service) -> None:
    conv_id, other = await make(service, "service"), await make(service, "service")
    ends = [service.clock() + (n + 1) * DAY_MS for n in range(3)]
    for n, end in enumerate(ends):
        service.clock.advance(1)
        await broadcast(service, conv_id, str(n), valid_till=end)
    await broadcast(service, other, "elsewhere")
    rows = await service.ok("GET", f"{RTM}/broadcasts", params={"conv_id": conv_id})
    assert [(row["data"], row["valid_till"], row["to"]) for row in rows] == [
        (str(n), ends[n], conv_id) for n in (2, 1, 0)
    ]
    query = {"conv_id": conv_id, "limit": 1, "skip": 1}
    for path in (f"{RTM}/broadcasts", "/1.1/rtm/broadcast"):
        assert [row["data"] for row in await service.ok("GET", path, params=query)] == ["1"]


async def test_a_broadcast_waits_for_a_month_unless_told_otherwise(service: Service) -> None:
    conv_id = await make(service, "service")
    sent = await broadcast(service, conv_id)
    rows = await service.ok("GET", f"{RTM}/broadcasts", params={"conv_id": conv_id})
    assert abs(rows[0]["valid_till"] - sent["timestamp"] - 30 * DAY_MS) < 1000


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"conv_id": None}, 1),
        ({"conv_id": "5f00"}, 4401),
        ({"message": "x" * 5121}, 4109),
        ({"message": "x" * 5000, "push": {"alert": "y" * 200}}, 4109),
        ({"from_client": "x" * 65}, 4103),
        ({"valid_till": "soon"}, 1),
        ({"push": "no json"}, 107),
    ],
)
async def test_a_bad_broadcast_is_refused(service: Service, fields: Any, code: int) -> None:
    body = {"from_client": "tom", "conv_id": await make(service, "service"), "message": "x", **fields}
    sent = {key: value for key, value in body.items() if value is not None}
    assert await service.refused("POST", f"{RTM}/broadcasts", json=sent) == code
    assert await service.ok("GET", f"{RTM}/messages") == []


@pytest.mark.parametrize(("ahead", "code"), [(-1, 1), (0, 1), (32 * DAY_MS, 1), (31 * DAY_MS - 5000, None)])
async def test_the_end_of_a_broadcast_lies_within_a_month_from_now(
    service: Service, ahead: int, code: int | None
) -> None:
    conv_id = await make(service, "service")
    body = {"from_client": "tom", "conv_id": conv_id, "message": "x", "valid_till": service.clock() + ahead}
    response = await service.call("POST", f"{RTM}/broadcasts", json=body)
    assert response.json().get("code") == code


@pytest.mark.parametrize("kind", ["normal", "chatroom"])
async def test_a_broadcast_needs_a_service_conversation(service: Service, kind: str) -> None:
    conv_id = await make(service, kind)
    body = {"from_client": "tom", "conv_id": conv_id, "message": "x"}
    assert await service.refused("POST", f"{RTM}/broadcasts", json=body) == 4313
    assert await service.refused("GET", f"{RTM}/broadcasts", params={"conv_id": conv_id}) == 4313
    assert await service.refused("GET", f"{RTM}/broadcasts") == 1


async def test_a_modified_broadcast_changes_for_devices_that_do_not_have_it(service: Service) -> None:
    conv_id = await make(service, "service")
    a = await online(service, "a")
    sent = await broadcast(service, conv_id)
    await arrives(a)
    path = f"{RTM}/service-conversations/{conv_id}/messages/{sent['msg-id']}"
    body = {"from_client": "tom", "timestamp": sent["timestamp"]}
    await service.ok("PUT", path, json={**body, "message": "postponed"})
    assert waiting(a) == 0
    assert await gets(service, "b") == ["postponed"]
    assert await service.refused("PUT", f"{path}/recall", json=body) == 1


@pytest.mark.parametrize("old", [False, True], ids=["1.2", "1.1"])
async def test_a_deleted_broadcast_reaches_nobody_else_and_stays_in_history(
    service: Service, old: bool
) -> None:
    conv_id = await make(service, "service")
    sent = await broadcast(service, conv_id)
    path, query = (
        ("/1.1/rtm/broadcast", {"mid": sent["msg-id"]}) if old else (f"{RTM}/broadcasts/{sent['msg-id']}", {})
    )
    assert await service.ok("DELETE", path, params=query) == {}
    assert await gets(service, "a") == []
    assert len(await service.ok("GET", f"{RTM}/messages")) == 1
    assert await service.refused("DELETE", path, params=query) == 4404


@pytest.mark.parametrize("name", ["push", "push_data"])
async def test_push_data_of_a_broadcast_is_for_every_installation(service: Service, name: str) -> None:
    conv_id = await make(service, "service")
    sent = await broadcast(service, conv_id, **{name: '{"alert": "come"}'})
    async with service.server.engine.read() as connection:
        rows = (await connection.execute(select(pushes))).all()
    assert [(row.msg_id, row.audience, row.clients, row.data) for row in rows] == [
        (sent["msg-id"], "everyone", None, '{"alert":"come"}')
    ]
