"""Several processes on one PostgreSQL are one service: what is posted to one reaches the sockets of another."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest

from bridge.server.bus import payloads
from bridge.server.presence import Clients, Direct, Presence
from tests.contract.conftest import empty
from tests.contract.device import PATIENCE, Device, online, plugged
from tests.contract.messaging import RTM, make, send, subscribe
from tests.contract.service import Clock, Service, running


@contextlib.asynccontextmanager
async def two(url: str) -> AsyncIterator[tuple[Service, Service]]:
    async with running(url, "socket") as one, running(url, "socket") as other:
        yield one, other


@pytest.fixture
async def url(contract_database: str) -> str:
    await empty(contract_database)
    return contract_database


async def eventually(holds: Callable[[], bool]) -> None:
    """Waits for what comes over the bus."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - of another process no event says so
            await asyncio.sleep(0.01)


async def test_every_kind_of_event_reaches_the_other_process(url: str) -> None:
    async with two(url) as (here, there), online(here, "tom") as tom, online(there, "jerry") as jerry:
        conv = await tom.start("jerry")
        assert (await jerry.hears("conv", "joined"))["cid"] == conv
        sent = await tom.send(conv, "周六有晚会！" * 220, r=True)
        assert (await jerry.hears("direct"))["msg"] == "周六有晚会！" * 220
        await jerry.say("ack", cid=conv, mid=sent["uid"])
        assert (await tom.hears("rcp"))["id"] == sent["uid"]
        recall = {"cid": conv, "mid": sent["uid"], "timestamp": sent["t"], "recall": True}
        await tom.ask("patch", "modify", patches=[recall])
        assert (await jerry.hears("patch"))["patches"][0]["recall"] is True
        await tom.ask("conv", "update", cid=conv, attr={"name": "new"})
        assert (await jerry.hears("conv", "updated"))["attrModified"] == {"name": "new"}
        async with online(here, "jerry") as pad:
            await pad.say("read", convs=[{"cid": conv, "timestamp": sent["t"]}])
            assert (await jerry.hears("unread"))["convs"][0]["unread"] == 0
        await here.ok("POST", f"{RTM}/clients/jerry/kick", json={"reason": "enough"})
        assert (await jerry.hears("session", "closed"))["code"] == 4115


async def test_subscribers_and_everyone_are_reached_wherever_they_are(url: str) -> None:
    async with two(url) as (here, there):
        news = await make(here, "service")
        await subscribe(here, news, "jerry")
        async with online(there, "jerry", deviceId="d1") as jerry, online(there, "tom", deviceId="d2") as tom:
            body = {"from_client": "news", "message": "to subscribers"}
            await here.ok("POST", f"{RTM}/service-conversations/{news}/broadcasts", json=body)
            assert (await jerry.hears("direct"))["msg"] == "to subscribers"
            body = {"from_client": "news", "conv_id": news, "message": "to all"}
            sent = await here.ok("POST", f"{RTM}/broadcasts", json=body)
            for device in (jerry, tom):
                assert (await device.hears("direct"))["msg"] == "to all"
            noted = "SELECT count(*) FROM rt_devices WHERE broadcast_id = $1"
            await eventually_in(url, noted, sent["msg-id"], 2)
        async with online(here, "tom", deviceId="d2") as tom:
            assert await tom.pending() == []


async def eventually_in(url: str, query: str, argument: str, expected: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(PATIENCE):
            while await connection.fetchval(query, argument) != expected:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        await connection.close()


async def test_who_is_online_and_in_a_room_counts_all_processes(url: str) -> None:
    async with two(url) as (here, there):
        room = await make(here, "chatroom")
        async with online(here, "tom") as tom, online(there, "jerry") as jerry, online(there, "tom"):
            for device, client in ((tom, "tom"), (jerry, "jerry")):
                await device.ask("conv", "add", cid=room, m=[client])
            for server in (here.server, there.server):
                presence: Presence = server.presence
                await eventually(lambda presence=presence: presence.room_count(room) == 2)  # type: ignore[misc]
                assert presence.count == 2
                assert presence.online(["jerry", "tom", "spike"]) == ["jerry", "tom"]
                assert presence.room_sample(room, 50) == ["jerry", "tom"]
            await send(here, room, "hi", "chatroom", from_client="someone")
            assert (await jerry.hears("direct"))["msg"] == "hi"
            blocks = f"{RTM}/chatrooms/{room}/blacklists"
            await here.ok("POST", blocks, json={"client_ids": ["jerry"]})
            await eventually(lambda: here.server.presence.room_count(room) == 1)
        await eventually(lambda: here.server.presence.count == 0)
        async with running(url, "socket") as late, online(here, "spike"):
            await eventually(lambda: late.server.presence.online(["spike"]) == ["spike"])
        async with online(here, "spike"), running(url, "socket") as late:
            await eventually(lambda: late.server.presence.online(["spike"]) == ["spike"])


async def test_a_tag_is_taken_across_processes(url: str) -> None:
    async with two(url) as (here, there), online(here, "tom", tag="mobile") as old, plugged(there) as new:
        await new.open("tom", tag="mobile")
        assert (await old.hears("session", "closed"))["code"] == 4111
        assert await new.pending() == []


async def test_a_process_that_was_cut_off_ends_its_connections_so_that_nothing_is_missed(url: str) -> None:
    async with two(url) as (here, there), online(here, "tom") as tom:
        conv = await tom.start("jerry")
        async with plugged(there) as jerry:
            token = (await jerry.open("jerry"))["st"]
            admin = await asyncpg.connect(url)
            bus = there.server.bus
            assert bus is not None
            await admin.execute("SELECT pg_terminate_backend($1)", bus._connection.get_server_pid())
            await admin.close()
            assert await jerry.closed() == 1001
        async with plugged(here) as again:
            await again.open("jerry", st=token, r=True)
            async with online(there, "tom") as tom_too:
                await tom_too.send(conv, "are you back?")
            assert (await again.hears("direct"))["msg"] == "are you back?"


# ---------------------------------------------------------------------------------------------------------------------
# Real processes
# ---------------------------------------------------------------------------------------------------------------------


@dataclass
class Remote:
    """What tests need of a service in another process."""

    process: asyncio.subprocess.Process
    base_url: str

    async def ok(self, method: str, path: str, **options: Any) -> Any:
        """One request with the master key."""
        async with httpx.AsyncClient(base_url=self.base_url, trust_env=False) as http:
            service = Service(None, http, Clock(), self.base_url)  # type: ignore[arg-type]
            return await service.ok(method, path, **options)


@contextlib.asynccontextmanager
async def remote(url: str) -> AsyncIterator[Remote]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.contract.process", url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    base_url = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    try:
        yield Remote(process, base_url)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def texts_until(device: Device, expected: set[str]) -> list[str]:
    """The texts that a device hears, until it has heard them all."""
    heard: list[str] = []
    while not expected <= set(heard):
        heard.append((await device.hears("direct"))["msg"])
    return heard


async def test_of_three_processes_one_is_killed_and_its_clients_miss_nothing(url: str) -> None:
    async with (
        remote(url) as one,
        remote(url) as two_,
        remote(url) as three,
        online(one, "tom") as tom,
        plugged(two_, "lc.json.1") as jerry,
        online(three, "spike") as spike,
    ):
        token = (await jerry.open("jerry"))["st"]
        conv = await tom.start("jerry", "spike")
        await tom.send(conv, "before")
        before = await jerry.hears("direct")
        await jerry.say("ack", cid=conv, fromts=before["timestamp"], tots=before["timestamp"])
        await eventually_in(url, "SELECT count(*) FROM rt_cursors WHERE client_id = $1", "jerry", 1)
        talking = asyncio.create_task(talk(tom, conv))
        await jerry.hears("direct")
        two_.process.send_signal(signal.SIGKILL)
        await jerry.closed()
        async with plugged(three, "lc.json.1") as again:
            await again.open("jerry", st=token, r=True)
            said = await talking
            await texts_until(again, said)
        assert set(await texts_until(spike, {"before", *said})) == {"before", *said}
        body = {"client_ids": ["tom", "jerry", "spike"]}
        found = await one.ok("POST", f"{RTM}/clients/check-online", json=body)
        assert {"tom", "spike"} <= set(found["results"])


async def talk(device: Device, conv: str) -> set[str]:
    """Sends for a while, and gives what was answered with an id."""
    said = set()
    for number in range(60):
        await device.send(conv, f"message {number}")
        said.add(f"message {number}")
    return said


# ---------------------------------------------------------------------------------------------------------------------
# Payloads
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["[]", "x" * 30_000, "会" * 10_000, "a" + "😀" * 9_000, "y" * 7836, "y" * 7837]
)
def test_a_long_text_is_cut_between_characters_into_what_the_database_takes(text: str) -> None:
    parts = payloads("name", 7, text)
    assert all(len(part.encode()) < 8000 for part in parts)
    assert "".join(part.partition("\n")[2] for part in parts) == text
    assert [part.partition("\n")[0] for part in parts] == [
        f"name 7 {place} {len(parts)}" for place in range(1, len(parts) + 1)
    ]


async def test_a_message_for_five_hundred_long_names_goes_through(url: str) -> None:
    names = [f"{number:03}{'会' * 61}" for number in range(499)]
    async with two(url) as (here, there), online(there, "jerry") as jerry:
        event = Direct("m1", "c1", 1, "tom", 5, '"' * 4000)
        await here.server.presence.publish(event, Clients((*names, "jerry")))
        assert (await jerry.hears("direct"))["msg"] == '"' * 4000
