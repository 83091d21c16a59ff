"""Temporary conversations: up to ten members who never change, for a day; they are no rows of `_Conversation`."""

import secrets
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server.errors import CONVERSATION_FULL, TEMPORARY_CONVERSATION_EXPIRED
from bridge.server.http import JsonObject
from bridge.server.presence import Clients, Notice
from bridge.server.tables import temporaries
from bridge.server.targets import TEMPORARY_PREFIX
from bridge.server.times import iso
from bridge.server.upserts import insert_into
from bridge.server.wire.sessions import Session

MEMBERS = 10
LIFE_SECONDS = 86_400
"""Default and maximum; the documentation contradicts itself on a longer one."""


def is_temporary(conv_id: str) -> bool:
    """Whether an id is a temporary conversation's."""
    return conv_id.startswith(TEMPORARY_PREFIX)


async def start(session: Session, members: Sequence[str], ttl: int | None) -> JsonObject:
    """Makes a temporary conversation and gives the fields of the answer; 4304 for too many members."""
    if len(members) > MEMBERS:
        raise CONVERSATION_FULL(f"{len(members)} members, at most {MEMBERS} are possible")
    seconds = ttl if ttl is not None and 1 <= ttl <= LIFE_SECONDS else LIFE_SECONDS
    now, me = session.server.clock(), session.client_id
    conv_id = f"{TEMPORARY_PREFIX}{secrets.token_urlsafe(24)}"
    made: JsonObject = {
        "conv_id": conv_id,
        "creator": me,
        "created_at": now,
        "expires_at": now + seconds * 1000,
    }
    async with session.server.engine.write() as connection:
        await connection.execute(
            insert_into(connection, temporaries), [{**made, "client_id": one} for one in members]
        )
    others = tuple(one for one in members if one != me)
    if others:
        await session.server.presence.publish(Notice("joined", conv_id, me, at=now), Clients(others))
    return {"cid": conv_id, "cdate": iso(now), "tempConvTTL": seconds}


async def rows(connection: AsyncConnection, conv_ids: Sequence[str], now: int) -> list[JsonObject]:
    """Those of these conversations that still exist, as a query shows them."""
    query = select(temporaries).where(temporaries.c.conv_id.in_(conv_ids), temporaries.c.expires_at > now)
    found: dict[str, JsonObject] = {}
    members: dict[str, list[str]] = {}
    for row in await connection.execute(query.order_by(temporaries.c.conv_id, temporaries.c.client_id)):
        members.setdefault(row.conv_id, []).append(row.client_id)
        found[row.conv_id] = {
            "objectId": row.conv_id,
            "c": row.creator,
            "createdAt": iso(row.created_at),
            "updatedAt": iso(row.created_at),
            "temp": True,
            "ttl": (row.expires_at - now) // 1000,
            "conv_type": 4,
        }
    return [{**row, "m": [*members[conv_id]]} for conv_id, row in found.items()]


async def require_alive(connection: AsyncConnection, conv_id: str, now: int) -> None:
    """4323 for one whose time is over."""
    query = select(temporaries.c.expires_at).where(temporaries.c.conv_id == conv_id).limit(1)
    expires_at = (await connection.execute(query)).scalar()
    if expires_at is not None and expires_at <= now:
        raise TEMPORARY_CONVERSATION_EXPIRED("its time is over")


async def of_client(connection: AsyncConnection, client_id: str, now: int, most: int) -> Sequence[str]:
    """The temporary conversations that a client is in."""
    query = (
        select(temporaries.c.conv_id)
        .where(temporaries.c.client_id == client_id, temporaries.c.expires_at > now)
        .limit(most)
    )
    return (await connection.execute(query)).scalars().all()
