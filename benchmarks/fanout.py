"""A broadcast to 5,000 clients online: how long until the last has it, and what a socket that rests weighs."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.databases import postgres
from benchmarks.messaging_server import KEYS, conversations, messaging
from benchmarks.report import Table, middle
from benchmarks.sockets import devices, raise_limit
from bridge.listen import run
from bridge.realtime.client import RealtimeClient, open_http
from bridge.realtime.content import Plain
from bridge.realtime.models import Kind, Ref

CLIENTS = 5_000
FIRST = 100
BROADCASTS = 7
REST_SECONDS = 2.0
SPARE_FILES = 200


async def measure() -> list[Table]:
    """On each database; the clients are a process of their own."""
    clients = min(CLIENTS, raise_limit() - SPARE_FILES)
    rows = []
    with TemporaryDirectory() as folder, postgres() as url:
        for name, database in (("SQLite", f"sqlite:///{folder}/messages.db"), ("PostgreSQL", url)):
            if database is not None:
                rows.append(await _row(name, Path(folder) / name, database, clients))
    return [
        Table(
            f"A broadcast to {clients:,} sockets",
            (
                "database",
                "first ms",
                "half ms",
                "last ms",
                "slowest last ms",
                "CPU ms",
                "KB a socket",
                "logins/s",
            ),
            tuple(rows),
            (
                f"Medians of {BROADCASTS} broadcasts, from before the REST call.",
                f"Memory: resident, beyond that after the first {FIRST} logins.",
            ),
        )
    ]


async def _row(
    name: str, folder: Path, database: str, clients: int
) -> tuple[str, float, float, float, float, float, float, float]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(messaging(folder, database))
        (news,) = await conversations(server, Kind.SYSTEM, 1)
        client = RealtimeClient(await stack.enter_async_context(open_http(server.url)), KEYS)
        async with devices(server.url, KEYS.app_id, FIRST):
            pass  # what is loaded and compiled once is no socket's weight
        empty, started = server.memory_mb(), time.perf_counter()
        phones = await stack.enter_async_context(devices(server.url, KEYS.app_id, clients))
        login = (time.perf_counter() - started) / clients
        await asyncio.sleep(REST_SECONDS)
        resting = (server.memory_mb() - empty) * 1000 / clients
        delays, cpu = [], []
        for number in range(BROADCASTS):
            text = f"Saturday's party, invitation {number}."
            await phones.wait_for(text)
            used, began = server.cpu_seconds(), time.perf_counter() * 1000
            await client.broadcast(Ref(news, Kind.SYSTEM), "tom", Plain(text))
            delays.append([each - began for each in await phones.times()])
            await asyncio.sleep(REST_SECONDS / 4)
            cpu.append((server.cpu_seconds() - used) * 1000)
    first, half, last = zip(*delays, strict=True)
    return (name, middle(first), middle(half), middle(last), max(last), middle(cpu), resting, 1 / login)


if __name__ == "__main__":
    for table in run(measure()):
        print(table.text(), end="\n\n")
