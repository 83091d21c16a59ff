"""Presence: who is reached by what, and what a bus between processes needs of it."""

import asyncio
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict

import pytest

from bridge.server.presence import (
    Clients,
    Closing,
    Connection,
    Direct,
    Event,
    Everyone,
    Kick,
    Notice,
    Patch,
    Presence,
    Room,
    Subscribers,
    Target,
)


def message(msg_id: str = "m") -> Direct:
    return Direct(msg_id, "c", 3, "tom", 5, "hello")


class World:
    """A presence whose owed broadcasts and subscribers a test decides."""

    def __init__(self) -> None:
        self.broadcasts: list[Direct] = []
        self.subscribers: set[str] = set()
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self.answer.set()
        self.presence = Presence(self.owed, self.subscribed)

    async def owed(self, client_id: str, device: str) -> Sequence[Direct]:
        self.asked.set()
        await self.answer.wait()
        return self.broadcasts

    async def subscribed(self, conv_id: str, clients: Sequence[str]) -> Collection[str]:
        return [one for one in clients if one in self.subscribers]


@pytest.fixture
def world() -> World:
    return World()


def drain(connection: Connection) -> list[Event]:
    return [connection._events.popleft() for _ in range(len(connection._events))]


async def test_each_target_reaches_its_connections_and_no_others(world: World) -> None:
    presence = world.presence
    phone, pad, other = [await presence.connect(*who) for who in (("a", "phone"), ("a", "pad"), ("b", ""))]
    presence.join(phone, "room")
    presence.join(other, "room")
    world.subscribers = {"b", "offline"}
    for target, reached in (
        (Clients(("a", "offline")), [phone, pad]),
        (Room("room"), [phone, other]),
        (Room("room", without="a"), [other]),
        (Subscribers("c"), [other]),
        (Everyone(), [phone, pad, other]),
    ):
        await presence.publish(message(), target)
        got = {one for one in (phone, pad, other) if drain(one)}
        assert got == set(reached), target


async def test_a_broadcast_during_a_login_arrives_once(world: World) -> None:
    world.answer.clear()
    login = asyncio.create_task(world.presence.connect("a"))
    await world.asked.wait()
    world.broadcasts = [message("one"), message("two")]
    await world.presence.publish(message("two"), Everyone())
    await world.presence.publish(message("three"), Everyone())
    world.answer.set()
    connection = await login
    await world.presence.publish(message("one"), Everyone())
    assert [one.msg_id for one in drain(connection) if isinstance(one, Direct)] == ["one", "two", "three"]


async def test_a_login_that_fails_leaves_nobody_online(world: World) -> None:
    world.answer.clear()
    login = asyncio.create_task(world.presence.connect("a"))
    await world.asked.wait()
    login.cancel()
    with pytest.raises(asyncio.CancelledError):
        await login
    assert world.presence.online(["a"]) == []


async def test_a_client_is_online_until_its_last_device_leaves_and_its_rooms_with_it(world: World) -> None:
    presence = world.presence
    phone, pad = await presence.connect("a", "phone"), await presence.connect("a", "pad")
    presence.join(pad, "room")
    presence.disconnect(phone)
    presence.disconnect(phone)
    assert presence.online(["a"]) == ["a"]
    assert presence.room_count("room") == 1
    presence.disconnect(pad)
    assert (presence.online(["a"]), presence.room_count("room"), presence.count) == ([], 0, 0)


async def test_a_reader_that_waits_is_woken_by_an_event_and_by_the_end(world: World) -> None:
    connection = await world.presence.connect("a")

    async def read() -> list[Event]:
        return [event async for event in connection]

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    await world.presence.publish(message(), Clients(("a",)))
    await asyncio.sleep(0)
    world.presence.close()
    assert await reader == [message()]
    assert connection.closing == Closing(0, "server is going away")


async def test_the_queue_of_a_slow_connection_is_bounded_and_let_go(world: World) -> None:
    slow = await world.presence.connect("a", capacity=2)
    for _ in range(5):
        await world.presence.publish(message(), Everyone())
    assert drain(slow) == []
    assert slow.closing == Closing(1006, "too slow")
    assert world.presence.count == 0


async def test_a_sample_of_a_room_is_bounded(world: World) -> None:
    for n in range(60):
        world.presence.join(await world.presence.connect(f"c{n}"), "room")
    sample = world.presence.room_sample("room", 50)
    assert len(set(sample)) == 50
    assert sample == sorted(sample)


@pytest.mark.parametrize(
    "value",
    [
        message(),
        Patch("m", "c", "tom", 5, "hello", False, False, 7),
        Kick(4115, "bye"),
        Notice("members_joined", "c", "tom", ("a",), "{}"),
        Clients(("a",)),
        Room("c", "tom"),
        Subscribers("c"),
        Everyone(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_events_and_targets_can_travel_as_json(value: Event | Target) -> None:
    fields = json.loads(json.dumps(asdict(value)))
    revived = {key: tuple(one) if isinstance(one, list) else one for key, one in fields.items()}
    make: Callable[..., Event | Target] = type(value)
    assert make(**revived) == value
