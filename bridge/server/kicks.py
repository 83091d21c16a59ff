"""Kicks: what let a client in before it was put out over REST lets it in no more."""

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server.restrictions import Restriction
from bridge.server.tables import restrictions
from bridge.server.upserts import insert_into

KEPT_MS = 14 * 86_400_000
"""Longer than any session token lives that was given before the kick."""

_NO_CONVERSATION = ""


async def note(connection: AsyncConnection, client_id: str, now: int) -> None:
    """Keeps that a client was kicked at `now` (UTC ms)."""
    kicks = (
        restrictions.c.conv_id == _NO_CONVERSATION,
        restrictions.c.kind == int(Restriction.KICKED),
    )
    await connection.execute(delete(restrictions).where(*kicks, restrictions.c.until < now - KEPT_MS))
    row = {
        "conv_id": _NO_CONVERSATION,
        "kind": int(Restriction.KICKED),
        "client_id": client_id,
        "until": now,
    }
    await connection.execute(
        insert_into(connection, restrictions)
        .values(row)
        .on_conflict_do_update(index_elements=["conv_id", "kind", "client_id"], set_={"until": now})
    )


async def kicked_since(connection: AsyncConnection, client_id: str, since: int) -> bool:
    """Whether a client was kicked at `since` (UTC ms) or later."""
    query = select(restrictions.c.client_id).where(
        restrictions.c.conv_id == _NO_CONVERSATION,
        restrictions.c.kind == int(Restriction.KICKED),
        restrictions.c.client_id == client_id,
        restrictions.c.until >= since,
    )
    return (await connection.execute(query)).first() is not None
