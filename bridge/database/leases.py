"""Who is alive: a row for each process that writes, renewed while it lives; what a lapsed one left is taken over."""

import asyncio
import logging
from functools import partial

from sqlalchemy import Connection, Select, delete, insert, select, update

from bridge.clock import Clock, now_ms
from bridge.database.engine import Database
from bridge.database.tables import leases

log = logging.getLogger(__name__)

TERM_MS = 12_000
"""How long a lease lasts without being renewed."""
SKEW_MS = 3_000
"""How far apart the clocks of replicas may be before one takes over from a living one."""


class Lease:
    """This process's own lease."""

    def __init__(self, database: Database, name: str, clock: Clock = now_ms, term_ms: int = TERM_MS) -> None:
        self.name = name
        self._database = database
        self._clock = clock
        self._term_ms = term_ms
        self._renewing: asyncio.Task[None] | None = None
        self._until = 0

    async def start(self) -> None:
        """Take the lease, before anything is written under it, and keep it."""
        until = self._clock() + self._term_ms
        await self._database.write(partial(self._write, until=until))
        self._until = until
        self._renewing = asyncio.create_task(self._renew())

    def holds(self) -> bool:
        """Whether nobody can have taken anything over from us; not so after a sleep that outlasted the lease."""
        return self._clock() < self._until

    async def release(self) -> None:
        """Give it up: what is left undone can be taken over at once."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])
        gone = delete(leases).where(leases.c.id == self.name)
        await self._database.write(lambda connection: connection.execute(gone))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._term_ms / 3000)
            until = self._clock() + self._term_ms
            try:
                await self._database.write(partial(self._write, until=until))
                self._until = until
            except Exception:
                log.exception("the lease could not be renewed; trying again")

    def _write(self, connection: Connection, until: int) -> None:
        renewed = connection.execute(update(leases).where(leases.c.id == self.name).values(until=until))
        if not renewed.rowcount:
            connection.execute(insert(leases).values(id=self.name, until=until))


def living(now: int) -> Select[str]:
    """The names of the leases that have not lapsed."""
    return select(leases.c.id).where(leases.c.until >= now - SKEW_MS)
