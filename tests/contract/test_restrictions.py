"""REST 1.2, archived pages: silences, blacklists and roles."""

from typing import Any

import pytest

from bridge.server.presence import Notice
from bridge.server.restrictions import Restriction, restricted
from tests.contract.messaging import PATHS, RTM, arrives, make, online, subscribe, waiting
from tests.contract.service import Service


@pytest.mark.parametrize("kind", ["normal", "chatroom"])
async def test_a_silence_ends_by_itself_or_by_a_call(service: Service, kind: str) -> None:
    conv_id = await make(service, kind)
    path = f"{RTM}/{PATHS[kind]}/{conv_id}/temporary-silenceds"

    async def silenced() -> set[str]:
        async with service.server.engine.read() as connection:
            kind_ = Restriction.SILENCED_FOR_A_TIME
            return await restricted(connection, conv_id, kind_, ["a", "b"], service.clock())

    for client in ("a", "b"):
        assert await service.ok("POST", path, json={"client_id": client, "ttl": 60}) == {}
    assert await service.ok("DELETE", path, params={"client_id": "b"}) == {}
    assert await silenced() == {"a"}
    service.clock.advance(60_000)
    assert await silenced() == set()


@pytest.mark.parametrize("body", [{"client_id": "a"}, {"ttl": 5}, {"client_id": "a", "ttl": 86_401}])
async def test_a_silence_needs_a_client_and_at_most_a_day(service: Service, body: Any) -> None:
    path = f"{RTM}/conversations/{await make(service)}/temporary-silenceds"
    assert await service.refused("POST", path, json=body) == 1


@pytest.mark.parametrize(
    ("kind", "list_"),
    [
        ("normal", "permanent-silenceds"),
        ("chatroom", "permanent-silenceds"),
        ("normal", "blacklists"),
        ("chatroom", "blacklists"),
        ("service", "blacklists"),
    ],
)
async def test_a_list_is_filled_read_in_pages_and_emptied(service: Service, kind: str, list_: str) -> None:
    path = f"{RTM}/{PATHS[kind]}/{await make(service, kind)}/{list_}"
    names = [f"c{n:02}" for n in range(25)]
    assert await service.ok("POST", path, json={"client_ids": names}) == {}
    read: list[str] = []
    page = await service.ok("GET", path)
    assert len(page["client_ids"]) == 10
    while True:
        read += page["client_ids"]
        if "next" not in page:
            break
        page = await service.ok("GET", path, params={"next": page["next"]})
    assert read == names
    assert await service.ok("DELETE", path, json={"client_ids": names[:20]}) == {}
    assert await service.ok("DELETE", path, params={"client_ids": names[20]}) == {}
    assert (await service.ok("GET", path))["client_ids"] == names[21:]


async def test_a_full_list_takes_none_of_the_new_ones(service: Service) -> None:
    conv_id = await make(service)
    for list_, code in (("permanent-silenceds", 4561), ("blacklists", 4543)):
        path = f"{RTM}/conversations/{conv_id}/{list_}"
        await service.ok("POST", path, json={"client_ids": [f"c{n}" for n in range(499)]})
        assert await service.refused("POST", path, json={"client_ids": ["x", "y"]}) == code
        await service.ok("POST", path, json={"client_ids": ["x", "c1"]})


async def test_who_is_blocked_leaves_the_conversation_and_the_others_are_told(service: Service) -> None:
    conv_id = await make(service, m=["tom", "jerry"])
    tom, jerry = await online(service, "tom"), await online(service, "jerry")
    await service.ok("POST", f"{RTM}/conversations/{conv_id}/blacklists", json={"client_ids": ["jerry"]})
    members = await service.ok("GET", f"{RTM}/conversations/{conv_id}/members")
    assert members == {"result": ["tom"]}
    for device, ops in ((jerry, ["left", "blocked"]), (tom, ["members_left", "members_blocked"])):
        for op in ops:
            notice = await arrives(device)
            assert isinstance(notice, Notice)
            assert (notice.op, notice.conv_id, notice.initiator) == (op, conv_id, "")
            assert notice.members == (("jerry",) if device is tom else ())
    await service.ok("DELETE", f"{RTM}/conversations/{conv_id}/blacklists", json={"client_ids": ["jerry"]})
    notice = await arrives(jerry)
    assert isinstance(notice, Notice)
    assert notice.op == "unblocked"


async def test_who_is_blocked_by_a_service_is_unsubscribed_and_cannot_come_back(service: Service) -> None:
    conv_id = await make(service, "service")
    await subscribe(service, conv_id, "a", "b")
    path = f"{RTM}/service-conversations/{conv_id}"
    await service.ok("POST", f"{path}/blacklists", json={"client_ids": ["a"]})
    assert await service.ok("GET", f"{path}/subscribers/count") == {"count": 1}
    assert await service.refused("POST", f"{path}/subscribers", json={"client_id": "a"}) == 4548


async def test_who_is_blocked_is_put_out_of_a_chatroom_and_gets_no_notice(service: Service) -> None:
    room = await make(service, "chatroom")
    a = await online(service, "a")
    service.server.presence.join(a, room)
    await service.ok("POST", f"{RTM}/chatrooms/{room}/blacklists", json={"client_ids": ["a"]})
    assert service.server.presence.room_count(room) == 0
    assert waiting(a) == 0


async def test_a_client_refuses_conversations(service: Service) -> None:
    path = f"{RTM}/clients/a/blacklists"
    for conv_id in ("c1", "c2"):
        assert await service.ok("POST", path, json={"conv_id": conv_id}) == {}
    assert await service.ok("GET", path, params={"limit": 1}) == {"conv_ids": ["c1"], "next": "c1"}
    assert await service.ok("DELETE", path, json={"conv_id": "c1"}) == {}
    assert await service.ok("GET", path) == {"conv_ids": ["c2"]}


@pytest.mark.parametrize(
    ("path", "made", "code"),
    [
        ("conversations", "service", 4314),
        ("chatrooms", "normal", 4316),
        ("service-conversations", "normal", 4313),
        ("conversations", None, 4303),
    ],
)
async def test_lists_belong_to_conversations_of_their_kind(
    service: Service, path: str, made: str | None, code: int
) -> None:
    conv_id = await make(service, made) if made else "5f00"
    whole = f"{RTM}/{path}/{conv_id}/blacklists"
    assert await service.refused("POST", whole, json={"client_ids": ["a"]}) == code
    assert await service.refused("GET", whole) == code


async def test_roles_are_given_changed_listed_and_taken(service: Service) -> None:
    conv_id, other = await make(service, m=["a"]), await make(service)
    path = f"{RTM}/conversations/{conv_id}/member-infos"
    given = await service.ok("POST", path, json={"clientId": "a", "role": "Manager"})
    assert set(given) == {"updatedAt", "objectId"}
    again = await service.ok("POST", path, json={"clientId": "a", "role": "Member"})
    assert again["objectId"] == given["objectId"]
    info = f"{path}/{given['objectId']}"
    assert set(await service.ok("PUT", info, json={"role": "Owner"})) == {"updatedAt", "objectId"}
    row = {"clientId": "a", "objectId": given["objectId"], "role": "Owner"}
    assert await service.ok("GET", path) == {"results": [row]}
    assert await service.ok("GET", path, params={"role": "Member"}) == {"results": []}
    elsewhere = f"{RTM}/conversations/{other}/member-infos/{given['objectId']}"
    assert await service.refused("PUT", elsewhere, json={"role": "Member"}) == 101
    assert await service.refused("POST", path, json={"clientId": "b", "role": "King"}) == 4321
    assert await service.ok("DELETE", info) == {}
    assert await service.ok("GET", path) == {"results": []}


async def test_nobody_who_is_kept_out_is_added_over_rest_and_then_nobody_is(service: Service) -> None:
    conv_id = await make(service, m=["tom"])
    path = f"{RTM}/conversations/{conv_id}"
    await service.ok("POST", f"{path}/blacklists", json={"client_ids": ["spike"]})
    await service.ok("POST", f"{RTM}/clients/butch/blacklists", json={"conv_id": conv_id})
    for client, code in (("spike", 4548), ("butch", 4308)):
        response = await service.call("POST", f"{path}/members", json={"client_ids": ["jerry", client]})
        assert response.json()["code"] == code
        assert client in response.json()["error"]
    assert (await service.ok("GET", f"{path}/members"))["result"] == ["tom"]
    await service.ok("DELETE", f"{path}/blacklists", json={"client_ids": ["spike"]})
    await service.ok("DELETE", f"{RTM}/clients/butch/blacklists", json={"conv_id": conv_id})
    await service.ok("POST", f"{path}/members", json={"client_ids": ["spike", "butch"]})
    assert (await service.ok("GET", f"{path}/members"))["result"] == ["tom", "spike", "butch"]


async def test_roles_are_not_skipped_backwards(service: Service) -> None:
    path = f"{RTM}/conversations/{await make(service)}/member-infos"
    assert await service.refused("GET", path, params={"skip": -1}) == 1
