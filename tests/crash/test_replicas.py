"""Three replicas on PostgreSQL, one killed and restarted at random, their clocks apart: each fire happens once."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.crash.processes import Nursery, free_port, nursery
from tests.crash.records import reached
from tests.crash.stage import Stage, each_second, fire, stage
from tests.crash.test_bridge_kills import KILLS

SEED = 3
AHEAD_MS = (0, 2_000, -2_000)
LEASE_MS, SETTLE_MS = 6_000, 2_000
AT_ONCE = 30
"""Due in one second, so that the replicas really race for them."""
SETTLED_WITHIN = 90.0
RESTLESS = """
    SELECT (SELECT count(*) FROM imbridge_fires WHERE state IN ('claimed', 'asking'))
         + (SELECT count(*) FROM imbridge_parts WHERE state IN ('planned', 'sending')
                OR state = 'unknown' AND reason NOT IN ('not_found', 'not_asked', 'no_trace'))
         + (SELECT count(*) FROM imbridge_posts WHERE state IN ('waiting', 'posting'))
"""
PARTS = "SELECT d.id, d.text, p.state FROM imbridge_parts p JOIN imbridge_deliveries d ON d.id = p.delivery"


@dataclass
class Replicas:
    """The three, and what they share."""

    stage: Stage
    alive: list[Nursery]
    database_url: str
    fires: list[datetime]

    async def ask(self, query: str) -> list[asyncpg.Record]:
        """From the bridge's database."""
        connection = await asyncpg.connect(self.database_url)
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()

    async def settled(self) -> None:
        """Wait until every fire has come and nothing is under way any more."""
        latest = max(self.fires) - timedelta(milliseconds=min(AHEAD_MS))
        async with asyncio.timeout(SETTLED_WITHIN + KILLS * 2):
            while datetime.now(UTC) < latest or await self._restless():  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    async def _restless(self) -> bool:
        ((left,),) = await self.ask(RESTLESS)
        ((come,),) = await self.ask("SELECT count(*) FROM imbridge_fires")
        return bool(left) or come < len(self.fires)


@asynccontextmanager
async def replicas(folder: Path, database_url: str) -> AsyncIterator[Replicas]:
    """Three that serve, with seconds left before the first fire."""
    async with AsyncExitStack() as parts:
        around = await parts.enter_async_context(stage(folder))
        given = {**around.given, "IMBRIDGE_DATABASE_URL": database_url}
        homes = [folder / f"replica-{number}" for number in range(len(AHEAD_MS))]
        alive = []
        for home, ahead in zip(homes, AHEAD_MS, strict=True):
            home.mkdir()
            own = {**given, "PORT": str(free_port())}
            tempo = map(str, (LEASE_MS, SETTLE_MS, ahead))
            alive.append(await parts.enter_async_context(nursery("bridge", *tempo, folder=home, given=own)))
        # Once without schedules, so that what a first start costs is over before their time begins to run.
        (homes[0] / "app.yaml").write_text(around.settings(()))
        await alive[0].bear()
        await alive[0].ready()
        await alive[0].kill()
        first = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=6)
        fires = each_second(first, max(6, KILLS // 3)) + [first + timedelta(seconds=3)] * AT_ONCE
        lines = [fire(number, at) for number, at in enumerate(fires)]
        for home, replica in zip(homes, alive, strict=True):
            (home / "app.yaml").write_text(around.settings(lines))
            await replica.bear()
        yield Replicas(around, alive, database_url, fires)


@pytest.mark.timeout(240 + KILLS * 10)
async def test_each_fire_happens_once_among_three_replicas_of_which_one_is_always_dying(
    tmp_path: Path, postgres_url: str
) -> None:
    draw = random.Random(SEED)  # noqa: S311
    async with replicas(tmp_path, postgres_url) as told:
        await asyncio.sleep(4)
        for _ in range(max(8, KILLS // 2)):
            dying = draw.choice(told.alive)
            await dying.kill()
            await asyncio.sleep(draw.uniform(0.0, 0.4))
            await dying.bear()
            await asyncio.sleep(draw.uniform(0.2, 1.0))
        await told.settled()
        for replica in told.alive:
            await replica.kill()
        await judge(told)


async def judge(told: Replicas) -> None:
    """By the server's records."""
    there = reached(told.stage.records)
    assert there.twice() == []
    states = {row["text"]: row for row in await told.ask(PARTS)}
    print(table(told, Counter(row["state"] for row in states.values())))  # noqa: T201 - for those who look, with -s
    for name in (f"fire-{number}" for number in range(len(told.fires))):
        assert name in states, f"{name} is lost"
        if states[name]["state"] == "unknown":
            assert told.stage.slack.heard(f"delivery resolve {states[name]['id']} again"), (
                f"{name} is in doubt"
            )
        else:
            assert (states[name]["state"], there.everyone[name]) == ("sent", 1), states[name]


def table(told: Replicas, states: Counter[str]) -> str:
    """What the run has come to."""
    return (
        f"\n{len(told.alive)} replicas, clocks {max(AHEAD_MS) - min(AHEAD_MS)} ms apart: {len(told.fires)} fires,"
        f" {states['sent']} sent once, {states['unknown']} asked about"
    )
