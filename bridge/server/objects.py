"""Objects of storage classes: rows kept as JSON documents, with what they are looked up by in columns and entries.

Every method takes the connection of the transaction that it is part of, and gives objects as callers see them: with
`objectId`, `createdAt` and `updatedAt`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, literal, null, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clock import Clock
from bridge.server.access import MASTER, Access
from bridge.server.documents import check_class_name
from bridge.server.engine import Engine
from bridge.server.entries import entries_of
from bridge.server.errors import (
    BAD_ARGUMENT,
    CLASS_NOT_FOUND,
    CONDITION_MISSED,
    DUPLICATE_VALUE,
    FORBIDDEN,
)
from bridge.server.http import JsonObject, check_text, to_json
from bridge.server.operators import RelationChange, apply
from bridge.server.readers import Statement
from bridge.server.rows import (
    OWN_KEYS,
    Ref,
    own_values,
    refuse_own_keys,
    served,
    stored_document,
    to_columns,
    with_own_keys,
)
from bridge.server.scope import Scope, place
from bridge.server.tables import classes, entries, objects, relations
from bridge.server.upserts import insert_into
from bridge.server.where import condition, is_narrow, looked_up

DEFAULT_LIMIT = 100
MAX_ORDER_KEYS = 10
MOST_KEPT, LONGEST_KEPT = 128, 1000
"""How many statements are kept, and how long the JSON of their `where` may be."""


@dataclass(frozen=True)
class Query:
    """Which objects of a class, in which order; `kind` narrows conversations to one kind."""

    class_name: str
    where: JsonObject = field(default_factory=dict)
    order: str | None = None
    limit: int = DEFAULT_LIMIT
    skip: int = 0
    kind: int | None = None


class Objects:
    """The objects of all classes of one app."""

    def __init__(self, dialect: str, clock: Clock) -> None:
        self._dialect = dialect
        self._clock = clock
        self._known_classes: set[str] = set()
        self._statements: dict[tuple[object, ...], Statement] = {}

    async def create(
        self,
        connection: AsyncConnection,
        class_name: str,
        changes: JsonObject,
        own: JsonObject | None = None,
    ) -> JsonObject:
        """Makes an object; `own` brings the id and times of an imported one. Code 137 for an id that is taken."""
        refuse_own_keys(changes)
        outcome = apply(check_class_name(class_name), {}, changes)
        now = self._clock()
        object_id, created, updated = own_values(own or {}, now)
        columns = to_columns(class_name, outcome.document)
        identity = {"class_name": class_name, "id": object_id, "created_at": created, "updated_at": updated}
        statement = insert_into(connection, objects).values(**identity, **columns).on_conflict_do_nothing()
        if not (await connection.execute(statement)).rowcount:
            raise DUPLICATE_VALUE(f"objectId '{object_id}'")
        await self._remember_class(connection, class_name, now)
        ref = Ref(class_name, object_id)
        await self._write_entries(connection, ref, {}, columns["document"])
        await self._relate(connection, ref, outcome.relations)
        return with_own_keys(object_id, created, updated, outcome.document)

    async def get(self, connection: AsyncConnection, ref: Ref, access: Access) -> JsonObject | None:
        """The object; None when there is none or the caller may not read it."""
        scope = Scope(check_class_name(ref.class_name), self._dialect, access)
        query = self._select(scope).where(objects.c.id == ref.object_id)
        row = (await connection.execute(query)).one_or_none()
        return None if row is None else served(row)

    async def get_many(
        self, connection: AsyncConnection, class_name: str, object_ids: Sequence[str], access: Access
    ) -> list[JsonObject]:
        """Those of these objects that there are and that the caller may read."""
        scope = Scope(check_class_name(class_name), self._dialect, access)
        query = self._select(scope).where(objects.c.id.in_(object_ids))
        return [served(row) for row in await connection.execute(query)]

    async def find(self, connection: AsyncConnection, query: Query, access: Access) -> list[JsonObject]:
        """The objects that meet the query and that the caller may read; code 101 for a class that does not exist."""
        statement, texts = self._finding(query, access)
        rows = [served(row) for row in await connection.execute(statement.select, texts)]
        if not rows:
            await self._require_class(connection, query.class_name)
        return rows

    async def find_conversations(self, engine: Engine, query: Query) -> list[JsonObject]:
        """The conversations that meet the query, for the master key, in a transaction of their own."""
        statement, texts = self._finding(query, MASTER)
        return [served(row) for row in await engine.fetch(statement, texts)]

    async def count(self, connection: AsyncConnection, query: Query, access: Access) -> int:
        """How many objects meet the query, whatever its limit."""
        scope = Scope(check_class_name(query.class_name), self._dialect, access)
        matching = self._matching(scope, query).with_only_columns(func.count())
        return int((await connection.execute(matching)).scalar_one())

    async def scan(
        self, connection: AsyncConnection, query: Query, key: str, cursor: str | None
    ) -> tuple[list[JsonObject], str | None]:
        """A page of a class in the order of one of its own keys, and the cursor behind it; no cursor, no more pages."""
        scope = Scope(check_class_name(query.class_name), self._dialect, MASTER)
        if key not in _SCAN_COLUMNS:
            raise BAD_ARGUMENT(f"a scan goes by one of {', '.join(_SCAN_COLUMNS)}")
        column = _SCAN_COLUMNS[key]
        statement = self._matching(scope, query)
        if cursor:
            statement = statement.where(_behind(column, cursor))
        statement = statement.order_by(column, objects.c.id).limit(query.limit + 1)
        rows = (await connection.execute(statement)).all()
        if not rows and not cursor:
            await self._require_class(connection, query.class_name)
        shown = rows[: query.limit]
        more = f"{shown[-1]._mapping[column]},{shown[-1].id}" if len(rows) > query.limit else None
        return [served(row) for row in shown], more

    async def update(
        self,
        connection: AsyncConnection,
        ref: Ref,
        changes: JsonObject,
        access: Access,
        where: JsonObject | None = None,
    ) -> JsonObject:
        """Changes an object: code 101 when there is none, 305 when it does not meet `where`, 403 by its ACL."""
        refuse_own_keys(changes)
        row = await self._lock(connection, ref)
        await self._require_condition(connection, ref, access, where)
        before = stored_document(row)
        if not access.may("write", before):
            raise FORBIDDEN("by the object's ACL")
        outcome = apply(ref.class_name, before, changes)
        now = max(self._clock(), row.updated_at)
        columns = to_columns(ref.class_name, outcome.document)
        await connection.execute(update(objects).where(*_is(ref)).values(updated_at=now, **columns))
        await self._write_entries(connection, ref, row.document, columns["document"])
        await self._relate(connection, ref, outcome.relations)
        return with_own_keys(ref.object_id, row.created_at, now, outcome.document)

    async def delete(
        self, connection: AsyncConnection, ref: Ref, access: Access, where: JsonObject | None = None
    ) -> None:
        """Removes an object, its entries and relations; codes as of `update`."""
        row = await self._lock(connection, ref)
        await self._require_condition(connection, ref, access, where)
        if not access.may("write", row.document):
            raise FORBIDDEN("by the object's ACL")
        await self._write_entries(connection, ref, row.document, {})
        owned = (relations.c.class_name == ref.class_name, relations.c.object_id == ref.object_id)
        await connection.execute(delete(relations).where(*owned))
        await connection.execute(delete(objects).where(*_is(ref)))

    async def restore(self, connection: AsyncConnection, class_name: str, row: JsonObject) -> None:
        """Puts an exported row in place, id and times kept, over what has its id: doing so twice changes nothing."""
        own = {key: row[key] for key in OWN_KEYS if key in row}
        object_id = own.get("objectId")
        if not isinstance(object_id, str):
            raise BAD_ARGUMENT("an exported row has an 'objectId'")
        ref = Ref(class_name, object_id)
        if await self.get(connection, ref, MASTER) is not None:
            await self.delete(connection, ref, MASTER)
        columns = {key: value for key, value in row.items() if key not in OWN_KEYS}
        await self.create(connection, class_name, columns, own)

    async def related(self, connection: AsyncConnection, class_name: str, key: str, target: Ref) -> list[str]:
        """Ids of the objects of a class whose `Relation` column holds the target."""
        query = select(relations.c.object_id).where(
            relations.c.class_name == class_name,
            relations.c.key == key,
            relations.c.target_class == target.class_name,
            relations.c.target_id == target.object_id,
        )
        return list((await connection.execute(query)).scalars())

    def _finding(self, query: Query, access: Access) -> tuple[Statement, dict[str, str]]:
        """A query as a statement, and the texts that it looks up.

        Writing one takes longer than running it. It is kept, never its rows: all look-ups by the same keys share one.
        """
        texts = looked_up(query.class_name, query.where)
        where = to_json(query.where) if texts is None else tuple(query.where)
        asked = (query.class_name, where, query.order, query.limit, query.skip, query.kind, access)
        statement = self._statements.get(asked)
        if statement is None:
            scope = Scope(check_class_name(query.class_name), self._dialect, access)
            select = self._matching(scope, query).order_by(*_ordering(scope, query))
            statement = Statement(select.limit(query.limit).offset(query.skip))
            if len(where) <= LONGEST_KEPT:
                if len(self._statements) == MOST_KEPT:
                    self._statements.clear()
                self._statements[asked] = statement
        return statement, {place(index): text for index, text in enumerate(texts or ())}

    def _select(self, scope: Scope) -> Select[Any]:
        return select(objects).where(objects.c.class_name == scope.class_name, scope.readable())

    def _matching(self, scope: Scope, query: Query) -> Select[Any]:
        statement = self._select(scope).where(condition(scope, query.where))
        return statement if query.kind is None else statement.where(objects.c.kind == query.kind)

    async def _lock(self, connection: AsyncConnection, ref: Ref) -> Row[Any]:
        check_class_name(ref.class_name)
        query = select(objects).where(*_is(ref)).with_for_update()
        row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise CLASS_NOT_FOUND(f"no object '{ref.object_id[:64]}' in class '{ref.class_name}'")
        return row

    async def _require_condition(
        self, connection: AsyncConnection, ref: Ref, access: Access, where: JsonObject | None
    ) -> None:
        if not where:
            return
        scope = Scope(ref.class_name, self._dialect, access)
        meets = self._select(scope).where(objects.c.id == ref.object_id, condition(scope, where))
        if (await connection.execute(meets)).one_or_none() is None:
            raise CONDITION_MISSED("the object does not meet 'where'")

    async def _remember_class(self, connection: AsyncConnection, class_name: str, now: int) -> None:
        if class_name.startswith("_") or class_name in self._known_classes:
            return
        values = {"name": class_name, "created_at": now}
        await connection.execute(insert_into(connection, classes).values(**values).on_conflict_do_nothing())

    async def _require_class(self, connection: AsyncConnection, class_name: str) -> None:
        if class_name.startswith("_") or class_name in self._known_classes:
            return
        known = await connection.execute(select(classes.c.name).where(classes.c.name == class_name))
        if known.one_or_none() is None:
            raise CLASS_NOT_FOUND(f"class '{class_name}'")
        self._known_classes.add(class_name)

    async def _write_entries(
        self, connection: AsyncConnection, ref: Ref, before: JsonObject, after: JsonObject
    ) -> None:
        old, new = entries_of(ref.class_name, before), entries_of(ref.class_name, after)
        if gone := old - new:
            mine = (entries.c.class_name == ref.class_name, entries.c.object_id == ref.object_id)
            unwanted = tuple_(entries.c.key, entries.c.value).in_(sorted(gone))
            await connection.execute(delete(entries).where(*mine, unwanted))
        if added := new - old:
            rows = [
                {"class_name": ref.class_name, "key": key, "value": value, "object_id": ref.object_id}
                for key, value in sorted(added)
            ]
            await connection.execute(insert(entries), rows)

    async def _relate(self, connection: AsyncConnection, ref: Ref, changes: Iterable[RelationChange]) -> None:
        for change in changes:
            row = {
                "class_name": ref.class_name,
                "object_id": ref.object_id,
                "key": change.key,
                "target_class": change.class_name,
                "target_id": change.object_id,
            }
            if change.add:
                await connection.execute(
                    insert_into(connection, relations).values(**row).on_conflict_do_nothing()
                )
            else:
                this = (relations.c[name] == value for name, value in row.items())
                await connection.execute(delete(relations).where(*this))


def _is(ref: Ref) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return objects.c.class_name == ref.class_name, objects.c.id == ref.object_id


def unindexed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The same value, hidden from SQLite's planner, which has no statistics and would walk the index in its order."""
    return func.coalesce(column, null())


_SCAN_COLUMNS: dict[str, ColumnElement[Any]] = {
    "objectId": objects.c.id,
    "createdAt": objects.c.created_at,
    "updatedAt": objects.c.updated_at,
}


def _behind(column: ColumnElement[Any], cursor: str) -> ColumnElement[bool]:
    value, _, object_id = cursor.partition(",")
    if column is objects.c.id:
        return column > check_text(value, "'cursor'")
    if not (value.isascii() and value.isdigit() and len(value) < 18):
        raise BAD_ARGUMENT("'cursor' is none that a scan gave")
    return tuple_(column, objects.c.id) > tuple_(
        literal(int(value)), literal(check_text(object_id, "'cursor'"))
    )


def _ordering(scope: Scope, query: Query) -> list[ColumnElement[Any]]:
    """What to sort by: `-a,b`, else nearest first where the query asks for a place, else oldest first."""
    keys = [key.strip() for key in (query.order or "").split(",") if key.strip()]
    if len(keys) > MAX_ORDER_KEYS:
        raise BAD_ARGUMENT(f"at most {MAX_ORDER_KEYS} keys to order by")
    sorting: list[ColumnElement[Any]] = [] if keys else list(scope.nearest)
    if not keys and not sorting:
        keys = ["createdAt"]
    narrow = is_narrow(scope.class_name, query.where)
    for key in keys:
        columns = scope.value(key.lstrip("+-")).sort_keys()
        if narrow:
            columns = [unindexed(column) for column in columns]
        sorting += [column.desc() if key.startswith("-") else column.asc() for column in columns]
    downwards = bool(keys) and keys[0].startswith("-")
    return [*sorting, objects.c.id.desc() if downwards else objects.c.id.asc()]
