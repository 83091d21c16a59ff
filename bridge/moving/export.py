"""Moving out: the steps of a round in their order, the files that messages link to, and what is said at the end."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bridge.clock import Clock, now_ms
from bridge.moving import bars
from bridge.moving.downloads import Downloads, NotHad, Rules
from bridge.moving.folder import (
    CLASSES,
    FILES,
    FORMAT,
    MESSAGES,
    MISSING_FILES,
    THREADS,
    ExportFolder,
    Stopped,
)
from bridge.moving.links import is_link, link_in
from bridge.moving.messages import next_round, pull_messages
from bridge.moving.outward import (
    pull_blacklists,
    pull_broadcasts,
    pull_classes,
    pull_silences,
    pull_subscriptions,
    pull_threads,
    together,
)
from bridge.realtime.client import RealtimeClient
from bridge.realtime.errors import RealtimeError

NEVER_HAD: Mapping[str, str] = {
    "unread counters": "only each client can ask for its own; all that is moved counts as read",
    "edit history": "the service keeps the last text only; a message changed after it was read here keeps its old one",
    "mentions, and which devices got a broadcast": "history does not show them",
    "messages older than 180 days": "the service removes them",
    "who got an individual message without subscribing": "such messages are in messages.jsonl; only each client's own "
    "thread could be asked, one call for each client and service",
    "temporary conversations and temporary silences": "the service has no list of them",
    "conversations that a client refuses": "only each client's own list could be asked, one call for each",
    "users, devices and other classes": "no messaging data: export them in the service's console",
}
"""What no export can hold, and why."""

STEPS = (
    (MESSAGES, pull_messages),
    ("broadcasts", pull_broadcasts),
    ("silences", pull_silences),
    ("blacklists", pull_blacklists),
    ("subscriptions", pull_subscriptions),
    (THREADS, pull_threads),
)


REMEMBERED = 10_000
"""Links that failed and are not tried again in the same round; the rest may be, which costs time alone."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a round brought: rows of each kind, and what could not be had."""

    counts: Mapping[str, int]
    missing: Mapping[str, str]

    def lines(self) -> Iterator[str]:
        """For people, a line for each kind."""
        for name, count in self.counts.items():
            yield f"{count:>12,}  {name}"
        for title, things in (("Could not be had this time:", self.missing), ("Never had:", NEVER_HAD)):
            if things:
                yield title
                yield from (f"  {what}: {why}" for what, why in things.items())


async def export(
    path: Path, app_id: str, client: RealtimeClient, rules: Rules, clock: Clock = now_ms
) -> Summary:
    """Fills the folder. Stopped: what was done so far is safe, and the same call goes on from there."""
    folder = ExportFolder(path, app_id)
    try:
        kept = next_round(folder.tables.get(MESSAGES))
        resumed = folder.begin({MESSAGES: kept} if kept else {})
        await pull_classes(folder, client)
        if resumed and MESSAGES in folder.tables:
            await _catch_up(folder, client)
        for name, pull in STEPS:
            if not folder.is_done(name):
                await pull(folder, client)
        counts = {name: state["rows"] for name, state in folder.tables.items()}
        counts |= await _fetch_files(folder, rules)
        folder.conclude(
            {
                "format": FORMAT,
                "app_id": app_id,
                "exported_at": clock(),
                "newest_message_at": folder.tables[MESSAGES].get("top", 0),
                "threads_read_till": folder.tables[THREADS]["since"],
                "counts": counts,
                "missing": folder.missing,
                "never_had": NEVER_HAD,
            }
        )
        return Summary(counts, dict(folder.missing))
    except RealtimeError as error:
        raise Stopped(f"{error}. What was read is kept: run the same command again to go on.") from error
    except OSError as error:
        raise Stopped(f"{path} cannot be written: {error}. Run the same command again to go on.") from error
    finally:
        folder.close()


async def _catch_up(folder: ExportFolder, client: RealtimeClient) -> None:
    """Ends a history that was cut off, and lets it be read once more for what came after it was begun."""
    if not folder.is_done(MESSAGES):
        await pull_messages(folder, client)
    if (kept := next_round(folder.tables[MESSAGES])) is not None:
        folder.again(MESSAGES, kept)


async def _fetch_files(folder: ExportFolder, rules: Rules) -> dict[str, int]:
    """The contents behind every link; what failed is listed, and tried again in the next round."""
    total = sum(folder.tables[name]["rows"] for name in (CLASSES[-1], MESSAGES, THREADS))
    failures = set[str]()
    missing = 0
    async with Downloads(folder.path, rules) as downloads:
        with folder.table(MISSING_FILES) as table, bars.step(FILES, total) as advance:
            table.restart()
            links = _links(folder)
            while some := await asyncio.to_thread(lambda: list(islice(links, 4 * rules.concurrency))):
                urls = dict.fromkeys(url for url in some if url and url not in failures)
                wanted = [url for url in urls if not downloads.has(url)]
                failed = [one for one in await together(_fetch(downloads, url) for url in wanted) if one]
                table.write(failed)
                missing += len(failed)
                if len(failures) < REMEMBERED:
                    failures.update(one["url"] for one in failed)
                advance(len(some))
            table.commit()
            table.finish()
        kept = await asyncio.to_thread(downloads.count)
    return {FILES: kept, MISSING_FILES: missing}


async def _fetch(downloads: Downloads, url: str) -> dict[str, str] | None:
    try:
        await downloads.fetch(url)
    except NotHad as error:
        return {"url": url, "why": str(error)}
    return None


def _links(folder: ExportFolder) -> Iterator[str | None]:
    """Every row that may link to a file, with its link."""
    for _, row in folder.lines(CLASSES[-1]):
        url = row.get("url")
        yield url if isinstance(url, str) and is_link(url) else None
    for name in (MESSAGES, THREADS):
        for _, row in folder.lines(name):
            yield link_in(row.get("data"))
