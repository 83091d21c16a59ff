"""Schedules: loading 10,000, and a thousand that fire in the same second, on one process and on three.

`python -m benchmarks.schedules URL` is one replica: it prints how late (ms) each fire was that it has claimed, from its
instant until the claim was durable and the command began.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from benchmarks.databases import postgres
from benchmarks.processes import environment
from benchmarks.report import Table
from bridge.clock import now_ms
from bridge.context import Tell
from bridge.cron import Schedule
from bridge.database.engine import Database
from bridge.database.leases import Lease
from bridge.database.schedules import ScheduleStore
from bridge.identifiers import new_invocation_id
from bridge.invocation import Invocation, Place
from bridge.listen import run
from bridge.phrases import phrase
from bridge.reply import Reply
from bridge.schedule import Schedules
from bridge.watch import unwatched

LOADED = 10_000
AT_ONCE = 1_000
HERE = Place("T1", "C1")
AHEAD_SECONDS = 8
WATCHED_SECONDS = 4
DAILY = Schedule("daily", "30 4 * * *", "Asia/Shanghai", "stats", HERE)


@dataclass(frozen=True, slots=True)
class Fired:
    """How late the fires were, ms, and how many of them there should have been."""

    lags: list[int]
    wanted: int

    def row(self, name: str) -> tuple[str, float, float, float, float]:
        ordered = sorted(self.lags)
        p99 = ordered[int(len(ordered) * 0.99) - 1] if ordered else 0
        return (name, float(self.wanted), float(len(ordered)), float(ordered[len(ordered) // 2]), float(p99))


async def measure() -> list[Table]:
    """Loading, then firing."""
    with tempfile.TemporaryDirectory() as folder:
        added, loaded = await _load(f"sqlite:///{folder}/load.db")
        loading = Table(
            f"{LOADED} schedules",
            ("database", "synchronised s", "loaded and set s"),
            (("SQLite", added, loaded),),
        )
        rows = [(await _fire(f"sqlite:///{folder}/fire.db", 1)).row("one process, SQLite")]
    with postgres() as url:
        if url is not None:
            rows.append((await _fire(url, 3)).row("three processes, PostgreSQL"))
    firing = Table(
        f"{AT_ONCE} schedules due in one second",
        ("who", "due", "fired", "claim lag p50 ms", "claim lag p99 ms"),
        tuple(rows),
        ("From the instant until the claim is durable and the command begins.",),
    )
    return [loading, firing]


async def _load(url: str) -> tuple[float, float]:
    database = await Database.open(url)
    settings = [replace(DAILY, name=f"daily-{number}") for number in range(LOADED)]
    store = ScheduleStore(database, "one")
    started = time.perf_counter()
    await store.synchronise(settings)
    added = time.perf_counter() - started
    schedules = Schedules(store, _nothing, unwatched(_nowhere))
    started = time.perf_counter()
    await schedules.start(settings)
    loaded = time.perf_counter() - started
    await schedules.close()
    await database.close()
    return added, loaded


async def _fire(url: str, processes: int) -> Fired:
    """Let so many processes fire what is due at one moment."""
    database = await Database.open(url)
    at = datetime.now(UTC) + timedelta(seconds=AHEAD_SECONDS)
    once = replace(DAILY, when=f"{at:%Y-%m-%dT%H:%M:%S}", zone="UTC", owner="U1")
    # Somebody's own, so that a replica that starts with no settings leaves them alone.
    await ScheduleStore(database, "nobody").synchronise(
        [replace(once, name=f"once-{number}") for number in range(AT_ONCE)]
    )
    await database.close()
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.schedules",
            url,
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(processes)
    ]
    said = await asyncio.gather(*(child.communicate() for child in children))
    return Fired([lag for out, _ in said for lag in json.loads(out)], AT_ONCE)


async def _replica(url: str) -> list[int]:
    database = await Database.open(url)
    lease = Lease(database, new_invocation_id())
    await lease.start()
    lags: list[int] = []

    async def dispatch(invocation: Invocation, _: Tell) -> Reply:
        lags.append(now_ms() - int(invocation.request.rpartition(":")[2]))
        return Reply(phrase("Done."))

    store = ScheduleStore(database, lease.name)
    schedules = Schedules(store, dispatch, unwatched(_nowhere))
    await schedules.start(())
    ((known, *_),) = [await store.all()]
    due = datetime.fromisoformat(known.schedule.when).replace(tzinfo=UTC)
    await asyncio.sleep((due - datetime.now(UTC)).total_seconds() + WATCHED_SECONDS)
    await schedules.close()
    await lease.release()
    await database.close()
    return lags


async def _nothing(_: Invocation, __: Tell) -> Reply:
    return Reply(phrase("Done."))


async def _nowhere(_: Place, __: Reply, ___: str) -> None:
    """Nobody listens."""


def main(arguments: Sequence[str]) -> None:
    """One replica, or with no arguments the whole measurement."""
    if arguments:
        sys.stdout.write(json.dumps(run(_replica(arguments[0]))))
    else:
        for table in run(measure()):
            sys.stdout.write(table.text() + "\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
