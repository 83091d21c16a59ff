"""Who may not speak in a conversation, who may not be in it, and which conversations a client refuses."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server.errors import (
    BAD_ARGUMENT,
    BLACKLIST_FULL,
    BLOCKED_BY_CONVERSATION,
    CONVERSATION_NOT_ALLOWED,
    SILENCED_LIST_FULL,
    ServiceError,
)
from bridge.server.fields import page_size
from bridge.server.http import Json, JsonObject, Parameters
from bridge.server.rows import NORMAL
from bridge.server.tables import restrictions
from bridge.server.upserts import insert_into

SILENCE_SECONDS = 86_400
"""A temporary silence lasts a day at most."""

SILENCED = 500
BLOCKED = 500
BLOCKED_ELSEWHERE = 10_000
"""Entries of a list: 500, but for silences and blacklists of chatrooms, and blacklists of service conversations."""

PAGE = 10


class Restriction(IntEnum):
    """Kinds of restrictions; stored, so the numbers stay."""

    SILENCED_FOR_A_TIME = 1
    SILENCED = 2
    BLOCKED = 3
    REFUSED = 4
    KICKED = 5


def list_limit(restriction: Restriction, kind: int) -> int:
    """How many clients a conversation's list may hold; the archived page contradicts itself on chatrooms' silences."""
    if kind == NORMAL:
        return SILENCED if restriction is Restriction.SILENCED else BLOCKED
    return BLOCKED_ELSEWHERE


async def restrict(
    connection: AsyncConnection, conv_id: str, restriction: Restriction, clients: Sequence[str], most: int
) -> None:
    """Puts clients on a list of a conversation for good; a list that is full takes none of them (4543, 4561)."""
    rows = [{"conv_id": conv_id, "kind": int(restriction), "client_id": one} for one in sorted(clients)]
    await connection.execute(insert_into(connection, restrictions).on_conflict_do_nothing(), rows)
    count = select(func.count()).select_from(restrictions).where(*_of(conv_id, restriction))
    if (await connection.execute(count)).scalar_one() > most:
        full = SILENCED_LIST_FULL if restriction is Restriction.SILENCED else BLACKLIST_FULL
        raise full(f"the list holds at most {most} clients")


async def silence(connection: AsyncConnection, conv_id: str, client_id: str, until: int) -> None:
    """Silences a client in a conversation until an instant (UTC ms); a later call replaces an earlier one."""
    row = {
        "conv_id": conv_id,
        "kind": int(Restriction.SILENCED_FOR_A_TIME),
        "client_id": client_id,
        "until": until,
    }
    await connection.execute(
        insert_into(connection, restrictions)
        .values(row)
        .on_conflict_do_update(index_elements=["conv_id", "kind", "client_id"], set_={"until": until})
    )


async def release(
    connection: AsyncConnection, conv_id: str, restriction: Restriction, clients: Sequence[str]
) -> None:
    """Takes clients off a list; those that are not on it are passed over."""
    await connection.execute(
        delete(restrictions).where(*_of(conv_id, restriction), restrictions.c.client_id.in_(clients))
    )


async def restricted(
    connection: AsyncConnection, conv_id: str, restriction: Restriction, clients: Sequence[str], now: int = 0
) -> set[str]:
    """Those of the clients that are on a list at `now` (UTC ms; it matters only for a silence for a time)."""
    query = select(restrictions.c.client_id).where(
        *_of(conv_id, restriction),
        restrictions.c.client_id.in_(clients),
        or_(restrictions.c.until.is_(None), restrictions.c.until > now),
    )
    return set((await connection.execute(query)).scalars())


async def kept_out(
    connection: AsyncConnection, conv_id: str, clients: Sequence[str], initiator: str | None = None
) -> dict[str, ServiceError]:
    """Those of the clients that cannot be let into a conversation, and why.

    The conversation has blocked them (4548), or they refuse to be pulled into it (4308); who joins by itself, as the
    initiator, refuses nothing.
    """
    blocked = await restricted(connection, conv_id, Restriction.BLOCKED, clients)
    pulled = [one for one in clients if one != initiator]
    refusing = await restricted(connection, conv_id, Restriction.REFUSED, pulled) if pulled else set()
    reasons = {one: CONVERSATION_NOT_ALLOWED(f"'{one}' refuses this conversation") for one in refusing}
    return reasons | {
        one: BLOCKED_BY_CONVERSATION(f"'{one}' is on the blacklist of this conversation") for one in blocked
    }


def _of(conv_id: str, restriction: Restriction) -> tuple[ColumnElement[bool], ...]:
    return restrictions.c.conv_id == conv_id, restrictions.c.kind == int(restriction)


async def page_of(
    connection: AsyncConnection, conv_id: str, restriction: Restriction, fields: Parameters
) -> JsonObject:
    """A page of a conversation's list: `client_ids`, and `next` when there is more."""
    conditions = _of(conv_id, restriction)
    return await _page(connection, "client_ids", restrictions.c.client_id, conditions, fields)


async def page_of_client(connection: AsyncConnection, client_id: str, fields: Parameters) -> JsonObject:
    """A page of the conversations that a client refuses: `conv_ids`, and `next` when there is more."""
    conditions = (restrictions.c.client_id == client_id, restrictions.c.kind == int(Restriction.REFUSED))
    return await _page(connection, "conv_ids", restrictions.c.conv_id, conditions, fields)


async def _page(
    connection: AsyncConnection,
    name: str,
    column: ColumnElement[str],
    conditions: Sequence[ColumnElement[bool]],
    fields: Parameters,
) -> JsonObject:
    limit = page_size(fields, PAGE, BLOCKED_ELSEWHERE)
    query: Any = select(column).where(*conditions).order_by(column).limit(limit + 1)
    if after := fields.text("next"):
        query = query.where(column > after)
    ids: list[Json] = list((await connection.execute(query)).scalars())
    page: JsonObject = {name: ids[:limit]}
    if len(ids) > limit:
        page["next"] = ids[limit - 1]
    return page


def silence_seconds(fields: Parameters) -> int:
    """The `ttl` of a temporary silence, in seconds."""
    seconds = fields.integer("ttl")
    if seconds is None or not 1 <= seconds <= SILENCE_SECONDS:
        raise BAD_ARGUMENT(f"'ttl' is required: 1 to {SILENCE_SECONDS} seconds")
    return seconds
