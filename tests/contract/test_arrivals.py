"""A message that arrives while a client logs in: counted as unread or delivered, one of the two."""

import asyncio
from collections.abc import Sequence

from bridge.server.presence import Direct
from tests.contract.device import Device, online
from tests.contract.messaging import make, send
from tests.contract.service import Service


async def during_the_next_login(service: Service, *messages: tuple[str, str]) -> None:
    """Sends messages (conversation and kind) when a device is online already, and before it is told anything."""
    presence = service.server.presence
    owed = presence._owed

    async def late(client_id: str, device: str) -> Sequence[Direct]:
        presence._owed = owed
        for conv, kind in messages:
            chosen = {"to_clients": ["mary"]} if kind == "service" else {}
            await send(service, conv, "just now", kind, **chosen)
        return await owed(client_id, device)

    presence._owed = late


async def delivered(service: Service, conv: str, device: Device) -> list[str]:
    """The texts that a device gets, up to one that is sent now."""
    await send(service, conv, "afterwards")
    texts: list[str] = []
    while "afterwards" not in texts:
        texts.append((await device.hears("direct"))["msg"])
    return texts


async def test_a_message_in_the_middle_of_a_login_is_counted_and_not_delivered_as_well(
    socket_service: Service,
) -> None:
    conv, news = await make(socket_service, m=["tom", "mary"]), await make(socket_service, "service")
    await during_the_next_login(socket_service, (conv, "normal"), (news, "service"))
    async with online(socket_service, "mary") as mary:
        counters = {one["cid"]: one["unread"] for one in (await mary.hears("unread"))["convs"]}
        assert counters == {conv: 1, news: 1}
        assert await delivered(socket_service, conv, mary) == ["afterwards"]


async def test_in_the_first_version_it_is_delivered_once(socket_service: Service) -> None:
    conv = await make(socket_service, m=["tom", "mary"])
    await during_the_next_login(socket_service, (conv, "normal"))
    async with online(socket_service, "mary", "lc.json.1") as mary:
        assert await delivered(socket_service, conv, mary) == ["just now", "afterwards"]


async def test_own_messages_from_elsewhere_are_not_counted_and_so_delivered(socket_service: Service) -> None:
    conv = await make(socket_service, m=["tom", "mary"])
    await during_the_next_login(socket_service, (conv, "normal"))
    async with online(socket_service, "tom") as tom:
        assert await delivered(socket_service, conv, tom) == ["just now", "afterwards"]


async def test_of_many_messages_and_many_logins_each_is_told_once(socket_service: Service) -> None:
    clients, rounds = [f"c{number}" for number in range(12)], 8
    # The more conversations, the longer it takes to see what is unread in them.
    convs = [await make(socket_service, m=["tom", *clients]) for _ in range(15)]
    for conv in convs:
        await send(socket_service, conv)
    ended = asyncio.Event()

    async def write() -> None:
        for _ in range(rounds):
            for conv in convs:
                await send(socket_service, conv)
        ended.set()

    async def log_in(client: str, after: float) -> int:
        await asyncio.sleep(
            after
        )  # spread over the time that the writing takes; where they fall does not matter
        async with online(socket_service, client) as device:
            counters = [int(one["unread"]) for one in (await device.hears("unread"))["convs"]]
            await ended.wait()
            return sum(counters) + len(await delivered(socket_service, convs[0], device)) - 1

    writing = asyncio.create_task(write())
    told = await asyncio.gather(*(log_in(one, 0.03 * place) for place, one in enumerate(clients)))
    await writing
    messages = len(convs) * (rounds + 1)
    assert [count - messages for count in told] == [0] * len(clients)
