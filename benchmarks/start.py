"""From `imbridge serve` to the first answered command, what importing costs, and the memory of a bridge that rests."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bridge_server import bridge
from benchmarks.load import Client, Job, client
from benchmarks.processes import environment, python
from benchmarks.report import Table, middle
from benchmarks.slack import web_api

STARTS = 5
IMPORTS = 7
IMPORTED = "bridge.cli"


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds until it listened, until its first answer, on processors meanwhile; memory afterwards."""

    listening: float
    answered: float
    cpu: float
    memory: float


async def measure() -> list[Table]:
    """Starts on an empty folder and on the one that a first start has left, and imports."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        api_url = await stack.enter_async_context(web_api())
        asking = await stack.enter_async_context(client())
        used = folder / "used"
        used.mkdir()
        await _start(asking, used, api_url)  # what is compiled once is compiled now
        again = [await _start(asking, used, api_url) for _ in range(STARTS)]
        first = []
        for number in range(STARTS):
            empty = folder / str(number)
            empty.mkdir()
            first.append(await _start(asking, empty, api_url))
        return [_starts({"empty folder": first, "again": again}), await _imports(folder)]


async def _start(asking: Client, folder: Path, api_url: str) -> Start:
    async with bridge(folder, api_url) as process:
        await asking.run(Job(process.url, ("help",), "conv create", 1, 1))
        answered = time.perf_counter() - process.started
        return Start(process.ready_seconds, answered, process.cpu_seconds(), process.memory_mb())


def _starts(found: dict[str, list[Start]]) -> Table:
    rows = tuple(
        (
            name,
            middle([each.listening for each in starts]),
            middle([each.answered for each in starts]),
            middle([each.cpu for each in starts]),
            middle([each.memory for each in starts]),
        )
        for name, starts in found.items()
    )
    return Table(
        "From start to the first answer",
        ("imbridge serve", "listening s", "answered s", "CPU s", "memory MB"),
        rows,
        (f"Medians of {STARTS} starts; the folder holds the databases.",),
    )


async def _imports(folder: Path) -> Table:
    nothing = [await _run("pass", folder) for _ in range(IMPORTS)]
    imported = [await _run(f"import {IMPORTED}", folder) for _ in range(IMPORTS)]
    return Table(
        "Imports",
        ("Python", "ms"),
        (("nothing", middle(nothing)), (f"import {IMPORTED}", middle(imported))),
        (f"Medians of {IMPORTS} processes, from start to end.",),
    )


async def _run(code: str, folder: Path) -> float:
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*python(code), cwd=folder, env=environment())
    if await process.wait() != 0:
        raise RuntimeError(f"{code!r} failed")
    return (time.perf_counter() - started) * 1000
