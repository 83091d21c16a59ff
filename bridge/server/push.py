"""Push data of messages: the one place where it is recorded for whoever delivers it to phones."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server.tables import pushes


class Audience(StrEnum):
    """Whose devices a push is for."""

    OFFLINE = "offline"
    SUBSCRIBERS = "subscribers"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Push:
    """Push data (JSON text) of one message; `clients` are named for those who were offline, and only for them."""

    msg_id: str
    created_at: int
    conv_id: str
    audience: Audience
    data: str
    clients: tuple[str, ...] = ()


async def record(connection: AsyncConnection, many: Sequence[Push]) -> None:
    """Keeps push data in the transaction of its messages, so that neither exists without the other."""
    rows = [
        {
            "msg_id": push.msg_id,
            "created_at": push.created_at,
            "conv_id": push.conv_id,
            "audience": push.audience,
            "clients": json.dumps(push.clients) if push.audience is Audience.OFFLINE else None,
            "data": push.data,
        }
        for push in many
    ]
    await connection.execute(insert(pushes), rows)


async def recorded(connection: AsyncConnection, since: int) -> Sequence[Push]:
    """The push data recorded from an instant on (UTC ms), oldest first."""
    query = select(pushes).where(pushes.c.created_at >= since).order_by(pushes.c.created_at)
    return [
        Push(
            row.msg_id,
            row.created_at,
            row.conv_id,
            Audience(row.audience),
            row.data,
            tuple(json.loads(row.clients or "[]")),
        )
        for row in (await connection.execute(query)).all()
    ]
