"""What clients hear of their conversations when the app changes them over REST: the same as when a client does."""

from typing import Any

from tests.contract.device import Device, online
from tests.contract.messaging import RTM, make
from tests.contract.service import Service


async def members(service: Service, method: str, conv: str, *clients: str) -> str:
    """Adds or removes members over REST; gives the time of the change."""
    path = f"{RTM}/conversations/{conv}/members"
    row = await service.ok(method, path, json={"client_ids": [*clients]})
    return str(row["updatedAt"])


async def hears(device: Device, op: str) -> dict[str, Any]:
    """What a device is told of a change, less what every notice has."""
    push = await device.hears("conv", op)
    return {key: push[key] for key in ("cid", "initBy", "m", "udate") if key in push}


async def test_members_that_the_app_adds_and_removes_are_told_and_so_are_the_others(
    socket_service: Service,
) -> None:
    conv = await make(socket_service, m=["tom", "jerry"])
    async with (
        online(socket_service, "tom") as tom,
        online(socket_service, "jerry") as jerry,
        online(socket_service, "mary") as mary,
        online(socket_service, "stranger") as stranger,
    ):
        udate = await members(socket_service, "POST", conv, "mary", "tom")
        told = {"cid": conv, "initBy": "", "udate": udate}
        assert await hears(mary, "joined") == told
        for device in (tom, jerry):
            assert await hears(device, "members-joined") == {**told, "m": ["mary"]}
        udate = await members(socket_service, "DELETE", conv, "jerry", "nobody")
        told = {"cid": conv, "initBy": "", "udate": udate}
        assert await hears(jerry, "left") == told
        for device in (tom, mary):
            assert await hears(device, "members-left") == {**told, "m": ["jerry"]}
        for device in (tom, jerry, mary, stranger):
            assert await device.pending() == []


async def test_nobody_is_told_of_members_that_were_there_already_or_never(socket_service: Service) -> None:
    conv = await make(socket_service, m=["tom"])
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        await members(socket_service, "POST", conv, "tom")
        await members(socket_service, "DELETE", conv, "jerry")
        for device in (tom, jerry):
            assert await device.pending() == []


async def test_nobody_is_told_of_members_that_were_refused(socket_service: Service) -> None:
    conv = await make(socket_service, m=["tom"])
    path = f"{RTM}/conversations/{conv}"
    await socket_service.ok("POST", f"{path}/blacklists", json={"client_ids": ["bad"]})
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        body = {"client_ids": ["jerry", "bad"]}
        assert await socket_service.refused("POST", f"{path}/members", json=body) == 4548
        for device in (tom, jerry):
            assert await device.pending() == []


async def test_columns_that_the_app_changes_are_told_to_every_member(socket_service: Service) -> None:
    conv = await make(socket_service, m=["tom"])
    async with online(socket_service, "tom") as tom:
        row = await socket_service.ok("PUT", f"{RTM}/conversations/{conv}", json={"name": "new", "attr.k": 5})
        seen = await tom.hears("conv", "updated")
        assert (seen["cid"], seen["initBy"], seen["udate"]) == (conv, "", row["updatedAt"])
        assert seen["attr"] == seen["attrModified"] == {"name": "new", "attr.k": 5}


async def test_a_write_to_storage_tells_nobody(socket_service: Service) -> None:
    conv = await make(socket_service, m=["tom"])
    async with online(socket_service, "tom") as tom, online(socket_service, "jerry") as jerry:
        added = {"m": {"__op": "AddUnique", "objects": ["jerry"]}, "name": "new"}
        await socket_service.ok("PUT", f"/1.1/classes/_Conversation/{conv}", json=added)
        for device in (tom, jerry):
            assert await device.pending() == []
