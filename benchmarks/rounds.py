"""Servers compared: each is asked in turn, round after round, so that what disturbs the machine disturbs all alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.load import Client, Figures, Job
from benchmarks.processes import Process
from benchmarks.report import Table, middle

ROUNDS = 7
ROUND_SECONDS = 1.0
FEWEST, MOST = 100, 8000
WARM_UP = 200


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked of whom, in turn; `expected` stands in every right answer. `headers` are as in a `Job`."""

    name: str
    process: Process
    texts: tuple[str, ...]
    expected: str
    headers: Mapping[str, str] | None = None

    def job(self, requests: int, concurrency: int) -> Job:
        """So many requests of this subject."""
        return Job(self.process.url, self.texts, self.expected, requests, concurrency, self.headers)


@dataclass(frozen=True, slots=True)
class Round:
    """One run, and the server's time on a processor for each request, microseconds."""

    figures: Figures
    cpu: float


async def compare(
    asking: Client, title: str, first: str, subjects: Sequence[Subject], concurrency: int
) -> Table:
    """A row for each subject, with its ratios to the first one, which the columns call `first`."""
    counts = [await _count(asking, each, concurrency) for each in subjects]
    rounds: list[list[Round]] = [[] for _ in subjects]
    for _ in range(ROUNDS):
        for subject, count, done in zip(subjects, counts, rounds, strict=True):
            done.append(await one(asking, subject, count, concurrency))
    rows = [
        _row(subject, count, done, rounds[0])
        for subject, count, done in zip(subjects, counts, rounds, strict=True)
    ]
    return Table(
        f"{title} at concurrency {concurrency}",
        (
            "server",
            "requests/s",
            f"of {first}'s",
            "p50 ms",
            "p99 ms",
            "CPU µs",
            f"of {first}'s CPU",
            "sample",
        ),
        tuple(rows),
        (f"Medians of {ROUNDS} rounds; ratios are medians of each round's own ratio.",),
    )


def _row(
    subject: Subject, count: int, done: list[Round], first: list[Round]
) -> tuple[str, float, float, float, float, float, float, float]:
    pairs = list(zip(done, first, strict=True))
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


async def one(asking: Client, subject: Subject, requests: int, concurrency: int) -> Round:
    """So many requests of one subject."""
    before = subject.process.cpu_seconds()
    figures = await asking.run(subject.job(requests, concurrency))
    return Round(figures, (subject.process.cpu_seconds() - before) / requests * 1e6)
