"""Messages on their way down, and the changes to them: to a conversation, clients, subscribers, everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.realtime import wire
from bridge.realtime.content import Content, encode
from bridge.realtime.errors import Rejected
from bridge.realtime.limits import Family
from bridge.realtime.models import Broadcast, Kind, MessageKey, Sent, Target
from bridge.realtime.protocol import KIND_PATH, Call, Caller, given, nothing, read, require
from bridge.realtime.wire import Row, Unreadable

_SERVICE = KIND_PATH[Kind.SYSTEM]


class Priority(StrEnum):
    """What to drop first under congestion; only for chatrooms and transient messages."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Push:
    """What offline devices are shown (REST 1.2, push data): `alert` and the platforms' own fields."""

    data: Row

    @classmethod
    def parse(cls, text: str) -> Push:
        """A JSON object as it is; any other text is the alert."""
        try:
            return cls(wire.as_row(wire.loads(text)))
        except Unreadable:
            return cls({"alert": text})


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How a message goes out; `no_sync` and `push` not to chatrooms, mentions not from service conversations."""

    transient: bool = False
    """Only to those online, kept nowhere."""
    no_sync: bool = False
    """No copy to the sender's other devices."""
    push: Push | None = None
    priority: Priority | None = None
    mention_all: bool = False
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BroadcastOptions:
    """How a broadcast goes out; `valid_till` is UTC ms, at most and by default a month ahead."""

    valid_till: int | None = None
    push: Push | None = None
    """Reaches every installation of the app."""
    transient: bool = False


class Messages(Caller):
    """The calls that send messages and change sent ones."""

    async def send(
        self, conversation: Target, from_client: str, content: Content, options: SendOptions = SendOptions()
    ) -> Sent:
        """Send to a normal conversation or a chatroom, in the name of any client."""
        segments = [KIND_PATH[conversation.kind], conversation.id, "messages"]
        require(conversation.kind, Kind.NORMAL, Kind.TRANSIENT, request=_named("POST", segments))
        body = _body(from_client, content, segments) | _options(conversation, options, segments)
        return await self.ask(Call("POST", segments, Sent.of, body=body, family=Family.MESSAGES))

    async def send_to_clients(
        self,
        conversation: Target,
        from_client: str,
        content: Content,
        to_clients: Sequence[str],
        options: SendOptions = SendOptions(),
    ) -> Sent:
        """Send from a service conversation to at most 20 clients, under one message id."""
        segments = [_SERVICE, conversation.id, "messages"]
        require(conversation.kind, Kind.SYSTEM, request=_named("POST", segments))
        body = _body(from_client, content, segments) | _options(conversation, options, segments)
        body["to_clients"] = list(to_clients)
        return await self.ask(Call("POST", segments, Sent.of, body=body, family=Family.MESSAGES))

    async def publish(
        self, conversation: Target, from_client: str, content: Content, push: Push | None = None
    ) -> Sent:
        """Send to all subscribers of a service conversation (its path says `broadcasts` all the same)."""
        segments = [_SERVICE, conversation.id, "broadcasts"]
        require(conversation.kind, Kind.SYSTEM, request=_named("POST", segments))
        body = _body(from_client, content, segments) | given({"push": push and dict(push.data)})
        return await self.ask(Call("POST", segments, Sent.of, body=body, family=Family.SUBSCRIPTIONS))

    async def broadcast(
        self,
        conversation: Target,
        from_client: str,
        content: Content,
        options: BroadcastOptions = BroadcastOptions(),
    ) -> Sent:
        """Send to every client of the app, in the name of a service conversation."""
        segments = ["broadcasts"]
        require(conversation.kind, Kind.SYSTEM, request=_named("POST", segments))
        body = _body(from_client, content, segments) | {"conv_id": conversation.id}
        body |= given({"valid_till": options.valid_till, "push": options.push and dict(options.push.data)})
        if options.transient:
            body["transient"] = True
        return await self.ask(Call("POST", segments, Sent.of, body=body, family=Family.BROADCASTS))

    async def broadcasts(
        self, conversation: Target, *, limit: int | None = None, skip: int | None = None
    ) -> list[Broadcast]:
        """The broadcasts of a service conversation that are still valid."""
        require(conversation.kind, Kind.SYSTEM, request="GET /1.2/rtm/broadcasts")
        return await self.ask(
            read(["broadcasts"], _broadcasts, conv_id=conversation.id, limit=limit, skip=skip)
        )

    async def edit_message(
        self, conversation: Target, key: MessageKey, content: Content, to_clients: Sequence[str] = ()
    ) -> None:
        """Change a sent message; one that went to single clients of a service conversation needs `to_clients`."""
        segments = _message(conversation, key)
        body = _body(key.from_client, content, segments) | {"timestamp": key.timestamp}
        await self._alter(conversation, segments, body, to_clients)

    async def recall_message(
        self, conversation: Target, key: MessageKey, to_clients: Sequence[str] = ()
    ) -> None:
        """Take a sent message back; a broadcast can't be (the service has no call for it)."""
        segments = [*_message(conversation, key), "recall"]
        body: dict[str, object] = {"from_client": key.from_client, "timestamp": key.timestamp}
        await self._alter(conversation, segments, body, to_clients)

    async def edit_broadcast(self, conversation: Target, key: MessageKey, content: Content) -> None:
        """Change a broadcast on the devices that have not received it yet."""
        segments = [_SERVICE, conversation.id, "messages", key.msg_id]
        require(conversation.kind, Kind.SYSTEM, request=_named("PUT", segments))
        body = _body(key.from_client, content, segments) | {"timestamp": key.timestamp}
        await self.ask(Call("PUT", segments, nothing, body=body, family=Family.BROADCASTS))

    async def delete_broadcast(self, msg_id: str) -> None:
        """Deliver a broadcast to no further device."""
        await self.ask(Call("DELETE", ["broadcasts", msg_id], nothing))

    async def delete_message(
        self, conversation: Target, key: MessageKey, client_id: str | None = None
    ) -> None:
        """Remove the server's copy, without a notice; of a service conversation's, `client_id`'s copy."""
        segments = _message(conversation, key)
        if conversation.kind is Kind.SYSTEM:
            segments[2:2] = ["subscribers", client_id or ""]
        params = {"from_client": key.from_client, "timestamp": str(key.timestamp)}
        await self.ask(Call("DELETE", segments, nothing, params=params))

    async def _alter(
        self, conversation: Target, segments: list[str], body: dict[str, object], to_clients: Sequence[str]
    ) -> None:
        to_all = conversation.kind is Kind.SYSTEM and not to_clients
        if to_clients:
            require(conversation.kind, Kind.SYSTEM, request=_named("PUT", segments))
            body["to_clients"] = list(to_clients)
        family = Family.SUBSCRIPTIONS if to_all else Family.MESSAGES
        await self.ask(Call("PUT", segments, nothing, body=body, family=family))


def _broadcasts(value: object) -> list[Broadcast]:
    return [Broadcast.of(row) for row in wire.as_list(value)]


def _message(conversation: Target, key: MessageKey) -> list[str]:
    return [KIND_PATH[conversation.kind], conversation.id, "messages", key.msg_id]


def _named(method: str, segments: Sequence[str]) -> str:
    return f"{method} /1.2/rtm/{segments[0]}"


def _body(from_client: str, content: Content, segments: Sequence[str]) -> dict[str, object]:
    try:
        return {"from_client": from_client, "message": encode(content)}
    except (ValueError, TypeError, RecursionError) as error:
        request = _named("POST", segments)
        raise Rejected("the message holds something that JSON cannot say", request=request) from error


def _options(conversation: Target, options: SendOptions, segments: Sequence[str]) -> dict[str, object]:
    """The options that were chosen, refusing those that the documentation does not have for the kind."""
    chosen = {
        "transient": options.transient or None,
        "no_sync": options.no_sync or None,
        "push_data": options.push and dict(options.push.data),
        "priority": options.priority and options.priority.value,
        "mention_all": options.mention_all or None,
        "mention_client_ids": list(options.mentions) or None,
    }
    unfit = {
        Kind.NORMAL: (),
        Kind.TRANSIENT: ("no_sync", "push_data"),
        Kind.SYSTEM: ("mention_all", "mention_client_ids"),
    }[conversation.kind]
    for name in unfit:
        if chosen[name] is not None:
            problem = f"{name} is not for {conversation.kind} conversations"
            raise Rejected(problem, request=_named("POST", segments))
    return given(chosen)
