"""Pages of a conversation's history among 10,000,000 messages and among 100,000: takes minutes and 15 GB of disk."""

import random
import time
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
from sqlalchemy import make_url

from benchmarks.databases import postgres
from benchmarks.load import Client, client
from benchmarks.messaging_server import MASTER, conversations, messaging
from benchmarks.processes import Process
from benchmarks.report import Table, middle
from benchmarks.rounds import Round, Subject, one
from benchmarks.stock import START_MS, STEP_MS, fill, plan
from bridge.listen import run
from bridge.realtime.models import Kind
from bridge.server.history import Bound, Page

FEW, MANY = 100_000, 10_000_000
CONVERSATIONS = 100
PAGES = 400
PAGE = 100
ROUNDS = 7
CONCURRENCY = 1
INDEX = "rt_messages_conversation"


async def measure() -> list[Table]:
    """Both sizes on each database, asked in turn."""
    tables = []
    with TemporaryDirectory() as folder, postgres() as url:
        place = Path(folder)
        tables.append(
            await _table("SQLite", place / "sqlite", [f"sqlite:///{place}/{n}.db" for n in (FEW, MANY)])
        )
        (place / f"{MANY}.db").unlink()
        if url is not None:
            tables.append(await _table("PostgreSQL", place / "postgresql", await _databases(url)))
    return tables


async def _databases(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    for count in (FEW, MANY):
        await connection.execute(f"CREATE DATABASE messages_{count}")
    await connection.close()
    given = make_url(url)
    return [
        given.set(database=f"messages_{count}").render_as_string(hide_password=False) for count in (FEW, MANY)
    ]


async def _table(name: str, folder: Path, urls: list[str]) -> Table:
    async with AsyncExitStack() as stack:
        asking = await stack.enter_async_context(client())
        stocked = [
            await _stock(folder.with_name(f"{folder.name}-{count}"), url, count)
            for count, url in zip((FEW, MANY), urls, strict=True)
        ]
        subjects = []
        for count, url, (_, conv_ids) in zip((FEW, MANY), urls, stocked, strict=True):
            server = await stack.enter_async_context(
                messaging(folder.with_name(f"{folder.name}-{count}-read"), url)
            )
            subjects.append(_subject(count, server, conv_ids))
        rounds = await _rounds(asking, subjects)
        bound = Bound(START_MS + MANY * STEP_MS // 2, None, inclusive=False)
        found = await plan(urls[1], stocked[1][1][0], Page(start=bound, limit=PAGE))
    if INDEX not in found or "Sort" in found or "TEMP B-TREE" in found:
        raise RuntimeError(f"a page is not a range of {INDEX}: {found}")
    rows = [
        _row(subject, seconds, done, rounds[0])
        for subject, (seconds, _), done in zip(subjects, stocked, rounds, strict=True)
    ]
    return Table(
        f"A page of {PAGE} messages of one conversation, {name}",
        ("messages", "p50 ms", "of the fewer's", "p99 ms", "of the fewer's", "CPU µs", "filled in s"),
        tuple(rows),
        (f"Medians of {ROUNDS} rounds of {PAGES} pages at random instants.", f"Plan: {found}"),
    )


async def _stock(folder: Path, url: str, count: int) -> tuple[float, list[str]]:
    """A database with so many messages: how long they took to put in, and their conversations."""
    async with messaging(folder, url) as server:
        conv_ids = await conversations(server, Kind.NORMAL, CONVERSATIONS)
    started = time.perf_counter()
    await fill(url, conv_ids, count)
    return time.perf_counter() - started, conv_ids


def _subject(count: int, server: Process, conv_ids: list[str]) -> Subject:
    """Full pages alone, from anywhere in the history."""
    chance = random.Random(count)
    texts = []
    for _ in range(PAGES):
        before = START_MS + STEP_MS * chance.randrange(2 * PAGE * CONVERSATIONS, count)
        path = f"/1.2/rtm/conversations/{chance.choice(conv_ids)}/messages"
        texts.append(f"GET {path}?limit={PAGE}&timestamp={before}")
    return Subject(f"{count:,}", server, tuple(texts), "msg-id", MASTER)


async def _rounds(asking: Client, subjects: list[Subject]) -> list[list[Round]]:
    rounds: list[list[Round]] = [[] for _ in subjects]
    for number in range(ROUNDS + 1):
        for subject, done in zip(subjects, rounds, strict=True):
            figures = await one(asking, subject, PAGES, CONCURRENCY)
            if number:  # the first warms up
                done.append(figures)
    return rounds


def _row(
    subject: Subject, seconds: float, done: list[Round], first: list[Round]
) -> tuple[str, float, float, float, float, float, float]:
    pairs = [(mine.figures, other.figures) for mine, other in zip(done, first, strict=True)]
    return (
        subject.name,
        middle([mine.p50 for mine, _ in pairs]),
        middle([mine.p50 / other.p50 for mine, other in pairs]),
        middle([mine.p99 for mine, _ in pairs]),
        middle([mine.p99 / other.p99 for mine, other in pairs]),
        middle([each.cpu for each in done]),
        seconds,
    )


if __name__ == "__main__":
    for table in run(measure()):
        print(table.text(), end="\n\n")
