"""What a client is told after its login: what it has not read or, in the first version, received, and what changed."""

from collections.abc import AsyncIterator

from sqlalchemy import and_, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server import history, unread
from bridge.server.engine import POSTGRESQL
from bridge.server.entries import entry_value
from bridge.server.history import ENTRY_COLUMNS, Bound, Entry, Page, direct_of, entry_of
from bridge.server.http import Json, JsonObject
from bridge.server.presence import Patch
from bridge.server.rows import CONVERSATION, TEMPORARY
from bridge.server.store import Reach
from bridge.server.tables import cursors, entries, messages, recipients, subscriptions
from bridge.server.unread import CONVERSATIONS, KEPT, Backlog, Since
from bridge.server.wire import pushes, temporary
from bridge.server.wire.framing import Command
from bridge.server.wire.sessions import PATCHES, Session

PATCHED = 100
"""At most so many changed messages, the oldest changes first, are told of at a login."""

OVERLAP_MS = 60_000
"""No message is longer under way, from the moment it got its time, to those who are online."""


async def missed(session: Session) -> AsyncIterator[Command]:
    """The commands that bring a client up to date."""
    server, client_id = session.server, session.client_id
    since = Since.RECEIVED if session.version == 1 else Since.READ
    async with server.engine.read() as connection:
        await _freeze(connection)
        waiting = [
            *await unread.backlog(connection, client_id, since),
            *await _temporary(connection, session, since),
        ]
        patches = await _patches(connection, session)
    now, told = server.clock(), waiting if session.version == 1 else waiting[:CONVERSATIONS]
    session.connection.skip(_lately(told, now - OVERLAP_MS))
    if session.version == 1:
        for one in told:
            for command in _offline(one):
                yield command
    elif told:
        yield _counters(client_id, told, now)
    if patches:
        items: list[Json] = [pushes.patch_item(patch) for patch in patches]
        newest = max(patch.patched_at for patch in patches)
        yield Command(
            cmd="patch",
            op="modify",
            service=pushes.MESSAGING,
            body={"patches": items, "lastPatchTime": newest},
        )


async def _freeze(connection: AsyncConnection) -> None:
    """Has the transaction read everything as of one moment: what is counted is then what is named."""
    if connection.dialect.name == POSTGRESQL:  # on SQLite it does so anyway
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


def _lately(waiting: list[Backlog], since: int) -> set[str]:
    """The messages that may be on their way to this connection as well: sent since an instant (UTC ms)."""
    return {entry.msg_id for one in waiting for entry in one.newest if entry.timestamp >= since}


def _offline(backlog: Backlog) -> list[Command]:
    last = len(backlog.newest) - 1
    commands = []
    for place, entry in enumerate(backlog.newest):
        body = pushes.message(direct_of(entry), offline=True)
        if place < last:
            body["hasMore"] = True
        commands.append(Command(cmd="direct", service=pushes.MESSAGING, server_ts=entry.timestamp, body=body))
    return commands


def _counters(client_id: str, waiting: list[Backlog], now: int) -> Command:
    convs: list[Json] = [_counter(client_id, one) for one in waiting]
    return Command(cmd="unread", service=pushes.MESSAGING, body={"convs": convs, "notifTime": now})


def _counter(client_id: str, backlog: Backlog) -> JsonObject:
    counter: JsonObject = {"cid": backlog.conv_id, "unread": backlog.count, "convType": backlog.kind}
    if not backlog.newest:
        return counter
    entry = backlog.newest[-1]
    counter |= {
        "mid": entry.msg_id,
        "timestamp": entry.timestamp,
        "from": entry.sender,
        "binaryMsg" if entry.bin else "data": entry.data,
        "mentioned": backlog.mentions(client_id),
    }
    return counter | ({"patchTimestamp": entry.patched_at} if entry.patched_at else {})


async def _temporary(connection: AsyncConnection, session: Session, since: Since) -> list[Backlog]:
    """As `unread.backlog`, for the client's temporary conversations."""
    me = session.client_id
    found = []
    for conv_id in await temporary.of_client(connection, me, session.server.clock(), CONVERSATIONS):
        mine = (cursors.c.client_id == me, cursors.c.conv_id == conv_id)
        cursor = (await connection.execute(select(cursors.c[since.value]).where(*mine))).scalar() or 0
        page = Page(stop=Bound(cursor, None, inclusive=False), limit=KEPT)
        newest = await history.of_conversation(connection, conv_id, Reach.TEMPORARY, page)
        others = [entry for entry in reversed(newest) if entry.sender != me]
        if others:
            found.append(Backlog(conv_id, TEMPORARY, len(others), others))
    return found


async def _patches(connection: AsyncConnection, session: Session) -> list[Patch]:
    """The messages that were changed since the client last heard of changes, and that it may have."""
    since, me = session.patched_since, session.client_id
    if since is None or not session.features & PATCHES:
        return []
    mine = select(entries.c.object_id).where(
        entries.c.class_name == CONVERSATION, entries.c.key == "m", entries.c.value == entry_value(me)
    )
    subscribed = select(subscriptions.c.conv_id).where(subscriptions.c.client_id == me)
    shared = or_(
        and_(messages.c.reach == int(Reach.NORMAL), messages.c.conv_id.in_(mine)),
        and_(messages.c.reach == int(Reach.SUBSCRIBERS), messages.c.conv_id.in_(subscribed)),
    )
    changed = (
        select(*ENTRY_COLUMNS)
        .where(messages.c.patched_at > since, shared)
        .order_by(messages.c.patched_at)
        .limit(PATCHED)
    )
    found = [_patch(entry_of(row)) for row in await connection.execute(changed)]
    columns = {name: recipients.c[name] for name in ("data", "patched_at", "recalled")}
    individual = (
        select(*(columns.get(column.name, column) for column in ENTRY_COLUMNS))
        .join_from(recipients, messages, recipients.c.msg_id == messages.c.msg_id)
        .where(recipients.c.client_id == me, recipients.c.patched_at > since)
        .order_by(recipients.c.patched_at)
        .limit(PATCHED)
    )
    found += [_patch(entry_of(row)) for row in await connection.execute(individual)]
    return sorted(found, key=lambda patch: patch.patched_at)[:PATCHED]


def _patch(entry: Entry) -> Patch:
    return Patch(
        msg_id=entry.msg_id,
        conv_id=entry.conv_id,
        sender=entry.sender,
        timestamp=entry.timestamp,
        data=entry.data,
        bin=entry.bin and not entry.recalled,
        recalled=entry.recalled,
        patched_at=entry.patched_at or 0,
        mention_all=entry.mention_all,
        mentions=entry.mentions,
    )
