"""Who subscribes to which service conversation (REST 1.2, service conversations and clients)."""

from collections.abc import AsyncIterator
from enum import StrEnum

from bridge.realtime import wire
from bridge.realtime.models import Kind, Subscription, Target
from bridge.realtime.protocol import KIND_PATH, Call, Caller, count, nothing, read, require

_PAGE = 50


class Direction(StrEnum):
    """The order of a client's subscriptions by time."""

    NEW = "new"
    """Oldest first."""
    OLD = "old"
    """Newest first."""


class Subscriptions(Caller):
    """The calls on subscriptions."""

    async def subscribe(self, conversation: Target, client_id: str) -> None:
        """Make a client a subscriber."""
        await self.ask(Call("POST", _subscribers(conversation), nothing, body={"client_id": client_id}))

    async def unsubscribe(self, conversation: Target, client_id: str) -> None:
        """Make a client a subscriber no longer."""
        await self.ask(Call("DELETE", [*_subscribers(conversation), client_id], nothing))

    async def subscribers(
        self, conversation: Target, *, after: str | None = None, limit: int = _PAGE
    ) -> list[Subscription]:
        """A page of at most 50 subscribers, beginning behind the client `after`."""
        return await self.ask(read(_subscribers(conversation), _subscriptions, limit=limit, client_id=after))

    async def iterate_subscribers(self, conversation: Target) -> AsyncIterator[Subscription]:
        """All subscribers, a page in memory."""
        after: str | None = None
        while page := await self.subscribers(conversation, after=after):
            fresh = [row for row in page if row.subscriber != after]
            for row in fresh:
                yield row
            if not fresh:
                return
            after = fresh[-1].subscriber

    async def subscriber_count(self, conversation: Target) -> int:
        """How many clients subscribe."""
        return await self.ask(read([*_subscribers(conversation), "count"], count))

    async def subscriptions(
        self,
        client_id: str,
        *,
        after: Subscription | None = None,
        limit: int = _PAGE,
        direction: Direction = Direction.NEW,
    ) -> list[Subscription]:
        """A page of the service conversations that a client subscribes to, beginning behind one of them."""
        segments = ["clients", client_id, KIND_PATH[Kind.SYSTEM]]
        cursor = {"conv_id": after.conversation_id, "timestamp": after.timestamp} if after else {}
        return await self.ask(
            read(segments, _subscriptions, limit=limit, direction=direction.value, **cursor)
        )

    async def iterate_subscriptions(self, client_id: str) -> AsyncIterator[Subscription]:
        """All subscriptions of a client, oldest first, a page in memory."""
        after: Subscription | None = None
        while page := await self.subscriptions(client_id, after=after):
            fresh = [row for row in page if row != after]
            for row in fresh:
                yield row
            if not fresh:
                return
            after = fresh[-1]


def _subscribers(conversation: Target) -> list[str]:
    path = KIND_PATH[Kind.SYSTEM]
    require(conversation.kind, Kind.SYSTEM, request=f"/1.2/rtm/{path}/subscribers")
    return [path, conversation.id, "subscribers"]


def _subscriptions(value: object) -> list[Subscription]:
    return [Subscription.of(row) for row in wire.as_list(value)]
