"""Past messages: of a conversation, of one client's thread with a service conversation, of a client, of the app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from bridge.realtime import wire
from bridge.realtime.models import Kind, Message, Target, UpstreamMessage
from bridge.realtime.protocol import KIND_PATH, PAGE, V1, Call, Caller, query, read, require


@dataclass(frozen=True, slots=True)
class InConversation:
    """Everything in a conversation; of a service conversation, by v1.1, since 1.2 has single threads only."""

    conversation: Target


@dataclass(frozen=True, slots=True)
class InThread:
    """What one client got from a service conversation."""

    conversation: Target
    client_id: str


@dataclass(frozen=True, slots=True)
class SentBy:
    """What a client sent in normal conversations and chatrooms."""

    client_id: str


@dataclass(frozen=True, slots=True)
class Everything:
    """The whole app's messages."""


Source: TypeAlias = InConversation | InThread | SentBy | Everything


@dataclass(frozen=True, slots=True)
class HistoryRange:
    """From where to where, newest first unless `reversed`; times are UTC ms, `limit` is that of one page.

    `timestamp` and `msgid` are the start, `till_timestamp` and `till_msgid` the end, both exclusive unless included;
    when `reversed`, the start is the older bound.
    """

    timestamp: int | None = None
    msgid: str | None = None
    till_timestamp: int | None = None
    till_msgid: str | None = None
    include_start: bool = False
    include_stop: bool = False
    reversed: bool = False
    limit: int = 100

    def __post_init__(self) -> None:
        if (self.msgid and self.timestamp is None) or (self.till_msgid and self.till_timestamp is None):
            raise ValueError("a message id needs the time of the same message")
        if not 1 <= self.limit <= PAGE:
            raise ValueError(f"a page of history has 1 to {PAGE} messages")

    def params(self) -> dict[str, object]:
        """The documented parameters that differ from their defaults."""
        return {
            "timestamp": self.timestamp,
            "msgid": self.msgid,
            "till_timestamp": self.till_timestamp,
            "till_msgid": self.till_msgid,
            "include_start": self.include_start or None,
            "include_stop": self.include_stop or None,
            "reversed": self.reversed or None,
            "limit": self.limit,
        }


class History(Caller):
    """The calls that read messages."""

    async def history(self, source: Source, span: HistoryRange = HistoryRange()) -> list[Message]:
        """One page of at most `span.limit` messages."""
        return await self.ask(_page(source, span))

    async def iterate_history(
        self, source: Source, span: HistoryRange = HistoryRange(limit=PAGE), at_most: int | None = None
    ) -> AsyncIterator[Message]:
        """All messages of a range, or the first `at_most`, a page in memory."""
        left, ahead, last = at_most, span, None
        while left is None or left > 0:
            page = await self.history(source, replace(ahead, limit=min(span.limit, left or span.limit)))
            fresh = [message for message in page if last is None or _is_beyond(message, last, span)]
            if not fresh:
                return
            for message in fresh[:left]:
                yield message
            last = fresh[-1]
            ahead = replace(span, timestamp=last.timestamp, msgid=last.msg_id, include_start=False)
            left = None if left is None else left - len(fresh)

    async def upstream_messages(
        self, conversation: Target | None = None, *, skip: int | None = None, limit: int = 100
    ) -> list[UpstreamMessage]:
        """What clients sent up to service conversations, newest first (v1.1, class `_SysMessage`)."""
        where = None
        if conversation is not None:
            require(conversation.kind, Kind.SYSTEM, request="GET /1.1/classes/_SysMessage")
            where = {"conv": {"__type": "Pointer", "className": "_Conversation", "objectId": conversation.id}}
        params = query({"where": where, "order": "-timestamp", "skip": skip, "limit": limit})
        segments = ["classes", "_SysMessage"]
        return await self.ask(Call("GET", segments, _upstream, params=params, acts=False, root=V1))


def _is_beyond(message: Message, last: Message, span: HistoryRange) -> bool:
    """Whether a page moves on: a server that repeats itself must not make an iteration endless."""
    ahead = message.timestamp >= last.timestamp if span.reversed else message.timestamp <= last.timestamp
    return ahead and message.key != last.key


def _page(source: Source, span: HistoryRange) -> Call[list[Message]]:
    params: Mapping[str, object] = span.params()
    match source:
        case InConversation(conversation) if conversation.kind is Kind.SYSTEM:
            params = {"convid": conversation.id, **params}
            segments = ["rtm", "messages", "history"]
            return Call("GET", segments, _messages, params=query(params), acts=False, root=V1)
        case InConversation(conversation):
            return read([KIND_PATH[conversation.kind], conversation.id, "messages"], _messages, **params)
        case InThread(conversation, client_id):
            service = KIND_PATH[Kind.SYSTEM]
            require(conversation.kind, Kind.SYSTEM, request=f"GET /1.2/rtm/{service}")
            return read([service, conversation.id, "subscribers", client_id, "messages"], _messages, **params)
        case SentBy(client_id):
            return read(["clients", client_id, "messages"], _messages, **params)
        case Everything():
            return read(["messages"], _messages, **params)


def _messages(value: object) -> list[Message]:
    return [Message.of(row) for row in wire.as_list(value)]


def _upstream(value: object) -> list[UpstreamMessage]:
    return [UpstreamMessage.of(row) for row in wire.as_list(value)]
