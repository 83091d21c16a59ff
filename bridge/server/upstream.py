"""Upstream messages: what clients write to service conversations, kept in `_SysMessage` and taken to the webhook."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clock import Clock
from bridge.server import outbox
from bridge.server.cloud_hooks import CloudHooks
from bridge.server.engine import Engine
from bridge.server.http import Json, JsonObject, to_json
from bridge.server.ids import MessageIds
from bridge.server.objects import Objects
from bridge.server.outbox import Courier, Door, Letter
from bridge.server.store import Draft, Reach
from bridge.server.targets import Target

SYS_MESSAGE = "_SysMessage"


class Upstream:
    """Takes in what clients write to the app; nobody else gets it."""

    def __init__(
        self, engine: Engine, objects: Objects, hooks: CloudHooks, courier: Courier | None, clock: Clock
    ) -> None:
        self._engine = engine
        self._objects = objects
        self._hooks = hooks
        self._courier = courier
        self._clock = clock
        self._ids = MessageIds()

    async def keep(self, draft: Draft, target: Target) -> tuple[str, int]:
        """Keeps a message unless it is transient, and gives its id and time; 4402 when the app's hook drops it."""
        draft = replace(draft, reach=Reach.INDIVIDUAL, recipients=())
        if self._hooks.active:
            draft = await self._hooks.receive(draft, target)
        now = self._clock()
        msg_id = self._ids.new(now)
        if draft.transient:
            return msg_id, now
        columns: JsonObject = {
            "msgId": msg_id,
            "conv": {"__type": "Pointer", "className": "_Conversation", "objectId": draft.conv_id},
            "from": draft.sender,
            "fromIp": draft.from_ip,
            "data": draft.data,
            "bin": draft.bin,
            "timestamp": now,
            "ackAt": now,
        }
        async with self._engine.write() as connection:
            row = await self._objects.create(connection, SYS_MESSAGE, columns)
            if self._courier is not None:
                await _hand_over(connection, draft.conv_id, now, row)
        if self._courier is not None:
            self._courier.wake()
        return msg_id, now


async def _hand_over(connection: AsyncConnection, conv_id: str, now: int, row: JsonObject) -> None:
    shown: JsonObject = {key: row.get(key) for key in ("fromIp", "conv", "msgId", "from", "bin", "data")}
    shown |= {key: _date(row[key]) for key in ("createdAt", "updatedAt")}
    letter = Letter(str(row["msgId"]), conv_id, now, to_json(shown))
    await connection.run_sync(outbox.put, Door.WEBHOOK, [letter])


def _date(text: Json) -> Json:
    return {"__type": "Date", "iso": text}
