"""Sending, modifying, recalling and deleting messages: made durable first, then told to whoever is online."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server import store
from bridge.server.engine import Engine
from bridge.server.errors import BAD_ARGUMENT, MESSAGE_NOT_FOUND, MESSAGE_OWNERSHIP_REQUIRED
from bridge.server.presence import Clients, Everyone, Patch, Room, Subscribers, Target
from bridge.server.quotas import exceeded
from bridge.server.store import RECALLED, Draft, Key, Message, Reach, Stored, Text
from bridge.server.targets import Target as Conversation
from bridge.server.targets import load_targets, require
from bridge.server.writer import Writer

if TYPE_CHECKING:
    from bridge.server.cloud_hooks import CloudHooks

T = TypeVar("T")

Delivered: TypeAlias = Callable[[Stored, Sequence[tuple[str, str]]], Awaitable[None]]
"""Notes which devices (client id and device) got a broadcast that was just published."""


@dataclass(frozen=True, slots=True)
class Change:
    """A modification (`data`) or, without data, a recall; `clients` are named for individual messages alone.

    `metered` counts it against the REST limits, `origin` is the session that asked for it over a socket, `only` are
    those whom the app's hook wants told.
    """

    key: Key
    sender: str
    data: str | None
    clients: tuple[str, ...] = ()
    metered: bool = True
    origin: str = ""
    only: tuple[str, ...] | None = None


class Messages:
    """The messages of the app. What a call began is finished even when its caller goes away."""

    def __init__(self, engine: Engine, writer: Writer, hooks: "CloudHooks", delivered: Delivered) -> None:
        self._engine = engine
        self._clock = writer.clock
        self._quotas = writer.quotas
        self._presence = writer.presence
        self._hooks = hooks
        self._delivered = delivered
        self._writer = writer
        writer.tell = self._tell
        self._tasks: set[asyncio.Task[Any]] = set()

    async def send(self, draft: Draft) -> Stored:
        """Stores a message (unless it is transient) and sends it to its targets; ServiceError when it is refused."""
        if draft.metered:
            self._quotas.check(draft.reach.family)
        if self._hooks.active:
            return await self._finish(self._send_asking(draft))
        return await self._writer.write(draft)

    async def change(self, change: Change) -> None:
        """Modifies or recalls a message, and tells who has it.

        The message has to exist with that key (4404) and be the sender's (4403). Of an individual message, only the
        named clients see the change. A broadcast changes for devices that do not have it yet, and cannot be recalled.
        """
        await self._finish(self._change(change))

    async def delete(self, key: Key, sender: str | None, client_id: str | None = None) -> None:
        """Deletes the server's copy (4404, 4403), or takes a service message out of one client's thread."""
        async with self._engine.write() as connection:
            message = await self._own(connection, key, sender)
            if client_id is None:
                await store.remove(connection, key.msg_id)
            elif await _is_in_thread(connection, message, client_id):
                await store.remove_for(connection, message, client_id)
            else:
                raise MESSAGE_NOT_FOUND(f"'{client_id}' did not get this message")

    async def rewrite(self, key: Key, sender: str | None, data: str, client_id: str | None = None) -> None:
        """Replaces the server's copy of a text (4404, 4403), for all or in one client's thread; nobody is told."""
        text = Text(data, recalled=False, patched_at=None)
        async with self._engine.write() as connection:
            message = await self._own(connection, key, sender)
            if message.reach is not Reach.INDIVIDUAL:
                await store.change(connection, key, text)
                return
            receivers = await store.recipients_of(connection, key.msg_id)
            if client_id is not None and client_id not in receivers:
                raise MESSAGE_NOT_FOUND(f"'{client_id}' did not get this message")
            clients = receivers if client_id is None else {client_id}
            await _change_for(connection, key, clients, receivers, text)

    async def close(self) -> None:
        """Waits until everything begun is finished."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._writer.close()

    async def _finish(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def _send_asking(self, draft: Draft) -> Stored:
        async with self._engine.read() as connection:
            conversation = await require(connection, draft.conv_id, draft.reach.conv_type)
        stored = await self._writer.write(await self._hooks.receive(draft, conversation))
        self._hooks.sent(stored)
        return stored

    async def _tell(self, group: Sequence[Stored]) -> None:
        await self._presence.publish_all([(stored.event, _target_of(stored)) for stored in group])
        for stored in group:
            if stored.draft.reach is Reach.EVERYONE and not stored.draft.transient:
                await self._delivered(stored, self._presence.devices)

    async def _change(self, change: Change) -> None:
        if self._hooks.active:
            change = await self._approved(change)
        patch: Patch | None = None
        clients: Sequence[str] = ()
        async with self._engine.write() as connection:
            message = await self._own(connection, change.key, change.sender)
            _check_change(message, change)
            # A refusal is committed as well: it blocks the family for its minute or day.
            family = message.reach.family
            if not change.metered or await connection.run_sync(self._quotas.take, family) == 1:
                patch = _patch(message, change, self._clock())
                clients = await self._apply(connection, message, change.clients, patch)
        if patch is None:
            raise exceeded(message.reach.family)
        if message.reach is not Reach.EVERYONE:
            told = clients if change.only is None else [one for one in clients if one in change.only]
            await self._presence.publish(patch, _target(message.reach, change.key.conv_id, told))

    async def _approved(self, change: Change) -> Change:
        conv_id = change.key.conv_id
        async with self._engine.read() as connection:
            message = await self._own(connection, change.key, change.sender)
            conversation = (await connection.run_sync(load_targets, [conv_id])).get(conv_id, Conversation(0))
        _check_change(message, change)
        return await self._hooks.change(change, message, conversation)

    async def _own(self, connection: AsyncConnection, key: Key, sender: str | None) -> Message:
        message = await store.find(connection, key)
        if message is None:
            raise MESSAGE_NOT_FOUND("no message with this id and timestamp in this conversation")
        if sender is not None and message.sender != sender:
            raise MESSAGE_OWNERSHIP_REQUIRED("the message was sent by another client")
        return message

    async def _apply(
        self, connection: AsyncConnection, message: Message, clients: Sequence[str], patch: Patch
    ) -> Sequence[str]:
        """Writes the change and gives the clients to tell, unless the message's reach says them already."""
        key = message.key
        text = Text(patch.data, patch.recalled, patch.patched_at)
        if message.reach is not Reach.INDIVIDUAL:
            await store.change(connection, key, text)
            targets = await connection.run_sync(load_targets, [key.conv_id])
            return targets[key.conv_id].members if key.conv_id in targets else ()
        receivers = await store.recipients_of(connection, key.msg_id)
        strangers = [one for one in clients if one not in receivers]
        if strangers:
            raise MESSAGE_NOT_FOUND(f"these clients did not get the message: {', '.join(strangers)}")
        await _change_for(connection, key, set(clients), receivers, text)
        return clients


async def _change_for(
    connection: AsyncConnection, key: Key, clients: set[str], receivers: set[str], text: Text
) -> None:
    await store.change_for(connection, key, sorted(clients), text)
    if receivers == clients:
        await store.change(connection, key, text)


async def _is_in_thread(connection: AsyncConnection, message: Message, client_id: str) -> bool:
    if message.reach is Reach.INDIVIDUAL:
        return client_id in await store.recipients_of(connection, message.key.msg_id)
    return message.reach is Reach.SUBSCRIBERS


def _check_change(message: Message, change: Change) -> None:
    individual = message.reach is Reach.INDIVIDUAL
    if individual and not change.clients:
        raise BAD_ARGUMENT("'to_clients' is required: the message was sent to individual clients")
    if change.clients and not individual:
        raise MESSAGE_NOT_FOUND("the message was not sent to individual clients: leave out 'to_clients'")
    if change.data is None and message.reach is Reach.EVERYONE:
        raise BAD_ARGUMENT("a broadcast cannot be recalled: modify or delete it")
    if change.data is not None and message.recalled:
        raise MESSAGE_NOT_FOUND("the message was recalled")


def _patch(message: Message, change: Change, now: int) -> Patch:
    data = change.data
    return Patch(
        msg_id=message.key.msg_id,
        conv_id=message.key.conv_id,
        sender=message.sender,
        timestamp=message.key.timestamp,
        data=RECALLED if data is None else data,
        bin=message.bin and data is not None,
        recalled=data is None,
        patched_at=now,
        mention_all=message.mention_all,
        mentions=message.mentions,
        origin=change.origin,
    )


def _target_of(stored: Stored) -> Target:
    draft = stored.draft
    # The sender of a chatroom message gets no copy on its own devices (section on chatrooms).
    copied = not draft.no_sync and draft.reach is not Reach.CHATROOM
    return _target(
        draft.reach,
        draft.conv_id,
        (draft.recipients or stored.members) if draft.only is None else draft.only,
        without=None if copied else draft.sender,
    )


def _target(reach: Reach, conv_id: str, clients: Sequence[str], without: str | None = None) -> Target:
    match reach:
        case Reach.NORMAL | Reach.TEMPORARY:
            return Clients(tuple(one for one in clients if one != without))
        case Reach.INDIVIDUAL:
            return Clients(tuple(clients))
        case Reach.CHATROOM:
            return Room(conv_id, without)
        case Reach.SUBSCRIBERS:
            return Subscribers(conv_id)
        case Reach.EVERYONE:
            return Everyone()
