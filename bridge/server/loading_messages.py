"""The door for moving in, messages: whom each is for is told from its conversation and from the threads it is in."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server.errors import BAD_ARGUMENT
from bridge.server.fields import CLIENTS_A_CALL, check_client_id
from bridge.server.http import JsonObject, Parameters, check_text, to_json
from bridge.server.loading import Loader, Tally, identifier, moment
from bridge.server.rows import CHATROOM, CONVERSATION, SERVICE
from bridge.server.store import Reach, remember_threads
from bridge.server.tables import broadcasts, hidden, messages, objects, recipients, subscriptions, threads
from bridge.server.targets import TEMPORARY_PREFIX
from bridge.server.upserts import insert_into

RECALLED_TYPE = -127
LONGEST_SENDER = 256
"""Senders of REST messages are free text; what an index can hold of one is kept."""


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A row of REST history; `conv_id` is its `to`, `thread` its `conv-id`. Times are UTC ms."""

    msg_id: str
    timestamp: int
    conv_id: str
    thread: str
    sender: str
    data: str
    bin: bool
    from_ip: str | None
    ack_at: int | None
    recalled: bool


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A message as one subscriber of a service conversation has it."""

    client_id: str
    message: MessageRow


@dataclass(frozen=True, slots=True)
class BroadcastRow:
    """A broadcast that devices may still have to get until `valid_till` (UTC ms)."""

    message: MessageRow
    valid_till: int


def read_message(row: JsonObject) -> MessageRow:
    """A row of history; its conversation is in `to`, since `conv-id` may name a thread."""
    fields = Parameters(row)
    data = row.get("data", "")
    if not isinstance(data, str):
        # Seen in the field: the object itself instead of its text.
        data = to_json(data)
    thread = fields.text("conv-id") or ""
    return MessageRow(
        msg_id=identifier(fields, "msg-id"),
        timestamp=moment(fields, "timestamp"),
        conv_id=identifier(fields, "to" if row.get("to") else "conv-id"),
        thread=thread,
        sender=(fields.text("from") or "")[:LONGEST_SENDER],
        data=check_text(data, "'data'"),
        bin=fields.boolean("bin"),
        from_ip=fields.text("from-ip"),
        ack_at=moment(fields, "ack-at") if row.get("ack-at") is not None else None,
        recalled=not fields.boolean("bin") and _is_recalled(data),
    )


def _is_recalled(data: str) -> bool:
    if "_lctype" not in data:
        return False
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("_lctype") == RECALLED_TYPE


def read_thread(row: JsonObject) -> ThreadRow:
    """A row of a thread's history, with its `subscriber` beside."""
    return ThreadRow(check_client_id(Parameters(row).required_text("subscriber")), read_message(row))


def read_broadcast(row: JsonObject) -> BroadcastRow:
    """A row of the list of valid broadcasts."""
    if row.get("valid_till") is None:
        raise BAD_ARGUMENT("'valid_till' is required: UTC milliseconds")
    return BroadcastRow(read_message(row), moment(Parameters(row), "valid_till"))


class MessageLoader:
    """Loads messages, threads and broadcasts; conversations and subscriptions have to be here before."""

    def __init__(self, loader: Loader) -> None:
        self._engine = loader.engine
        self._count_as_read = loader.count_as_read

    async def messages(self, rows: Sequence[MessageRow]) -> Tally:
        """Messages; one that is here already takes the export's text unless it was changed here since."""
        async with self._engine.write() as connection:
            kinds = await _kinds_of(connection, {row.conv_id for row in rows})
            tally = await _write(connection, {row.msg_id: (row, _reach(row, kinds)) for row in rows})
            await _deliver(connection, await _in_known_threads(connection, rows))
        tally.kept += len(rows) - (tally.added + tally.changed + tally.kept)
        return tally

    async def threads(self, rows: Sequence[ThreadRow]) -> Tally:
        """Who got which message; of one that is for all subscribers, the subscriptions say so already."""
        async with self._engine.write() as connection:
            await _write(
                connection, {row.message.msg_id: (row.message, Reach.INDIVIDUAL) for row in rows}, new=True
            )
            reaches = await _reaches_of(connection, {row.message.msg_id for row in rows})
            single = [row for row in rows if reaches[row.message.msg_id] is Reach.INDIVIDUAL]
            added = await _deliver(connection, single)
            await self._count_as_read(connection, {(row.message.conv_id, row.client_id) for row in single})
        return Tally(added=added, kept=len(rows) - added)

    async def settle(self, msg_ids: Collection[str], read_till: int) -> None:
        """Tells messages to all subscribers from those to single clients, for messages whose threads are all loaded.

        A call names at most 20 clients, so what more have is for all; so is what exactly those have who subscribed
        at the time. Whoever of them lacks it deleted it, as far as the threads were read (`read_till`, UTC ms).
        """
        async with self._engine.write() as connection:
            for row in await _received(connection, msg_ids):
                subscribers = await _subscribers_at(connection, row.conv_id, row.timestamp)
                receivers = await _receivers(connection, row.msg_id)
                if row.count > CLIENTS_A_CALL or (row.count > 1 and receivers == subscribers):
                    lacking = subscribers - receivers if row.timestamp <= read_till else set[str]()
                    await _make_for_all(connection, row.msg_id, receivers & subscribers, lacking)

    async def broadcasts(self, rows: Sequence[BroadcastRow]) -> Tally:
        """Valid broadcasts; one that was withdrawn here stays so."""
        ids = {row.message.msg_id: row for row in rows}
        async with self._engine.write() as connection:
            known = await _reaches_of(connection, ids)
            fresh = [row for msg_id, row in ids.items() if known.get(msg_id) is not Reach.EVERYONE]
            await _write(
                connection, {row.message.msg_id: (row.message, Reach.EVERYONE) for row in fresh}, new=True
            )
            if fresh:
                named = messages.c.msg_id.in_([row.message.msg_id for row in fresh])
                await connection.execute(update(messages).where(named).values(reach=int(Reach.EVERYONE)))
                await connection.execute(
                    insert_into(connection, broadcasts).on_conflict_do_nothing(),
                    [_waiting(row) for row in fresh],
                )
        return Tally(added=len(fresh), kept=len(rows) - len(fresh))

    async def count_messages(self, msg_ids: Collection[str]) -> int:
        """How many messages with these ids there are."""
        async with self._engine.read() as connection:
            return len(await _reaches_of(connection, msg_ids))


def _waiting(row: BroadcastRow) -> dict[str, object]:
    message = row.message
    return {
        "msg_id": message.msg_id,
        "timestamp": message.timestamp,
        "conv_id": message.conv_id,
        "valid_till": row.valid_till,
    }


async def _kinds_of(connection: AsyncConnection, conv_ids: Collection[str]) -> dict[str, int]:
    query = select(objects.c.id, objects.c.kind).where(
        objects.c.class_name == CONVERSATION, objects.c.id.in_(sorted(conv_ids))
    )
    return {row.id: row.kind for row in await connection.execute(query)}


def _reach(row: MessageRow, kinds: Mapping[str, int]) -> Reach:
    """Of a service's message, the narrowest reach: threads and the list of broadcasts widen it."""
    if row.conv_id.startswith(TEMPORARY_PREFIX):
        return Reach.TEMPORARY
    kind = kinds.get(row.conv_id)
    if kind == CHATROOM:
        return Reach.CHATROOM
    return Reach.INDIVIDUAL if kind == SERVICE else Reach.NORMAL


async def _reaches_of(connection: AsyncConnection, msg_ids: Collection[str]) -> dict[str, Reach]:
    query = select(messages.c.msg_id, messages.c.reach).where(messages.c.msg_id.in_(sorted(msg_ids)))
    return {row.msg_id: Reach(row.reach) for row in await connection.execute(query)}


_RETEXT = (
    update(messages)
    .where(messages.c.msg_id == bindparam("of_id"))
    .values(data=bindparam("data"), recalled=bindparam("recalled"), ack_at=bindparam("ack_at"))
)


async def _write(
    connection: AsyncConnection, rows: Mapping[str, tuple[MessageRow, Reach]], *, new: bool = False
) -> Tally:
    """Inserts messages and, unless only `new` ones are wanted, brings the text of those that are here up to date."""
    # Locked, in one order everywhere: nobody else changes them in between, and nobody waits for a waiting one.
    query = select(messages).where(messages.c.msg_id.in_(sorted(rows))).order_by(messages.c.msg_id)
    query = query.with_for_update()
    here = {row.msg_id: row for row in await connection.execute(query)}
    fresh = [_columns(row, reach) for msg_id, (row, reach) in rows.items() if msg_id not in here]
    if fresh:
        await connection.execute(insert_into(connection, messages).on_conflict_do_nothing(), fresh)
    known = () if new else [(row, here[msg_id]) for msg_id, (row, _) in rows.items() if msg_id in here]
    changes = [
        {"of_id": row.msg_id, "data": row.data, "recalled": row.recalled, "ack_at": old.ack_at or row.ack_at}
        for row, old in known
        if _is_later(row, old)
    ]
    if changes:
        await connection.execute(_RETEXT, changes)
    return Tally(len(fresh), len(changes), len(rows) - len(fresh) - len(changes))


def _is_later(row: MessageRow, here: Any) -> bool:
    """Whether the export's text is to replace the one here: never one changed here, never a recalled one."""
    if here.patched_at is not None or (here.recalled and not row.recalled):
        return False
    return bool(here.data != row.data or (here.ack_at is None and row.ack_at is not None))


def _columns(row: MessageRow, reach: Reach) -> dict[str, object]:
    return {
        "msg_id": row.msg_id,
        "conv_id": row.conv_id,
        "reach": int(reach),
        "timestamp": row.timestamp,
        "sender": row.sender,
        "data": row.data,
        "bin": row.bin,
        "from_ip": row.from_ip,
        "ack_at": row.ack_at,
        "recalled": row.recalled,
        "mention_all": False,
    }


async def _in_known_threads(connection: AsyncConnection, rows: Sequence[MessageRow]) -> list[ThreadRow]:
    """Messages whose `conv-id` is the MD5 of a thread that is known here."""
    named = {row.thread for row in rows if row.thread != row.conv_id and len(row.thread) == 32}
    if not named:
        return []
    query = select(threads.c.thread, threads.c.conv_id, threads.c.client_id).where(
        threads.c.thread.in_(sorted(named))
    )
    known = {(row.thread, row.conv_id): row.client_id for row in await connection.execute(query)}
    return [
        ThreadRow(known[row.thread, row.conv_id], row) for row in rows if (row.thread, row.conv_id) in known
    ]


_RETEXT_FOR_ONE = (
    update(recipients)
    .where(
        *(
            recipients.c[name] == bindparam(f"of_{name}")
            for name in ("client_id", "conv_id", "timestamp", "msg_id")
        )
    )
    .values(data=bindparam("data"), recalled=bindparam("recalled"))
)


async def _deliver(connection: AsyncConnection, rows: Sequence[ThreadRow]) -> int:
    """Puts messages into clients' threads, and gives how many were not in there yet."""
    if not rows:
        return 0
    texts = await _texts_of(connection, {row.message.msg_id for row in rows})
    wanted = {(row.client_id, row.message.msg_id): row for row in rows}
    key = tuple_(recipients.c.client_id, recipients.c.msg_id)
    query = (
        select(recipients)
        .where(key.in_(sorted(wanted)))
        .order_by(recipients.c.client_id, recipients.c.msg_id)
    )
    query = query.with_for_update()
    here = {(row.client_id, row.msg_id): row for row in await connection.execute(query)}
    values = {pair: _recipient(row, texts) for pair, row in wanted.items()}
    fresh = [value for pair, value in values.items() if pair not in here]
    if fresh:
        await connection.execute(insert_into(connection, recipients).on_conflict_do_nothing(), fresh)
        pairs = {(row.message.conv_id, row.client_id) for row in wanted.values()}
        await connection.run_sync(remember_threads, pairs)
    changes = [
        {
            **{f"of_{name}": values[pair][name] for name in ("client_id", "conv_id", "timestamp", "msg_id")},
            "data": values[pair]["data"],
            "recalled": values[pair]["recalled"],
        }
        for pair, old in here.items()
        if old.patched_at is None
        and not old.recalled
        and (old.data, old.recalled) != (values[pair]["data"], values[pair]["recalled"])
    ]
    if changes:
        await connection.execute(_RETEXT_FOR_ONE, changes)
    return len(fresh)


async def _texts_of(connection: AsyncConnection, msg_ids: Collection[str]) -> dict[str, str]:
    query = select(messages.c.msg_id, messages.c.data).where(messages.c.msg_id.in_(sorted(msg_ids)))
    return {row.msg_id: row.data for row in await connection.execute(query)}


def _recipient(row: ThreadRow, texts: Mapping[str, str]) -> dict[str, object]:
    message = row.message
    return {
        "client_id": row.client_id,
        "conv_id": message.conv_id,
        "timestamp": message.timestamp,
        "msg_id": message.msg_id,
        "ack_at": message.ack_at,
        "data": None if texts.get(message.msg_id) == message.data else message.data,
        "recalled": message.recalled,
    }


async def _received(connection: AsyncConnection, msg_ids: Collection[str]) -> Sequence[Any]:
    """The individual messages among these, with how many clients have each."""
    query = (
        select(messages.c.msg_id, messages.c.conv_id, messages.c.timestamp, func.count().label("count"))
        .join_from(messages, recipients, recipients.c.msg_id == messages.c.msg_id)
        .where(messages.c.msg_id.in_(sorted(msg_ids)), messages.c.reach == int(Reach.INDIVIDUAL))
        .group_by(messages.c.msg_id, messages.c.conv_id, messages.c.timestamp)
        .having(func.count() > 1)
    )
    return (await connection.execute(query)).all()


async def _subscribers_at(connection: AsyncConnection, conv_id: str, timestamp: int) -> set[str]:
    query = select(subscriptions.c.client_id).where(
        subscriptions.c.conv_id == conv_id, subscriptions.c.timestamp <= timestamp
    )
    return set((await connection.execute(query)).scalars())


async def _receivers(connection: AsyncConnection, msg_id: str) -> set[str]:
    query = select(recipients.c.client_id).where(recipients.c.msg_id == msg_id)
    return set((await connection.execute(query)).scalars())


async def _make_for_all(
    connection: AsyncConnection, msg_id: str, covered: Collection[str], lacking: Collection[str]
) -> None:
    named = messages.c.msg_id == msg_id
    await connection.execute(update(messages).where(named).values(reach=int(Reach.SUBSCRIBERS)))
    # Those who are no subscribers (any more) keep it as their own.
    for some in _in_parts(sorted(covered)):
        theirs = (recipients.c.msg_id == msg_id, recipients.c.client_id.in_(some))
        await connection.execute(delete(recipients).where(*theirs))
    if lacking:
        rows = [{"client_id": one, "msg_id": msg_id} for one in sorted(lacking)]
        await connection.execute(insert_into(connection, hidden).on_conflict_do_nothing(), rows)


def _in_parts(values: Sequence[str], size: int = 1000) -> list[Sequence[str]]:
    return [values[start : start + size] for start in range(0, len(values), size)]
