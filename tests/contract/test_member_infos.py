"""Members' roles, as the SDKs read them: from storage, with the session token of the client's socket."""

import json
from typing import Any

from tests.contract.device import Device, online, plugged
from tests.contract.messaging import RTM, make
from tests.contract.service import Service

INFOS = "/1.1/classes/_ConversationMemberInfo"


async def token_of(device: Device, client: str) -> dict[str, str]:
    return {"X-LC-IM-Session-Token": (await device.open(client))["st"]}


async def give(service: Service, conv: str, client: str, role: str) -> str:
    given = await service.ok(
        "POST", f"{RTM}/conversations/{conv}/member-infos", json={"clientId": client, "role": role}
    )
    return str(given["objectId"])


async def test_a_client_reads_the_roles_of_a_conversation_with_its_token(socket_service: Service) -> None:
    conv, other = await make(socket_service, m=["tom"]), await make(socket_service, m=["tom"])
    info = await give(socket_service, conv, "tom", "Manager")
    await give(socket_service, other, "tom", "Owner")
    query = {"where": json.dumps({"cid": conv}), "client_id": "tom"}
    async with plugged(socket_service) as device:
        token = await token_of(device, "tom")
        found = await socket_service.ok("GET", INFOS, key="app", params=query, headers=token)
        (row,) = found["results"]
        assert {key: row[key] for key in ("objectId", "cid", "clientId", "role")} == {
            "objectId": info,
            "cid": conv,
            "clientId": "tom",
            "role": "Manager",
        }
        one = await socket_service.ok("GET", f"{INFOS}/{info}", key="app", headers=token)
        assert one["role"] == "Manager"
    # The token is good while it lives, whether the client is online or not.
    await socket_service.ok("GET", INFOS, key="app", params=query, headers=token)


async def test_a_token_opens_nothing_else_and_no_other_token_does(socket_service: Service) -> None:
    conv = await make(socket_service, m=["tom"])
    info = await give(socket_service, conv, "tom", "Member")
    async with plugged(socket_service) as device:
        token = await token_of(device, "tom")

        async def refused(method: str, path: str, headers: dict[str, str], **more: Any) -> int:
            return await socket_service.refused(method, path, key="app", headers=headers, **more)

        assert await refused("GET", INFOS, {}) == 403
        assert await refused("PUT", f"{INFOS}/{info}", token, json={"role": "Owner"}) == 403
        assert await refused("POST", INFOS, token, json={"role": "Owner"}) == 403
        assert await refused("DELETE", f"{INFOS}/{info}", token) == 403
        for path in ("_Conversation", "_SysMessage", "_Role"):
            assert await refused("GET", f"/1.1/classes/{path}", token) == 403
        for bad in ("nonsense", "a.b", token["X-LC-IM-Session-Token"] + "x"):
            assert await refused("GET", INFOS, {"X-LC-IM-Session-Token": bad}) == 4112
        assert await socket_service.refused("GET", INFOS, key=None, headers=token) == 401
        await socket_service.ok("POST", f"{RTM}/clients/tom/kick")
        assert await refused("GET", INFOS, token) == 4112
    async with plugged(socket_service) as device:
        socket_service.clock.advance(5)
        token = await token_of(device, "tom")
        socket_service.clock.advance(8 * 86_400_000)
        assert await refused("GET", INFOS, token) == 4112


async def test_the_roles_that_a_client_gives_are_the_same_rows(socket_service: Service) -> None:
    async with online(socket_service, "tom") as tom, plugged(socket_service) as jerry:
        conv = await tom.start("jerry")
        token = await token_of(jerry, "jerry")
        info = {"pid": "jerry", "role": "Manager"}
        await tom.ask("conv", "member_info_update", cid=conv, targetClientId="jerry", info=info)
        query = {"where": json.dumps({"cid": conv, "clientId": "jerry"})}
        found = await socket_service.ok("GET", INFOS, key="app", params=query, headers=token)
        assert [row["role"] for row in found["results"]] == ["Manager"]
