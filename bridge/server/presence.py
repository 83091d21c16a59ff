"""Who is online, and the one door through which events reach them.

Events and targets are plain values, so that a bus between processes can carry both: `publish` is where it forwards
them, `deliver` is what it calls in every process.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from bridge.server.elsewhere import Elsewhere

QUEUE_EVENTS = 1000
"""How many events may wait for one connection before it counts as too slow."""

SLOW = 1006
KICKED = 4115
GOING_AWAY = 0

_IDS_A_QUERY = 500


@dataclass(frozen=True, slots=True)
class Direct:
    """A message; `conv_type` is the wire's: 1 normal, 2 chatroom, 3 service, 4 temporary. Times in UTC milliseconds.

    `origin` is the session that it was sent from, which is told by its acknowledgement and by nothing else.
    """

    msg_id: str
    conv_id: str
    conv_type: int
    sender: str
    timestamp: int
    data: str
    bin: bool = False
    transient: bool = False
    mention_all: bool = False
    mentions: tuple[str, ...] = ()
    patched_at: int | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Patch:
    """A message that was modified, or recalled; `timestamp` is the message's own, `patched_at` the change's."""

    msg_id: str
    conv_id: str
    sender: str
    timestamp: int
    data: str
    bin: bool
    recalled: bool
    patched_at: int
    mention_all: bool = False
    mentions: tuple[str, ...] = ()
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Kick:
    """The end of every session of its targets, with an IM code and the reason that the caller gave."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A change of a conversation at `at` (UTC ms); `op` is the wire's, e.g. `members_joined`.

    `attributes` is JSON text of what changed, as it was asked for, and `values` of what is there since.
    """

    op: str
    conv_id: str
    initiator: str
    members: tuple[str, ...] = ()
    attributes: str | None = None
    values: str | None = None
    at: int | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A client got a message that asked for a receipt or, without `msg_id`, has read until `at` (UTC ms)."""

    conv_id: str
    client_id: str
    at: int
    msg_id: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """The client itself has read a conversation, in another session: `unread` is what is left at `at` (UTC ms)."""

    conv_id: str
    at: int
    unread: int = 0
    origin: str = ""


Event: TypeAlias = Direct | Patch | Kick | Notice | Receipt | Read


@dataclass(frozen=True, slots=True)
class Clients:
    """Every device of these clients."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tagged:
    """The sessions of a client that were opened under a tag."""

    client_id: str
    tag: str


@dataclass(frozen=True, slots=True)
class Room:
    """Who has joined a chatroom, but for the devices of `without`."""

    conv_id: str
    without: str | None = None


@dataclass(frozen=True, slots=True)
class Subscribers:
    """Who has subscribed to a service conversation."""

    conv_id: str


@dataclass(frozen=True, slots=True)
class Everyone:
    """Every client of the app."""


Target: TypeAlias = Clients | Tagged | Room | Subscribers | Everyone

Owed: TypeAlias = Callable[[str, str], Awaitable[Sequence[Direct]]]
"""What a device that logs in still has to get, by client id and device."""

Subscribed: TypeAlias = Callable[[str, Sequence[str]], Awaitable[Collection[str]]]
"""Which of these clients have subscribed to a service conversation."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What tells a client's connections apart: the device, the session on it, and the tag it was opened under."""

    device: str = ""
    session: str = ""
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """Why a connection ended."""

    code: int
    reason: str


class Connection:
    """One device's end of the fan-out: iterate over its events until it is closed; `closing` then says why."""

    __slots__ = (
        "_capacity",
        "_events",
        "_owed",
        "_waiter",
        "client_id",
        "closing",
        "device",
        "rooms",
        "session",
        "tag",
    )

    def __init__(self, client_id: str, origin: Origin, capacity: int) -> None:
        self.client_id = client_id
        self.device = origin.device
        self.session = origin.session
        self.tag = origin.tag
        self.rooms: set[str] = set()
        self.closing: Closing | None = None
        self._capacity = capacity
        self._events: deque[Event] = deque()
        self._owed: frozenset[str] = frozenset()
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, event: Event) -> None:
        """Queues an event; a connection whose queue is full is closed instead, so it holds up nobody."""
        if self.closing is not None or self._had(event):
            return
        if len(self._events) >= self._capacity:
            self._events.clear()
            self.close(Closing(SLOW, "too slow"))
            return
        self._events.append(event)
        self._wake()
        if isinstance(event, Kick):
            self.close(Closing(event.code, event.reason))

    def close(self, closing: Closing) -> None:
        """Ends the connection: what is queued can still be read, nothing new is queued."""
        if self.closing is None:
            self.closing = closing
            self._wake()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self.closing is not None:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._events.popleft()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _had(self, event: Event) -> bool:
        if isinstance(event, Direct) and event.msg_id in self._owed:
            return True
        own = getattr(event, "origin", "")
        return own != "" and own == self.session

    def _open(self, owed: Sequence[Direct]) -> None:
        """Puts what was owed first; a broadcast that arrives live as well, before or after, is kept once."""
        self._owed = frozenset(event.msg_id for event in owed)
        self._events = deque((*owed, *(event for event in self._events if not self._had(event))))
        self._wake()

    def skip(self, msg_ids: Collection[str]) -> None:
        """Lets go of these messages, waiting or still to come: the device was told of them in another way."""
        told = frozenset(msg_ids)
        self._events = deque(
            event for event in self._events if not (isinstance(event, Direct) and event.msg_id in told)
        )
        self._owed |= told


class Presence:
    """The connections of this process, by client and by chatroom; and of others', who is online where."""

    def __init__(self, owed: Owed, subscribed: Subscribed) -> None:
        self.elsewhere: Elsewhere | None = None
        self._owed = owed
        self._subscribed = subscribed
        self._clients: dict[str, list[Connection]] = {}
        self._rooms: dict[str, set[Connection]] = {}

    async def connect(
        self, client_id: str, origin: Origin | str = "", capacity: int = QUEUE_EVENTS
    ) -> Connection:
        """Brings a device online; its first events are the broadcasts that it missed."""
        connection = Connection(client_id, Origin(origin) if isinstance(origin, str) else origin, capacity)
        # Online first, asked second: a broadcast between the two arrives twice and is kept once, never missed.
        devices = self._clients.setdefault(client_id, [])
        devices.append(connection)
        if self.elsewhere is not None and len(devices) == 1:
            self.elsewhere.came(client_id)
        try:
            connection._open(await self._owed(client_id, connection.device))
        except BaseException:
            self.disconnect(connection)
            raise
        return connection

    def disconnect(self, connection: Connection, closing: Closing | None = None) -> None:
        """Takes a connection offline and out of its chatrooms; doing it twice is harmless."""
        connection.close(closing or Closing(GOING_AWAY, "closed"))
        for room in tuple(connection.rooms):
            self.leave(connection, room)
        others = self._clients.get(connection.client_id, [])
        if connection in others:
            others.remove(connection)
            if not others:
                del self._clients[connection.client_id]
                if self.elsewhere is not None:
                    self.elsewhere.went(connection.client_id)

    def join(self, connection: Connection, room: str) -> None:
        """Puts a connection into a chatroom."""
        connection.rooms.add(room)
        self._rooms.setdefault(room, set()).add(connection)
        if self.elsewhere is not None:
            self.elsewhere.came(connection.client_id, room)

    def leave(self, connection: Connection, room: str) -> None:
        """Takes a connection out of a chatroom."""
        connection.rooms.discard(room)
        members = self._rooms.get(room)
        if members is not None:
            members.discard(connection)
            if self.elsewhere is not None and all(one.client_id != connection.client_id for one in members):
                self.elsewhere.went(connection.client_id, room)
            if not members:
                del self._rooms[room]

    def expel(self, room: str, client_ids: Sequence[str]) -> None:
        """Takes every connection of these clients out of a chatroom, wherever they are connected."""
        self.expel_here(room, client_ids)
        if self.elsewhere is not None:
            self.elsewhere.expel(room, client_ids)

    def expel_here(self, room: str, client_ids: Iterable[str]) -> None:
        """The same in this process alone."""
        for client_id in client_ids:
            for connection in self._clients.get(client_id, ()):
                self.leave(connection, room)

    def online(self, client_ids: Iterable[str]) -> list[str]:
        """Those of the given clients that are online, in the given order."""
        return [client_id for client_id in client_ids if self._is_online(client_id)]

    def _is_online(self, client_id: str) -> bool:
        if client_id in self._clients:
            return True
        return self.elsewhere is not None and self.elsewhere.online(client_id)

    @property
    def here(self) -> tuple[list[str], dict[str, set[str]]]:
        """The clients that are online in this process, and those in each chatroom."""
        rooms = {room: {one.client_id for one in members} for room, members in self._rooms.items()}
        return [*self._clients], rooms

    @property
    def devices(self) -> list[tuple[str, str]]:
        """Client id and device of every connection of this process."""
        return [(one.client_id, one.device) for every in self._clients.values() for one in every]

    @property
    def count(self) -> int:
        """How many clients are online."""
        if self.elsewhere is None:
            return len(self._clients)
        return len(self.elsewhere.clients | self._clients.keys())

    def room_count(self, room: str) -> int:
        """How many clients have joined a chatroom."""
        return len(self._in_room(room))

    def _in_room(self, room: str) -> set[str]:
        here = {connection.client_id for connection in self._rooms.get(room, ())}
        return here if self.elsewhere is None else here | self.elsewhere.in_room(room)

    def room_sample(self, room: str, most: int) -> list[str]:
        """At most so many of a chatroom's clients, picked at random, sorted."""
        members = sorted(self._in_room(room))
        return sorted(random.sample(members, min(most, len(members))))

    async def publish(self, event: Event, target: Target) -> None:
        """Sends an event to its targets, wherever they are connected."""
        await self.publish_all([(event, target)])

    async def publish_all(self, events: Sequence[tuple[Event, Target]]) -> None:
        """Sends events to their targets, in this order."""
        for event, target in events:
            await self.deliver(event, target)
        if self.elsewhere is not None:
            await self.elsewhere.forward(events)

    async def deliver(self, event: Event, target: Target) -> None:
        """Queues an event at this process's connections; ids that are not online here are passed over."""
        for connection in await self._reached(target):
            connection.offer(event)
            if connection.closing is not None:
                self.disconnect(connection)

    async def _reached(self, target: Target) -> list[Connection]:
        match target:
            case Clients(ids):
                return self._connections(ids)
            case Tagged(client_id, tag):
                return [one for one in self._connections((client_id,)) if one.tag == tag]
            case Room(conv_id, without):
                return [one for one in self._rooms.get(conv_id, ()) if one.client_id != without]
            case Everyone():
                return self._connections(tuple(self._clients))
            case Subscribers(conv_id):
                subscribed: list[str] = []
                online = tuple(self._clients)
                for start in range(0, len(online), _IDS_A_QUERY):
                    subscribed += await self._subscribed(conv_id, online[start : start + _IDS_A_QUERY])
                return self._connections(subscribed)

    def _connections(self, client_ids: Iterable[str]) -> list[Connection]:
        return [connection for client_id in client_ids for connection in self._clients.get(client_id, ())]

    def close(self) -> None:
        """Ends every connection, as a restart does."""
        for connections in tuple(self._clients.values()):
            for connection in tuple(connections):
                self.disconnect(connection, Closing(GOING_AWAY, "server is going away"))
