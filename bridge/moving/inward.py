"""Moving in: every row is read, loaded in large transactions, counted again, and a sample is compared over REST."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bridge.moving import bars, source
from bridge.moving.compare import Mismatch, compare
from bridge.moving.folder import (
    BROADCASTS,
    CLASSES,
    FILES,
    MANIFEST,
    MESSAGES,
    SILENCES,
    THREADS,
    Stopped,
)
from bridge.moving.links import key_of, relink
from bridge.moving.source import Rows
from bridge.realtime.client import RealtimeClient
from bridge.server.engine import Engine
from bridge.server.errors import BAD_JSON, OBJECT_TOO_LARGE, ServiceError
from bridge.server.http import JsonObject, parse_json
from bridge.server.loading import Loader, Tally, read_object, read_restriction, read_subscription
from bridge.server.loading_messages import MessageLoader, read_broadcast, read_message, read_thread
from bridge.server.restrictions import Restriction

BATCH = 500
"""Rows of one transaction."""

_TIMED = (MESSAGES, THREADS, BROADCASTS)

SAMPLE = 50
"""Rows of each file that are compared."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: the server's storage, its REST API for looking again, its files and the address of these.

    Messages older than `keeps_from` (UTC ms) are deleted there; None where all are kept.
    """

    engine: Engine
    client: RealtimeClient
    files: Path
    public_url: str
    keeps_from: int | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """How to arrive: the address under which users reach the server, for links, and the seed of the sample."""

    public_url: str
    seed: int


@dataclass(slots=True)
class Count:
    """What became of one file's rows."""

    lines: int = 0
    malformed: int = 0
    here: int = 0
    tally: Tally = field(default_factory=Tally)


@dataclass(slots=True)
class Outcome:
    """What was moved in, and every difference that is left."""

    seed: int
    counts: dict[str, Count] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    compared: int = 0
    files: int = 0
    new_files: int = 0

    @property
    def ok(self) -> bool:
        """Whether all of it is here."""
        return not self.differences

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{'rows':>12} {'new':>12} {'changed':>12} {'as it was':>12} {'malformed':>10}"
        for label, one in self.counts.items():
            tally = one.tally
            yield (
                f"{one.lines:>12,} {tally.added:>12,} {tally.changed:>12,} {tally.kept:>12,} "
                f"{one.malformed:>10,}  {label}"
            )
        yield f"{self.files:,} files, {self.new_files:,} of them new here"
        yield f"{self.compared:,} rows compared over REST (seed {self.seed})"
        yield from (f"DIFFERENT: {one}" for one in self.differences)
        if self.ok:
            yield "Everything in the export is here."


@dataclass(frozen=True, slots=True)
class Intake:
    """How one kind of row is read, loaded, told apart and counted."""

    read: Callable[[JsonObject], Any]
    load: Callable[[Sequence[Any]], Awaitable[Tally]]
    key: Callable[[Any], Any]
    count: Callable[[Sequence[Any]], Awaitable[int]]


async def move_in(path: Path, target: Target, report: Callable[[str], None], seed: int) -> Outcome:
    """Loads what stands at the path; each malformed line is reported, and the rest goes on without it.

    Stopped: it cannot be read, or the server would delete some of it; nothing was moved.
    """
    await asyncio.to_thread(source.check, path)
    manifest = await asyncio.to_thread(_manifest, path)
    if target.keeps_from is not None:
        await asyncio.to_thread(_refuse_older, path, target.keeps_from)
    mover = _Mover(path, target, manifest, report, Outcome(seed))
    await mover.install_files()
    await mover.load()
    await mover.look_again()
    return mover.outcome


def _manifest(path: Path) -> Mapping[str, Any]:
    file = path / MANIFEST
    if not path.is_dir() or not file.exists():
        return {}
    try:
        found = json.loads(file.read_bytes())
        known = found["format"] == 1 and isinstance(found["counts"], dict)
        times = (found["newest_message_at"], found["threads_read_till"])
    except (ValueError, KeyError, TypeError) as error:
        raise Stopped(f"{file} is damaged") from error
    if not known or not all(isinstance(one, int) for one in times):
        raise Stopped(f"{file} is of another version of imbridge")
    return dict(found)


def _refuse_older(path: Path, keeps_from: int) -> None:
    """Stopped: the server would delete some of the messages within the hour, and nobody would hear of it."""
    older, oldest = 0, keeps_from
    for rows in source.tables(path):
        while rows.table in _TIMED and (lines := rows.batch(BATCH)):
            times = [at for line in lines if (at := _time_of(line)) is not None and at < keeps_from]
            older, oldest = older + len(times), min(oldest, *times, keeps_from)
    if older:
        raise Stopped(
            f"`retention.history` in app.yaml has the server delete messages from before {_day(keeps_from)}, and "
            f"{older:,} in {path} are older, from {_day(oldest)} on. Nothing was moved. Take that setting out, or make "
            "it longer, and import again; where it is put back, the server deletes them within the hour"
        )


def _time_of(line: source.Line) -> int | None:
    try:
        row = json.loads(line.text or b"")
    except (ValueError, RecursionError):
        return None
    at = row.get("timestamp") if isinstance(row, dict) else None
    return at if isinstance(at, int) and at >= 0 else None


def _day(instant: int) -> str:
    return datetime.fromtimestamp(instant / 1000, UTC).date().isoformat()


class _Mover:
    def __init__(
        self,
        path: Path,
        target: Target,
        manifest: Mapping[str, Any],
        report: Callable[[str], None],
        outcome: Outcome,
    ) -> None:
        self._path = path
        self._target = target
        self._manifest = manifest
        self._report = report
        self.outcome = outcome
        self._loader = Loader(target.engine, int(manifest.get("newest_message_at", 0)))
        self._messages = MessageLoader(self._loader)
        self._random = random.Random(outcome.seed)  # noqa: S311 - a sample to compare, no secret

    def _intake(self, table: str) -> Intake:
        loader, messages = self._loader, self._messages
        match table:
            case "subscriptions":
                return Intake(read_subscription, loader.subscriptions, _itself, loader.count_subscriptions)
            case "silences" | "blacklists":
                kind = Restriction.SILENCED if table == SILENCES else Restriction.BLOCKED
                return Intake(
                    read_restriction,
                    partial(loader.restrictions, kind),
                    _itself,
                    partial(loader.count_restrictions, kind),
                )
            case "messages":
                return Intake(read_message, messages.messages, _msg_id, self._count_messages)
            case "threads":
                return Intake(read_thread, messages.threads, _msg_id_of, self._count_messages)
            case "broadcasts":
                return Intake(read_broadcast, messages.broadcasts, _msg_id_of, self._count_messages)
            case _:
                read, count = partial(read_object, table), partial(self._count_objects, table)
                return Intake(read, partial(loader.objects, table), _id, count)

    async def _count_messages(self, rows: Sequence[Any]) -> int:
        return await self._messages.count_messages([getattr(row, "message", row).msg_id for row in rows])

    async def _count_objects(self, table: str, rows: Sequence[Any]) -> int:
        return await self._loader.count_objects(table, [row.id for row in rows])

    async def install_files(self) -> None:
        """Puts files where the server serves them from, before any message links there."""
        folders = await asyncio.to_thread(lambda: list(source.files(self._path)))
        with bars.step(FILES, len(folders)) as advance:
            for folder in folders:
                self.outcome.files += 1
                self.outcome.new_files += await asyncio.to_thread(source.install, folder, self._target.files)
                advance(1)

    async def load(self) -> None:
        """Loads every file, and tells messages to all subscribers from those to single ones."""
        for rows in source.tables(self._path):
            intake, count = self._intake(rows.table), self.outcome.counts.setdefault(rows.label, Count())
            with bars.step(rows.label, self._expected(rows.table)) as advance:
                while lines := await asyncio.to_thread(rows.batch, BATCH):
                    count.lines += len(lines)
                    good = [row for _, row in self._read(rows, lines, intake, count)]
                    if good:
                        count.tally.add(await intake.load(good))
                    advance(len(lines))
        for rows in source.tables(self._path):
            while rows.table == THREADS and (lines := await asyncio.to_thread(rows.batch, BATCH)):
                ids = {row.message.msg_id for _, row in self._read(rows, lines, self._intake(THREADS))}
                await self._messages.settle(ids, int(self._manifest.get("threads_read_till", 0)))

    def _expected(self, table: str) -> int:
        counts: Mapping[str, int] = self._manifest.get("counts", {})
        return int(counts.get(table, 0))

    def _read(
        self, rows: Rows, lines: Sequence[source.Line], intake: Intake, count: Count | None = None
    ) -> Iterator[tuple[JsonObject, Any]]:
        """Each good row as it is to be here, and as it is stored; with a count, the others are reported."""
        for line in lines:
            try:
                row = self._row(rows.table, line)
                yield row, intake.read(row)
            except ServiceError as error:
                if count is not None:
                    count.malformed += 1
                    self._report(f"{rows.label}:{line.number}: {error.detail or error.reason}; left out")

    def _row(self, table: str, line: source.Line) -> JsonObject:
        if line.text is None:
            raise OBJECT_TOO_LARGE("the line is longer than any row")
        value = parse_json(line.text, "the line")
        if not isinstance(value, dict):
            raise BAD_JSON("the line is no JSON object")
        if table in _TIMED:
            data = value.get("data")
            if isinstance(data, str) and value.get("bin") is not True:
                value["data"] = relink(data, self._link)
        elif table == CLASSES[-1] and isinstance(url := value.get("url"), str):
            value["url"] = self._link(url) or url
        return value

    def _link(self, url: str) -> str | None:
        """Where a file is served here; None when it was not moved."""
        folder = self._target.files / key_of(url)
        if not folder.is_dir():
            return None
        file = source.file_in(folder)
        if file is None:
            return None
        return f"{self._target.public_url}/files/{folder.name}/{quote(file.name)}"

    async def look_again(self) -> None:
        """Counts what is here of each file, and compares a random sample of its rows over REST."""
        for rows in source.tables(self._path):
            intake, count = self._intake(rows.table), self.outcome.counts[rows.label]
            sample: list[JsonObject] = []
            seen = distinct = 0
            with bars.step(f"check {rows.label}", self._expected(rows.table)) as advance:
                while lines := await asyncio.to_thread(rows.batch, BATCH):
                    good = list(self._read(rows, lines, intake))
                    once = {intake.key(row): row for _, row in good}
                    if once:
                        distinct += len(once)
                        count.here += await intake.count(list(once.values()))
                    for row, _ in good:
                        seen += 1
                        self._draw(sample, row, seen)
                    advance(len(lines))
            self._judge(rows, count, distinct)
            await self._compare(rows, sample)
        self._weigh()

    def _draw(self, sample: list[JsonObject], row: JsonObject, seen: int) -> None:
        """Keeps each of the rows seen so far in the sample with the same chance."""
        if len(sample) < SAMPLE:
            sample.append(row)
        elif (place := self._random.randrange(seen)) < SAMPLE:
            sample[place] = row

    def _judge(self, rows: Rows, count: Count, distinct: int) -> None:
        if count.malformed:
            self.outcome.differences.append(
                f"{rows.label}: {count.malformed:,} malformed lines were left out"
            )
        if count.here != distinct:
            self.outcome.differences.append(
                f"{rows.label}: {distinct:,} rows in the export, {count.here:,} here"
            )

    async def _compare(self, rows: Rows, sample: Sequence[JsonObject]) -> None:
        for row in sample:
            try:
                await compare(self._target.client, rows.table, row)
            except Mismatch as error:
                self.outcome.differences.append(f"{rows.label}: {error}")
            self.outcome.compared += 1

    def _weigh(self) -> None:
        """Whether each file has as many rows as its export counted."""
        found = Counter[str]()
        for label, count in self.outcome.counts.items():
            found[label.partition(".")[0]] += count.lines
        for table, wanted in self._manifest.get("counts", {}).items():
            here = self.outcome.files if table == FILES else found[table]
            if here != wanted and table != "missing-files":
                self.outcome.differences.append(
                    f"{table}: {wanted:,} were exported, {here:,} are in the folder"
                )


def _itself(row: Any) -> Any:
    return row


def _id(row: Any) -> Any:
    return row.id


def _msg_id(row: Any) -> Any:
    return row.msg_id


def _msg_id_of(row: Any) -> Any:
    return row.message.msg_id
