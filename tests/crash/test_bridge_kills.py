"""The bridge is killed at random moments: nobody is told twice, nothing accepted is lost, all doubt is asked about.

One process runs `imbridge serve` and is killed by SIGKILL again and again, another runs `imbridge realtime` and
outlives it. What counts is what the server has on record. `CRASH_KILLS=200` is `make crash`.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.crash.processes import Nursery, free_port, lasting, nursery
from tests.crash.records import Ledger, Part, Reached, reached
from tests.crash.workspace import SECRET, TEAM, TOKEN, Typed, Workspace, workspace

KILLS = int(os.environ.get("CRASH_KILLS", "20"))
SEED = 4
LONGEST_LIFE = 1.6
"""Seconds; a start takes about 0.2 of them."""
CLIENTS = 500
CHANNELS = 8
"""Each takes one post a second, and every fire posts its result."""
LEASE_MS, SETTLE_MS, TAKE_OVER_SECONDS = 1_500, 3_000, 0.2
"""As production has it, only faster: after the last kill what it left has to lapse and to settle."""
IMPATIENT_EVERY = 7
"""Every so-manieth schedule has so little grace that a moment's outage makes it a question."""
SETTLED_WITHIN = 90.0

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
schedules:
{schedules}"""
SCHEDULE = '  - {{name: fire-{number}, when: "{at}", tz: UTC, channel: C{channel}, grace: {grace}, run: "broadcast news fire-{number}"}}\n'


@dataclass
class Run:
    """The two processes, Slack, and what was typed."""

    bridge: Nursery
    slack: Workspace
    ledger: Ledger
    server_file: Path
    fires: int
    last_fire: datetime
    random: random.Random
    typed: list[Typed] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    unheard: list[Typed] = field(default_factory=list)
    """What found nobody or no answer, and is delivered again to the next life, as Slack would."""

    async def type_on(self) -> None:
        """People type one command after the other, whether anybody answers or not."""
        async with asyncio.TaskGroup() as sending:
            while True:
                await asyncio.sleep(self.random.uniform(0.05, 0.3))
                sending.create_task(self._send(self._next()))

    def _next(self) -> Typed:
        if self.unheard and self.random.random() < 0.5:
            return self.unheard.pop()
        number = len(self.typed)
        what = self.random.choice((f"broadcast news everyone-{number}", f"notify news some-{number} --to-list all"))
        self.typed.append(Typed(what, f"trigger-{number}", f"C{number % CHANNELS}"))
        return self.typed[-1]

    async def _send(self, typed: Typed) -> None:
        if await self.slack.deliver(typed):
            self.accepted.add(typed.trigger)
        else:
            self.unheard.append(typed)

    async def settled(self) -> None:
        """Wait until nothing is under way any more, in a life that nobody ends."""
        async with asyncio.timeout(SETTLED_WITHIN):
            while datetime.now(UTC) < self.last_fire + timedelta(seconds=1) or self._restless():
                await asyncio.sleep(0.2)

    def _restless(self) -> bool:
        under_way = any(
            part.state in ("planned", "sending") or (part.state == "unknown" and not asked(part))
            for part in self.ledger.parts()
        )
        unfired = self.fires - len(self.ledger.fires())
        return under_way or unfired > 0 or {"claimed", "asking"} & set(self.ledger.fires().values()) != set()


def asked(part: Part) -> bool:
    """Whether only a person can tell any more."""
    return part.reason in ("not_found", "no_trace", "not_asked")


@asynccontextmanager
async def run(folder: Path) -> AsyncIterator[Run]:
    """Everything started but the bridge itself."""
    async with AsyncExitStack() as parts:
        for name in ("server", "bridge"):
            (folder / name).mkdir()
        (folder / "server" / "app.yaml").write_text(SERVER)
        service = await parts.enter_async_context(
            lasting(["realtime", "--port", "0"], folder / "server", IDENTITY)
        )
        port = free_port()
        slack = await parts.enter_async_context(workspace(f"http://127.0.0.1:{port}"))
        fires = KILLS * 3 // 4
        first = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
        schedules = [
            SCHEDULE.format(
                number=number,
                at=(first + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S"),
                channel=number % CHANNELS,
                grace="1s" if number % IMPATIENT_EVERY == 0 else "10m",
            )
            for number in range(fires)
        ]
        (folder / "bridge" / "app.yaml").write_text(
            BRIDGE.format(
                team=TEAM,
                news=await made(service),
                clients=", ".join(f"player-{number}" for number in range(CLIENTS)),
                schedules="".join(schedules),
            )
        )
        given = {
            **IDENTITY,
            "LEANCLOUD_API_SERVER": service,
            "SLACK_BOT_TOKEN": TOKEN,
            "SLACK_SIGNING_SECRET": SECRET,
            "SLACK_API_URL": f"{slack.url}/api/",
            "PORT": str(port),
        }
        tempo = map(str, (LEASE_MS, SETTLE_MS, TAKE_OVER_SECONDS))
        bridge = await parts.enter_async_context(
            nursery("bridge", *tempo, folder=folder / "bridge", given=given)
        )
        yield Run(
            bridge,
            slack,
            Ledger(folder / "bridge" / "var" / "imbridge.db"),
            folder / "server" / "var" / "realtime.db",
            fires,
            first + timedelta(seconds=fires - 1),
            random.Random(SEED),  # noqa: S311
        )


async def made(service: str) -> str:
    """A system conversation to speak in."""
    headers = {
        "X-LC-Id": IDENTITY["LEANCLOUD_APP_ID"],
        "X-LC-Key": f"{IDENTITY['LEANCLOUD_MASTER_KEY']},master",
    }
    async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
        answer = await http.post(f"{service}/1.2/rtm/service-conversations", json={"name": "news"})
        return str(answer.raise_for_status().json()["objectId"])


@pytest.mark.timeout(120 + KILLS * 10)
async def test_a_bridge_that_is_killed_tells_nobody_twice_and_loses_nothing(tmp_path: Path) -> None:
    async with run(tmp_path) as told:
        typing = asyncio.create_task(told.type_on())
        for _ in range(KILLS):
            await told.bridge.bear()
            await asyncio.sleep(told.random.uniform(0.1, LONGEST_LIFE))
            await told.bridge.kill()
        typing.cancel()
        await asyncio.wait([typing])
        await told.bridge.bear()
        await told.settled()
        await told.bridge.kill()
        judge(told)


def judge(told: Run) -> None:
    """By the server's records."""
    parts, there = told.ledger.parts(), reached(told.server_file)
    report(told, parts, there)
    assert there.twice() == []
    keys = told.ledger.requests()
    assert told.accepted - keys == set(), "accepted and lost"
    for part in parts:
        if part.state == "unknown":
            assert told.slack.heard(f"delivery resolve {part.delivery} again"), f"{part} was never asked about"
        else:
            assert part.state == "sent", part
            assert there.has(part), f"{part} is not in the server"
    fired = told.ledger.fires()
    for number in range(told.fires):
        name = f"fire-{number}"
        if fired[name] == "asked":
            assert told.slack.heard(f"schedule run {name} "), f"{name} was missed and never asked about"
        else:
            assert any(part.text == name for part in parts), f"{name} is lost"
    assert not {text for text in (*there.everyone, *there.clients)} - {part.text for part in parts}


def report(told: Run, parts: list[Part], there: Reached) -> None:
    """The table, for those who look with `-s`."""
    print(f"\n{KILLS} kills, seed {SEED}")  # noqa: T201
    head = ("", "deliveries", "calls", "sent", "asked about", "twice")
    print("{:<12}{:>12}{:>8}{:>8}{:>13}{:>7}".format(*head))  # noqa: T201
    for kind, name in (("broadcast", "everyone-"), ("notify", "some-"), ("schedule", "fire-")):
        ours = [part for part in parts if part.text.startswith(name)]
        states = Counter(part.state for part in ours)
        twice = sum(text.startswith(name) for text in there.twice())
        row = (kind, len({part.text for part in ours}), len(ours), states["sent"], states["unknown"], twice)
        print("{:<12}{:>12}{:>8}{:>8}{:>13}{:>7}".format(*row))  # noqa: T201
    fires = Counter(told.ledger.fires().values())
    print(f"{len(told.typed)} commands typed, {len(told.accepted)} accepted, {told.fires} fires: {dict(fires)}")  # noqa: T201
