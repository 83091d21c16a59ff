"""What clients say they have received: gathered for a moment and written together, as nobody waits for it."""

import asyncio
import logging

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clock import Clock
from bridge.server import unread
from bridge.server.engine import Engine
from bridge.server.presence import Clients, Presence, Receipt
from bridge.server.tables import messages, receipts

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.2
TOGETHER = 500
"""Acknowledgements in one transaction."""

MOST = 100_000
"""Acknowledgements that may wait; one more is forgotten, and its messages count as not received."""


class Acknowledgements:
    """Ranges of time that clients have acknowledged, by client and conversation."""

    def __init__(self, engine: Engine, presence: Presence, clock: Clock) -> None:
        self._engine = engine
        self._presence = presence
        self._clock = clock
        self._waiting: dict[tuple[str, str], tuple[int, int]] = {}
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def note(self, client_id: str, conv_id: str, since: int, till: int) -> None:
        """A client has the messages of a conversation between two instants (UTC ms)."""
        key = (client_id, conv_id)
        if key not in self._waiting and len(self._waiting) >= MOST:
            return
        before = self._waiting.get(key, (since, till))
        self._waiting[key] = (min(before[0], since), max(before[1], till))
        if self._task is None:
            self._task = asyncio.create_task(self._write())

    async def note_one(self, client_id: str, conv_id: str, msg_id: str) -> None:
        """A client has one message."""
        query = select(messages.c.timestamp).where(messages.c.msg_id == msg_id, messages.c.conv_id == conv_id)
        async with self._engine.read() as connection:
            timestamp = (await connection.execute(query)).scalar()
        if timestamp is not None:
            self.note(client_id, conv_id, timestamp, timestamp)

    async def close(self) -> None:
        """Writes what waits."""
        self._closing.set()
        if self._task is not None:
            await self._task

    async def _write(self) -> None:
        try:
            while self._waiting:
                try:
                    await asyncio.wait_for(self._closing.wait(), GATHER_SECONDS)
                except TimeoutError:
                    log.debug("%d acknowledgements", len(self._waiting))
                keys = list(self._waiting)[:TOGETHER]
                some = [(key, self._waiting.pop(key)) for key in keys]
                await self._write_together(some)
        except Exception:
            # What is lost here is only that messages count as not received.
            log.exception("acknowledgements could not be written")
        finally:
            self._task = None

    async def _write_together(self, some: list[tuple[tuple[str, str], tuple[int, int]]]) -> None:
        now = self._clock()
        told: list[tuple[str, Receipt]] = []
        async with self._engine.write() as connection:
            # In one order everywhere: two processes that write the same rows cannot wait for each other.
            for (client_id, conv_id), span in sorted(some):
                await unread.acknowledge(connection, client_id, conv_id, span, now)
                told += await _receipts(connection, client_id, conv_id, span, now)
        for sender, receipt in told:
            await self._presence.publish(receipt, Clients((sender,)))


async def _receipts(
    connection: AsyncConnection, client_id: str, conv_id: str, span: tuple[int, int], now: int
) -> list[tuple[str, Receipt]]:
    """The receipts that this acknowledgement makes due, each to the message's sender, and each once."""
    due = (
        receipts.c.conv_id == conv_id,
        receipts.c.timestamp.between(*span),
        receipts.c.sender != client_id,
    )
    rows = (await connection.execute(select(receipts).where(*due))).all()
    if rows:
        await connection.execute(delete(receipts).where(*due))
    return [(row.sender, Receipt(conv_id, client_id, now, row.msg_id)) for row in rows]
