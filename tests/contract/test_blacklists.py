"""Blacklists and silences over the socket: a client refuses conversations, and asks who is on a list."""

import pytest

from tests.contract.device import online
from tests.contract.messaging import RTM, make
from tests.contract.service import Service


async def test_a_client_refuses_conversations_and_is_not_pulled_into_them(socket_service: Service) -> None:
    conv, other = await make(socket_service, m=["tom"]), await make(socket_service, m=["tom"])
    async with online(socket_service, "tom") as tom, online(socket_service, "shy") as shy:
        blocked = await shy.ask("blacklist", "block", srcPid="shy", toCids=[conv])
        assert (blocked["op"], blocked["srcPid"], blocked["toCids"]) == ("blocked", "shy", [conv])
        added = await tom.ask("conv", "add", cid=conv, m=["shy"])
        assert (added["allowedPids"], added["failedPids"][0]["code"]) == ([], 4308)
        members = f"{RTM}/conversations/{conv}/members"
        assert await socket_service.refused("POST", members, json={"client_ids": ["shy"]}) == 4308
        assert (await shy.ask("blacklist", "query", srcPid="shy"))["blockedCids"] == [conv]
        assert await socket_service.ok("GET", f"{RTM}/clients/shy/blacklists") == {"conv_ids": [conv]}
        checked = await shy.ask("blacklist", "check_block", srcPid="shy", toCids=[other, conv])
        assert (checked["op"], checked["blockedCids"]) == ("check-result", [conv])
        assert (await shy.ask("blacklist", "unblock", toCids=[conv]))["op"] == "unblocked"
        assert (await tom.ask("conv", "add", cid=conv, m=["shy"]))["allowedPids"] == ["shy"]


async def test_a_long_list_of_refusals_is_read_in_pages(socket_service: Service) -> None:
    convs = sorted([await make(socket_service) for _ in range(12)])
    async with online(socket_service, "shy") as shy:
        await shy.ask("blacklist", "block", srcPid="shy", toCids=convs)
        first = await shy.ask("blacklist", "query", srcPid="shy")
        assert (first["blockedCids"], first["next"]) == (convs[:10], convs[9])
        rest = await shy.ask("blacklist", "query", srcPid="shy", next=first["next"], limit=5)
        assert rest["blockedCids"] == convs[10:]
        assert "next" not in rest


async def test_a_client_refuses_for_itself_alone_and_what_exists(socket_service: Service) -> None:
    conv = await make(socket_service)
    async with online(socket_service, "shy") as shy:
        for op in ("block", "unblock", "query", "check_block"):
            assert await shy.refused("blacklist", op, srcPid="tom", toCids=[conv]) == 4320
        assert await shy.refused("blacklist", "block", srcPid="shy", toCids=[conv, "0" * 24]) == 4303
        assert (await shy.ask("blacklist", "query", srcPid="shy"))["blockedCids"] == []
        for bad in ([], [conv] * 0, [str(number) for number in range(21)], "", 7, [7], {"a": 1}):
            assert await shy.refused("blacklist", "block", srcPid="shy", toCids=bad) == 4301
        for op in ("block", "unblock", "query", "check_block"):
            assert await shy.refused("blacklist", op) == 4301


@pytest.mark.parametrize(
    ("cmd", "put", "check", "names"),
    [
        ("blacklist", "block", "check_block", ("srcCid", "toPids", "blockedPids", "check-result")),
        ("conv", "add_shutup", "check_shutup", ("cid", "m", "m", "shutup-result")),
    ],
)
async def test_who_is_on_a_list_is_checked_by_managers_and_by_oneself(
    socket_service: Service, cmd: str, put: str, check: str, names: tuple[str, str, str, str]
) -> None:
    where, who, found, op = names
    async with online(socket_service, "tom") as tom, online(socket_service, "spike") as spike:
        conv = await tom.start("spike", "jerry")
        assert (await spike.ask(cmd, check, **{where: conv, who: ["spike"]}))[found] == []
        await tom.ask(cmd, put, **{where: conv, who: ["spike"]})
        answer = await tom.ask(cmd, check, **{where: conv, who: ["jerry", "spike"]})
        assert (answer["op"], answer[found], answer[where]) == (op, ["spike"], conv)
        assert (await spike.ask(cmd, check, **{where: conv, who: ["spike"]}))[found] == ["spike"]
        assert await spike.refused(cmd, check, **{where: conv, who: ["jerry"]}) == 4320
        assert await spike.refused(cmd, check, **{where: "0" * 24, who: ["spike"]}) == 4303
        for bad in ([], [f"c{number}" for number in range(21)], [7], None):
            assert await tom.refused(cmd, check, **{where: conv, who: bad}) == 4301
