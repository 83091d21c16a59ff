"""A messaging server that lasts, a Slack that listens, and what a bridge between them needs to begin its lives."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from tests.crash.processes import free_port, lasting
from tests.crash.workspace import SECRET, TEAM, TOKEN, Workspace, workspace

CLIENTS = 500
CHANNELS = 20
"""Each takes one post a second, and every fire posts its result."""
IDENTITY = {
    "LEANCLOUD_APP_ID": "crash-app",
    "LEANCLOUD_APP_KEY": "crash-app-key",
    "LEANCLOUD_MASTER_KEY": "crash-master-key",
}
SERVER = "realtime: {plan: unlimited}\n"
BRIDGE = """\
slack: {{team: {team}, locale: en}}
access: open
realtime: {{plan: unlimited, sender: boss, aliases: {{news: {news}}}}}
lists: {{all: [{clients}]}}
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """What all lives of a bridge share; `given` is their environment."""

    service: str
    slack: Workspace
    records: Path
    news: str
    given: Mapping[str, str]

    def settings(self, schedules: Iterable[str]) -> str:
        """An app.yaml with these schedules."""
        clients = ", ".join(f"player-{number}" for number in range(CLIENTS))
        lines = "".join(schedules)
        heading = "schedules:\n" if lines else ""
        return BRIDGE.format(team=TEAM, news=self.news, clients=clients) + heading + lines


def fire(number: int, at: datetime, grace: str = "10m") -> str:
    """A dated schedule as app.yaml has it: `fire-NUMBER` says its own name to everyone."""
    name, channel = f"fire-{number}", f"C{number % CHANNELS}"
    when = f'when: "{at:%Y-%m-%dT%H:%M:%S}", tz: UTC, grace: {grace}'
    return f'  - {{name: {name}, {when}, channel: {channel}, run: "broadcast news {name}"}}\n'


def each_second(first: datetime, count: int) -> list[datetime]:
    """So many moments, a second apart."""
    return [first + timedelta(seconds=number) for number in range(count)]


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """Everything but the bridge, until the block ends."""
    async with AsyncExitStack() as parts:
        home = folder / "server"
        home.mkdir()
        (home / "app.yaml").write_text(SERVER)
        service = await parts.enter_async_context(lasting(["realtime", "--port", "0"], home, IDENTITY))
        port = free_port()
        slack = await parts.enter_async_context(workspace(f"http://127.0.0.1:{port}"))
        given = {
            **IDENTITY,
            "LEANCLOUD_API_SERVER": service,
            "SLACK_BOT_TOKEN": TOKEN,
            "SLACK_SIGNING_SECRET": SECRET,
            "SLACK_API_URL": f"{slack.url}/api/",
            "PORT": str(port),
        }
        yield Stage(service, slack, home / "var" / "realtime.db", await _made(service), given)


async def _made(service: str) -> str:
    """A system conversation to speak in."""
    headers = {
        "X-LC-Id": IDENTITY["LEANCLOUD_APP_ID"],
        "X-LC-Key": f"{IDENTITY['LEANCLOUD_MASTER_KEY']},master",
    }
    async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
        answer = await http.post(f"{service}/1.2/rtm/service-conversations", json={"name": "news"})
        return str(answer.raise_for_status().json()["objectId"])
