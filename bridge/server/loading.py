"""The door for moving in: exported rows go straight into storage, ids and times kept, what is newer here left alone.

Every batch is one transaction, and loading the same rows again changes nothing. Reading a row (`read_*`) raises
`ServiceError` with what is wrong with it; writing takes only rows that were read.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, bindparam, case, delete, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server.documents import check_class_name, check_column, key_path
from bridge.server.engine import Engine
from bridge.server.entries import entries_of
from bridge.server.errors import BAD_ARGUMENT, BAD_KEY_NAME
from bridge.server.fields import check_client_id
from bridge.server.http import Json, JsonObject, Parameters
from bridge.server.restrictions import Restriction
from bridge.server.rows import CONVERSATION, NORMAL, OWN_KEYS, Columns, own_values, to_columns
from bridge.server.store import remember_threads
from bridge.server.tables import classes, cursors, entries, objects, restrictions, subscriptions
from bridge.server.upserts import insert_into

LAST_INSTANT = 253_402_300_799_999
"""UTC ms of the end of the year 9999, behind which a date cannot be written."""


@dataclass(slots=True)
class Tally:
    """What became of rows: new here, changed here, or as they were (the same, or newer here)."""

    added: int = 0
    changed: int = 0
    kept: int = 0

    def add(self, other: "Tally") -> None:
        """Counts another batch."""
        self.added += other.added
        self.changed += other.changed
        self.kept += other.kept


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """An exported object as it is stored; times are UTC ms."""

    id: str
    created_at: int
    updated_at: int
    columns: Columns


@dataclass(frozen=True, slots=True)
class Pair:
    """A client of a conversation: a subscriber since `timestamp` (UTC ms), or one that is on a list (0)."""

    conv_id: str
    client_id: str
    timestamp: int = 0


def read_object(class_name: str, row: JsonObject) -> ObjectRow:
    """An object as the console exports it; a member that is named twice counts once."""
    check_class_name(class_name)
    if not isinstance(row.get("objectId"), str) or "createdAt" not in row:
        raise BAD_ARGUMENT("an exported object has 'objectId' and 'createdAt'")
    object_id, created, updated = own_values(row, 0)
    document: JsonObject = {}
    for key, value in row.items():
        if key in OWN_KEYS:
            continue
        if len(key_path(key)) != 1:
            raise BAD_KEY_NAME(f"'{key[:64]}'")
        document[key] = check_column(
            class_name, key, _normal(key, value) if class_name == CONVERSATION else value
        )
    return ObjectRow(object_id, created, updated, to_columns(class_name, document))


def _normal(key: str, value: Json) -> Json:
    """A conversation's column as our server keeps it: clients once each, `lm` typed."""
    if key == "lm" and isinstance(value, str):
        return {"__type": "Date", "iso": value}
    if key not in ("m", "mu"):
        return value
    strings = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return list(dict.fromkeys(value)) if strings else value  # type: ignore[arg-type]  # mypy: a list of strings is one


def read_subscription(row: JsonObject) -> Pair:
    """A subscription as REST lists it."""
    fields = Parameters(row)
    client = check_client_id(fields.required_text("subscriber"))
    return Pair(identifier(fields, "conv_id"), client, moment(fields, "timestamp"))


def read_restriction(row: JsonObject) -> Pair:
    """An entry of a list of a conversation's clients."""
    fields = Parameters(row)
    return Pair(identifier(fields, "conv_id"), check_client_id(fields.required_text("client_id")))


def identifier(fields: Parameters, name: str) -> str:
    """An id that an index can hold."""
    value = fields.required_text(name)
    if len(value) > 256:
        raise BAD_ARGUMENT(f"'{name}' is longer than any id")
    return value


def moment(fields: Parameters, name: str) -> int:
    """UTC ms that have to be there and within what a date can say."""
    value = fields.integer(name)
    if value is None or not 0 <= value <= LAST_INSTANT:
        raise BAD_ARGUMENT(f"'{name}' is required: UTC milliseconds")
    return value


class Loader:
    """Loads objects and lists; what was moved up to `read_till` (UTC ms) counts as read by those it was for."""

    def __init__(self, engine: Engine, read_till: int) -> None:
        self.engine = engine
        self.read_till = read_till

    async def objects(self, class_name: str, rows: Sequence[ObjectRow]) -> Tally:
        """Objects of one class: new ones, and those whose `updatedAt` is later than here."""
        latest = {row.id: row for row in sorted(rows, key=lambda row: row.updated_at)}
        async with self.engine.write() as connection:
            await _remember_class(connection, class_name, min(row.created_at for row in rows))
            here = await _times_of(connection, class_name, latest, lock=True)
            new = [row for row in latest.values() if row.id not in here]
            stale = [row for row in latest.values() if row.id in here and here[row.id] < row.updated_at]
            tally = Tally(len(new), len(stale), len(rows) - len(new) - len(stale))
            await _write_objects(connection, class_name, new, stale)
            if class_name == CONVERSATION:
                await self.count_as_read(connection, _members(latest.values()))
        return tally

    async def subscriptions(self, rows: Sequence[Pair]) -> Tally:
        """Subscribers; one that is here already keeps its date."""
        values = [
            {"conv_id": row.conv_id, "client_id": row.client_id, "timestamp": row.timestamp} for row in rows
        ]
        async with self.engine.write() as connection:
            added = await _insert_new(connection, subscriptions, ("conv_id", "client_id"), values)
            pairs = {(row.conv_id, row.client_id) for row in rows}
            await connection.run_sync(remember_threads, pairs)
            await self.count_as_read(connection, pairs)
        return Tally(added=added, kept=len(rows) - added)

    async def restrictions(self, restriction: Restriction, rows: Sequence[Pair]) -> Tally:
        """Entries of the lists of who is silenced or blocked for good."""
        kind = int(restriction)
        values = [{"conv_id": row.conv_id, "kind": kind, "client_id": row.client_id} for row in rows]
        async with self.engine.write() as connection:
            added = await _insert_new(connection, restrictions, ("conv_id", "kind", "client_id"), values)
        return Tally(added=added, kept=len(rows) - added)

    async def count_objects(self, class_name: str, ids: Collection[str]) -> int:
        """How many objects of a class with these ids there are."""
        async with self.engine.read() as connection:
            return len(await _times_of(connection, class_name, ids))

    async def count_subscriptions(self, rows: Sequence[Pair]) -> int:
        """How many of these subscriptions there are."""
        return await self._count(
            subscriptions, ("conv_id", "client_id"), {(r.conv_id, r.client_id) for r in rows}
        )

    async def count_restrictions(self, restriction: Restriction, rows: Sequence[Pair]) -> int:
        """How many of these entries there are."""
        kind = int(restriction)
        keys = {(row.conv_id, kind, row.client_id) for row in rows}
        return await self._count(restrictions, ("conv_id", "kind", "client_id"), keys)

    async def _count(self, table: Table, names: Sequence[str], keys: Collection[tuple[Any, ...]]) -> int:
        columns = tuple_(*(table.c[name] for name in names))
        query = select(func.count()).select_from(table).where(columns.in_(sorted(keys)))
        async with self.engine.read() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def count_as_read(self, connection: AsyncConnection, pairs: Collection[tuple[str, str]]) -> None:
        """Moves the cursors of (conversation, client) forward.

        Unread counters cannot be moved; without this, a first login would count the whole history.
        """
        if not self.read_till or not pairs:
            return
        statement = insert_into(connection, cursors)
        further = {
            name: case(
                (cursors.c[name] > statement.excluded[name], cursors.c[name]), else_=statement.excluded[name]
            )
            for name in ("read_at", "delivered_at")
        }
        behind = or_(*(cursors.c[name] < statement.excluded[name] for name in further))
        till = {"read_at": self.read_till, "delivered_at": self.read_till}
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=["client_id", "conv_id"], set_=further, where=behind
            ),
            [{"client_id": client, "conv_id": conv_id, **till} for conv_id, client in sorted(pairs)],
        )


async def _insert_new(
    connection: AsyncConnection, table: Table, key: Sequence[str], values: Sequence[Mapping[str, object]]
) -> int:
    """Inserts what is not there yet, each key once, and gives how many that were."""
    rows = {tuple(row[name] for name in key): row for row in values}
    named = tuple_(*(table.c[name] for name in key)).in_([*rows])
    for row in await connection.execute(select(table).where(named)):
        rows.pop(tuple(row._mapping[table.c[name]] for name in key), None)
    if rows:
        await connection.execute(insert_into(connection, table).on_conflict_do_nothing(), [*rows.values()])
    return len(rows)


def _members(rows: Collection[ObjectRow]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for row in rows:
        members = row.columns["document"].get("m")
        if row.columns["kind"] == NORMAL and isinstance(members, list):
            found.update((row.id, one) for one in members if isinstance(one, str))
    return found


async def _times_of(
    connection: AsyncConnection, class_name: str, ids: Collection[str], *, lock: bool = False
) -> dict[str, int]:
    """When these objects were last changed; with `lock`, nobody else changes them before this transaction has ended."""
    query = select(objects.c.id, objects.c.updated_at).where(
        objects.c.class_name == class_name, objects.c.id.in_(sorted(ids))
    )
    query = query.order_by(objects.c.id)
    found = await connection.execute(query.with_for_update() if lock else query)
    return {row.id: row.updated_at for row in found}


async def _remember_class(connection: AsyncConnection, class_name: str, now: int) -> None:
    if not class_name.startswith("_"):
        values = {"name": class_name, "created_at": now}
        await connection.execute(insert_into(connection, classes).values(**values).on_conflict_do_nothing())


_REPLACE = (
    update(objects)
    .where(
        objects.c.class_name == bindparam("of_class"),
        objects.c.id == bindparam("of_id"),
    )
    .values(
        updated_at=bindparam("updated_at"),
        kind=bindparam("kind"),
        document=bindparam("document"),
        # A message that was sent here since must not be undone by an export's older `lm`.
        last_message_at=case(
            (objects.c.last_message_at > bindparam("last_message_at"), objects.c.last_message_at),
            else_=func.coalesce(bindparam("last_message_at"), objects.c.last_message_at),
        ),
    )
)


async def _write_objects(
    connection: AsyncConnection, class_name: str, new: Sequence[ObjectRow], stale: Sequence[ObjectRow]
) -> None:
    if new:
        rows = [
            {
                "class_name": class_name,
                "id": row.id,
                "created_at": row.created_at,
                "updated_at": row.updated_at,
                **row.columns,
            }
            for row in new
        ]
        await connection.execute(insert_into(connection, objects).on_conflict_do_nothing(), rows)
    if stale:
        changes = [
            {"of_class": class_name, "of_id": row.id, "updated_at": row.updated_at, **row.columns}
            for row in stale
        ]
        await connection.execute(_REPLACE, changes)
        theirs = (entries.c.class_name == class_name, entries.c.object_id.in_([row.id for row in stale]))
        await connection.execute(delete(entries).where(*theirs))
    found = [
        {"class_name": class_name, "key": key, "value": value, "object_id": row.id}
        for row in (*new, *stale)
        for key, value in sorted(entries_of(class_name, row.columns["document"]))
    ]
    if found:
        await connection.execute(insert_into(connection, entries).on_conflict_do_nothing(), found)
