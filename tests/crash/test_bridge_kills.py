"""The bridge is killed at random moments: nobody is told twice, nothing accepted is lost, all doubt is asked about.

One process runs `imbridge serve` and is killed by SIGKILL again and again, another runs `imbridge realtime` and
outlives it. What counts is what the server has on record. `CRASH_KILLS=200` is `make crash`.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.crash.processes import Nursery, nursery
from tests.crash.records import Ledger, Part, Reached, reached
from tests.crash.stage import CHANNELS, Stage, each_second, fire, stage
from tests.crash.workspace import Typed

KILLS = int(os.environ.get("CRASH_KILLS", "20"))
SEED = 4
LONGEST_LIFE = 1.6
"""Seconds; a start takes about 0.2 of them."""
LEASE_MS, SETTLE_MS = 1_500, 3_000
"""As production has it, only faster: after the last kill what it left has to lapse and to settle."""
IMPATIENT_EVERY = 7
"""Every so-manieth schedule has so little grace that a moment's outage makes it a question."""
SETTLED_WITHIN = 90.0


@dataclass
class Run:
    """The bridge that is killed, what surrounds it, and what was typed."""

    stage: Stage
    bridge: Nursery
    ledger: Ledger
    fires: int
    last_fire: datetime
    random: random.Random
    typed: list[Typed] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    unheard: list[Typed] = field(default_factory=list)
    """What found nobody or no answer, and is delivered again to a later life, as Slack would."""

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
        what = self.random.choice(
            (f"broadcast news everyone-{number}", f"notify news some-{number} --to-list all")
        )
        self.typed.append(Typed(what, f"trigger-{number}", f"C{number % CHANNELS}"))
        return self.typed[-1]

    async def _send(self, typed: Typed) -> None:
        if await self.stage.slack.deliver(typed):
            self.accepted.add(typed.trigger)
        else:
            self.unheard.append(typed)

    async def settled(self) -> None:
        """Wait until nothing is under way any more, in a life that nobody ends."""
        async with asyncio.timeout(SETTLED_WITHIN):
            while datetime.now(UTC) < self.last_fire + timedelta(seconds=1) or self._restless():  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    def _restless(self) -> bool:
        under_way = any(
            part.state in ("planned", "sending") or (part.state == "unknown" and not asked(part))
            for part in self.ledger.parts()
        )
        unsaid = self.ledger.unsaid()
        unfired = self.fires - len(self.ledger.fires())
        return (
            under_way
            or unsaid > 0
            or unfired > 0
            or {"claimed", "asking"} & set(self.ledger.fires().values()) != set()
        )


def asked(part: Part) -> bool:
    """Whether only a person can tell any more."""
    return part.reason in ("not_found", "no_trace", "not_asked")


@asynccontextmanager
async def run(folder: Path) -> AsyncIterator[Run]:
    """A bridge whose schedules are in its database, with a second left before the first of them fires."""
    async with stage(folder) as around:
        home = folder / "bridge"
        home.mkdir()
        settings = home / "app.yaml"
        settings.write_text(around.settings(()))
        tempo = map(str, (LEASE_MS, SETTLE_MS))
        async with nursery("bridge", *tempo, folder=home, given=around.given) as bridge:
            await bridge.bear()
            await bridge.ready()
            await bridge.kill()
            fires = each_second(
                datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3), KILLS * 3 // 4
            )
            graces = ("1s", *["10m"] * (IMPATIENT_EVERY - 1))
            lines = [fire(number, at, graces[number % IMPATIENT_EVERY]) for number, at in enumerate(fires)]
            settings.write_text(around.settings(lines))
            await bridge.bear()
            await bridge.ready()
            await bridge.kill()
            ledger = Ledger(home / "var" / "imbridge.db")
            yield Run(around, bridge, ledger, len(fires), fires[-1], random.Random(SEED))  # noqa: S311


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
    parts, there = told.ledger.parts(), reached(told.stage.records)
    print(table(told, parts, there))  # noqa: T201 - for those who look, with -s
    assert there.twice() == []
    assert told.accepted - told.ledger.requests() == set(), "accepted and lost"
    for part in parts:
        if part.state == "unknown":
            question = f"delivery resolve {part.delivery} again"
            assert told.stage.slack.heard(question), f"{part} was never asked about"
        else:
            assert part.state == "sent", part
            assert there.has(part), f"{part} is not in the server"
    meant = {part.text for part in parts}
    fired = told.ledger.fires()
    for name in (f"fire-{number}" for number in range(told.fires)):
        if fired[name] == "asked":
            assert told.stage.slack.heard(f"schedule run {name} "), f"{name} was missed and never asked about"
        else:
            assert name in meant, f"{name} is lost"
    assert {*there.everyone, *there.clients} <= meant


def table(told: Run, parts: list[Part], there: Reached) -> str:
    """What the run has come to."""
    row = "{:<12}{:>12}{:>8}{:>8}{:>13}{:>7}".format
    lines = [f"\n{KILLS} kills", row("", "deliveries", "calls", "sent", "asked about", "twice")]
    for kind, name in (("broadcast", "everyone-"), ("notify", "some-"), ("schedule", "fire-")):
        ours = [part for part in parts if part.text.startswith(name)]
        states = Counter(part.state for part in ours)
        twice = sum(text.startswith(name) for text in there.twice())
        deliveries = len({part.text for part in ours})
        lines.append(row(kind, deliveries, len(ours), states["sent"], states["unknown"], twice))
    missed = Counter(told.ledger.fires().values())["asked"]
    lost = len(told.accepted - told.ledger.requests())
    lines.append(f"{len(told.typed)} commands, {len(told.accepted)} acknowledged, {lost} of them lost;")
    lines.append(f"{told.fires} fires, {missed} of them too late and asked about")
    return "\n".join(lines)
