"""The switch of all replicas, and what it stops."""

import asyncio
import logging

from sqlalchemy import Connection

from bridge.clock import Clock, now_ms
from bridge.database.engine import Database
from bridge.database.ledger import Ledger
from bridge.database.switches import standing, turn
from bridge.freezing import Frozen

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class Freezing:
    """Stops everything that reaches people; each call asks the database itself, in the transaction that begins it."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock = now_ms) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self.shown: Frozen | None = None

    async def now(self) -> Frozen | None:
        """How it stands."""
        async with self._database.read() as connection:
            row = (await connection.execute(standing())).one()
        self.shown = Frozen(row.who, row.at) if row.is_on else None
        return self.shown

    async def freeze(self, who: str) -> int:
        """Stop everything, for all replicas; gives how many calls will not be made."""
        frozen = Frozen(who, self._clock())

        def stopped(connection: Connection) -> int:
            turn(connection, frozen, on=True)
            return self._ledger.stop_all(connection, who)

        calls = await self._database.write(stopped)
        log.warning("frozen by %s: %d calls will not be made", who, calls)
        await self.now()
        return calls

    async def unfreeze(self, who: str) -> bool:
        """Let things go on; False: nothing was stopped."""
        thawed = Frozen(who, self._clock())
        turned = await self._database.write(lambda connection: turn(connection, thawed, on=False))
        log.warning("unfrozen by %s", who)
        await self.now()
        return turned

    async def watch(self) -> None:
        """Until canceled: keep what is shown up to date with the other replicas."""
        while True:
            try:
                await self.now()
            except Exception:
                log.exception("whether everything is frozen could not be read; trying again")
            await asyncio.sleep(LOOK_SECONDS)
