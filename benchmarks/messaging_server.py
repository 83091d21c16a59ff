"""The messaging server as it is deployed alone: `imbridge realtime`, quotas lifted, on SQLite or PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.bridge_server import SERVE
from benchmarks.processes import Process, made, python, serving
from bridge.realtime.client import Credentials, RealtimeClient, open_http
from bridge.realtime.models import Kind, NewConversation

KEYS = Credentials("benchmark-app", "benchmark-app-key", "benchmark-master-key")
IDENTITY = {
    "LEANCLOUD_APP_ID": KEYS.app_id,
    "LEANCLOUD_APP_KEY": KEYS.app_key,
    "LEANCLOUD_MASTER_KEY": KEYS.master_key,
}
MASTER = {"X-LC-Id": KEYS.app_id, "X-LC-Key": f"{KEYS.master_key},master"}
"""The headers that the app's own server sends."""

SETTINGS = "realtime: {plan: unlimited}\n"


@asynccontextmanager
async def messaging(folder: Path, database_url: str) -> AsyncIterator[Process]:
    """A messaging server until the block ends; `folder` is made, and keeps what it says."""
    (made(folder) / "app.yaml").write_text(SETTINGS)
    command = [*python(SERVE), "realtime", "--port", "0", "--database-url", database_url]
    async with serving(command, folder, IDENTITY) as process:
        yield process


async def conversations(process: Process, kind: Kind, count: int) -> list[str]:
    """Makes so many conversations, each with two members where it has any, and gives their ids."""
    members = ("tom", "jerry") if kind is Kind.NORMAL else ()
    async with open_http(process.url) as http:
        client = RealtimeClient(http, KEYS)
        wanted = (NewConversation(f"Harbor {number}", kind, members=members) for number in range(count))
        return [(await client.create_conversation(one)).id for one in wanted]
