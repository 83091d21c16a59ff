"""Signed slash commands: how many a second, and how long until each is acknowledged, at concurrency 1 and 32."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bridge_server import bridge
from benchmarks.load import Client, Figures, Job, client
from benchmarks.peers import ECHO
from benchmarks.processes import Process, serving
from benchmarks.report import Table, middle
from benchmarks.slack import web_api

CONCURRENCIES = (1, 32)
ROUNDS = 7
ROUND_SECONDS = 1.0
FEWEST, MOST = 100, 8000
WARM_UP = 200
NAMES = tuple(f"Harbor {number}" for number in range(100))


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked of whom, in turn; `expected` stands in every right answer."""

    name: str
    process: Process
    texts: tuple[str, ...]
    expected: str

    def job(self, requests: int, concurrency: int) -> Job:
        return Job(self.process.url, self.texts, self.expected, requests, concurrency)


@dataclass(frozen=True, slots=True)
class Round:
    """One run, and the server's time on a processor for each request, microseconds."""

    figures: Figures
    cpu: float


async def measure() -> list[Table]:
    """Every subject in turn, round after round, so that what disturbs the machine disturbs all alike."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        api_url = await stack.enter_async_context(web_api())
        asking = await stack.enter_async_context(client())
        bolt = await stack.enter_async_context(_peer("bolt", folder, api_url))
        floor = await stack.enter_async_context(_peer("floor", folder, api_url))
        ours = await stack.enter_async_context(bridge(_made(folder / "bridge"), api_url))
        await _furnish(asking, ours)
        subjects = [
            Subject("bare bolt, echo", bolt, ("hello",), ECHO.decode()),
            Subject("bare ASGI + HMAC", floor, ("hello",), ECHO.decode()),
            Subject("imbridge, help", ours, ("help",), "conv create"),
            Subject("imbridge, conv show", ours, tuple(f'conv show "{name}"' for name in NAMES), "topic"),
        ]
        return [await _compare(asking, subjects, concurrency) for concurrency in CONCURRENCIES]


async def _compare(asking: Client, subjects: list[Subject], concurrency: int) -> Table:
    counts = [await _count(asking, each, concurrency) for each in subjects]
    rounds: list[list[Round]] = [[] for _ in subjects]
    for _ in range(ROUNDS):
        for subject, count, done in zip(subjects, counts, rounds, strict=True):
            done.append(await _round(asking, subject.process, subject.job(count, concurrency)))
    rows = [
        _row(subject, count, done, rounds[0])
        for subject, count, done in zip(subjects, counts, rounds, strict=True)
    ]
    return Table(
        f"Slash commands at concurrency {concurrency}",
        ("server", "requests/s", "of bolt's", "p50 ms", "p99 ms", "CPU µs", "of bolt's CPU", "sample"),
        tuple(rows),
        (f"Medians of {ROUNDS} rounds; ratios are medians of each round's own ratio.",),
    )


def _row(
    subject: Subject, count: int, done: list[Round], bolt: list[Round]
) -> tuple[str, float, float, float, float, float, float, float]:
    pairs = list(zip(done, bolt, strict=True))
    return (
        subject.name,
        middle([each.figures.rate for each in done]),
        middle([mine.figures.rate / other.figures.rate for mine, other in pairs]),
        middle([each.figures.p50 for each in done]),
        middle([each.figures.p99 for each in done]),
        middle([each.cpu for each in done]),
        middle([mine.cpu / other.cpu for mine, other in pairs]),
        float(count),
    )


async def _count(asking: Client, subject: Subject, concurrency: int) -> int:
    """As many requests as last about a round, after a warm-up."""
    warm = await asking.run(subject.job(WARM_UP, concurrency))
    return max(FEWEST, min(MOST, int(warm.rate * ROUND_SECONDS)))


async def _round(asking: Client, process: Process, job: Job) -> Round:
    before = process.cpu_seconds()
    figures = await asking.run(job)
    return Round(figures, (process.cpu_seconds() - before) / job.requests * 1e6)


async def _furnish(asking: Client, process: Process) -> None:
    """Conversations to look among."""
    texts = tuple(f'conv create "{name}" --member tom --member jerry --attr topic=boats' for name in NAMES)
    await asking.run(Job(process.url, texts, "in_channel", len(texts), 1))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@asynccontextmanager
async def _peer(name: str, folder: Path, api_url: str) -> AsyncIterator[Process]:
    command = [sys.executable, "-m", "benchmarks.peers", name, api_url]
    async with serving(command, _made(folder / name)) as process:
        yield process
