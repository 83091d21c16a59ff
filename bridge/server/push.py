"""Push data of messages: handed to the app's push endpoint or, where there is none, recorded for who asks for it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server import outbox
from bridge.server.http import Json, JsonObject, parse_json, to_json
from bridge.server.outbox import Courier, Door, Letter
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


class Pushes:
    """Keeps push data in the transaction of its messages, so that neither exists without the other."""

    def __init__(self, courier: Courier | None) -> None:
        self._courier = courier

    def keep(self, connection: Connection, many: Sequence[Push]) -> None:
        """Keeps it for the endpoint, or on record."""
        if self._courier is None:
            record(connection, many)
        else:
            outbox.put(connection, Door.PUSH, [_letter(push) for push in many])

    def wake(self) -> None:
        """Says that a transaction with push data may have ended."""
        if self._courier is not None:
            self._courier.wake()


def _letter(push: Push) -> Letter:
    """What the endpoint gets; `client_ids` are those whose devices the push is for, where it is not for all."""
    body: JsonObject = {
        "id": push.msg_id,
        "timestamp": push.created_at,
        "conv_id": push.conv_id,
        "audience": str(push.audience),
        "data": parse_json(push.data),
    }
    if push.audience is Audience.OFFLINE:
        clients: list[Json] = [*push.clients]
        body["client_ids"] = clients
    return Letter(push.msg_id, push.msg_id, push.created_at, to_json(body))


def record(connection: Connection, many: Sequence[Push]) -> None:
    """Writes push data down."""
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
    connection.execute(insert(pushes), rows)


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
