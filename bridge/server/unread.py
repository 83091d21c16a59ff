"""What waits for a client in its normal conversations and service threads: not read yet, or not even received."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, bindparam, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server import history
from bridge.server.entries import entry_value
from bridge.server.history import Bound, Entry, Page
from bridge.server.rows import NORMAL, SERVICE
from bridge.server.store import Reach
from bridge.server.tables import (
    Id,
    cursors,
    entries,
    hidden,
    messages,
    objects,
    recipients,
    subscriptions,
    threads,
)
from bridge.server.upserts import insert_into

COUNTED = 1000
"""A conversation's counter stops here: counting on would cost more than it tells."""

CONVERSATIONS = 50
"""At most so many conversations are named at login."""

KEPT = 100
"""At most so many messages of a conversation, the newest, wait for a client that was offline."""


class Since(Enum):
    """From where on messages wait for a client: behind the last one it read, or the last one it received."""

    READ = "read_at"
    RECEIVED = "delivered_at"

    @property
    def column(self) -> ColumnElement[int]:
        """The cursor, 0 where the client has none."""
        return func.coalesce(cursors.c[self.value], 0)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many messages of one conversation wait for a client, and the newest of them, oldest first."""

    conv_id: str
    kind: int
    count: int
    newest: Sequence[Entry]

    def mentions(self, client_id: str) -> bool:
        """Whether one of the newest messages mentions the client."""
        return any(entry.mention_all or client_id in entry.mentions for entry in self.newest)


async def count_unread(connection: AsyncConnection, client_id: str, conv_id: str | None = None) -> int:
    """How many messages of others a client has not read, in one conversation or in all; of each at most `COUNTED`."""
    total = 0
    for query in (_normal(Since.READ), _service(Since.READ)):
        narrowed = query if conv_id is None else query.where(query.selected_columns.conv_id == conv_id)
        total += sum(row.waiting for row in await connection.execute(narrowed, _of(client_id)))
    return total


async def backlog(connection: AsyncConnection, client_id: str, since: Since) -> list[Backlog]:
    """The conversations in which something waits for a client, at most 50, each with its 100 newest messages."""
    found: list[Backlog] = []
    for kind, query in ((NORMAL, _normal(since)), (SERVICE, _service(since))):
        for row in (await connection.execute(query, _of(client_id))).all():
            if row.waiting and len(found) < CONVERSATIONS:
                page = Page(stop=Bound(row.since, None, inclusive=False), limit=KEPT)
                newest = await _newest(connection, kind, row.conv_id, client_id, page)
                found.append(Backlog(row.conv_id, kind, row.waiting, newest))
    return found


async def _newest(
    connection: AsyncConnection, kind: int, conv_id: str, client_id: str, page: Page
) -> list[Entry]:
    if kind == NORMAL:
        entries_ = await history.of_conversation(connection, conv_id, Reach.NORMAL, page)
    else:
        entries_ = await history.of_thread(connection, conv_id, client_id, page)
    return [entry for entry in reversed(entries_) if kind == SERVICE or entry.sender != client_id]


# Composing these took longer than running them: they are composed once.
_CLIENT = bindparam("client_id", type_=Id)
_ENTRY = bindparam("entry", type_=Id)


def _of(client_id: str) -> dict[str, str]:
    return {"client_id": client_id, "entry": entry_value(client_id)}


@cache
def _normal(since: Since) -> Select[Any]:
    """One row for each normal conversation of the client: `conv_id`, `since`, `waiting`."""
    waiting = _counted(
        messages.c.conv_id == entries.c.object_id,
        messages.c.reach == int(Reach.NORMAL),
        messages.c.timestamp > since.column,
        messages.c.sender != _CLIENT,
        outer=(entries, cursors),
    )
    mine = and_(cursors.c.client_id == _CLIENT, cursors.c.conv_id == entries.c.object_id)
    return (
        select(entries.c.object_id.label("conv_id"), since.column.label("since"), waiting.label("waiting"))
        .select_from(entries)
        .join(
            objects, and_(objects.c.class_name == entries.c.class_name, objects.c.id == entries.c.object_id)
        )
        .outerjoin(cursors, mine)
        .where(
            entries.c.class_name == "_Conversation",
            entries.c.key == "m",
            entries.c.value == _ENTRY,
            objects.c.kind == NORMAL,
        )
    )


@cache
def _service(since: Since) -> Select[Any]:
    """One row for each service thread of the client: `conv_id`, `since`, `waiting`."""
    outer = (threads, cursors, subscriptions)
    individual = _counted(
        recipients.c.client_id == _CLIENT,
        recipients.c.conv_id == threads.c.conv_id,
        recipients.c.timestamp > since.column,
        outer=outer,
    )
    deleted = select(literal(1)).where(hidden.c.client_id == _CLIENT, hidden.c.msg_id == messages.c.msg_id)
    subscribed = _counted(
        messages.c.conv_id == threads.c.conv_id,
        messages.c.reach == int(Reach.SUBSCRIBERS),
        messages.c.timestamp > since.column,
        messages.c.timestamp >= subscriptions.c.timestamp,
        ~deleted.exists(),
        outer=outer,
    )
    mine = [
        and_(table.c.client_id == _CLIENT, table.c.conv_id == threads.c.conv_id)
        for table in (cursors, subscriptions)
    ]
    waiting = (individual + subscribed).label("waiting")
    return (
        select(threads.c.conv_id.label("conv_id"), since.column.label("since"), waiting)
        .select_from(threads)
        .outerjoin(cursors, mine[0])
        .outerjoin(subscriptions, mine[1])
        .where(threads.c.client_id == _CLIENT)
    )


def _counted(*conditions: ColumnElement[bool], outer: Sequence[FromClause]) -> ColumnElement[int]:
    some = select(literal(1).label("one")).where(*conditions).limit(COUNTED).correlate(*outer).subquery()
    return select(func.count()).select_from(some).correlate(*outer).scalar_subquery()


async def mark_read(connection: AsyncConnection, client_id: str, conv_id: str, read_till: int) -> None:
    """Notes up to when (UTC ms) a client has read a conversation; what was read stays read."""
    await _move(connection, client_id, conv_id, read_at=read_till, delivered_at=read_till)


async def acknowledge(
    connection: AsyncConnection, client_id: str, conv_id: str, received: tuple[int, int], now: int
) -> None:
    """Notes that a client received the messages of a conversation between two instants (UTC ms, both included).

    The first such note of a message becomes its `ack-at`.
    """
    mine = (
        recipients.c.client_id == client_id,
        recipients.c.conv_id == conv_id,
        recipients.c.timestamp.between(*received),
    )
    await connection.execute(
        update(recipients).where(*mine, recipients.c.ack_at.is_(None)).values(ack_at=now)
    )
    for reach in (Reach.NORMAL, Reach.INDIVIDUAL, Reach.SUBSCRIBERS):
        first = update(messages).where(
            messages.c.conv_id == conv_id,
            messages.c.reach == int(reach),
            messages.c.timestamp.between(*received),
            messages.c.ack_at.is_(None),
            messages.c.sender != client_id,
        )
        if reach is Reach.INDIVIDUAL:
            first = first.where(messages.c.msg_id.in_(select(recipients.c.msg_id).where(*mine)))
        await connection.execute(first.values(ack_at=now))
    await _move(connection, client_id, conv_id, read_at=0, delivered_at=received[1])


async def _move(
    connection: AsyncConnection, client_id: str, conv_id: str, *, read_at: int, delivered_at: int
) -> None:
    """Moves a client's cursors forward, never back."""
    row = {"client_id": client_id, "conv_id": conv_id, "read_at": read_at, "delivered_at": delivered_at}
    await connection.execute(insert_into(connection, cursors).values(row).on_conflict_do_nothing())
    mine = (cursors.c.client_id == client_id, cursors.c.conv_id == conv_id)
    for column, value in ((cursors.c.read_at, read_at), (cursors.c.delivered_at, delivered_at)):
        await connection.execute(update(cursors).where(*mine, column < value).values({column: value}))
