"""Messages sent over REST with the master key: how many a second, beside a server that only reads and answers JSON.

The date is what an answer costs here that asks no database: what is between its row and the echo's is HTTP alone.
"""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.databases import postgres
from benchmarks.load import client
from benchmarks.messaging_server import MASTER, conversations, messaging
from benchmarks.peers import peer
from benchmarks.processes import Process
from benchmarks.report import Table
from benchmarks.rounds import Subject, compare
from bridge.listen import run
from bridge.realtime.models import Kind

CONCURRENCIES = (1, 8, 64)
CONVERSATIONS = 100
BYTES = 200


async def measure() -> list[Table]:
    """The echo, and the messaging server on each database."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        asking = await stack.enter_async_context(client())
        echo = await stack.enter_async_context(peer("echo", folder / "echo"))
        databases = {
            "SQLite": f"sqlite:///{folder}/messages.db",
            "PostgreSQL": stack.enter_context(postgres()),
        }
        subjects = []
        for name, url in databases.items():
            if url is not None:
                server = await stack.enter_async_context(messaging(folder / name, url))
                subjects.append(await _subject(f"imbridge, {name}", server))
        floors = [
            Subject("bare ASGI, echo", echo, subjects[0].texts, "msg-id", MASTER),
            Subject("imbridge, the date", subjects[0].process, ("GET /1.1/date",), "iso", MASTER),
        ]
        return [
            await compare(asking, f"Sends of {BYTES} bytes", "echo", [*floors, *subjects], concurrency)
            for concurrency in CONCURRENCIES
        ]


async def _subject(name: str, server: Process) -> Subject:
    texts = []
    for number, conv_id in enumerate(await conversations(server, Kind.NORMAL, CONVERSATIONS)):
        body = {"from_client": "tom", "message": f"{number} ".ljust(BYTES, "m")}
        texts.append(f"POST /1.2/rtm/conversations/{conv_id}/messages\n{json.dumps(body)}")
    return Subject(name, server, tuple(texts), "msg-id", MASTER)


if __name__ == "__main__":
    for table in run(measure()):
        print(table.text(), end="\n\n")
