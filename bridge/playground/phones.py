"""The phones of the app's users: online they get messages as they come, offline only pushes, and the rest later."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from bridge.clock import Clock, now_ms
from bridge.playground.device import Device, Service
from bridge.playground.inbox import KEPT, Inbox, Mail, Talk, kind_of
from bridge.playground.model import Json
from bridge.realtime.client import RealtimeClient
from bridge.realtime.content import Plain, Text, decode, encode
from bridge.realtime.errors import RealtimeError
from bridge.realtime.history import HistoryRange, InConversation, InThread, Source
from bridge.realtime.models import Conversation, Kind, Message
from bridge.server.push import Audience, Push

log = logging.getLogger(__name__)

MOST_CONVERSATIONS = 50
PUSHES_KEPT = 5
POLL_SECONDS = 0.5

Pushes: TypeAlias = Callable[[int], Awaitable[Sequence[Push]]]
"""The push data recorded at or after a time (UTC ms), oldest first: what Apple and Google would be handed."""


@dataclass(frozen=True, slots=True)
class Player:
    """A user of the app whose phone is shown; `name` is what the phone's owner is called."""

    client_id: str
    name: str


@dataclass(slots=True)
class Phone:
    """One phone: its owner, what it holds, whether it is online, and the pushes on its lock screen."""

    owner: Player
    inbox: Inbox
    device: Device | None = None
    listening: "asyncio.Task[None] | None" = None
    signed_out: Json | None = None
    loaded: bool = False
    offline_since: int = 0
    pushes: dict[str, Json] = field(default_factory=dict)
    switching: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def online(self) -> bool:
        """Whether it has a connection to the messaging service."""
        return self.device is not None

    @property
    def json(self) -> Json:
        """The whole phone as the page shows it."""
        return {
            "client": self.owner.client_id,
            "name": self.owner.name,
            "online": self.online,
            "signed_out": self.signed_out,
            "pushes": list(self.pushes.values()),
            "conversations": self.inbox.json,
        }


class Phones:
    """The phones, and the news of each change for a live page.

    `service` is where they connect by WebSocket, as the app's users would; `realtime` reads history, and `pushes` the
    push data that the server recorded.
    """

    def __init__(
        self,
        players: Sequence[Player],
        realtime: RealtimeClient,
        service: Service,
        pushes: Pushes,
        clock: Clock = now_ms,
    ) -> None:
        self._phones = {player.client_id: Phone(player, Inbox(player.client_id)) for player in players}
        self._realtime = realtime
        self._service = service
        self._pushes = pushes
        self._clock = clock
        self._listeners: set[asyncio.Queue[Json]] = set()
        self._polling: asyncio.Task[None] | None = None
        self._frames = 0

    async def start(self) -> None:
        """Switch every phone on, with the history of its conversations."""
        async with asyncio.TaskGroup() as group:
            for phone in self._phones.values():
                group.create_task(self._connect(phone))
        self._polling = _kept(self._poll())

    async def aclose(self) -> None:
        """Switch every phone off."""
        tasks = [phone.listening for phone in self._phones.values() if phone.listening]
        if self._polling:
            tasks.append(self._polling)
        devices = [phone.device for phone in self._phones.values() if phone.device]
        for phone in self._phones.values():
            self._disconnect(phone)
        for device in devices:
            await device.aclose()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def json(self) -> list[Json]:
        """All phones as the page shows them."""
        return [phone.json for phone in self._phones.values()]

    @contextmanager
    def following(self, limit: int = 1_000) -> Iterator[asyncio.Queue[Json]]:
        """A queue of changes from here on; a reader who falls behind finds one `gap` instead of what it missed."""
        queue: asyncio.Queue[Json] = asyncio.Queue(limit)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    async def switch(self, client_id: str, *, online: bool) -> None:
        """Take a phone offline, or bring it back with what it missed. LookupError: there is no such phone."""
        phone = self._phones[client_id]
        async with phone.switching:
            if online and not phone.online:
                await self._connect(phone)
            elif not online and phone.device:
                device = phone.device
                self._disconnect(phone)
                await device.aclose()
                self._tell_phone(phone)

    def read(self, client_id: str, conversation_id: str) -> None:
        """The phone's owner looks at a conversation. LookupError: there is none."""
        phone = self._phones[client_id]
        talk = phone.inbox.talks[conversation_id]
        if talk.unread:
            talk.unread = 0
            if phone.device:
                phone.device.say("read", convs=[{"cid": conversation_id}])
            self._tell_talk(phone, talk)

    async def say(self, client_id: str, conversation_id: str, text: str) -> None:
        """The phone's owner writes. LookupError: there is no such conversation; RefusedError: the server refuses."""
        phone = self._phones[client_id]
        conversation = phone.inbox.talks[conversation_id].conversation
        if not phone.device:
            raise LookupError("offline")
        sent = await phone.device.ask("direct", cid=conversation.id, msg=encode(Text(text)))
        # The sender gets no copy: its own message is what the acknowledgement makes of it.
        self._take(phone, Mail(sent["uid"], conversation_id, client_id, sent["t"], Text(text)))

    # -- Going online and offline -------------------------------------------------------------------------------

    async def _connect(self, phone: Phone) -> None:
        # Connected first, history second: what comes between waits in the line and is known by its id.
        client = phone.owner.client_id
        device = Device(self._service, client, lambda way, frame: self._tell_frame(client, way, frame))
        await device.open()
        try:
            for room in await self._load(phone):
                await device.ask("conv", "add", cid=room.id, m=[client])
        except BaseException:
            device.hang_up()
            raise
        phone.device, phone.signed_out, phone.loaded = device, None, True
        phone.pushes.clear()
        phone.listening = _kept(self._listen(phone, device))
        self._tell_phone(phone)

    def _disconnect(self, phone: Phone) -> None:
        if phone.device:
            phone.device.hang_up()
            phone.device = None
            phone.offline_since = self._clock()

    async def _listen(self, phone: Phone, device: Device) -> None:
        async for frame in device:
            try:
                await self._happen(phone, device, frame)
            except RealtimeError as error:
                log.warning("the phone of %s: %s", phone.owner.client_id, error)
        if phone.device is device:
            log.info("the phone of %s was disconnected", phone.owner.client_id)
            self._disconnect(phone)
            self._tell_phone(phone)

    # -- What comes ---------------------------------------------------------------------------------------------

    async def _happen(self, phone: Phone, device: Device, frame: Json) -> None:
        match frame["cmd"], frame.get("op"):
            case "direct", _:
                await self._meet(phone, frame["cid"], kind_of(frame["convType"]))
                self._take(phone, _mail(frame, frame["id"], frame["fromPeerId"], "msg"))
                if not frame.get("transient"):
                    device.say("ack", cid=frame["cid"], mid=frame["id"])
            case "patch", "modify":
                for patch in frame["patches"]:
                    await self._meet(phone, patch["cid"], Kind.NORMAL)
                    self._take(phone, _mail(patch, patch["mid"], patch["from"], "data"))
            case "conv", _:
                await self._renew(phone, frame["cid"])
            case "session", "closed":
                phone.signed_out = {"code": frame["code"], "reason": frame.get("reason", "")}
                device.hang_up()
            case _:
                pass  # receipts, and counts of what is unread: the phone counts what it shows itself

    def _take(self, phone: Phone, mail: Mail) -> None:
        talk = phone.inbox.talks[mail.conversation]
        fresh = mail.msg_id not in talk.mails
        if phone.inbox.take(mail, unread=True):
            self._tell_talk(phone, talk, mail, fresh=fresh and mail.sender != phone.owner.client_id)

    async def _meet(self, phone: Phone, conversation_id: str, kind: Kind) -> None:
        if conversation_id not in phone.inbox.talks:
            found = await self._realtime.conversation(conversation_id)
            phone.inbox.know(found or Conversation(conversation_id, kind))

    async def _renew(self, phone: Phone, conversation_id: str) -> None:
        """A conversation changed: take its newest name and members, or drop it where the phone's owner left."""
        found = await self._realtime.conversation(conversation_id)
        if found and (found.kind is not Kind.NORMAL or phone.owner.client_id in found.members):
            self._tell_talk(phone, phone.inbox.know(found))
        else:
            phone.inbox.forget(conversation_id)
            self._tell_phone(phone)

    # -- History ------------------------------------------------------------------------------------------------

    async def _load(self, phone: Phone) -> list[Conversation]:
        """What the service keeps of the client's conversations; returns the chatrooms that it enters."""
        find = self._realtime.find_conversations
        client = phone.owner.client_id
        mine = await find({"m": client}, kind=Kind.NORMAL, limit=MOST_CONVERSATIONS)
        rooms = await find(kind=Kind.TRANSIENT, limit=MOST_CONVERSATIONS)
        services = await find(kind=Kind.SYSTEM, limit=MOST_CONVERSATIONS)
        subscribed = {each.conversation_id for each in await self._realtime.subscriptions(client)}
        for conversation in (*mine, *rooms):
            phone.inbox.know(conversation)
            self._remember(phone, conversation, await self._history(InConversation(conversation)))
        for service in services:
            rows = await self._history(InThread(service, client))
            rows += [each.message for each in await self._realtime.broadcasts(service, limit=KEPT)]
            if rows or service.id in subscribed:
                phone.inbox.know(service)
                self._remember(phone, service, rows)
        return rooms

    async def _history(self, source: Source) -> list[Message]:
        return await self._realtime.history(source, HistoryRange(limit=KEPT))

    def _remember(self, phone: Phone, conversation: Conversation, rows: Sequence[Message]) -> None:
        """Unread is what came while the phone was offline, not what was there before it was first switched on."""
        talk = phone.inbox.talks[conversation.id]
        for row in rows:
            old = talk.mails.get(row.msg_id)
            mail = Mail(row.msg_id, conversation.id, row.from_client, row.timestamp, row.content)
            if old is None or old.content != mail.content:
                phone.inbox.take(mail, unread=phone.loaded)

    # -- Pushes -------------------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            offline = [phone for phone in self._phones.values() if not phone.online]
            if not offline:
                continue
            since = min(phone.offline_since for phone in offline)
            for push in await self._pushes(since):
                for phone in offline:
                    await self._ring(phone, push)

    async def _ring(self, phone: Phone, push: Push) -> None:
        client = phone.owner.client_id
        if phone.online or push.msg_id in phone.pushes or push.created_at < phone.offline_since:
            return
        if push.audience is Audience.OFFLINE and client not in push.clients:
            return
        if push.audience is Audience.SUBSCRIBERS:
            subscribed = await self._realtime.subscriptions(client)
            if push.conv_id not in {each.conversation_id for each in subscribed}:
                return
        await self._meet(phone, push.conv_id, Kind.SYSTEM)
        conversation = phone.inbox.talks[push.conv_id].conversation
        phone.pushes[push.msg_id] = {
            "id": push.msg_id,
            "at": push.created_at,
            "from": conversation.name or conversation.id,
            **alert_of(push.data),
        }
        for stale in list(phone.pushes)[:-PUSHES_KEPT]:
            del phone.pushes[stale]
        self._tell_phone(phone)

    # -- News ---------------------------------------------------------------------------------------------------

    def _tell_phone(self, phone: Phone) -> None:
        self._tell({"event": "phone", "phone": phone.json})

    def _tell_talk(self, phone: Phone, talk: Talk, mail: Mail | None = None, *, fresh: bool = False) -> None:
        self._tell(
            {
                "event": "mail",
                "client": phone.owner.client_id,
                "conversation": talk.json,
                "message": mail.json if mail else None,
                "fresh": fresh,
            }
        )

    def _tell_frame(self, client_id: str, way: str, frame: Json) -> None:
        self._frames += 1
        told = {
            "number": self._frames,
            "client": client_id,
            "way": way,
            "at": self._clock(),
            "frame": _blanked(frame),
        }
        self._tell({"event": "frame", "frame": told})

    def _tell(self, change: Json) -> None:
        for queue in self._listeners:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait({"event": "gap"})
            else:
                queue.put_nowait(change)


def _mail(fields: Json, msg_id: str, sender: str, name: str) -> Mail:
    """The message in a frame; `name` is the field where it has its content, unless that is binary."""
    content = Plain(fields["binaryMsg"]) if "binaryMsg" in fields else decode(fields[name])
    edited = bool(fields.get("patchTimestamp"))
    return Mail(msg_id, fields["cid"], sender, fields["timestamp"], content, edited)


def _blanked(frame: Json) -> Json:
    """A frame without what would let somebody else in."""
    return {**frame, "st": "…"} if "st" in frame else frame


def _kept(work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
    """A task whose failure is heard of, though nobody waits for it."""

    def ended(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("a phone stopped working", exc_info=error)

    task = asyncio.create_task(work)
    task.add_done_callback(ended)
    return task


def alert_of(data: str) -> Json:
    """The words of push data (JSON text, reference 2.5): `alert`, plain or with a title, for any or one platform."""
    found = _decoded(data)
    for place in (found, found.get("ios"), found.get("android")):
        if not isinstance(place, dict):
            continue
        alert, title = place.get("alert"), place.get("title")
        if isinstance(alert, dict):
            title, alert = alert.get("title"), alert.get("body")
        if isinstance(alert, str):
            return {"title": title if isinstance(title, str) else "", "alert": alert}
    return {"title": "", "alert": ""}


def _decoded(data: str) -> Json:
    try:
        value = json.loads(data)
    except ValueError:
        value = data
    return value if isinstance(value, dict) else {"alert": str(value)}
