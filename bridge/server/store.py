"""The rows of messages: written once, found by their key, changed and deleted; no rule of who may do so is here."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server.grouped import MessageRow, keep_messages
from bridge.server.presence import Direct
from bridge.server.quotas import Family
from bridge.server.tables import broadcasts, hidden, messages, receipts, recipients, threads
from bridge.server.upserts import insert_into

RECALLED = '{"_lctype":-127}'
"""What a recalled message's text is replaced by."""


class Reach(IntEnum):
    """Whom a message is for; stored, so the numbers stay."""

    NORMAL = 1
    CHATROOM = 2
    INDIVIDUAL = 3
    SUBSCRIBERS = 4
    EVERYONE = 5
    TEMPORARY = 6

    @property
    def conv_type(self) -> int:
        """The conversation's kind on the wire: 1 normal, 2 chatroom, 3 service, 4 temporary."""
        return 4 if self is Reach.TEMPORARY else min(self, 3)

    @property
    def family(self) -> Family:
        """The rate family of REST calls with such messages."""
        if self is Reach.SUBSCRIBERS:
            return Family.SUBSCRIPTION
        return Family.BROADCAST if self is Reach.EVERYONE else Family.ORDINARY


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message on its way in, checked but for what its conversation decides.

    `recipients` are those of an individual message, `valid_till` (UTC ms) is how long a broadcast waits for devices,
    `push` is JSON text; `metered` counts the message against the REST limits. `receipt` asks for one, and `origin` is
    the session of a message that came over a socket. Where the app's hooks have chosen, `only` are those who get the
    message at once, and `pushed_to` those whose devices get the push.
    """

    reach: Reach
    conv_id: str
    sender: str
    data: str
    bin: bool = False
    transient: bool = False
    no_sync: bool = False
    priority: str = "normal"
    mention_all: bool = False
    mentions: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    valid_till: int | None = None
    push: str | None = None
    from_ip: str | None = None
    metered: bool = True
    receipt: bool = False
    origin: str = ""
    only: tuple[str, ...] | None = None
    pushed_to: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A message with its id and time (UTC ms); `members` are those of its normal conversation."""

    draft: Draft
    msg_id: str
    timestamp: int
    members: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()

    @property
    def event(self) -> Direct:
        """The message as devices get it."""
        draft = self.draft
        return Direct(
            msg_id=self.msg_id,
            conv_id=draft.conv_id,
            conv_type=draft.reach.conv_type,
            sender=draft.sender,
            timestamp=self.timestamp,
            data=draft.data,
            bin=draft.bin,
            transient=draft.transient,
            mention_all=draft.mention_all,
            mentions=draft.mentions,
            origin=draft.origin,
        )


@dataclass(frozen=True, slots=True)
class Key:
    """What names a message: ids alone are not enough in the documented calls, the time has to match too."""

    conv_id: str
    msg_id: str
    timestamp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is known of a stored message before it is changed."""

    key: Key
    reach: Reach
    sender: str
    bin: bool
    recalled: bool
    mention_all: bool
    mentions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """What a message's text is replaced by, and when (UTC ms); without a time, devices are not told of it later."""

    data: str
    recalled: bool
    patched_at: int | None


def thread_id(conv_id: str, client_id: str) -> str:
    """The `conv-id` of a client's thread with a service conversation (REST 1.1, group H)."""
    return hashlib.md5(f"{conv_id}:{client_id}".encode(), usedforsecurity=False).hexdigest()


def insert_messages(connection: Connection, stored: Sequence[Stored], now: int) -> None:
    """Writes messages of this instant with their recipients and broadcast rows, each table once."""
    touched = {one.draft.conv_id for one in stored if one.draft.reach in (Reach.NORMAL, Reach.CHATROOM)}
    keep_messages(connection, [_message_row(one) for one in stored], touched, now)
    individual = [(one, client_id) for one in stored for client_id in one.draft.recipients]
    if individual:
        connection.execute(insert(recipients), [_recipient_row(*pair) for pair in individual])
        remember_threads(connection, {(one.draft.conv_id, client_id) for one, client_id in individual})
    waiting = [
        {
            "msg_id": one.msg_id,
            "timestamp": one.timestamp,
            "conv_id": one.draft.conv_id,
            "valid_till": one.draft.valid_till,
        }
        for one in stored
        if one.draft.reach is Reach.EVERYONE
    ]
    if waiting:
        connection.execute(insert(broadcasts), waiting)
    asking = [
        {
            "conv_id": one.draft.conv_id,
            "timestamp": one.timestamp,
            "msg_id": one.msg_id,
            "sender": one.draft.sender,
        }
        for one in stored
        if one.draft.receipt
    ]
    if asking:
        connection.execute(insert(receipts), asking)


def _message_row(stored: Stored) -> MessageRow:
    draft = stored.draft
    return MessageRow(
        msg_id=stored.msg_id,
        conv_id=draft.conv_id,
        reach=int(draft.reach),
        timestamp=stored.timestamp,
        sender=draft.sender,
        data=draft.data,
        bin=draft.bin,
        from_ip=draft.from_ip,
        mention_all=draft.mention_all,
        mentions=json.dumps(draft.mentions) if draft.mentions else None,
    )


def _recipient_row(stored: Stored, client_id: str) -> dict[str, object]:
    return {
        "client_id": client_id,
        "conv_id": stored.draft.conv_id,
        "timestamp": stored.timestamp,
        "msg_id": stored.msg_id,
        "recalled": False,
    }


def remember_threads(connection: Connection, pairs: Iterable[tuple[str, str]]) -> None:
    """Keeps what the names of these (conversation, client) threads were made of."""
    # In one order everywhere: two transactions that insert the same names cannot wait for each other.
    rows = sorted((thread_id(conv_id, client_id), conv_id, client_id) for conv_id, client_id in pairs)
    connection.execute(
        insert_into(connection, threads).on_conflict_do_nothing(),
        [
            {"thread": thread, "conv_id": conv_id, "client_id": client_id}
            for thread, conv_id, client_id in rows
        ],
    )


async def find(connection: AsyncConnection, key: Key) -> Message | None:
    """The message, locked until the transaction ends, if all three parts of its key are right."""
    query = select(messages).where(
        messages.c.msg_id == key.msg_id,
        messages.c.conv_id == key.conv_id,
        messages.c.timestamp == key.timestamp,
    )
    row = (await connection.execute(query.with_for_update())).one_or_none()
    if row is None:
        return None
    return Message(
        key=key,
        reach=Reach(row.reach),
        sender=row.sender,
        bin=row.bin,
        recalled=row.recalled,
        mention_all=row.mention_all,
        mentions=tuple(json.loads(row.mentions)) if row.mentions else (),
    )


async def recipients_of(connection: AsyncConnection, msg_id: str) -> set[str]:
    """Who got an individual message, and still has it in their thread."""
    query = select(recipients.c.client_id).where(recipients.c.msg_id == msg_id)
    return set((await connection.execute(query)).scalars())


async def change(connection: AsyncConnection, key: Key, text: Text) -> None:
    """Replaces a message's text for everybody who reads it."""
    await connection.execute(
        update(messages)
        .where(messages.c.msg_id == key.msg_id)
        .values(data=text.data, recalled=text.recalled, patched_at=text.patched_at)
    )


async def change_for(connection: AsyncConnection, key: Key, clients: Sequence[str], text: Text) -> None:
    """Replaces an individual message's text for some of those who got it."""
    await connection.execute(
        update(recipients)
        .where(recipients.c.msg_id == key.msg_id, recipients.c.client_id.in_(clients))
        .values(data=text.data, recalled=text.recalled, patched_at=text.patched_at)
    )


async def remove(connection: AsyncConnection, msg_id: str) -> None:
    """Deletes a message for everybody."""
    for table in (recipients, hidden, broadcasts, messages):
        await connection.execute(delete(table).where(table.c.msg_id == msg_id))


async def remove_for(connection: AsyncConnection, message: Message, client_id: str) -> None:
    """Deletes a message from one client's thread; an individual one goes altogether with its last recipient."""
    msg_id = message.key.msg_id
    if message.reach is Reach.SUBSCRIBERS:
        await connection.execute(
            insert_into(connection, hidden).on_conflict_do_nothing(),
            {"client_id": client_id, "msg_id": msg_id},
        )
        return
    mine = (recipients.c.msg_id == msg_id, recipients.c.client_id == client_id)
    await connection.execute(delete(recipients).where(*mine))
    if not await recipients_of(connection, msg_id):
        await remove(connection, msg_id)
