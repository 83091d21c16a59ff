"""Old messages are let go: history is kept for so many days, and no longer."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, select
from sqlalchemy.exc import SQLAlchemyError

from bridge.clock import Clock
from bridge.server.engine import POSTGRESQL, Engine
from bridge.server.tables import broadcasts, hidden, messages, pushes, receipts, recipients

log = logging.getLogger(__name__)

DAY_MS = 86_400_000
TOGETHER = 500
"""Messages in one transaction: nobody waits longer for the database than those take."""

PAUSE_SECONDS = 0.05
PASS_SECONDS = 3600.0
FIRST_SECONDS = 60.0
"""A process that lives for one command leaves the cleaning to others."""

MOST_A_PASS = 1_000_000

_LOCK = 0x72747265  # "rtre": any number that nobody else locks


class Retention:
    """Deletes messages older than `days`, a minute after the start and then every hour, until it is closed."""

    def __init__(self, engine: Engine, clock: Clock, days: float) -> None:
        self._engine = engine
        self._clock = clock
        self._days = days
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stops between two transactions, or undoes the one under way."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            try:
                await self.sweep()
            except SQLAlchemyError:
                log.exception("old messages could not be deleted")
            await asyncio.sleep(PASS_SECONDS)

    async def sweep(self) -> int:
        """One pass; gives how many messages went."""
        before, gone = self._clock() - round(self._days * DAY_MS), 0
        while gone < MOST_A_PASS and (some := await self._old(before)):
            await self._delete(some)
            gone += len(some)
            await asyncio.sleep(PAUSE_SECONDS)
        if gone:
            log.info("%d messages older than %g days were deleted", gone, self._days)
        return gone

    async def _old(self, before: int) -> Sequence[Row[*tuple[Any, ...]]]:
        columns = (messages.c.msg_id, messages.c.conv_id, messages.c.timestamp)
        oldest = select(*columns).where(messages.c.timestamp < before)
        query = oldest.order_by(messages.c.timestamp, messages.c.msg_id).limit(TOGETHER)
        async with self._engine.read() as connection:
            return (await connection.execute(query)).all()

    async def _delete(self, rows: Sequence[Row[*tuple[Any, ...]]]) -> None:
        ids = [row.msg_id for row in rows]
        async with self._engine.write() as connection:
            if self._engine.dialect == POSTGRESQL:
                await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            # The message first, as whoever changes one does: two that delete and change cannot wait for each other.
            for table in (messages, recipients, hidden, broadcasts, pushes):
                await connection.execute(delete(table).where(table.c.msg_id.in_(ids)))
            await connection.execute(
                _DELETE_RECEIPT,
                [{"conv": row.conv_id, "at": row.timestamp, "msg": row.msg_id} for row in rows],
            )


_DELETE_RECEIPT = delete(receipts).where(
    receipts.c.conv_id == bindparam("conv"),
    receipts.c.timestamp == bindparam("at"),
    receipts.c.msg_id == bindparam("msg"),
)
