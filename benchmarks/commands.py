"""Signed slash commands: how many a second, and how long until each is acknowledged, at concurrency 1 and 32."""

from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bridge_server import bridge
from benchmarks.load import Client, Job, client
from benchmarks.peers import ECHO, peer
from benchmarks.processes import Process, made
from benchmarks.report import Table
from benchmarks.rounds import Subject, compare
from benchmarks.slack import web_api

CONCURRENCIES = (1, 32)
NAMES = tuple(f"Harbor {number}" for number in range(100))


async def measure() -> list[Table]:
    """Every subject in turn, round after round, so that what disturbs the machine disturbs all alike."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        api_url = await stack.enter_async_context(web_api())
        asking = await stack.enter_async_context(client())
        bolt = await stack.enter_async_context(peer("bolt", folder / "bolt", api_url))
        floor = await stack.enter_async_context(peer("floor", folder / "floor", api_url))
        ours = await stack.enter_async_context(bridge(made(folder / "bridge"), api_url))
        await _furnish(asking, ours)
        subjects = [
            Subject("bare bolt, echo", bolt, ("hello",), ECHO.decode()),
            Subject("bare ASGI + HMAC", floor, ("hello",), ECHO.decode()),
            Subject("imbridge, help", ours, ("help",), "conv create"),
            Subject("imbridge, conv show", ours, tuple(f'conv show "{name}"' for name in NAMES), "topic"),
        ]
        return [
            await compare(asking, "Slash commands", "bolt", subjects, concurrency)
            for concurrency in CONCURRENCIES
        ]


async def _furnish(asking: Client, process: Process) -> None:
    """Conversations to look among."""
    texts = tuple(f'conv create "{name}" --member tom --member jerry --attr topic=boats' for name in NAMES)
    await asking.run(Job(process.url, texts, "in_channel", len(texts), 1))
